//! The journal of a replay: in memory, failing while the scenario says so, and with a list of all that went into it.
//!
//! In:   calls of the `Journal` trait.
//! Out:  the same answers as any journal's; afterwards, everything that was committed and every attempt, in order.
//! Not:  nothing that the journal refused is in the list.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;

use crate::delivery::{Attempt, Delivery, Fate, Record, Remembered};
use crate::incidents::{Command, SinkNews, SinkReport};
use crate::journal::{Batch, DeliveryQuery, DeliveryStatus, Journal, JournalError, Memory, Snapshot};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};
use crate::sinks::http::Rendered;

/// Something that was written, or said in vain.
#[derive(Debug, Clone)]
pub enum Entry {
    /// What one turn decided.
    Committed {
        /// When.
        at: Timestamp,
        /// What.
        batch: Batch,
    },
    /// What was sent to a foreign system, whole but for secrets.
    Requested {
        /// When.
        at: Timestamp,
        /// Of which delivery.
        delivery: DeliveryId,
        /// The requests, in order.
        requests: Vec<Rendered>,
    },
    /// An attempt of a delivery, and where the delivery stands after it.
    Attempted(Attempt, Fate),
    /// A command that the engine refused: what it was, and why.
    Refused {
        /// When.
        at: Timestamp,
        /// The command.
        command: Command,
        /// Why not.
        why: String,
    },
}

/// The journal of a replay. Clones share what it holds.
#[derive(Clone)]
pub struct Ledger {
    memory: Memory,
    fails: Arc<AtomicBool>,
    /// What sinks have to tell, until the book has taken it in.
    reports: Arc<Mutex<Vec<SinkReport>>>,
    told: Arc<AtomicU64>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Ledger {
    /// A journal that holds nothing.
    pub fn new() -> Self {
        Self {
            memory: Memory::new(),
            fails: Arc::default(),
            reports: Arc::default(),
            told: Arc::new(AtomicU64::new(u64::MAX)),
            entries: Arc::default(),
        }
    }

    /// Whether it fails from now on.
    pub fn set_failing(&self, fails: bool) {
        self.fails.store(fails, SeqCst);
    }

    /// A sink has something to tell about an incident: of the last message that it got of it.
    pub fn report(&self, at: Timestamp, incident: IncidentId, sink: &SinkName, news: SinkNews) {
        let all = self
            .memory
            .deliveries(DeliveryQuery::latest(usize::MAX))
            .now_or_never()
            .and_then(Result::ok)
            .unwrap_or_default();
        let last = all
            .iter()
            .map(|status| &status.delivery)
            .find(|one| one.sink == *sink && one.incident == incident);
        let delivery = last.map_or(DeliveryId(0), |last| last.id);
        let mut reports = locked(&self.reports);
        // Counted from the other end than those of the journal, so that no two have one number.
        let number = self.told.fetch_sub(1, SeqCst);
        reports.push(SinkReport { number, delivery, incident, sink: sink.clone(), at, news });
    }

    /// What a house that starts now finds, however the journal is doing: a process that cannot read its journal does
    /// not start, and there is nothing to replay then.
    pub fn snapshot(&self) -> Snapshot {
        let loaded = self.memory.load().now_or_never();
        loaded.and_then(Result::ok).unwrap_or_default()
    }

    /// All that was written, in order.
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.entries).clone()
    }

    /// Adds what was not written, and belongs into the story all the same.
    pub fn note(&self, entry: Entry) {
        locked(&self.entries).push(entry);
    }

    fn well(&self) -> Result<&Memory, JournalError> {
        let full = JournalError::Unwritable { path: "journal".into(), detail: "the scenario says so".into() };
        if self.fails.load(SeqCst) { Err(full) } else { Ok(&self.memory) }
    }
}

/// Nothing between two changes of these lists can panic.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal for Ledger {
    async fn commit(&self, now: Timestamp, batch: Batch) -> Result<(), JournalError> {
        self.well()?.commit(now, batch.clone()).await?;
        locked(&self.reports).retain(|report| !batch.reports_read.contains(&report.number));
        if !batch.is_empty() {
            self.note(Entry::Committed { at: now, batch });
        }
        Ok(())
    }

    async fn load(&self) -> Result<Snapshot, JournalError> {
        self.well()?.load().await
    }

    async fn due(
        &self,
        to: &SinkName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeliveryStatus>, JournalError> {
        self.well()?.due(to, now, limit).await
    }

    async fn next_due(&self, to: &SinkName) -> Result<Option<Timestamp>, JournalError> {
        self.well()?.next_due(to).await
    }

    async fn record(&self, record: Record) -> Result<(), JournalError> {
        self.well()?.record(record.clone()).await?;
        self.note(Entry::Attempted(record.attempt, record.fate));
        Ok(())
    }

    async fn remembered(&self, sink: &SinkName, incident: IncidentId) -> Result<Remembered, JournalError> {
        self.well()?.remembered(sink, incident).await
    }

    async fn behind(&self, delivery: &Delivery) -> Result<Vec<Delivery>, JournalError> {
        self.well()?.behind(delivery).await
    }

    async fn hasten(&self, sink: &SinkName, now: Timestamp) -> Result<(), JournalError> {
        self.well()?.hasten(sink, now).await
    }

    async fn revive(&self, id: DeliveryId, now: Timestamp, until: Timestamp) -> Result<(), JournalError> {
        self.well()?.revive(id, now, until).await
    }

    async fn unread_reports(&self) -> Result<Vec<SinkReport>, JournalError> {
        let mut unread = self.well()?.unread_reports().await?;
        unread.extend(locked(&self.reports).iter().cloned());
        Ok(unread)
    }

    async fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        self.well()?.waiting().await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryStatus>, JournalError> {
        self.well()?.delivery(id).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DeliveryStatus>, JournalError> {
        self.well()?.deliveries(query).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, JournalError> {
        self.well()?.attempts(id).await
    }
}
