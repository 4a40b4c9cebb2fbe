//! The book itself: what it knows, and the four questions that a shell asks it.
//!
//! In:   settings, the component graph, policies; inputs and readings, each with the time it is.
//! Out:  events; incidents to look at; when to ask again.
//! Not:  no decision is made in this file: each is in the file named after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::model::{Graph, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, Role, Share, Transition};

use super::backlog::Depths;
use super::command::{Command, Refused};
use super::config::Config;
use super::draft::Draft;
use super::event::{Event, What};
use super::incident::Incident;
use super::input::{Change, Input, Readings};
use super::member::Member;
use super::promise::Known;
use super::settings::{EscalationPolicy, Settings};
use super::why::{Wake, Why};
use super::{action, command, correlate, escalate, lifecycle, promise, raise};

/// How many incidents are kept in memory; of more, those that were over first are forgotten.
const INCIDENTS_KEPT: usize = 1000;

/// How many changes are kept in memory; of more, those that rolled out first are forgotten.
const CHANGES_KEPT: usize = 1000;

/// Decides everything that is said to the world.
#[derive(Clone)]
pub struct Book {
    config: Config,
    incidents: BTreeMap<IncidentId, Incident>,
    /// The incident that each alert is or was a part of, the last of them.
    homes: BTreeMap<AlertKey, IncidentId>,
    /// What rolled out, in order of time.
    changes: Vec<Change>,
    readings: BTreeMap<AlertKey, f64>,
    summaries: BTreeMap<AlertKey, String>,
    explained: BTreeMap<AlertKey, Vec<Share>>,
    backlogs: BTreeMap<AlertKey, Depths>,
    next_seq: u64,
    next_incident: u64,
    /// When to ask again, once somebody asked: a shell does so at each page that comes in.
    wake: OnceLock<Option<Wake>>,
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
            homes: BTreeMap::new(),
            changes: Vec::new(),
            readings: BTreeMap::new(),
            summaries: BTreeMap::new(),
            explained: BTreeMap::new(),
            backlogs: BTreeMap::new(),
            next_seq: 1,
            next_incident: 1,
            wake: OnceLock::new(),
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
        self.wake = OnceLock::new();
    }

    /// Takes measurements in, for the figures of what is said. Values of alerts in no open incident are not kept.
    pub fn observe(&mut self, now: Timestamp, readings: &Readings) {
        self.wake = OnceLock::new();
        for reading in &readings.alerts {
            let key = &reading.key;
            let Some(member) = self.open_member(key) else { continue };
            let is_backlog = member.role() == Role::Backlog;
            self.readings.insert(key.clone(), reading.value);
            match &reading.public_summary {
                Some(summary) => drop(self.summaries.insert(key.clone(), summary.clone())),
                None => drop(self.summaries.remove(key)),
            }
            if is_backlog {
                let window = self.config.settings.eta_window;
                self.backlogs.entry(key.clone()).or_default().measure(now, reading.value, window);
            }
        }
        // A rise is broken down before its alert fires, so that the first page already names who made it.
        for explained in &readings.explained {
            self.explained.insert(explained.key.clone(), explained.shares.clone());
        }
        readings.gone.iter().for_each(|gone| self.unlearn(gone));
    }

    /// Takes in what a backlog measured before the process started, in order of time.
    pub fn recall(&mut self, key: &AlertKey, depths: &[(Timestamp, f64)]) {
        if self.open_member(key).is_none() {
            return;
        }
        self.wake = OnceLock::new();
        let window = self.config.settings.eta_window;
        let known = self.backlogs.entry(key.clone()).or_default();
        depths.iter().for_each(|(at, depth)| known.measure(*at, *depth, window));
    }

    fn open_member(&self, key: &AlertKey) -> Option<&Member> {
        let incident = self.incidents.get(&self.home(key)?).filter(|incident| incident.is_open())?;
        incident.members.get(key).map(Arc::as_ref)
    }

    fn unlearn(&mut self, key: &AlertKey) {
        self.readings.remove(key);
        self.summaries.remove(key);
        self.explained.remove(key);
        self.backlogs.remove(key);
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
                let changed = self.note(&mut draft, &evaluation.changes);
                let touched = Self::correlate(&mut draft, &evaluation.transitions);
                for id in changed.difference(&touched.keys().copied().collect()) {
                    let why = Why::Follows { because: "something rolled out".to_owned() };
                    lifecycle::settle(&mut draft, *id, &why);
                }
                for (id, why) in touched {
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
            // One that makes no sense now changes nothing; `check` says why.
            Input::Command(told) => {
                for id in command::obey(&mut draft, told).unwrap_or_default() {
                    lifecycle::settle(&mut draft, id, &Why::Operator { by: told.by.clone() });
                }
            }
            Input::SinkReport(report) => escalate::reported(&mut draft, report),
            Input::Change(change) => {
                for id in self.note(&mut draft, std::slice::from_ref(change)) {
                    let why = Why::Follows { because: "something rolled out".to_owned() };
                    lifecycle::settle(&mut draft, id, &why);
                }
            }
        }
        draft.into_events()
    }

    /// Whether a command can be obeyed now.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn check(&self, now: Timestamp, command: &Command) -> Result<(), Refused> {
        command::obey(&mut Draft::new(self, now), command).map(|_| ())
    }

    /// Remembers what has been committed. Cannot fail.
    pub fn apply(&mut self, event: &Event) {
        self.wake = OnceLock::new();
        self.next_seq = self.next_seq.max(event.seq.saturating_add(1));
        match &event.what {
            What::Joined { member } => drop(self.homes.insert(member.key.clone(), event.incident)),
            What::Absorbed { members, .. } => {
                self.homes.extend(members.iter().map(|member| (member.key.clone(), event.incident)));
            }
            What::Changed { change } => return self.remember_change(change),
            _ => {}
        }
        if matches!(event.what, What::Opened { .. }) {
            self.next_incident = self.next_incident.max(event.incident.0.saturating_add(1));
            self.incidents.extend(Incident::opened(event).map(|incident| (incident.id, incident)));
            self.forget();
        } else if let Some(incident) = self.incidents.get_mut(&event.incident) {
            incident.apply(event);
            if !incident.is_open() && matches!(event.what, What::StatusChanged { .. }) {
                let over: Vec<AlertKey> = incident.members.keys().cloned().collect();
                let stays = |key: &AlertKey| self.home(key) != Some(event.incident);
                let over: Vec<AlertKey> = over.into_iter().filter(|key| !stays(key)).collect();
                over.iter().for_each(|key| self.unlearn(key));
            }
        }
    }

    /// When to ask again, and which rule asks for it.
    pub fn next_wake(&self) -> Option<Wake> {
        self.wake.get_or_init(|| self.find_wake()).clone()
    }

    fn find_wake(&self) -> Option<Wake> {
        let living = self.incidents.values().filter(|incident| lifecycle::is_living(incident));
        let wakes = living.flat_map(|incident| {
            [
                promise::wake(self.known(), incident),
                lifecycle::wake(incident),
                escalate::wake(&self.config, incident),
                action::wake(incident),
                raise::wake(&self.config, incident),
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

    /// What rolled out, in order of time, as far as it is remembered.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The incident that an alert is or was a part of, the last of them.
    pub(super) fn home(&self, key: &AlertKey) -> Option<IncidentId> {
        self.homes.get(key).copied()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn reading(&self, key: &AlertKey) -> Option<f64> {
        self.readings.get(key).copied()
    }

    /// What customers may read of an alert, as it is now.
    pub(super) fn summary(&self, key: &AlertKey) -> Option<&str> {
        self.summaries.get(key).map(String::as_str)
    }

    pub(super) fn shares(&self, key: &AlertKey) -> &[Share] {
        self.explained.get(key).map_or(&[], Vec::as_slice)
    }

    /// What the time of the next word depends on.
    pub(super) fn known(&self) -> Known<'_> {
        Known { config: &self.config, backlogs: &self.backlogs }
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
                for id in &taken {
                    let (alert, because) = (transition.key.to_string(), transition.because.clone());
                    touched.entry(*id).or_insert(Why::Alert { alert, because });
                }
                taken.is_empty()
            });
        }
        touched
    }

    /// Notes changes, each once however often it is told, and says which incidents they may explain.
    fn note(&self, draft: &mut Draft<'_>, changes: &[Change]) -> BTreeSet<IncidentId> {
        let new: Vec<&Change> = changes.iter().filter(|change| !self.changes.contains(change)).collect();
        for change in &new {
            let why = change.by.as_ref().map_or_else(
                || Why::Follows { because: "it was seen in metrics".to_owned() },
                |by| Why::Operator { by: by.clone() },
            );
            draft.push(IncidentId::NONE, What::Changed { change: Change::clone(change) }, why);
            action::see(draft, change);
        }
        if new.is_empty() {
            return BTreeSet::new();
        }
        self.incidents.values().filter(|incident| incident.is_open()).map(|incident| incident.id).collect()
    }

    fn remember_change(&mut self, change: &Change) {
        let at = self.changes.partition_point(|known| known.at <= change.at);
        self.changes.insert(at, change.clone());
        let surplus = self.changes.len().saturating_sub(CHANGES_KEPT);
        self.changes.drain(..surplus);
    }

    fn forget(&mut self) {
        while self.incidents.len() > INCIDENTS_KEPT {
            let over = self.incidents.values().filter(|incident| !lifecycle::is_living(incident));
            match over.min_by_key(|incident| incident.resolved_at).map(|incident| incident.id) {
                Some(id) => {
                    self.incidents.remove(&id);
                    self.homes.retain(|_, home| *home != id);
                }
                None => return,
            }
        }
    }
}
