//! The journal in memory, for a house whose life is over when the process is: replay.
//!
//! In:   calls of the `Journal` trait.
//! Out:  answers at once; a clone sees what another wrote, so that a house can start again from it.
//! Not:  no thread and no file. What SQLite's indexes do is done by one queue for each sink and incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::delivery::{Attempt, Delivery, Fate, Record, Remembered};
use crate::incidents::{Event, SinkReport};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, AlertRow};

use super::store::{Batch, DeliveryQuery, DeliveryStatus, Journal, JournalError, Snapshot};

/// A journal in memory. Clones share what it holds.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    events: BTreeMap<u64, Event>,
    alerts: BTreeMap<AlertKey, AlertRow>,
    deliveries: BTreeMap<DeliveryId, DeliveryStatus>,
    keys: BTreeSet<String>,
    /// What is not done yet: of each sink and incident, in order.
    waiting: BTreeMap<SinkName, BTreeMap<IncidentId, BTreeSet<DeliveryId>>>,
    attempts: BTreeMap<DeliveryId, Vec<Attempt>>,
    remembered: BTreeMap<(SinkName, IncidentId), Remembered>,
    /// What the book has not taken in, by number.
    unread: BTreeMap<u64, SinkReport>,
    last_report: u64,
    last_commit: Option<Timestamp>,
}

impl Memory {
    /// A journal that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Whoever panicked under the lock had checked before changing anything, or was only reading.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Everything is checked before anything is changed: that makes it all or nothing.
    fn commit(&mut self, now: Timestamp, batch: Batch) -> Result<(), JournalError> {
        self.check(&batch)?;
        self.events.extend(batch.events.into_iter().map(|event| (event.seq, event)));
        batch.deliveries.into_iter().for_each(|delivery| self.insert(delivery));
        self.alerts.extend(batch.alerts.into_iter().map(|row| (row.key.clone(), row)));
        batch.forgotten.iter().for_each(|key| {
            self.alerts.remove(key);
        });
        batch.reports_read.iter().for_each(|number| {
            self.unread.remove(number);
        });
        self.last_commit = Some(now);
        Ok(())
    }

    fn check(&self, batch: &Batch) -> Result<(), JournalError> {
        let (mut seqs, mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in &batch.events {
            if self.events.contains_key(&event.seq) || !seqs.insert(event.seq) {
                return Err(refused("events", event.seq, "there is one of this number"));
            }
        }
        for delivery in &batch.deliveries {
            if self.deliveries.contains_key(&delivery.id) || !ids.insert(delivery.id) {
                return Err(refused("deliveries", delivery.id, "there is one of this number"));
            }
            if self.keys.contains(&delivery.key) || !keys.insert(&delivery.key) {
                return Err(refused("deliveries", delivery.id, "there is one of this key"));
            }
        }
        Ok(())
    }

    fn insert(&mut self, delivery: Delivery) {
        let queues = self.waiting.entry(delivery.sink.clone()).or_default();
        queues.entry(delivery.incident).or_default().insert(delivery.id);
        self.keys.insert(delivery.key.clone());
        let fate = Fate::Waiting { next_attempt_at: delivery.created_at };
        self.deliveries.insert(delivery.id, DeliveryStatus { delivery, fate, attempts: 0, last_note: None });
    }

    fn record(&mut self, record: Record) -> Result<(), JournalError> {
        let Record { attempt, fate, remember, news } = record;
        let id = attempt.delivery;
        let Some(status) = self.deliveries.get_mut(&id) else {
            return Err(refused("deliveries", id, "there is no such delivery"));
        };
        if status.fate.next_attempt_at().is_none() {
            return Ok(());
        }
        status.attempts = status.attempts.max(attempt.number);
        status.last_note = Some(attempt.note.clone());
        let (sink, incident) = (status.delivery.sink.clone(), status.delivery.incident);
        if fate.next_attempt_at().is_none() {
            dequeue(&mut self.waiting, &sink, incident, id);
        }
        status.fate = fate;
        if let Some(news) = news {
            self.last_report += 1;
            let number = self.last_report;
            let report =
                SinkReport { number, delivery: id, incident, sink: sink.clone(), at: attempt.at, news };
            self.unread.insert(number, report);
        }
        if let Some(remember) = remember {
            self.remembered.insert((sink, incident), remember);
        }
        if attempt.number > 0 {
            self.attempts.entry(id).or_default().push(attempt);
        }
        Ok(())
    }

    fn revive(&mut self, id: DeliveryId, now: Timestamp, until: Timestamp) -> Result<(), JournalError> {
        let Some(status) = self.deliveries.get_mut(&id) else {
            return Err(refused("deliveries", id, "there is no such delivery"));
        };
        if !matches!(status.fate, Fate::Dead { .. }) {
            return Err(refused("deliveries", id, "it is not dead"));
        }
        status.fate = Fate::Waiting { next_attempt_at: now };
        status.delivery.expires_at = until;
        let queues = self.waiting.entry(status.delivery.sink.clone()).or_default();
        queues.entry(status.delivery.incident).or_default().insert(id);
        Ok(())
    }

    fn queue(&self, sink: &SinkName, incident: IncidentId) -> impl Iterator<Item = &DeliveryStatus> {
        let queue = self.waiting.get(sink).and_then(|queues| queues.get(&incident));
        queue.into_iter().flatten().filter_map(|id| self.deliveries.get(id))
    }

    fn hasten(&mut self, sink: &SinkName, now: Timestamp) {
        let ids: Vec<DeliveryId> =
            self.waiting.get(sink).into_iter().flat_map(BTreeMap::values).flatten().copied().collect();
        for id in ids {
            if let Some(DeliveryStatus { fate: Fate::Waiting { next_attempt_at }, .. }) =
                self.deliveries.get_mut(&id)
            {
                *next_attempt_at = now.min(*next_attempt_at);
            }
        }
    }

    /// The oldest delivery of each incident that is not done yet, with when it may be sent.
    fn heads(&self, sink: &SinkName) -> impl Iterator<Item = (Timestamp, &DeliveryStatus)> {
        let queues = self.waiting.get(sink).into_iter().flatten();
        queues.filter_map(|(_, queue)| {
            let status = self.deliveries.get(queue.first()?)?;
            Some((status.fate.next_attempt_at()?, status))
        })
    }

    fn due(&self, sink: &SinkName, now: Timestamp, limit: usize) -> Vec<DeliveryStatus> {
        let mut due: Vec<_> = self.heads(sink).filter(|(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, status)| (*at, status.delivery.id));
        due.into_iter().take(limit).map(|(_, status)| status.clone()).collect()
    }
}

fn dequeue(
    waiting: &mut BTreeMap<SinkName, BTreeMap<IncidentId, BTreeSet<DeliveryId>>>,
    sink: &SinkName,
    incident: IncidentId,
    id: DeliveryId,
) {
    let Some(queues) = waiting.get_mut(sink) else { return };
    if let Some(queue) = queues.get_mut(&incident) {
        queue.remove(&id);
        if queue.is_empty() {
            queues.remove(&incident);
        }
    }
    if queues.is_empty() {
        waiting.remove(sink);
    }
}

fn refused(table: &'static str, id: impl ToString, detail: &str) -> JournalError {
    JournalError::Row { table, id: id.to_string(), detail: detail.to_owned() }
}

impl Journal for Memory {
    async fn commit(&self, now: Timestamp, batch: Batch) -> Result<(), JournalError> {
        self.store().commit(now, batch)
    }

