//! One pump a sink: what is due goes out, several incidents side by side, each incident in its order.
//!
//! In:   due deliveries from the journal; wake-ups by the pipeline's commits and by the clock.
//! Out:  attempts through the sink; what came of them, to the journal; `reports` when one is dead.
//! Not:  a delivery is never given up for a journal that fails: it stays under way here until its attempt is
//!       recorded, and if the process goes before that it is sent again, under the same key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot, watch};

use crate::delivery::{Attempt, Fate, Outcome, fate_after};
use crate::journal::{DeliveryStatus, Journal, JournalError};
use crate::model::{Clock, DeliveryId, Timestamp};

use super::sink::BoxFuture;
use super::{END_OF_TIME, OutboxStats, Sink};

/// How many incidents one sink is told of at a time.
const UNDER_WAY_AT_MOST: usize = 8;
/// How long a pump that was told to end may still take.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a journal that failed is left alone.
const JOURNAL_BACKOFF: Duration = Duration::from_secs(1);
/// An answer or a reason is kept up to here.
const NOTE_MAX_BYTES: usize = 1024;

/// How a pump ends. Either way it takes 10 s at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The house stops: what is due is still sent. Nothing is waited for that is to be tried again later.
    Drain,
    /// The sink is gone or another takes its place: attempts under way finish, and none begins.
    HandOver,
}

/// Sends what is due to `sink` until `stop` says how to end. `committed` tells of deliveries that the pipeline has
/// committed, `reports` the pipeline of one that is dead (`Journal::unread_fates`).
pub async fn pump<J: Journal, C: Clock>(
    journal: J,
    clock: C,
    sink: Arc<dyn Sink>,
    mut committed: watch::Receiver<()>,
    reports: Arc<Notify>,
    stats: Arc<OutboxStats>,
    mut stop: oneshot::Receiver<End>,
) {
    let desk = Desk { journal, clock, sink, reports, stats };
    let mut under_way = UnderWay::default();
    let end = loop {
        // Marked as seen before the journal is asked, so that a commit in between wakes us again.
        committed.mark_unchanged();
        let next = desk.start_what_is_due(&mut under_way).await.unwrap_or_else(|error| {
            desk.complain(&error);
            Some(desk.clock.now() + JOURNAL_BACKOFF)
        });
        tokio::select! {
            biased;
            end = &mut stop => break end.unwrap_or(End::HandOver),
            Some(done) = under_way.attempts.next() => { under_way.ids.remove(&done); }
            Ok(()) = committed.changed() => {}
            () = sleep_until(&desk.clock, next) => {}
        }
    };
    let deadline = desk.clock.now() + DRAIN;
    tokio::select! {
        () = desk.finish(&mut under_way, end) => {}
        () = desk.clock.sleep_until(deadline) => {}
    }
    desk.say_what_is_left(under_way.ids.len(), end).await;
}

async fn sleep_until<C: Clock>(clock: &C, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The attempts under way: at most one an incident, since only the oldest delivery of each is ever due.
#[derive(Default)]
struct UnderWay<'a> {
    ids: BTreeSet<DeliveryId>,
    attempts: FuturesUnordered<BoxFuture<'a, DeliveryId>>,
}

/// What the pump works with.
struct Desk<J, C> {
    journal: J,
    clock: C,
    sink: Arc<dyn Sink>,
    reports: Arc<Notify>,
    stats: Arc<OutboxStats>,
}

