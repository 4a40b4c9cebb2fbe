//! One pump a sink: what is due goes out, several incidents side by side, each incident in its order.
//!
//! In:   due deliveries from the journal; wake-ups by the pipeline's commits and by the clock.
//! Out:  attempts through the sink; what came of them, to the journal; `reports` when the book should know of it.
//! Not:  a delivery is never given up for a journal that fails: it stays under way here until its attempt is
//!       recorded, and if the process goes before that it is sent again, under the same key.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot, watch};

use crate::delivery::{
    Attempt, Begin, Delivery, Fate, Flow, Message, Outcome, Record, Remembered, SinkNews, Tried, fate_after,
    is_held_up, jitter, superseded_by,
};
use crate::journal::{DeliveryQuery, DeliveryStatus, Journal, JournalError};
use crate::model::{Clock, DeliveryId, Timestamp};

use super::pace::Paced;
use super::sink::{BoxFuture, Sending};
use super::{END_OF_TIME, OutboxStats, Sink};

/// How many incidents one sink is told of at a time.
const UNDER_WAY_AT_MOST: usize = 8;
/// How many incidents are looked through for what has expired or is overtaken, while a sink is only probed.
const LOOKED_THROUGH: usize = 64;
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
    let pace = Paced::new(clock.clone(), sink.rate());
    let mut desk =
        Desk { journal, clock, sink, reports, stats, pace, flow: Mutex::default(), older: DeliveryId(0) };
    desk.older = tokio::select! {
        last = desk.last_delivery() => last,
        _ = &mut stop => return,
    };
    let desk = desk;
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
    pace: Paced<C>,
    flow: Mutex<Flow>,
    /// Deliveries up to this one were there before the pump: a process before us may have sent them.
    older: DeliveryId,
}

impl<J: Journal, C: Clock> Desk<J, C> {
    /// The last delivery that is there already.
    async fn last_delivery(&self) -> DeliveryId {
        loop {
            match self.journal.deliveries(DeliveryQuery::latest(1)).await {
                Ok(latest) => return latest.first().map_or(DeliveryId(0), |status| status.delivery.id),
                Err(error) => self.complain(&error),
            }
            self.clock.sleep_until(self.clock.now() + JOURNAL_BACKOFF).await;
        }
    }

