//! A program of the user's that reads the message.
//!
//! In:   a delivery.
//! Out:  the generic webhook's JSON on the program's standard input; its exit code says what became of it: 0 taken, 64 and
//!       65 (`EX_USAGE`, `EX_DATAERR` of sysexits.h) never, anything else later.
//! Not:  no shell: arguments are passed as they are written. Nothing of the message is on the command line.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::delivery::Outcome;
use crate::model::SinkName;
use crate::outbox::{BoxFuture, Sending, Sink};

use super::CommandSettings;
use super::body::{Links, body};

/// So much of what it prints is kept.
const OUTPUT_READ_BYTES: u64 = 1024;
/// Exit codes that say that the same message will never be taken.
const NEVER: [i32; 2] = [64, 65];
/// So long is waited for the rest of what it printed. What it left running may keep the pipes open for ever.
const LATE_OUTPUT: Duration = Duration::from_millis(500);

/// Starts one program a message.
pub(super) struct CommandSink {
    name: SinkName,
    settings: CommandSettings,
    links: Links,
}

impl CommandSink {
    pub(super) fn new(name: SinkName, settings: CommandSettings, links: Links) -> Self {
        Self { name, settings, links }
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        let body = match body(sending.delivery, sending.remembered, &self.links) {
            Ok(body) => body,
            Err(error) => return Outcome::GiveUp { why: format!("no JSON can be made of it: {error}") },
        };
        let Some((program, arguments)) = self.settings.command.split_first() else {
            return Outcome::GiveUp { why: "there is no command".to_owned() };
        };
        let started = Command::new(program)
            .args(arguments)
            .env("FOGSIGNAL_KEY", &sending.delivery.key)
            .env("FOGSIGNAL_SINK", self.name.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) => return Outcome::retry(format!("cannot start `{program}`: {error}")),
        };
        // Dropped at the end of the time, the program is killed.
        match tokio::time::timeout(self.settings.timeout, run(child, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(format!("not done within {:?}, and killed", self.settings.timeout)),
        }
    }
}

async fn run(mut child: Child, body: Vec<u8>) -> Outcome {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it is given: its exit code counts.
            let _ = stdin.write_all(&body).await;
        }
    };
    let printed = async { tokio::join!(write, beginning(stdout), beginning(stderr)) };
    tokio::pin!(printed);
    let (status, printed) = tokio::select! {
        all = &mut printed => (child.wait().await, all),
        status = child.wait() => {
            // Its exit code counts, whoever else still holds its pipes.
            (status, tokio::time::timeout(LATE_OUTPUT, printed).await.unwrap_or_default())
        }
    };
    let ((), said, complained) = printed;
    let status = match status {
        Ok(status) => status,
        Err(error) => return Outcome::retry(format!("its end cannot be waited for: {error}")),
    };
    if status.success() {
        return Outcome::delivered(said);
    }
    let why = match complained.is_empty() {
        true => status.to_string(),
        false => format!("{status}: {complained}"),
    };
    match status.code() {
        Some(code) if NEVER.contains(&code) => Outcome::GiveUp { why },
        _ => Outcome::retry(why),
    }
}

/// What it prints at first, on one line; the rest is read and thrown away, so that it is not held up.
async fn beginning(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut bytes = Vec::new();
    let _ = (&mut pipe).take(OUTPUT_READ_BYTES).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).replace(|c: char| c.is_control(), " ").trim().to_owned()
}

impl Sink for CommandSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::{at, delivery, sink};

    async fn run(script: &str, timeout: Duration) -> Outcome {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let sink = CommandSink::new(sink("tool"), CommandSettings { command, timeout }, Links::default());
        sink.send(Sending::once(&delivery(1, 1, "tool"), at(0))).await
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn the_message_is_on_standard_input_and_its_key_in_the_environment() {
        let outcome = run("cat; printf ' %s %s' \"$FOGSIGNAL_SINK\" \"$FOGSIGNAL_KEY\"", LONG).await;
        let Outcome::Delivered { answer, .. } = outcome else { panic!("{outcome:?}") };
        let (json, rest) = answer.rsplit_once("} ").expect("JSON and two words");
        let body: serde_json::Value = serde_json::from_str(&format!("{json}}}")).expect("JSON");
        assert_eq!(body["type"], "incident.opened");
        assert_eq!(rest, "tool INC-1_e1_tool");
    }

    #[tokio::test]
    async fn the_exit_code_says_what_became_of_it() {
        let retry = |outcome| matches!(outcome, Outcome::Retry { why, .. } if why.contains("no disk"));
        assert!(retry(run("echo no disk >&2; exit 75", LONG).await));
        assert!(retry(run("echo no disk >&2; exit 1", LONG).await));
        assert!(matches!(run("exit 65", LONG).await, Outcome::GiveUp { .. }));
        assert!(matches!(run("kill -9 $$", LONG).await, Outcome::Retry { .. }));
        assert!(matches!(run("exit 0", LONG).await, Outcome::Delivered { .. }), "it need not read");
    }

    #[tokio::test]
    async fn what_it_leaves_running_does_not_hold_it_up() {
        let outcome = run("sleep 600 & exit 0", LONG).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_and_one_that_is_not_there_is_told() {
        let hangs = run("exec sleep 600", Duration::from_millis(50)).await;
        assert!(matches!(&hangs, Outcome::Retry { why, .. } if why.contains("killed")), "{hangs:?}");
        let command = vec!["/nowhere/at/all".to_owned()];
        let settings = CommandSettings { command, timeout: LONG };
        let sink = CommandSink::new(sink("tool"), settings, Links::default());
        let outcome = sink.send(Sending::once(&delivery(1, 1, "tool"), at(0))).await;
        assert!(
            matches!(&outcome, Outcome::Retry { why, .. } if why.starts_with("cannot start `/nowhere")),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn a_program_that_prints_without_end_is_not_held_up_and_not_kept() {
        let outcome = run("head -c 300000 /dev/zero | tr '\\0' x", LONG).await;
        assert!(matches!(&outcome, Outcome::Delivered { answer, .. } if answer.len() == 1024), "{outcome:?}");
    }
}
