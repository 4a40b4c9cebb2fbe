//! A small world around the book: alerts move at a time of the day, and the book is asked again whenever it wants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::America::Sao_Paulo;
use proptest::prelude::ProptestConfig;

use crate::incidents::*;
use crate::model::*;
use crate::rules::*;

/// The midnight that starts the seed's day, 2023-02-01 in São Paulo.
const MIDNIGHT: i64 = 1_675_220_400;

/// A time of that day: `11:10`, `11:10:30`, or `25:00` for the next morning.
pub fn clock(text: &str) -> Timestamp {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = parts.get(2).copied().unwrap_or(0);
    Timestamp::from_secs(MIDNIGHT + parts[0] * 3600 + parts[1] * 60 + seconds)
}

/// The time of the day, as tests compare it.
pub fn said(at: Timestamp) -> String {
    at.in_zone(Sao_Paulo).unwrap().format("%H:%M:%S").to_string()
}

/// How many cases a law is tried on: 500, or as the environment says.
pub fn cases() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(500))
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// A gate for all incidents.
pub fn gated(mode: PublishMode, after: Duration) -> Publish {
    Publish { otherwise: Gate { mode, after, ..Gate::default() }, gates: Vec::new() }
}

pub fn id(name: &str) -> ComponentId {
    ComponentId::new(name).unwrap()
}

pub fn sink(name: &str) -> SinkName {
    SinkName::new(name).unwrap()
}

/// What an alert does.
#[derive(Clone, Copy)]
pub enum Does {
    Fires(Severity),
    Clears,
    GoesMissing,
    Ends,
}

/// An alert that moves.
#[derive(Clone)]
pub struct Move {
    name: String,
    instance: String,
    component: String,
    does: Does,
    role: Role,
    change: fn(&mut AlertFacts),
}

impl Move {
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
    pub fn of(mut self, instance: &str) -> Self {
        self.instance = instance.to_owned();
        self
    }
    pub fn does(mut self, does: Does) -> Self {
        self.does = does;
        self
    }
    pub fn with(mut self, change: fn(&mut AlertFacts)) -> Self {
        self.change = change;
        self
    }
}

fn a_move(name: &str, component: &str, does: Does) -> Move {
    let (name, component) = (name.to_owned(), component.to_owned());
    let instance = "db-7.internal:9187".to_owned();
    Move { name, instance, component, does, role: Role::Symptom, change: |_| {} }
}

/// A symptom fires; an empty component is none.
pub fn fires(name: &str, severity: Severity, component: &str) -> Move {
    a_move(name, component, Does::Fires(severity))
}

pub fn cause(name: &str, severity: Severity, component: &str) -> Move {
    fires(name, severity, component).role(Role::Cause)
}

pub fn backlog(name: &str, severity: Severity, component: &str) -> Move {
    fires(name, severity, component).role(Role::Backlog)
}

/// An alert that fired before moves on; the rest is as it was.
pub fn resolves(name: &str) -> Move {
    a_move(name, "", Does::Ends)
}

pub fn clears(name: &str) -> Move {
    a_move(name, "", Does::Clears)
}

pub fn goes_missing(name: &str) -> Move {
    a_move(name, "", Does::GoesMissing)
}

pub struct World {
    pub book: Book,
    pub now: Timestamp,
    pub log: Vec<Event>,
    pub settings: Settings,
    policies: Vec<EscalationPolicy>,
    alerts: BTreeMap<AlertKey, (AlertState, AlertFacts)>,
    /// What was measured when, after how many events.
    observed: Vec<(usize, Timestamp, Readings)>,
}

fn component(text: &str, name: &str, group: Option<&str>, public: bool, on: &[(&str, bool)]) -> Component {
    let edge = |(on, propagates): &(&str, bool)| Edge {
        on: id(on),
        propagates: propagates.then_some(ComponentStatus::DegradedPerformance),
    };
    Component {
        id: id(text),
        name: name.to_owned(),
        group: group.map(str::to_owned),
        public,
        depends_on: on.iter().map(edge).collect(),
        matchers: Vec::new(),
    }
}