    /// Begins an attempt of each delivery that is due, as far as there is room. Returns when to look again if
    /// nothing else happens; `None` where only a commit or the end of an attempt can bring something.
    async fn start_what_is_due<'a>(
        &'a self,
        under_way: &mut UnderWay<'a>,
    ) -> Result<Option<Timestamp>, JournalError> {
        loop {
            let now = self.clock.now();
            let (until, looked_at, room) = match self.flow().begin(now) {
                Begin::NotBefore(at) => return Ok(Some(at)),
                Begin::Probe if !under_way.ids.is_empty() => return Ok(None),
                Begin::Probe => (END_OF_TIME, LOOKED_THROUGH, 1),
                Begin::Freely => (now, UNDER_WAY_AT_MOST, UNDER_WAY_AT_MOST),
            };
            let mut someone_ended = false;
            for status in self.journal.due(self.sink.name(), until, looked_at).await? {
                let id = status.delivery.id;
                if under_way.ids.contains(&id) {
                    continue;
                }
                if self.end_what_is_overtaken(&status, now).await? {
                    someone_ended = true;
                } else if under_way.ids.len() < room {
                    under_way.ids.insert(id);
                    under_way.attempts.push(Box::pin(self.attempt(status)));
                }
            }
            // A delivery that ended makes room for the next of its incident.
            if !someone_ended {
                return self.next_look(&under_way.ids).await;
            }
        }
    }

    /// Ends a delivery that is no longer worth sending: a later word says more, or it has expired.
    async fn end_what_is_overtaken(
        &self,
        status: &DeliveryStatus,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        let delivery = &status.delivery;
        let has_expired = delivery.expires_at <= now;
        if !has_expired && !is_held_up(delivery, now) {
            return Ok(false);
        }
        let behind = self.journal.behind(delivery).await?;
        if let Some(by) = superseded_by(delivery, &behind) {
            let note = format!("superseded by {by}, which says what is so now");
            tracing::warn!(sink = %self.sink.name(), delivery = delivery.key, %by, "a message was superseded");
            self.record(Record::of_fate(delivery.id, now, note, Fate::Superseded { at: now, by })).await?;
            return Ok(true);
        }
        if has_expired {
            self.expire(status, now).await?;
        }
        Ok(has_expired)
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
                Ok(next.and_then(|head| head.fate.next_attempt_at()))
            }
        }
    }

    /// One attempt, from sending to what is recorded of it.
    async fn attempt(&self, status: DeliveryStatus) -> DeliveryId {
        let DeliveryStatus { delivery, attempts, .. } = status;
        let number = attempts.saturating_add(1);
        let remembered = self.remembered(&delivery).await;
        let began = self.clock.now();
        self.stats.begun();
        let tried = match 0 < attempts || delivery.id <= self.older {
            true => Tried::Perhaps,
            false => Tried::Never,
        };
        let sending =
            Sending { delivery: &delivery, now: began, remembered: &remembered, tried, pace: &self.pace };
        let outcome = self.sink.send(sending).await;
        let ended = self.clock.now();
        self.stats.ended(&delivery, began, ended, &outcome);
        let is_free = self.flow().ended(ended, &outcome, jitter(delivery.id, number));
        self.stats.circuit(self.flow().is_open());
        let fate = fate_after(&delivery, number, ended, &outcome);
        self.say(&delivery.key, number, &outcome, &fate);
        let took_ms = u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX);
        let attempt = Attempt { delivery: delivery.id, number, at: began, took_ms, note: String::new() };
        let record = self.account(&delivery, remembered, attempt, fate, outcome);
        // What was sent must be recorded before anything else of this incident is: it is tried until it is.
        while let Err(error) = self.record(record.clone()).await {
            self.complain(&error);
            self.clock.sleep_until(self.clock.now() + JOURNAL_BACKOFF).await;
        }
        if is_free && let Err(error) = self.journal.hasten(self.sink.name(), self.clock.now()).await {
            // They go out all the same, each at its time.
            self.complain(&error);
        }
        delivery.id
    }

    async fn remembered(&self, delivery: &Delivery) -> Remembered {
        loop {
            match self.journal.remembered(self.sink.name(), delivery.incident).await {
                Ok(remembered) => return remembered,
                Err(error) => self.complain(&error),
            }
            self.clock.sleep_until(self.clock.now() + JOURNAL_BACKOFF).await;
        }
    }

    /// What is recorded of an attempt.
    fn account(
        &self,
        delivery: &Delivery,
        remembered: Remembered,
        mut attempt: Attempt,
        fate: Fate,
        outcome: Outcome,
    ) -> Record {
        let opens = matches!(delivery.message, Message::Post(_) | Message::Page(_));
        let mut record = Record::new(attempt.clone(), fate);
        attempt.note = match outcome {
            Outcome::Delivered { answer, remember, news } => {
                let mut next = remember.unwrap_or_else(|| remembered.clone());
                next.opened |= opens;
                record.remember = (next != remembered).then_some(next);
                record.news = news;
                answer
            }
            Outcome::Retry { why, .. } => {
                let is_late = opens && record.news.is_none();
                record.news =
                    record.news.or_else(|| is_late.then(|| self.flow().news(attempt.at, &why)).flatten());
                why
            }
            Outcome::GiveUp { why } => why,
            Outcome::StandDown { what } => {
                record.news = Some(SinkNews::ForeignEdit { what: what.clone() });
                what
            }
        };
        attempt.note = bounded(attempt.note);
        Record { attempt, ..record }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        // Nothing between two of its changes can panic.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a delivery is no longer worth sending.
    async fn expire(&self, status: &DeliveryStatus, now: Timestamp) -> Result<(), JournalError> {
        let why = match &status.last_note {
            Some(last) => bounded(format!("expired after {} attempts; the last: {last}", status.attempts)),
            None => "expired before it could be sent".to_owned(),
        };
        tracing::error!(sink = %self.sink.name(), delivery = status.delivery.key, why, "a message expired");
        self.record(Record::of_fate(status.delivery.id, now, why.clone(), Fate::Dead { at: now, why })).await
    }

    async fn record(&self, record: Record) -> Result<(), JournalError> {
        let (has_news, fate) = (record.news.is_some(), record.fate.clone());
        self.journal.record(record).await?;
        match fate {
            Fate::Dead { .. } => self.stats.died(),
            Fate::Superseded { .. } => self.stats.superseded(),
            Fate::Waiting { .. } | Fate::Delivered { .. } => {}
        }
        if has_news {
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
            (Outcome::Retry { why, .. } | Outcome::GiveUp { why } | Outcome::StandDown { what: why }, _) => {
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
