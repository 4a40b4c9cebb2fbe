//! A decision in the making: events that are proposed, and the incidents as they would be after them.
//!
//! In:   the book as it stands, and one proposed event after the other.
//! Out:  the events in order; each next one sees what the former would change.
//! Not:  the book itself does not change; an incident is copied when the first event touches it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ComponentId, IncidentId, Timestamp};
use crate::rules::{AlertKey, Share};

use super::book::Book;
use super::config::Config;
use super::event::{Event, What};
use super::incident::Incident;
use super::input::Change;
use super::promise::Known;
use super::status::Status;
use super::why::Why;

pub(super) struct Draft<'a> {
    book: &'a Book,
    now: Timestamp,
    touched: BTreeMap<IncidentId, Incident>,
    /// Alerts that found another home in this decision.
    homes: BTreeMap<AlertKey, IncidentId>,
    /// For each component that was asked for, those that it needs or that need it; a storm asks again and again.
    related: BTreeMap<ComponentId, Arc<BTreeSet<ComponentId>>>,
    events: Vec<Event>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(book: &'a Book, now: Timestamp) -> Self {
        Self {
            book,
            now,
            touched: BTreeMap::new(),
            homes: BTreeMap::new(),
            related: BTreeMap::new(),
            events: Vec::new(),
        }
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

    /// What rolled out, also in this decision.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        let new = self.events.iter().filter_map(|event| match &event.what {
            What::Changed { change } => Some(change),
            _ => None,
        });
        self.book.changes().iter().chain(new)
    }

    /// The measured shares of the rise behind an alert.
    pub(super) fn shares(&self, key: &AlertKey) -> &[Share] {
        self.book.shares(key)
    }

    /// What customers may read of an alert, as it is now.
    pub(super) fn summary(&self, key: &AlertKey) -> Option<&str> {
        self.book.summary(key)
    }

    /// What the time of the next word depends on.
    pub(super) fn known(&self) -> Known<'a> {
        self.book.known()
    }

    /// The incident that an alert is or was a part of, the last of them.
    pub(super) fn home(&self, key: &AlertKey) -> Option<IncidentId> {
        self.homes.get(key).copied().or_else(|| self.book.home(key))
    }

    /// Components that this one needs or that need it, and itself.
    pub(super) fn related(&mut self, component: &ComponentId) -> Arc<BTreeSet<ComponentId>> {
        let graph = &self.book.config().graph;
        let find = || {
            let reach = graph.upstream(component).into_keys().chain(graph.downstream(component).into_keys());
            Arc::new(reach.chain([component.clone()]).collect())
        };
        self.related.entry(component.clone()).or_insert_with(find).clone()
    }

    /// An incident as it would be.
    pub(super) fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.touched.get(&id).or_else(|| self.book.get(id))
    }

    /// The status of an incident before this decision; that in which it opened, where it is new.
    pub(super) fn status_before(&self, id: IncidentId) -> Option<Status> {
        self.book.get(id).map(|known| known.status).or_else(|| self.get(id).map(|_| Status::Investigating))
    }

    /// The reason for the last event of its kind that this decision has of an incident.
    pub(super) fn why(&self, id: IncidentId, kind: impl Fn(&What) -> bool) -> Option<Why> {
        let mut events = self.events.iter().rev();
        events.find(|event| event.incident == id && kind(&event.what)).map(|event| event.why.clone())
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
        match &event.what {
            What::Joined { member } => drop(self.homes.insert(member.key.clone(), incident)),
            What::Absorbed { members, .. } => {
                self.homes.extend(members.iter().map(|member| (member.key.clone(), incident)));
            }
            _ => {}
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