impl<J: Journal, C: Clock> Desk<J, C> {
    /// Begins an attempt of each delivery that is due, as far as there is room. Returns when to look again if
    /// nothing else happens; `None` where only a commit or the end of an attempt can bring something.
    async fn start_what_is_due<'a>(
        &'a self,
        under_way: &mut UnderWay<'a>,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut someone_expired = true;
        // A delivery that expired makes room for the next of its incident.
        while someone_expired {
            someone_expired = false;
            let now = self.clock.now();
            for status in self.journal.due(self.sink.name(), now, UNDER_WAY_AT_MOST).await? {
                let id = status.delivery.id;
                if under_way.ids.contains(&id) {
                    continue;
                }
                if status.delivery.expires_at <= now {
                    self.expire(&status, now).await?;
                    someone_expired = true;
                } else if under_way.ids.len() < UNDER_WAY_AT_MOST {
                    under_way.ids.insert(id);
                    under_way.attempts.push(Box::pin(self.attempt(status)));
                }
            }
        }
        self.next_look(&under_way.ids).await
    }

    /// Ends what is under way; where the house stops, also what is due by now, one after the other.
    async fn finish<'a>(&'a self, under_way: &mut UnderWay<'a>, end: End) {
        loop {
            let retry_at = match end {
                End::HandOver => None,
                End::Drain => self.start_what_is_due(under_way).await.err().map(|error| {
                    self.complain(&error);
                    self.clock.now() + JOURNAL_BACKOFF
                }),
            };
            if under_way.ids.is_empty() && retry_at.is_none() {
                return;
            }
            tokio::select! {
                Some(done) = under_way.attempts.next() => { under_way.ids.remove(&done); }
                () = sleep_until(&self.clock, retry_at) => {}
            }
        }
    }

    async fn say_what_is_left(&self, under_way: usize, end: End) {
        let sink = self.sink.name();
        if under_way > 0 {
            tracing::warn!(%sink, under_way, "stopped in the middle of attempts; they are made again");
        }
        // The pump after this one sends the rest at once.
        if end == End::HandOver {
            return;
        }
        match self.journal.waiting().await {
            Ok(waiting) => {
                if let Some(left) = waiting.get(sink) {
                    tracing::warn!(%sink, left, "not everything was sent; the rest goes out after the next start");
                }
            }
            Err(error) => self.complain(&error),
        }
    }

    /// When the next delivery is due that is not under way. To the journal those under way still wait.
    async fn next_look(&self, under_way: &BTreeSet<DeliveryId>) -> Result<Option<Timestamp>, JournalError> {
        match under_way.len() {
            0 => self.journal.next_due(self.sink.name()).await,
            UNDER_WAY_AT_MOST.. => Ok(None),
            some => {
                let heads = self.journal.due(self.sink.name(), END_OF_TIME, some + 1).await?;
                let next = heads.into_iter().find(|head| !under_way.contains(&head.delivery.id));
                Ok(next.and_then(|head| match head.fate {
                    Fate::Waiting { next_attempt_at } => Some(next_attempt_at),
                    Fate::Delivered { .. } | Fate::Dead { .. } => None,
                }))
            }
        }
    }

    /// One attempt, from sending to what is recorded of it.
    async fn attempt(&self, status: DeliveryStatus) -> DeliveryId {
        let DeliveryStatus { delivery, attempts, .. } = status;
        let number = attempts.saturating_add(1);
        let began = self.clock.now();
        self.stats.begun();
        let outcome = self.sink.send(&delivery, began).await;
        let ended = self.clock.now();
        self.stats.ended(ended, &outcome);
        let fate = fate_after(&delivery, number, ended, &outcome);
        self.say(&delivery.key, number, &outcome, &fate);
        let took_ms = u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX);
        let note = bounded(match outcome {
            Outcome::Delivered { answer } => answer,
            Outcome::Retry { why, .. } | Outcome::GiveUp { why } => why,
        });
        let attempt = Attempt { delivery: delivery.id, number, at: began, took_ms, note };
        // What was sent must be recorded before anything else of this incident is: it is tried until it is.
        while let Err(error) = self.record(attempt.clone(), fate.clone()).await {
            self.complain(&error);
            self.clock.sleep_until(self.clock.now() + JOURNAL_BACKOFF).await;
        }
        delivery.id
    }

    /// Records that a delivery is no longer worth sending.
    async fn expire(&self, status: &DeliveryStatus, now: Timestamp) -> Result<(), JournalError> {
        let why = match &status.last_note {
            Some(last) => bounded(format!("expired after {} attempts; the last: {last}", status.attempts)),
            None => "expired before it could be sent".to_owned(),
        };
        tracing::error!(sink = %self.sink.name(), delivery = status.delivery.key, why, "a message expired");
        let none =
            Attempt { delivery: status.delivery.id, number: 0, at: now, took_ms: 0, note: why.clone() };
        self.record(none, Fate::Dead { at: now, why }).await
    }

    async fn record(&self, attempt: Attempt, fate: Fate) -> Result<(), JournalError> {
        let is_dead = matches!(fate, Fate::Dead { .. });
        self.journal.record(attempt, fate).await?;
        if is_dead {
            self.stats.died();
            self.reports.notify_one();
        }
        Ok(())
    }

    fn say(&self, key: &str, number: u32, outcome: &Outcome, fate: &Fate) {
        let sink = self.sink.name();
        match (outcome, fate) {
            (Outcome::Delivered { .. }, _) => tracing::info!(%sink, delivery = key, number, "delivered"),
            (_, Fate::Dead { why, .. }) => {
                tracing::error!(%sink, delivery = key, number, why, "a message could not be delivered");
            }
            (Outcome::Retry { why, .. } | Outcome::GiveUp { why }, _) => {
                tracing::warn!(%sink, delivery = key, number, why, "an attempt failed, it is tried again");
            }
        }
    }

    fn complain(&self, error: &JournalError) {
        self.stats.journal_failed();
        tracing::warn!(sink = %self.sink.name(), %error, "the journal does not answer the outbox, it is asked again");
    }
}

/// At most `NOTE_MAX_BYTES` of `text`, whole characters.
fn bounded(mut text: String) -> String {
    if text.len() > NOTE_MAX_BYTES {
        text.truncate(text.floor_char_boundary(NOTE_MAX_BYTES - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
