//! The journal of a replay: in memory, failing while the scenario says so, and with a list of all that went into it.
//!
//! In:   calls of the `Journal` trait.
//! Out:  the same answers as any journal's; afterwards, everything that was committed and every attempt, in order.
//! Not:  nothing that the journal refused is in the list.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;

use crate::delivery::{Attempt, Fate};
use crate::incidents::{Command, SinkNews, SinkReport};
use crate::journal::{Batch, DeliveryStatus, Journal, JournalError, Memory, Snapshot};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

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
#[derive(Clone, Default)]
pub struct Ledger {
    memory: Memory,
    fails: Arc<AtomicBool>,
    /// What sinks have to tell, until the book has taken it in.
    reports: Arc<Mutex<Vec<SinkReport>>>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Ledger {
    /// A journal that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it fails from now on.
    pub fn set_failing(&self, fails: bool) {
        self.fails.store(fails, SeqCst);
    }

    /// A sink has something to tell about an incident: of the last message that it got of it.
    pub fn report(&self, at: Timestamp, incident: IncidentId, sink: &SinkName, news: SinkNews) {
        let all = self.memory.deliveries(usize::MAX).now_or_never().and_then(Result::ok).unwrap_or_default();
        let last = all
            .iter()
            .map(|status| &status.delivery)
            .find(|one| one.sink == *sink && one.incident == incident);
        let delivery = last.map_or(DeliveryId(0), |last| last.id);
        locked(&self.reports).push(SinkReport { delivery, incident, sink: sink.clone(), at, news });
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
        locked(&self.reports).retain(|report| !batch.fates_read.contains(&report.delivery));
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

    async fn record(&self, attempt: Attempt, fate: Fate) -> Result<(), JournalError> {
        self.well()?.record(attempt.clone(), fate.clone()).await?;
        self.note(Entry::Attempted(attempt, fate));
        Ok(())
    }

    async fn unread_fates(&self) -> Result<Vec<SinkReport>, JournalError> {
        let mut unread = self.well()?.unread_fates().await?;
        unread.extend(locked(&self.reports).iter().cloned());
        Ok(unread)
    }

    async fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        self.well()?.waiting().await
    }

    async fn deliveries(&self, limit: usize) -> Result<Vec<DeliveryStatus>, JournalError> {
        self.well()?.deliveries(limit).await
    }
}
