//! Sinks that answer as the scenario says.
//!
//! In:   deliveries; the moods of one sink.
//! Out:  what came of each attempt, in the words of the webhook adapter.
//! Not:  nothing leaves the process, whatever adapter the configuration names.

use std::time::Duration;

use crate::delivery::{Outcome, Rate};
use crate::model::{Clock, SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sending, Sink};
use crate::sinks::{self, Adapter, Links, SinkSettings};

use super::clock::VirtualClock;
use super::language::{Answer, Mood};
use super::ledger::{Entry, Ledger};

/// How long an attempt waits for a sink that hangs: the webhook's own timeout where nobody sets another.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A sink that takes everything, but for its moods.
pub struct SimulatedSink {
    settings: SinkSettings,
    clock: VirtualClock,
    moods: Vec<Mood>,
    ledger: Ledger,
}

impl SimulatedSink {
    /// The sink of `settings` with those of `moods` that are its own.
    pub fn new(settings: SinkSettings, clock: VirtualClock, moods: &[Mood], ledger: Ledger) -> Self {
        let moods = moods.iter().filter(|mood| mood.sink == settings.name).cloned().collect();
        Self { settings, clock, moods, ledger }
    }

    /// What it does at `at`; of moods that overlap the last that is written counts.
    fn answer(&self, at: Timestamp) -> Answer {
        let now = self.moods.iter().rev().find(|mood| mood.from <= at && at < mood.until);
        now.map_or(Answer::Code(200), |mood| mood.answer)
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        match self.answer(self.clock.true_now()) {
            Answer::Code(code @ 200..300) => self.take(code, sending),
            Answer::Code(code) => judge(code),
            Answer::Refuses => Outcome::Retry { why: "connection refused".to_owned(), wait: None },
            Answer::Hangs => {
                self.clock.sleep_until(self.clock.now() + TIMEOUT).await;
                Outcome::Retry { why: format!("no answer within {TIMEOUT:?}"), wait: None }
            }
        }
    }
}

impl SimulatedSink {
    /// What the adapter would have sent is told, and remembered as it would be.
    fn take(&self, code: u16, sending: Sending<'_>) -> Outcome {
        let Sending { delivery, now, .. } = sending;
        let mut remembered = sending.remembered.clone();
        match sinks::simulate(&self.settings, delivery, &mut remembered, &Links::default()) {
            Ok(requests) if requests.is_empty() => Outcome::delivered(format!("answered {code}")),
            Ok(requests) => {
                self.ledger.note(Entry::Requested { at: now, delivery: delivery.id, requests });
                let answer = format!("answered {code}");
                Outcome::Delivered { answer, remember: Some(remembered), news: None }
            }
            Err(why) => Outcome::GiveUp { why },
        }
    }
}

impl Sink for SimulatedSink {
    fn name(&self) -> &SinkName {
        &self.settings.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }

    fn rate(&self) -> Option<Rate> {
        match &self.settings.adapter {
            Adapter::Http(http) => http.rate,
            _ => None,
        }
    }
}

/// What an answer means to the webhook adapter: taken, later perhaps, or never.
fn judge(code: u16) -> Outcome {
    match code {
        408 | 425 | 429 | 500.. => Outcome::Retry { why: format!("answered {code}"), wait: None },
        _ => Outcome::GiveUp { why: format!("answered {code}") },
    }
}
