//! The journal in memory, for a house whose life is over when the process is: replay.
//!
//! In:   calls of the `Journal` trait.
//! Out:  answers at once; a clone sees what another wrote, so that a house can start again from it.
//! Not:  no thread and no file. What SQLite's indexes do is done by one queue for each sink and incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::delivery::{Attempt, Delivery, Fate};
use crate::incidents::{Event, SinkReport};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, AlertRow};

use super::store::{Batch, DeliveryStatus, Journal, JournalError, Snapshot};

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
    /// Fates that the book has not taken in.
    unread: BTreeSet<DeliveryId>,
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
        batch.fates_read.iter().for_each(|id| {
            self.unread.remove(id);
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

    fn record(&mut self, attempt: Attempt, fate: Fate) -> Result<(), JournalError> {
        let id = attempt.delivery;
        let Some(status) = self.deliveries.get_mut(&id) else {
            return Err(refused("deliveries", id, "there is no such delivery"));
        };
        if next_attempt_at(&status.fate).is_none() {
            return Ok(());
        }
        status.attempts = status.attempts.max(attempt.number);
        status.last_note = Some(attempt.note);
        if next_attempt_at(&fate).is_none() {
            let (sink, incident) = (&status.delivery.sink, status.delivery.incident);
            dequeue(&mut self.waiting, sink, incident, id);
        }
        if matches!(fate, Fate::Dead { .. }) {
            self.unread.insert(id);
        }
        status.fate = fate;
        Ok(())
    }

    /// The oldest delivery of each incident that is not done yet, with when it may be sent.
    fn heads(&self, sink: &SinkName) -> impl Iterator<Item = (Timestamp, &DeliveryStatus)> {
        let queues = self.waiting.get(sink).into_iter().flatten();
        queues.filter_map(|(_, queue)| {
            let status = self.deliveries.get(queue.first()?)?;
            Some((next_attempt_at(&status.fate)?, status))
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

fn next_attempt_at(fate: &Fate) -> Option<Timestamp> {
    match fate {
        Fate::Waiting { next_attempt_at } => Some(*next_attempt_at),
        Fate::Delivered { .. } | Fate::Dead { .. } => None,
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

    async fn record(&self, attempt: Attempt, fate: Fate) -> Result<(), JournalError> {
        self.store().record(attempt, fate)
    }

    async fn unread_fates(&self) -> Result<Vec<SinkReport>, JournalError> {
        let store = self.store();
        let unread = store.unread.iter().filter_map(|id| store.deliveries.get(id));
        Ok(unread.filter_map(DeliveryStatus::report).collect())
    }

    async fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        let count = |queues: &BTreeMap<IncidentId, BTreeSet<DeliveryId>>| {
            queues.values().map(|queue| queue.len() as u64).sum()
        };
        Ok(self.store().waiting.iter().map(|(sink, queues)| (sink.clone(), count(queues))).collect())
    }

    async fn deliveries(&self, limit: usize) -> Result<Vec<DeliveryStatus>, JournalError> {
        Ok(self.store().deliveries.values().rev().take(limit).cloned().collect())
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
