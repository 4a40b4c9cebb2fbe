//! The trait of a journal and what goes through it.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use crate::delivery::{Attempt, Delivery, Fate, Record, Remembered};
use crate::incidents::{Event, SinkReport};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, AlertRow};

/// What one turn decided: all of it is committed, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// New events.
    pub events: Vec<Event>,
    /// The deliveries that follow from them.
    pub deliveries: Vec<Delivery>,
    /// New or changed rows of the table of alerts.
    pub alerts: Vec<AlertRow>,
    /// Alerts that are no more.
    pub forgotten: Vec<AlertKey>,
    /// Reports of sinks that the book has taken in, by their number.
    pub reports_read: Vec<u64>,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// What a journal holds when the house starts.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Every event, in order.
    pub events: Vec<Event>,
    /// The table of alerts.
    pub alerts: Vec<AlertRow>,
    /// The highest number that a delivery has; 0 where there is none.
    pub last_delivery: u64,
    /// When something was last committed; how long the process was away follows from it.
    pub last_commit: Option<Timestamp>,
}

/// A delivery with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryStatus {
    /// The delivery.
    pub delivery: Delivery,
    /// Where it stands.
    pub fate: Fate,
    /// How often it was tried.
    pub attempts: u32,
    /// The last answer or reason.
    pub last_note: Option<String>,
}

/// Which deliveries somebody wants to see: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Those of this incident.
    pub incident: Option<IncidentId>,
    /// Those to this sink.
    pub sink: Option<SinkName>,
    /// Those with a fate of this name.
    pub fate: Option<String>,
    /// No more than so many, the newest.
    pub limit: usize,
}

impl DeliveryQuery {
    /// The latest of all.
    pub fn latest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// Why a journal does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file was written by a newer version.
    #[error("journal `{path}` has schema {found}, this version knows up to {known}")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file is damaged or no journal at all.
    #[error("journal `{path}` is damaged: {detail}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Another process has it open.
    #[error("journal `{path}` is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The folder or the disk does not let us write.
    #[error("journal `{path}` cannot be written: {detail}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// A row does not hold what its column promises.
    #[error("journal row {table} {id} cannot be read: {detail}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The thread that owns the store is gone.
    #[error("the journal is closed")]
    Closed,
}

/// Keeps what was decided. SQLite today; a second store for several replicas comes later.
pub trait Journal: Clone + Send + Sync + 'static {
    /// Commits all of `batch` or nothing. One that carries events or deliveries reaches the disk before this
    /// returns. An empty one only says that we are alive (`Snapshot::last_commit`).
    fn commit(&self, now: Timestamp, batch: Batch) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Everything, for a start.
    fn load(&self) -> impl Future<Output = Result<Snapshot, JournalError>> + Send;

    /// The deliveries of `sink` that may be sent now: at most one of each incident, the oldest that is not done
    /// yet, where its time has come; the longest due first. A delivery whose attempt is under way is still among
    /// them: that nothing is sent twice at a time is up to the caller.
    fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DeliveryStatus>, JournalError>> + Send;

    /// When the next delivery of `sink` becomes due; `None` where none waits.
    fn next_due(
        &self,
        sink: &SinkName,
    ) -> impl Future<Output = Result<Option<Timestamp>, JournalError>> + Send;

    /// Records an attempt and where the delivery stands after it, all of it or nothing. A delivery that has ended
    /// keeps its fate, so recording the same again changes nothing. An attempt of number 0 was none: only the fate is
    /// recorded.
    fn record(&self, record: Record) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// What is remembered of `incident` at `sink`.
    fn remembered(
        &self,
        sink: &SinkName,
        incident: IncidentId,
    ) -> impl Future<Output = Result<Remembered, JournalError>> + Send;

    /// Those that wait behind `delivery`: of its sink and incident, in order.
    fn behind(&self, delivery: &Delivery)
    -> impl Future<Output = Result<Vec<Delivery>, JournalError>> + Send;

    /// Whatever waits for its next attempt at `sink` may go at `now`.
    fn hasten(
        &self,
        sink: &SinkName,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// A dead delivery waits again, from `now` until `expires_at`.
    fn revive(
        &self,
        delivery: DeliveryId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// What sinks have to tell, in order, and the book has not taken in yet (`Batch::reports_read`): of every delivery
    /// that is dead, of what comes late, was there already or was changed by somebody else.
    fn unread_reports(&self) -> impl Future<Output = Result<Vec<SinkReport>, JournalError>> + Send;

    /// How many deliveries are not done yet, by sink; a sink where none waits is not in it.
    fn waiting(&self) -> impl Future<Output = Result<BTreeMap<SinkName, u64>, JournalError>> + Send;

    /// One delivery.
    fn delivery(
        &self,
        id: DeliveryId,
    ) -> impl Future<Output = Result<Option<DeliveryStatus>, JournalError>> + Send;

    /// The deliveries that fit `query`, newest first, for people.
    fn deliveries(
        &self,
        query: DeliveryQuery,
    ) -> impl Future<Output = Result<Vec<DeliveryStatus>, JournalError>> + Send;

    /// Every attempt of a delivery, in order, for people.
    fn attempts(&self, id: DeliveryId) -> impl Future<Output = Result<Vec<Attempt>, JournalError>> + Send;
}
