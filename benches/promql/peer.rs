//! The same expressions in the Prometheus that Debian packages, in the same run.
//!
//! In:   kinds of expressions, as the bench has them.
//! Out:  for each kind how long its engine took for a round: finding series, and evaluating.
//! Not:  what its rules and its HTTP cost beside that is left out, as it is of ours. Its series lie in a block on the disk.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// So many rules of a kind, each with twenty series of its own: promtool makes blocks of no more in a few seconds.
pub const RULES: usize = 500;
const BEGIN_S: i64 = 1_700_000_000;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long a round of each kind takes; `None`, with a word, where it is not installed.
pub fn rounds(kinds: &[&str]) -> Option<Vec<Duration>> {
    let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !installed("prometheus") || !installed("promtool") {
        println!("prometheus is not installed, so that nothing is compared with it");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (page, data) = (folder.path().join("page"), folder.path().join("data"));
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&page, open_metrics()).expect("the page can be written");
    std::fs::write(&config, "").expect("the configuration can be written");
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&page).arg(&data);
    let made = promtool.stdout(Stdio::null()).status().expect("promtool runs");
    assert!(made.success(), "promtool made no blocks");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", data.display()));
    command.args(["--storage.tsdb.retention.time=100y", "--log.level=error"]);
    command.arg(format!("--web.listen-address={address}"));
    let _running = Running(command.stderr(Stdio::null()).spawn().expect("prometheus starts"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Some(runtime.block_on(measured(kinds, &format!("http://{address}"))))
}

async fn measured(kinds: &[&str], url: &str) -> Vec<Duration> {
    fogsignal::daemon::install_tls_provider();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    while !client.get(format!("{url}/-/ready")).send().await.is_ok_and(|answer| answer.status().is_success())
    {
        pause.tick().await;
    }
    let mut rounds = Vec::new();
    for kind in kinds {
        let before = engine_seconds(&client, url).await;
        for rule in 0..RULES {
            let query = kind.replace('M', &format!("metric_{rule}"));
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("query", &query).append_pair("time", &(BEGIN_S + 600).to_string());
            let request = client.post(format!("{url}/api/v1/query")).body(form.finish());
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let text = request.send().await.expect("an answer").text().await.expect("a body");
            assert!(text.starts_with("{\"status\":\"success\""), "{query}: {text}");
        }
        rounds.push(Duration::from_secs_f64(engine_seconds(&client, url).await - before));
    }
    rounds
}

/// How long its engine has found series and evaluated since it started.
async fn engine_seconds(client: &reqwest::Client, url: &str) -> f64 {
    let page = client.get(format!("{url}/metrics")).send().await.expect("an answer");
    let page = page.text().await.expect("a body");
    let of = |slice: &str| {
        let begin = format!("prometheus_engine_query_duration_seconds_sum{{slice=\"{slice}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&begin)).expect("it measures its engine");
        line.parse::<f64>().expect("a number")
    };
    of("prepare_time") + of("inner_eval")
}

/// The series of the bench, of fewer rules: a sample each fifteen seconds for ten minutes.
fn open_metrics() -> String {
    let mut page = String::new();
    for rule in 0..RULES {
        for n in 0..20 {
            for sample in 0..41i64 {
                let (value, at) = (sample as f64 * 1.5, BEGIN_S + sample * 15);
                writeln!(
                    page,
                    "metric_{rule}{{instance=\"10.0.0.{n}:9100\",job=\"job-{}\",zone=\"eu-1\"}} {value} {at}",
                    n % 2
                )
                .expect("a text takes all");
            }
        }
    }
    page.push_str("# EOF\n");
    page
}
