//! Sinks that answer as the scenario says.
//!
//! In:   deliveries; the moods of one sink.
//! Out:  what came of each attempt, in the words of the webhook adapter.
//! Not:  nothing leaves the process, whatever adapter the configuration names.

use std::time::Duration;

use crate::delivery::{Delivery, Outcome};
use crate::model::{Clock, SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sink};

use super::clock::VirtualClock;
use super::language::{Answer, Mood};

/// How long an attempt waits for a sink that hangs: the webhook's own timeout where nobody sets another.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A sink that takes everything, but for its moods.
pub struct SimulatedSink {
    name: SinkName,
    clock: VirtualClock,
    moods: Vec<Mood>,
}

impl SimulatedSink {
    /// The sink `name` with those of `moods` that are its own.
    pub fn new(name: SinkName, clock: VirtualClock, moods: &[Mood]) -> Self {
        let moods = moods.iter().filter(|mood| mood.sink == name).cloned().collect();
        Self { name, clock, moods }
    }

    /// What it does at `at`; of moods that overlap the last that is written counts.
    fn answer(&self, at: Timestamp) -> Answer {
        let now = self.moods.iter().rev().find(|mood| mood.from <= at && at < mood.until);
        now.map_or(Answer::Code(200), |mood| mood.answer)
    }

    async fn attempt(&self) -> Outcome {
        match self.answer(self.clock.true_now()) {
            Answer::Code(code) => judge(code),
            Answer::Refuses => Outcome::Retry { why: "connection refused".to_owned(), wait: None },
            Answer::Hangs => {
                self.clock.sleep_until(self.clock.now() + TIMEOUT).await;
                Outcome::Retry { why: format!("no answer within {TIMEOUT:?}"), wait: None }
            }
        }
    }
}

impl Sink for SimulatedSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, _: &'a Delivery, _: Timestamp) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt())
    }
}

/// What an answer means to the webhook adapter: taken, later perhaps, or never.
fn judge(code: u16) -> Outcome {
    match code {
        200..300 => Outcome::Delivered { answer: format!("answered {code}") },
        408 | 425 | 429 | 500.. => Outcome::Retry { why: format!("answered {code}"), wait: None },
        _ => Outcome::GiveUp { why: format!("answered {code}") },
    }
}
