//! One incident as the book remembers it.
//!
//! In:   the event that opens it; every other event changes it in `remember`.
//! Out:  what is known and what was said so far, for decisions, for the server and for people.
//! Not:  nothing is decided here and no setting is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};
use crate::rules::{AlertKey, Role};

use super::event::{Event, Exposure, Family, Impact, Member, Page, PageReason, Post, Span, Status, What};

/// Something with the time at which it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub item: T,
}

/// What somebody said or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}

/// How the promises of an incident went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promises {
    /// Posts that promised a next update.
    pub made: u32,
    /// Updates that came in time.
    pub kept: u32,
    /// Updates that did not.
    pub missed: u32,
}

/// Where the escalation of an incident stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// When its policy started, the last time.
    pub started_at: Timestamp,
    /// The severity that it started for.
    pub severity: Severity,
    /// Why it started.
    pub reason: PageReason,
    /// When each step last paged.
    pub paged: BTreeMap<u32, Timestamp>,
}

/// A message that will never arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// To which sink.
    pub sink: SinkName,
    /// Why not.
    pub because: String,
}

/// What the last post took in beside the fields that it carries itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) actions: usize,
    pub(super) causes: BTreeSet<String>,
}

/// Alerts believed to have one cause, and everything said about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Its key, where a rule gives one.
    pub key: Option<String>,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// How bad it is now, over all of its components.
    pub impact: Impact,
    /// Who may know of it.
    pub exposure: Exposure,
    /// When its symptoms (or, without one, its first alert) first crossed.
    pub started_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last reopened; else when it was opened.
    pub open_since: Timestamp,
    /// When somebody took it on, while that stands.
    pub acknowledged_at: Option<Timestamp>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// When its cause was first known.
    pub identified_at: Option<Timestamp>,
    /// When its symptoms ended, once they have.
    pub mitigated_at: Option<Timestamp>,
    /// When it was first only watched.
    pub monitoring_at: Option<Timestamp>,
    /// When it was over, once it is.
    pub resolved_at: Option<Timestamp>,
    /// The most upstream component with a firing symptom or cause, the last time there was one.
    pub root: Option<ComponentId>,
    /// Its alerts, those that ended too.
    pub members: BTreeMap<AlertKey, Member>,
    /// What its components showed when, those that recovered too.
    pub components: BTreeMap<ComponentId, Vec<Span>>,
    /// What was said in public, oldest first. Shared, since a decision works on a copy of the incident.
    pub posts: Vec<Dated<Arc<Post>>>,
    /// What responders were told, oldest first.
    pub pages: Vec<Dated<Arc<Page>>>,
    /// What people did against it, oldest first.
    pub actions: Vec<Dated<Line>>,
    /// Internal lines, oldest first.
    pub notes: Vec<Dated<Line>>,
    /// Until when the next update is promised.
    pub promise: Option<Timestamp>,
    /// How its promises went.
    pub promises: Promises,
    /// Until when it is watched, while it is.
    pub watch_until: Option<Timestamp>,
    /// What holds it from resolved although the watch passed.
    pub held_by: Vec<String>,
    /// How often its watch was broken; a reopening counts as one, since that watch was too short as well.
    pub breaks: u32,
    /// How often it was reopened.
    pub reopened: u32,
    /// Where its escalation stands; `None` where nobody needed to be called.
    pub escalation: Option<Escalation>,
    /// Messages about it that will never arrive.
    pub undelivered: BTreeMap<DeliveryId, Undelivered>,
    /// When one of its alerts last moved.
    pub moved_at: Timestamp,
    pub(super) said: Said,
    /// Whether a symptom fired since it was opened or reopened.
    pub(super) symptom_seen: bool,
    /// Whether a cause fired since it was opened or reopened.
    pub(super) cause_known: bool,
    /// Symptoms that are active, counted as they move: a storm asks for it at each of its alerts.
    pub(super) active_symptoms: usize,
    /// Components with an alert of their own in it, over its life.
    pub(super) alerting: BTreeSet<ComponentId>,
    /// The families of alerts that are or were in it.
    pub(super) families: BTreeSet<Family>,
    /// Whether responders know that a measurement is missing.
    pub(super) loss_paged: bool,
    /// Whether its start is that of a symptom, not of a cause that was known before.
    pub(super) started_by_symptom: bool,
}

impl Incident {
    /// The incident that an `Opened` event makes; `None` for any other event.
    pub(super) fn opened(event: &Event) -> Option<Self> {
        let What::Opened { key, title, exposure, started_at } = &event.what else { return None };
        Some(Self {
            id: event.incident,
            key: key.clone(),
            title: title.clone(),
            status: Status::Investigating,
            impact: Impact::None,
            exposure: *exposure,
            started_at: *started_at,
            opened_at: event.at,
            open_since: event.at,
            acknowledged_at: None,
            acknowledged_by: None,
            identified_at: None,
            mitigated_at: None,
            monitoring_at: None,
            resolved_at: None,
            root: None,
            members: BTreeMap::new(),
            components: BTreeMap::new(),
            posts: Vec::new(),
            pages: Vec::new(),
            actions: Vec::new(),
            notes: Vec::new(),
            promise: None,
            promises: Promises::default(),
            watch_until: None,
            held_by: Vec::new(),
            breaks: 0,
            reopened: 0,
            escalation: None,
            undelivered: BTreeMap::new(),
            moved_at: event.at,
            said: Said::default(),
            symptom_seen: false,
            cause_known: false,
            active_symptoms: 0,
            alerting: BTreeSet::new(),
            families: BTreeSet::new(),
            loss_paged: false,
            started_by_symptom: false,
        })
    }

    /// Whether it is not resolved.
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    /// Alerts that count as firing now.
    pub fn active(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.is_active())
    }

    /// The highest severity that is active in it.
    pub fn severity(&self) -> Option<Severity> {
        self.active().filter_map(|member| member.state.severity()).max()
    }

    /// What a component shows now because of it.
    pub fn component_status(&self, id: &ComponentId) -> ComponentStatus {
        match self.components.get(id).and_then(|spans| spans.last()) {
            Some(Span { until: None, status, .. }) => *status,
            _ => ComponentStatus::Operational,
        }
    }

    /// Everybody who was called because of it, each once.
    pub fn called(&self) -> Vec<SinkName> {
        let called: BTreeSet<&SinkName> = self
            .pages
            .iter()
            .filter(|page| page.item.reason.calls())
            .flat_map(|page| &page.item.to)
            .collect();
        called.into_iter().cloned().collect()
    }

    /// What may be said in public of its causes.
    pub fn public_causes(&self) -> BTreeSet<String> {
        let causes = self.members.values().filter(|m| m.role() == Role::Cause && m.facts.counts);
        causes.filter_map(|m| m.facts.public_cause.clone()).collect()
    }
}
