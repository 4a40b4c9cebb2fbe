//! The book itself: what it knows, and the four questions that a shell asks it.
//!
//! In:   settings, the component graph, policies; inputs and readings, each with the time it is.
//! Out:  events; incidents to look at; when to ask again.
//! Not:  no decision is made in this file: each is in the file named after it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{Graph, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, Transition};

use super::draft::Draft;
use super::event::{Event, What, Why};
use super::incident::Incident;
use super::input::{CommandKind, Input, Readings};
use super::settings::{EscalationPolicy, Settings};
use super::words::Words;
use super::{command, correlate, escalate, lifecycle, promise};

/// How many incidents are kept in memory; of more, those that were over first are forgotten.
const INCIDENTS_KEPT: usize = 1000;

/// When to ask the book again, and which rule asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// What users decided, as decisions read it.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) settings: Arc<Settings>,
    pub(super) graph: Arc<Graph>,
    pub(super) policies: Arc<[EscalationPolicy]>,
    pub(super) responders: Vec<SinkName>,
    pub(super) words: Words,
}

impl Config {
    fn new(
        settings: Arc<Settings>,
        graph: Arc<Graph>,
        policies: Arc<[EscalationPolicy]>,
        responders: Vec<SinkName>,
    ) -> Self {
        let policies = match policies.is_empty() {
            true => escalate::default_policy(settings.page_at, &responders),
            false => policies,
        };
        let words = Words::new(settings.language, settings.timezone);
        Self { settings, graph, policies, responders, words }
    }
}

/// Decides everything that is said to the world.
#[derive(Clone)]
pub struct Book {
    config: Config,
    incidents: BTreeMap<IncidentId, Incident>,
    readings: BTreeMap<AlertKey, f64>,
    next_seq: u64,
    next_incident: u64,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("incidents", &self.incidents)
            .field("next_seq", &self.next_seq)
            .field("next_incident", &self.next_incident)
            .finish_non_exhaustive()
    }
}

impl Book {
    /// An empty book. Without a policy every responder is paged, at once and once more.
    pub fn new(
        settings: Arc<Settings>,
        graph: Arc<Graph>,
        escalation: Arc<[EscalationPolicy]>,
        responders: Vec<SinkName>,
    ) -> Self {
        Self {
            config: Config::new(settings, graph, escalation, responders),
            incidents: BTreeMap::new(),
            readings: BTreeMap::new(),
            next_seq: 1,
            next_incident: 1,
        }
    }

    /// Remembers everything that a journal holds, in its order.
    pub fn restore(&mut self, events: &[Event]) {
        for event in events {
            self.apply(event);
        }
    }

    /// Takes other settings; incidents go on under them.
    pub fn reconfigure(
        &mut self,
        settings: Arc<Settings>,
        graph: Arc<Graph>,
        escalation: Arc<[EscalationPolicy]>,
        responders: Vec<SinkName>,
    ) {
        self.config = Config::new(settings, graph, escalation, responders);
    }

    /// Takes measurements in, for the figures of what is said. Of alerts in no open incident they are not kept.
    pub fn observe(&mut self, _now: Timestamp, readings: &Readings) {
        for reading in &readings.alerts {
            let mut open = self.incidents.values().filter(|incident| incident.is_open());
            if open.any(|incident| incident.members.contains_key(&reading.key)) {
                self.readings.insert(reading.key.clone(), reading.value);
            }
        }
        for gone in &readings.gone {
            self.readings.remove(gone);
        }
    }

    /// What should happen now. Proposes; changes nothing.
    ///
    /// A firing alert that belongs to no incident may be offered again at any time, above all after something
    /// opened or was joined: a minor cause that fired before its symptom finds its incident then. What the book
    /// already knows of an alert makes no event.
    pub fn decide(&self, now: Timestamp, input: &Input) -> Vec<Event> {
        let mut draft = Draft::new(self, now);
        match input {
            Input::Evaluation(evaluation) => {
                for (id, why) in Self::correlate(&mut draft, &evaluation.transitions) {
                    lifecycle::settle(&mut draft, id, &why);
                }
            }
            Input::Tick => {
                let why = Why::Follows { because: "time went on".to_owned() };
                let living: Vec<IncidentId> =
                    self.incidents.values().filter(|i| lifecycle::is_living(i)).map(|i| i.id).collect();
                for id in living {
                    lifecycle::settle(&mut draft, id, &why);
                }
            }
            Input::Command(told) => {
                command::obey(&mut draft, told);
                if matches!(told.kind, CommandKind::Action { .. }) {
                    lifecycle::settle(&mut draft, told.incident, &Why::Operator { by: told.by.clone() });
                }
            }
            Input::SinkReport(report) => escalate::undelivered(&mut draft, report),
            // What rolled out explains incidents; by itself it neither opens nor moves one.
            Input::Change(_) => {}
        }
        draft.into_events()
    }

    /// Remembers what has been committed. Cannot fail.
    pub fn apply(&mut self, event: &Event) {
        self.next_seq = self.next_seq.max(event.seq.saturating_add(1));
        if matches!(event.what, What::Opened { .. }) {
            self.next_incident = self.next_incident.max(event.incident.0.saturating_add(1));
            self.incidents.extend(Incident::opened(event).map(|incident| (incident.id, incident)));
            self.forget();
        } else if let Some(incident) = self.incidents.get_mut(&event.incident) {
            incident.apply(event);
            if !incident.is_open() && matches!(event.what, What::StatusChanged { .. }) {
                for key in incident.members.keys() {
                    self.readings.remove(key);
                }
            }
        }
    }

    /// When to ask again, and which rule asks for it.
    pub fn next_wake(&self) -> Option<Wake> {
        let living = self.incidents.values().filter(|incident| lifecycle::is_living(incident));
        let wakes = living.flat_map(|incident| {
            [
                promise::wake(&self.config, incident),
                lifecycle::wake(incident),
                escalate::wake(&self.config, incident),
            ]
        });
        wakes.flatten().min_by_key(|wake| wake.at)
    }

    /// All incidents that are remembered, from the oldest to the newest.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// An incident by its number.
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn reading(&self, key: &AlertKey) -> Option<f64> {
        self.readings.get(key).copied()
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(super) fn next_incident(&self) -> u64 {
        self.next_incident
    }

    /// Takes alerts in, and says which incidents they touched and why. What moved together is offered twice, so that
    /// an alert that only explains finds the incident that a later one opens.
    fn correlate(draft: &mut Draft<'_>, transitions: &[Transition]) -> BTreeMap<IncidentId, Why> {
        let mut touched = BTreeMap::new();
        let mut left: Vec<&Transition> = transitions.iter().collect();
        for _ in 0..2 {
            left.retain(|transition| {
                let taken = correlate::take(draft, transition);
                if let Some(id) = taken {
                    let (alert, because) = (transition.key.to_string(), transition.because.clone());
                    touched.entry(id).or_insert(Why::Alert { alert, because });
                }
                taken.is_none()
            });
        }
        touched
    }

    fn forget(&mut self) {
        while self.incidents.len() > INCIDENTS_KEPT {
            let over = self.incidents.values().filter(|incident| !lifecycle::is_living(incident));
            match over.min_by_key(|incident| incident.resolved_at).map(|incident| incident.id) {
                Some(id) => drop(self.incidents.remove(&id)),
                None => return,
            }
        }
    }
}