/// The seed's platform.
pub fn platform() -> Arc<Graph> {
    let blip = Some("Blip Platform");
    let components = vec![
        component("user-db", "User database", None, false, &[]),
        component("crm-consumers", "CRM consumers", None, false, &[("user-db", false)]),
        component("crm", "CRM", blip, true, &[("user-db", true)]),
        component("analytics", "Analytics", blip, true, &[("crm-consumers", false)]),
        component("smart-contact", "Smart contact", None, false, &[("crm", false)]),
        component("desk", "Desk", None, true, &[("crm", true)]),
        component("billing", "Billing", None, true, &[]),
    ];
    Arc::new(Graph::new(components).unwrap())
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings { timezone: Sao_Paulo, ..Settings::default() }, Vec::new())
    }

    pub fn with(settings: Settings, policies: Vec<EscalationPolicy>) -> Self {
        let book = Self::fresh(&settings, &policies);
        let alerts = BTreeMap::new();
        Self { book, now: clock("00:00"), log: Vec::new(), settings, policies, alerts, observed: Vec::new() }
    }

    fn fresh(settings: &Settings, policies: &[EscalationPolicy]) -> Book {
        let responders = vec![sink("ops"), sink("phone")];
        Book::new(Arc::new(settings.clone()), platform(), Arc::from(policies), responders)
    }

    /// What is decided at a time of the day when these alerts move; until then time goes on.
    pub fn at(&mut self, time: &str, moves: impl IntoIterator<Item = Move>) -> Vec<Event> {
        self.until(clock(time));
        let transitions = moves.into_iter().map(|moved| self.transition(&moved)).collect();
        self.ask(&Input::Evaluation(Evaluation { transitions, changes: Vec::new() }))
    }

    /// Asks the book whenever it wants to be asked, until a time; what it decided then.
    pub fn until(&mut self, time: Timestamp) -> Vec<Event> {
        let from = self.log.len();
        while let Some(wake) = self.book.next_wake().filter(|wake| wake.at <= time) {
            self.now = wake.at.max(self.now);
            self.ask(&Input::Tick);
            let next = self.book.next_wake();
            assert!(next.as_ref().is_none_or(|next| self.now < next.at), "a busy loop: {wake:?}, {next:?}");
        }
        self.now = time;
        self.log[from..].to_vec()
    }

    /// The process was away: nothing is asked until then.
    pub fn away_until(&mut self, time: &str) -> Vec<Event> {
        self.now = clock(time);
        self.ask(&Input::Tick)
    }

    pub fn command(&mut self, time: &str, kind: CommandKind) -> Vec<Event> {
        self.until(clock(time));
        self.ask(&Input::Command(Command { by: "ana".to_owned(), incident: IncidentId(1), kind }))
    }

    pub fn action(&mut self, time: &str, text: &str) -> Vec<Event> {
        self.command(time, CommandKind::Action { text: text.to_owned(), at: None })
    }

    pub fn ask(&mut self, input: &Input) -> Vec<Event> {
        let events = self.book.decide(self.now, input);
        assert_eq!(events, self.book.decide(self.now, input), "the same question has the same answer");
        for event in &events {
            assert_eq!(event.seq, self.log.len() as u64 + 1, "numbers have no gaps");
            self.book.apply(event);
            self.log.push(event.clone());
            if matches!(event.what, What::StatusChanged { to: Status::Resolved, .. }) {
                let over = self.book.get(event.incident).unwrap();
                let holds = |m: &Member| m.lost_since().is_some() || m.role() == Role::Backlog;
                let goes_on_elsewhere = over.merged_into.is_some();
                let by_word = over.fixed_resolved;
                assert!(
                    goes_on_elsewhere || by_word || !over.active().any(holds),
                    "resolved while something holds it"
                );
            }
        }
        events
    }

    /// The book that a journal of these events makes.
    pub fn restored(&self) -> Book {
        let journal = serde_json::to_string(&self.log).unwrap();
        let events: Vec<Event> = serde_json::from_str(&journal).unwrap();
        let mut book = Self::fresh(&self.settings, &self.policies);
        book.restore(&events);
        book
    }

    pub fn incident(&self, number: u64) -> &Incident {
        self.book.get(IncidentId(number)).unwrap()
    }

    /// The only incident.
    pub fn the(&self) -> &Incident {
        assert_eq!(self.book.incidents().count(), 1);
        self.incident(1)
    }

    pub fn last_post(&self) -> &Post {
        &self.the().posts.last().unwrap().item
    }

    pub fn reads(&mut self, name: &str, value: f64) {
        let alerts = vec![Reading { key: key(name), value, public_summary: None }];
        self.observe(Readings { alerts, ..Readings::default() });
    }

    /// A rule has words for customers.
    pub fn tells(&mut self, name: &str, summary: &str) {
        let alerts = vec![Reading { key: key(name), value: 0.12, public_summary: Some(summary.to_owned()) }];
        self.observe(Readings { alerts, ..Readings::default() });
    }

    /// A breakdown says that crm-consumers make so much of the rise.
    pub fn explains(&mut self, name: &str, share: f64) {
        let (label, value) = ("client".to_owned(), "crm-consumers".to_owned());
        let share = Share { label, value, component: Some(id("crm-consumers")), share };
        let explained = vec![Explained { key: key(name), shares: vec![share] }];
        self.observe(Readings { explained, ..Readings::default() });
    }

    fn observe(&mut self, readings: Readings) {
        self.book.observe(self.now, &readings);
        self.observed.push((self.log.len(), self.now, readings));
    }

    /// The process dies, and starts again from its journal; what was measured is measured again from the series.
    pub fn restart(&mut self) {
        let mut book = Self::fresh(&self.settings, &self.policies);
        let mut told = 0;
        // Readings are taken in where they were, so that each finds the incidents as they were then.
        for (after, at, readings) in &self.observed {
            self.log[told..*after].iter().for_each(|event| book.apply(event));
            told = *after;
            book.observe(*at, readings);
        }
        self.log[told..].iter().for_each(|event| book.apply(event));
        self.book = book;
        self.ask(&Input::Tick);
    }

    pub fn transition(&mut self, moved: &Move) -> Transition {
        let key = AlertKey {
            labels: key(&moved.name).labels.with("instance", &moved.instance),
            ..key(&moved.name)
        };
        let before = self.alerts.get(&key).cloned();
        let mut facts = before.as_ref().map_or_else(|| facts(moved), |(_, facts)| facts.clone());
        (moved.change)(&mut facts);
        let to = self.state(before.as_ref().map(|(state, _)| state), moved.does);
        self.alerts.insert(key.clone(), (to.clone(), facts.clone()));
        let from = before.map(|(state, _)| state.name());
        let because = format!("it is {}", to.name().as_str());
        Transition { key, from, to, facts, because }
    }

    /// An alert crosses half a minute before it fires, as after a `for` of that length.
    fn state(&self, before: Option<&AlertState>, does: Does) -> AlertState {
        let (now, crossed) = (self.now, self.now - Duration::from_secs(30));
        let known = before.filter(|state| state.is_active());
        let breached_at = known.map_or(crossed, AlertState::breached_at);
        let severity = known.and_then(AlertState::severity).unwrap_or(Severity::Minor);
        match does {
            Does::Fires(severity) => AlertState::Firing { breached_at, fired_at: now, severity },
            Does::Clears => AlertState::Clearing { breached_at, fired_at: now, recovered_at: now, severity },
            Does::GoesMissing => {
                AlertState::Lost { breached_at, fired_at: now, missing_since: crossed, severity }
            }
            Does::Ends => {
                let why = Ending::Recovered;
                AlertState::Resolved { breached_at, fired_at: now, recovered_at: now, why }
            }
        }
    }
}

