//! The daemon as a process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::{Program, free_port};

/// A running `fogsignal run` with its files.
pub struct Daemon {
    pub program: Program,
    address: String,
}

impl Daemon {
    /// The program under test.
    pub fn binary() -> PathBuf {
        PathBuf::from(env!("CARGO_BIN_EXE_fogsignal"))
    }

    /// Starts it on `config` with its data beside the file, and waits until it is ready.
    pub async fn start(config: &Path) -> Self {
        let daemon = Self::start_unready(config);
        let answer = daemon.get("/-/ready").await;
        assert_eq!(answer.trim(), "Fogsignal is ready.");
        daemon
    }

    /// Starts it where no file may grow beyond `kib`; that ends no process, writes fail.
    pub async fn start_with_files_at_most(config: &Path, kib: u64) -> Self {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\""), "bash"])
            .arg(Self::binary());
        let daemon = Self::start_by(shell, config);
        daemon.get("/-/healthy").await;
        daemon
    }

    /// Starts it by a command that ends by becoming what it is given as arguments.
    pub async fn start_through(mut command: Command, config: &Path) -> Self {
        command.arg(Self::binary());
        let daemon = Self::start_by(command, config);
        daemon.get("/-/healthy").await;
        daemon
    }

    /// Starts it without waiting.
    pub fn start_unready(config: &Path) -> Self {
        Self::start_by(Command::new(Self::binary()), config)
    }

    fn start_by(mut command: Command, config: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let data = config.parent().expect("a file is in a folder").join("data");
        command.arg("run").arg("--config.file").arg(config);
        command.arg(format!("--server.listen={address}")).arg("--data-dir").arg(data);
        Self { program: Program::start("fogsignal", &mut command), address }
    }

    /// Where `path` is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What a GET of `path` answers, once there is an answer.
    pub async fn get(&self, path: &str) -> String {
        let client = super::client();
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..400 {
            pause.tick().await;
            if let Ok(answer) = client.get(self.url(path)).send().await {
                return answer.text().await.expect("an answer has a body");
            }
        }
        panic!("the daemon did not answer `{path}` within 20 s; it said:\n{}", self.program.said());
    }

    /// What a POST to `path` answers.
    pub async fn post(&self, path: &str) -> (u16, String) {
        let client = super::client();
        let answer = client.post(self.url(path)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("an answer has a body"))
    }

    /// What a GET of `path` answers, as JSON.
    pub async fn json(&self, path: &str) -> Value {
        let text = self.get(path).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{path}` is no JSON ({error}): {text}"))
    }

    /// Waits until a GET of `path` answers what `fits`, and gives it.
    pub async fn wait_for_json(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        let mut last = Value::Null;
        for _ in 0..400 {
            pause.tick().await;
            last = self.json(path).await;
            if fits(&last) {
                return last;
            }
        }
        panic!("`{path}` did not become what it should within 20 s; it last said:\n{last:#}");
    }

    /// Waits until an alert is in `state`, and gives it.
    pub async fn wait_for_alert(&self, state: &str, within: Duration) -> Value {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        let waiting = async {
            loop {
                pause.tick().await;
                let alerts = self.json("/api/fogsignal/v1/alerts").await;
                let found =
                    alerts["alerts"].as_array().and_then(|all| all.iter().find(|one| one["state"] == state));
                if let Some(alert) = found {
                    return alert.clone();
                }
            }
        };
        tokio::time::timeout(within, waiting)
            .await
            .unwrap_or_else(|_| panic!("no alert is {state} within {within:?}"))
    }

    /// Waits until `/metrics` has a line that begins so.
    pub async fn wait_for_metric(&self, begin: &str) {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..400 {
            pause.tick().await;
            if self.get("/metrics").await.lines().any(|line| line.starts_with(begin)) {
                return;
            }
        }
        panic!("no metric became `{begin}` within 20 s; the daemon said:\n{}", self.program.said());
    }

    /// Waits until every target was scraped `count` times more.
    pub async fn wait_for_scrapes(&self, count: usize) {
        let last = || async {
            let targets = self.json("/api/fogsignal/v1/targets").await;
            let list = targets["targets"].as_array().cloned().unwrap_or_default();
            list.iter().map(|target| target["last_scrape"].to_string()).collect::<Vec<_>>()
        };
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        let scraping = async {
            for _ in 0..count {
                let before = last().await;
                while last().await.iter().zip(&before).any(|(now, before)| now == before) {
                    pause.tick().await;
                }
            }
        };
        let scraped = tokio::time::timeout(Duration::from_secs(60), scraping).await;
        assert!(scraped.is_ok(), "no {count} scrapes of each target within 60 s:\n{}", self.program.said());
    }
}
