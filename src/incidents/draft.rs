//! A decision in the making: events that are proposed, and the incidents as they would be after them.
//!
//! In:   the book as it stands, and one proposed event after the other.
//! Out:  the events in order; each next one sees what the former would change.
//! Not:  the book itself does not change; an incident is copied when the first event touches it.

use std::collections::BTreeMap;

use crate::model::{IncidentId, Timestamp};
use crate::rules::AlertKey;

use super::book::{Book, Config};
use super::event::{Event, What, Why};
use super::incident::Incident;

pub(super) struct Draft<'a> {
    book: &'a Book,
    now: Timestamp,
    touched: BTreeMap<IncidentId, Incident>,
    events: Vec<Event>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(book: &'a Book, now: Timestamp) -> Self {
        Self { book, now, touched: BTreeMap::new(), events: Vec::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn config(&self) -> &'a Config {
        self.book.config()
    }

    /// The last measured value of an alert.
    pub(super) fn reading(&self, key: &AlertKey) -> Option<f64> {
        self.book.reading(key)
    }

    /// An incident as it would be.
    pub(super) fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.touched.get(&id).or_else(|| self.book.get(id))
    }

    /// All incidents as they would be, from the oldest to the newest.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        let known = self.book.incidents().map(|known| self.touched.get(&known.id).unwrap_or(known));
        let new = self.touched.values().filter(|touched| self.book.get(touched.id).is_none());
        known.chain(new)
    }

    /// Proposes an event of an incident that exists.
    pub(super) fn push(&mut self, incident: IncidentId, what: What, why: Why) {
        let event = self.next(incident, what, why);
        if let Some(known) = self.book.get(incident) {
            self.touched.entry(incident).or_insert_with(|| known.clone());
        }
        if let Some(touched) = self.touched.get_mut(&incident) {
            touched.apply(&event);
        }
        self.events.push(event);
    }

    /// Proposes a new incident.
    pub(super) fn open(&mut self, what: What, why: Why) -> IncidentId {
        let new = self.touched.keys().filter(|id| self.book.get(**id).is_none()).count() as u64;
        let id = IncidentId(self.book.next_incident() + new);
        let event = self.next(id, what, why);
        self.touched.extend(Incident::opened(&event).map(|incident| (id, incident)));
        self.events.push(event);
        id
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    fn next(&self, incident: IncidentId, what: What, why: Why) -> Event {
        let seq = self.book.next_seq() + self.events.len() as u64;
        Event { seq, at: self.now, incident, what, why }
    }
}
