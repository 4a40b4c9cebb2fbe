//! A journal that fails while a test says so, for those who must live with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::{Batch, DeliveryQuery, DeliveryStatus, Journal, JournalError, Snapshot};
use crate::delivery::{Attempt, Delivery, Record, Remembered};
use crate::incidents::SinkReport;
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

/// Passes calls on, or refuses them as a full disk does.
#[derive(Clone)]
pub(crate) struct Failing<J> {
    journal: J,
    fails: Arc<AtomicBool>,
}

impl<J: Journal> Failing<J> {
    pub(crate) fn new(journal: J) -> Self {
        Self { journal, fails: Arc::default() }
    }

    /// Fails from now on.
    pub(crate) fn fail(&self) {
        self.fails.store(true, SeqCst);
    }

    /// Is well from now on.
    pub(crate) fn recover(&self) {
        self.fails.store(false, SeqCst);
    }

    fn well(&self) -> Result<&J, JournalError> {
        let full = JournalError::Unwritable { path: "journal.db".into(), detail: "disk full".into() };
        if self.fails.load(SeqCst) { Err(full) } else { Ok(&self.journal) }
    }
}

impl<J: Journal> Journal for Failing<J> {
    async fn commit(&self, now: Timestamp, batch: Batch) -> Result<(), JournalError> {
        self.well()?.commit(now, batch).await
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
        self.well()?.record(record).await
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
        self.well()?.unread_reports().await
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
