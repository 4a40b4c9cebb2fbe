//! One incident as the book remembers it.
//!
//! In:   the event that opens it; every other event changes it in `remember`.
//! Out:  what is known and what was said so far, for decisions, for the server and for people.
//! Not:  nothing is decided here and no setting is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};
use crate::rules::{AlertKey, Role};

use super::event::{Event, What};
use super::finding::{Effect, Figure, Suspect};
use super::member::{Family, Member};
use super::message::{Page, PageReason, Post};
use super::status::{Exposure, Impact, Span, Status};

/// Something with the time at which it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub item: T,
}

/// An internal line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who says it.
    pub by: String,
    /// The line.
    pub text: String,
    /// Whether it was taken back.
    pub retracted: bool,
}

/// Something people did against an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
    /// What was measured when they did it.
    pub measured: Vec<Figure>,
    /// What it changed.
    pub outcome: ActionOutcome,
    /// Whether it was seen in metrics, and not told: customers do not read of it.
    pub seen: bool,
    /// Whether it was taken back.
    pub retracted: bool,
}

impl Action {
    /// Whether customers read of it: people told it, and did not take it back.
    pub(super) const fn is_public(&self) -> bool {
        !self.seen && !self.retracted
    }
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionOutcome {
    /// It is not known yet.
    Open,
    /// It changed nothing worth telling, or nothing could be measured.
    NoEffect,
    /// It changed this.
    Measured(Effect),
}

/// A cause that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// When it was named.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The cause, in words.
    pub text: String,
    /// The component that it lies in.
    pub component: Option<ComponentId>,
    /// Whether customers may read it.
    pub public: bool,
}

