//! The program as a user types it, and the files that it reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::daemon::Daemon;

/// Writes a file.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("the file can be written");
    path
}

/// Runs the program against `daemon`: its exit code, what it says, and what it complains of.
pub async fn fogsignal(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(Daemon::binary());
    command.args(arguments).args(["--server", &daemon.url(""), "--by", "ana"]);
    output(command).await
}

/// Runs the program, which goes well.
pub async fn told(daemon: &Daemon, arguments: &[&str]) -> String {
    let (code, said, complained) = fogsignal(daemon, arguments).await;
    assert_eq!(code, Some(0), "{arguments:?}: {said}{complained}");
    said
}

/// Runs the program without a daemon: its exit code, what it says, and what it complains of.
pub async fn alone(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(Daemon::binary());
    command.args(arguments);
    output(command).await
}

async fn output(mut command: Command) -> (Option<i32>, String, String) {
    let run = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = run.await.expect("no panic").expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}
