//! A line of JSON on standard output.
//!
//! In:   a delivery.
//! Out:  its body and a line end, written whole: lines of several sinks never mix.
//! Not:  whoever reads the pipe says nothing back; a line counts as delivered when the system took it.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::delivery::Outcome;
use crate::model::SinkName;
use crate::outbox::{BoxFuture, Sending, Sink};

use super::body::{Links, body};

/// A pipe that nobody reads is full after a while; then it is tried again later.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Writes to `W`, which is standard output outside of tests.
pub(super) struct StdoutSink<W> {
    name: SinkName,
    links: Links,
    out: Arc<Mutex<W>>,
}

impl<W: Write + Send + 'static> StdoutSink<W> {
    pub(super) fn new(name: SinkName, links: Links, out: W) -> Self {
        Self { name, links, out: Arc::new(Mutex::new(out)) }
    }

    async fn write(&self, sending: Sending<'_>) -> Outcome {
        let mut line = match body(sending.delivery, sending.remembered, &self.links) {
            Ok(line) => line,
            Err(error) => return Outcome::GiveUp { why: format!("no JSON can be made of it: {error}") },
        };
        line.push(b'\n');
        // The lock goes with the write, so that a write that hangs holds up one thread and not one an attempt.
        let written = async {
            let out = self.out.clone().lock_owned().await;
            tokio::task::spawn_blocking(move || write_whole(out, &line)).await
        };
        let why = match tokio::time::timeout(TIMEOUT, written).await {
            Ok(Ok(Ok(()))) => return Outcome::delivered("written"),
            Ok(Ok(Err(error))) => format!("standard output: {error}"),
            Ok(Err(_)) => "standard output: the write was broken off".to_owned(),
            Err(_) => format!("standard output: nobody read for {TIMEOUT:?}"),
        };
        Outcome::Retry { why, wait: None }
    }
}

fn write_whole<W: Write>(mut out: OwnedMutexGuard<W>, line: &[u8]) -> io::Result<()> {
    out.write_all(line)?;
    out.flush()
}

impl<W: Write + Send + 'static> Sink for StdoutSink<W> {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.write(sending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::{at, delivery, sink};

    /// Keeps what is written, or fails as a closed pipe does.
    #[derive(Clone, Default)]
    struct Pipe {
        taken: Arc<std::sync::Mutex<Vec<u8>>>,
        closed: bool,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.closed {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            // A pipe may take a part only.
            let part = &bytes[..bytes.len().min(7)];
            self.taken.lock().unwrap().extend_from_slice(part);
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_are_whole_also_when_written_side_by_side() {
        let pipe = Pipe::default();
        let out = StdoutSink::new(sink("out"), Links::default(), pipe.clone());
        let deliveries: Vec<_> = (1..=8).map(|number| delivery(number, number, "out")).collect();
        let sent =
            futures_util::future::join_all(deliveries.iter().map(|d| out.send(Sending::once(d, at(0)))))
                .await;
        assert!(sent.iter().all(|outcome| matches!(outcome, Outcome::Delivered { .. })), "{sent:?}");
        let text = String::from_utf8(pipe.taken.lock().unwrap().clone()).unwrap();
        let mut incidents: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON"))
            .map(|body| body["data"]["incident"].as_str().unwrap().to_owned())
            .collect();
        incidents.sort();
        assert_eq!(incidents, (1..=8).map(|number| format!("INC-{number}")).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_closed_pipe_is_tried_again() {
        let out = StdoutSink::new(sink("out"), Links::default(), Pipe { closed: true, ..Pipe::default() });
        let outcome = out.send(Sending::once(&delivery(1, 1, "out"), at(0))).await;
        assert_eq!(outcome, Outcome::retry("standard output: broken pipe"));
    }
}