/// A post that waits for a person's word.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingDraft {
    /// Since when a draft waits; a newer version of it does not begin anew.
    pub since: Timestamp,
    /// When it was last written anew.
    pub revised_at: Timestamp,
    /// The post as it would be.
    pub post: Post,
    /// Who wrote another text into it, and which.
    pub edited: Option<(String, String)>,
    /// What it takes in beside the fields of the post.
    pub(super) takes_in: Said,
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
    /// Updates that were called off in a post, since somebody muted the incident.
    pub withdrawn: u32,
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
    /// When an ETA was last stated.
    pub(super) eta_at: Option<Timestamp>,
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
    /// When somebody first took it on, whether that stands or not.
    pub first_acknowledged_at: Option<Timestamp>,
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
    /// What probably caused it, the likeliest first, as it was last said.
    pub suspects: Vec<Suspect>,
    /// The cause that somebody named.
    pub cause: Option<Cause>,
    /// The incident that it became a part of.
    pub merged_into: Option<IncidentId>,
    /// Its alerts, those that ended too. Shared, since a decision works on a copy of the incident.
    pub members: BTreeMap<AlertKey, Arc<Member>>,
    /// Alerts that do not count, since a person said so.
    pub dismissed: BTreeSet<AlertKey>,
    /// What its components showed when, those that recovered too.
    pub components: BTreeMap<ComponentId, Vec<Span>>,
    /// What was said in public, oldest first. Shared, since a decision works on a copy of the incident.
    pub posts: Vec<Dated<Arc<Post>>>,
    /// What responders were told, oldest first.
    pub pages: Vec<Dated<Arc<Page>>>,
    /// What people did against it, oldest first.
    pub actions: Vec<Dated<Action>>,
    /// Internal lines, oldest first.
    pub notes: Vec<Dated<Note>>,
    /// The status that a person set.
    pub fixed_status: Option<Status>,
    /// The public impact that a person set.
    pub fixed_impact: Option<Impact>,
    /// Whether a person ended it while something fired; until every alert of it has cleared once.
    pub fixed_resolved: bool,
    /// Who muted it, while that stands.
    pub muted_by: Option<String>,
    /// A post that waits for a person's word.
    pub draft: Option<WaitingDraft>,
    /// The draft that a person threw away, until something else is said: the same is not drafted again.
    pub discarded: Option<Post>,
    /// The least severity that it has, whatever its alerts say.
    pub raised: Option<Severity>,
    /// Sinks that are left alone, since somebody changed there what we had written, and what they did.
    pub stood_down: BTreeMap<SinkName, String>,
    /// What foreign systems call what we found there and took for ours.
    pub adopted: BTreeMap<SinkName, String>,
    /// The worst that its public components showed.
    pub worst_impact: Impact,
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
    /// When something was last heard of it: an alert, or a person.
    pub news_at: Timestamp,
    pub(super) said: Said,
    /// Since when it happens without a break: since it was opened, reopened, or a watch was broken.
    pub(super) happening_since: Timestamp,
    /// Incidents that a person took apart from this one.
    pub(super) split_from: BTreeSet<IncidentId>,
    /// Whether a symptom fired since it was opened or reopened.
    pub(super) symptom_seen: bool,
    /// Whether a cause fired since it was opened or reopened.
    pub(super) cause_fired: bool,
    /// Symptoms that are active, counted as they move: a storm asks for it at each of its alerts.
    pub(super) active_symptoms: usize,
    /// Components with an alert of their own in it, over its life, and how many.
    pub(super) alerting: BTreeMap<ComponentId, usize>,
    /// Keys of incidents that became a part of it.
    pub(super) other_keys: BTreeSet<String>,
    /// Causes that a person took back: no suspect of the same words is taken for the cause again.
    pub(super) rejected_causes: BTreeSet<String>,
    /// Since when it is only watched, while it is.
    pub(super) watched_since: Option<Timestamp>,
    /// The first ETA that was stated of each backlog since it was opened or raised for a slip.
    pub(super) first_etas: BTreeMap<AlertKey, Timestamp>,
    /// The families of alerts that are or were in it, and how many alerts of each.
    pub(super) families: BTreeMap<Family, usize>,
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
            first_acknowledged_at: None,
            identified_at: None,
            mitigated_at: None,
            monitoring_at: None,
            resolved_at: None,
            root: None,
            suspects: Vec::new(),
            cause: None,
            merged_into: None,
            members: BTreeMap::new(),
            dismissed: BTreeSet::new(),
            components: BTreeMap::new(),
            posts: Vec::new(),
            pages: Vec::new(),
            actions: Vec::new(),
            notes: Vec::new(),
            fixed_status: None,
            fixed_impact: None,
            fixed_resolved: false,
            muted_by: None,
            draft: None,
            discarded: None,
            raised: None,
            stood_down: BTreeMap::new(),
            adopted: BTreeMap::new(),
            worst_impact: Impact::None,
            promise: None,
            promises: Promises::default(),
            watch_until: None,
            held_by: Vec::new(),
            breaks: 0,
            reopened: 0,
            escalation: None,
            undelivered: BTreeMap::new(),
            moved_at: event.at,
            news_at: event.at,
            said: Said::default(),
            happening_since: event.at,
            split_from: BTreeSet::new(),
            symptom_seen: false,
            cause_fired: false,
            active_symptoms: 0,
            alerting: BTreeMap::new(),
            other_keys: BTreeSet::new(),
            rejected_causes: BTreeSet::new(),
            watched_since: None,
            first_etas: BTreeMap::new(),
            families: BTreeMap::new(),
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
        self.members.values().map(Arc::as_ref).filter(|member| self.counts(member))
    }

    /// Whether an alert of it counts as firing now: it is active, and nobody dismissed it.
    pub fn counts(&self, member: &Member) -> bool {
        member.is_active() && !self.dismissed.contains(&member.key)
    }

    /// The highest severity that is active in it, or that it was raised to.
    pub fn severity(&self) -> Option<Severity> {
        let active = self.active().filter_map(|member| member.state.severity()).max()?;
        Some(self.raised.map_or(active, |raised| raised.max(active)))
    }

    /// Whether its cause is known: one fires, or somebody named one.
    pub fn cause_is_known(&self) -> bool {
        self.cause.is_some() || self.cause_fired
    }

    /// What a component shows now because of it.
    pub fn component_status(&self, id: &ComponentId) -> ComponentStatus {
        match self.components.get(id).and_then(|spans| spans.last()) {
            Some(Span { until: None, status, .. }) => *status,
            _ => ComponentStatus::Operational,
        }
    }

    /// The components that show something other than operational because of it.
    pub fn affected_now(&self) -> impl Iterator<Item = &ComponentId> {
        self.components.keys().filter(|id| self.component_status(id) != ComponentStatus::Operational)
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
        let counts = |m: &Member| m.facts.counts && !self.dismissed.contains(&m.key);
        let causes = self.members.values().filter(|m| m.role() == Role::Cause && counts(m));
        let named = self.cause.iter().filter(|cause| cause.public).map(|cause| cause.text.clone());
        causes.filter_map(|m| m.facts.public_cause.clone()).chain(named).collect()
    }

    /// The keys that it is known by.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.key.iter().chain(&self.other_keys)
    }

    /// What people did that was not taken back, oldest first.
    pub fn standing_actions(&self) -> impl Iterator<Item = &Dated<Action>> {
        self.actions.iter().filter(|action| !action.item.retracted)
    }
}
