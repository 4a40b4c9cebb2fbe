//! The daemon as a process that is killed, from its start to its end.
//!
//! In:   the folder with its configuration.
//! Out:  when it is ready; whether it lives; what it said.
//! Not:  it is never asked to survive: a kill is SIGKILL, at once.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;

/// A start that takes longer has failed.
const READY_WITHIN: Duration = Duration::from_secs(30);
const SIGKILL: i32 = 9;
/// So much of what the daemon said is kept.
const LINES_KEPT: usize = 200;

/// What all lives of the daemon said last.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// The last lines.
    pub fn text(&self) -> String {
        self.lines().iter().fold(String::new(), |text, line| text + line + "\n")
    }

    fn push(&self, line: String) {
        let mut lines = self.lines();
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One life.
pub struct Daemon {
    child: Child,
    /// Whether it is ready; an error once it has ended without having been.
    ready: oneshot::Receiver<()>,
    is_stopping: bool,
}

impl Daemon {
    /// Starts it.
    pub fn start(folder: &Path, log: &Log) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fogsignal"))
            .args(["run", "--config.file", "fogsignal.yml", "--log.level", "info", "--log.format", "json"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the daemon cannot be started")?;
        let said = child.stderr.take().context("its standard error is piped")?;
        let (tell, ready) = oneshot::channel();
        tokio::spawn(listen(said, log.clone(), tell));
        Ok(Self { child, ready, is_stopping: false })
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        tokio::time::timeout(READY_WITHIN, &mut self.ready)
            .await
            .with_context(|| format!("the daemon is not ready within {READY_WITHIN:?}"))?
            .context("the daemon ended before it was ready")
    }

    /// Lets it live for so long. An end of its own is an error: nobody asked for it.
    pub async fn live(&mut self, time: Duration) -> anyhow::Result<()> {
        match tokio::time::timeout(time, self.child.wait()).await {
            Ok(status) => bail!("the daemon ended by itself: {}", status?),
            Err(_) => Ok(()),
        }
    }

    /// Kills it, as a machine that is out of memory does. Whether that ended it: one that was asked to stop may have
    /// been faster.
    pub async fn kill(mut self) -> anyhow::Result<bool> {
        // Fails where it has ended already, which its status tells.
        let _ = self.child.start_kill();
        let status = self.child.wait().await?;
        let was_killed = status.signal() == Some(SIGKILL);
        ensure!(was_killed || (self.is_stopping && status.success()), "the daemon ended by itself: {status}");
        Ok(was_killed)
    }

    /// Asks it to end, and waits for that up to `time`; `None` where it takes longer.
    pub async fn end(&mut self, time: Duration) -> anyhow::Result<Option<ExitStatus>> {
        self.is_stopping = true;
        let id = self.child.id().context("the daemon ended by itself")?.to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await?;
        ensure!(sent.success(), "no SIGTERM could be sent to the daemon");
        match tokio::time::timeout(time, self.child.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => Ok(None),
        }
    }
}

/// Keeps what the daemon says, and hears when it says that it is ready.
async fn listen(said: ChildStderr, log: Log, tell: oneshot::Sender<()>) {
    let (mut lines, mut tell) = (BufReader::new(said).lines(), Some(tell));
    while let Ok(Some(line)) = lines.next_line().await {
        let is_ready = serde_json::from_str::<Value>(&line).is_ok_and(|event| event["message"] == "ready");
        if let Some(tell) = tell.take_if(|_| is_ready) {
            // Whoever waited may have killed it.
            let _ = tell.send(());
        }
        log.push(line);
    }
}