pub fn key(name: &str) -> AlertKey {
    let labels = [("alertname", name), ("instance", "db-7.internal:9187")].into_iter().collect();
    AlertKey { rule: RuleId::new("group", name, 0), labels }
}

fn facts(moved: &Move) -> AlertFacts {
    AlertFacts {
        name: moved.name.clone(),
        role: moved.role,
        component: ComponentId::new(&moved.component).ok(),
        counts: true,
        status: None,
        annotations: [
            ("summary", format!("{} of db-7.internal is bad", moved.name)),
            ("runbook_url", format!("https://runbooks.example/{}", moved.name)),
        ]
        .into_iter()
        .collect(),
        incident_key: None,
        public_cause: None,
        value: Some(97.0),
        threshold: Some(85.0),
        clear: None,
        interval_ms: 15_000,
    }
}

/// The posts among events, as `HH:MM:SS status`.
pub fn posts(events: &[Event]) -> Vec<String> {
    let posts = events.iter().filter_map(|event| match &event.what {
        What::Posted { post } => Some(format!("{} {}", said(event.at), post.status)),
        _ => None,
    });
    posts.collect()
}

/// The pages among events, as `HH:MM:SS reason → sinks`.
pub fn pages(events: &[Event]) -> Vec<String> {
    let pages = events.iter().filter_map(|event| match &event.what {
        What::Paged { page } => {
            let to: Vec<&str> = page.to.iter().map(SinkName::as_str).collect();
            Some(format!("{} {:?} → {}", said(event.at), page.reason, to.join(", ")))
        }
        _ => None,
    });
    pages.collect()
}