    async fn load(&self) -> Result<Snapshot, JournalError> {
        let store = self.store();
        Ok(Snapshot {
            events: store.events.values().cloned().collect(),
            alerts: store.alerts.values().cloned().collect(),
            last_delivery: store.deliveries.last_key_value().map_or(0, |(id, _)| id.0),
            last_commit: store.last_commit,
        })
    }

    async fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeliveryStatus>, JournalError> {
        Ok(self.store().due(sink, now, limit))
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.store().heads(sink).map(|(at, _)| at).min())
    }

    async fn record(&self, record: Record) -> Result<(), JournalError> {
        self.store().record(record)
    }

    async fn remembered(&self, sink: &SinkName, incident: IncidentId) -> Result<Remembered, JournalError> {
        Ok(self.store().remembered.get(&(sink.clone(), incident)).cloned().unwrap_or_default())
    }

    async fn behind(&self, delivery: &Delivery) -> Result<Vec<Delivery>, JournalError> {
        let store = self.store();
        let queue = store.queue(&delivery.sink, delivery.incident).map(|status| &status.delivery);
        Ok(queue.filter(|other| delivery.id < other.id).cloned().collect())
    }

    async fn hasten(&self, sink: &SinkName, now: Timestamp) -> Result<(), JournalError> {
        self.store().hasten(sink, now);
        Ok(())
    }

    async fn revive(&self, id: DeliveryId, now: Timestamp, until: Timestamp) -> Result<(), JournalError> {
        self.store().revive(id, now, until)
    }

    async fn unread_reports(&self) -> Result<Vec<SinkReport>, JournalError> {
        Ok(self.store().unread.values().cloned().collect())
    }

    async fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        let count = |queues: &BTreeMap<IncidentId, BTreeSet<DeliveryId>>| {
            queues.values().map(|queue| queue.len() as u64).sum()
        };
        Ok(self.store().waiting.iter().map(|(sink, queues)| (sink.clone(), count(queues))).collect())
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryStatus>, JournalError> {
        Ok(self.store().deliveries.get(&id).cloned())
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DeliveryStatus>, JournalError> {
        let fits = |status: &&DeliveryStatus| {
            let delivery = &status.delivery;
            query.incident.is_none_or(|incident| incident == delivery.incident)
                && query.sink.as_ref().is_none_or(|sink| *sink == delivery.sink)
                && query.fate.as_deref().is_none_or(|fate| fate == status.fate.name())
        };
        let store = self.store();
        Ok(store.deliveries.values().rev().filter(fits).take(query.limit).cloned().collect())
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, JournalError> {
        Ok(self.store().attempts.get(&id).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::contract::{Opens, keeps_its_contract};

    /// One journal a name: opening it again is what a restart of the house is to replay.
    #[derive(Default)]
    struct Shelf(Mutex<BTreeMap<String, Memory>>);

    impl Opens for Shelf {
        type Journal = Memory;
        async fn open(&self, name: &str) -> Memory {
            self.0.lock().unwrap().entry(name.to_owned()).or_default().clone()
        }
    }

    #[tokio::test]
    async fn memory_keeps_the_contract_of_a_journal() {
        keeps_its_contract(&Shelf::default()).await;
    }
}
