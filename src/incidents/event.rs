//! What the book says: every decision and every word, with the reason for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp, format_duration,
};
use crate::rules::{AlertFacts, AlertKey, AlertState, Role};

use super::command::Holdable;
use super::input::{Change, ChangeKind};

/// An output of the engine: one line of an incident's timeline. The events alone rebuild what was decided and said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the journal, from 1, without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Of which incident; `IncidentId::NONE` for what is of none yet, such as a change.
    pub incident: IncidentId,
    /// What.
    pub what: What,
    /// Why.
    pub why: Why,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is wrong, the cause is not known.
    Investigating,
    /// The cause is known.
    Identified,
    /// Every symptom is over; it is watched.
    Monitoring,
    /// It is over.
    Resolved,
}

impl Status {
    /// The word that status pages use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When to ask the book again, and which rule asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// How bad an incident is, from its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nothing that customers feel.
    None,
    /// A component is degraded.
    Minor,
    /// A component is partly out.
    Major,
    /// A component is down.
    Critical,
}

impl Impact {
    /// The impact that a component's status means.
    pub const fn of(status: ComponentStatus) -> Self {
        match status {
            ComponentStatus::Operational | ComponentStatus::Unknown | ComponentStatus::UnderMaintenance => {
                Self::None
            }
            ComponentStatus::DegradedPerformance => Self::Minor,
            ComponentStatus::PartialOutage => Self::Major,
            ComponentStatus::MajorOutage => Self::Critical,
        }
    }

    /// The word that status pages use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who may know of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Operators only: no symptom, or no public component.
    Internal,
    /// Customers too.
    Public,
}

/// An alert that is or was part of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Which alert.
    pub key: AlertKey,
    /// Where it stands.
    pub state: AlertState,
    /// What is known of it.
    pub facts: AlertFacts,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// The worst severity it had.
    pub worst: Severity,
}

/// What keeps alerts together that neither a component nor a key of their own does: their name, and their rule's
/// group, whose labels they share. Variants of a rule under one name, by severity say, are one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family {
    alert: String,
    group: String,
}

impl Family {
    /// The family of an alert; `None` for one that has a component or a key.
    pub(super) fn of(key: &AlertKey, facts: &AlertFacts) -> Option<Self> {
        if facts.component.is_some() || facts.incident_key.is_some() {
            return None;
        }
        let rule = key.rule.as_str();
        let group = rule.rfind(&format!("/{}", facts.name)).map_or(rule, |end| &rule[..end]);
        Some(Self { alert: facts.name.clone(), group: group.to_owned() })
    }
}

impl Member {
    /// What it tells.
    pub fn role(&self) -> Role {
        self.facts.role
    }

    /// Whether it counts as firing now: firing, clearing or lost, and not only recorded.
    pub fn is_active(&self) -> bool {
        self.facts.counts && self.state.is_active()
    }

    /// Since when its measurement is missing, while that keeps it from ending.
    pub fn lost_since(&self) -> Option<Timestamp> {
        match self.state {
            AlertState::Lost { missing_since, .. } if self.facts.counts => Some(missing_since),
            _ => None,
        }
    }

    /// What its component shows because of it; `None` where it changes nothing.
    pub fn shows(&self) -> Option<ComponentStatus> {
        let severity = self.state.severity().filter(|_| self.facts.counts)?;
        let status = self.facts.status.unwrap_or(ComponentStatus::of(severity));
        Some(status).filter(|status| *status != ComponentStatus::Operational)
    }
}

/// A stretch of time in which a component had one status within an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// Which status.
    pub status: ComponentStatus,
}

/// What happened. Variants are added, never changed: journals keep them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The incident exists from here on.
    Opened {
        /// Its key, where a rule gives one.
        key: Option<String>,
        /// Its title.
        title: String,
        /// Who may know of it.
        exposure: Exposure,
        /// When its symptoms (or first alert) first crossed.
        started_at: Timestamp,
    },
    /// An alert became part of it.
    Joined {
        /// The alert.
        member: Member,
    },
    /// An alert of it moved.
    Moved {
        /// Which alert.
        key: AlertKey,
        /// Where it stands.
        state: AlertState,
        /// What is known of it.
        facts: AlertFacts,
    },
    /// Its symptoms began at another time than known so far: earlier, or at all where only causes were known.
    StartedEarlier {
        /// When.
        started_at: Timestamp,
    },
    /// It is told to customers from here on.
    Exposed,
    /// Its root is another component.
    Rooted {
        /// The most upstream component with a firing symptom or cause.
        component: ComponentId,
    },
    /// Its title changed.
    Retitled {
        /// The new title.
        title: String,
    },
    /// A component's status within the incident changed.
    ComponentChanged {
        /// Which component.
        component: ComponentId,
        /// From which status.
        from: ComponentStatus,
        /// To which status.
        to: ComponentStatus,
    },
    /// Its status changed.
    StatusChanged {
        /// From which status.
        from: Status,
        /// To which status.
        to: Status,
        /// On entering `monitoring`: until when it is watched.
        watch_until: Option<Timestamp>,
    },
    /// Its impact changed.
    ImpactChanged {
        /// From which impact.
        from: Impact,
        /// To which impact.
        to: Impact,
    },
    /// The watch passed, and something holds it from resolved.
    Held {
        /// What does, in words.
        by: Vec<String>,
    },
    /// A public word.
    Posted {
        /// The post.
        post: Post,
    },
    /// A promised update came in time.
    PromiseKept {
        /// Until when it was promised.
        due: Timestamp,
    },
    /// A promised update did not come in time.
    PromiseMissed {
        /// Until when it was promised.
        due: Timestamp,
    },
    /// The escalation policy of this severity starts, or starts again; who acknowledged before is asked anew.
    Escalating {
        /// The severity that it starts for.
        severity: Severity,
        /// Why it starts, which the pages of the first step say.
        reason: PageReason,
    },
    /// A message about it will never arrive.
    Undelivered {
        /// Which delivery.
        delivery: DeliveryId,
        /// To which sink.
        sink: SinkName,
        /// Why not.
        because: String,
    },
    /// A call to responders.
    Paged {
        /// The page.
        page: Page,
    },
    /// Somebody is on it.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// Nobody is on it any more.
    Unacknowledged {
        /// Who says so; `None` where the acknowledgement expired.
        by: Option<String>,
    },
    /// An internal line.
    Noted {
        /// Who says it.
        by: String,
        /// The line.
        text: String,
    },
    /// A note was taken back.
    NoteRetracted {
        /// Its number, from 1.
        number: u32,
        /// Who did.
        by: String,
    },
    /// Something people did against it.
    Acted {
        /// Who; `metrics` where it was seen there.
        by: String,
        /// What.
        text: String,
        /// When they did.
        #[serde(default)]
        done_at: Option<Timestamp>,
        /// What was measured then, to compare with later; nothing where it was told long afterwards.
        #[serde(default)]
        measured: Vec<Figure>,
        /// Whether nobody told it: it was seen in metrics, and is not for customers.
        #[serde(default)]
        seen: bool,
    },
    /// An action was taken back.
    ActionRetracted {
        /// Its number, from 1.
        number: u32,
        /// Who did.
        by: String,
    },
    /// What an action changed, as measured.
    EffectMeasured {
        /// The action's number, from 1.
        number: u32,
        /// What changed; `None` where nothing worth telling did.
        effect: Option<Effect>,
    },
    /// Something rolled out. Of no incident by itself.
    Changed {
        /// What.
        change: Change,
    },
    /// Who or what probably caused it, the likeliest first.
    Suspected {
        /// The suspects.
        suspects: Vec<Suspect>,
    },
    /// The cause was named.
    CauseNamed {
        /// Who did; `suspects` where the likeliest one passed the bar.
        by: String,
        /// The cause, in words.
        text: String,
        /// The component that it lies in.
        component: Option<ComponentId>,
        /// Whether customers may read it.
        public: bool,
    },
    /// The named cause was taken back.
    CauseWithdrawn {
        /// Who did.
        by: String,
    },
    /// A person set something; the machine leaves it alone.
    Fixed {
        /// What, and to what.
        fixed: Fixed,
        /// Who did.
        by: String,
    },
    /// The machine decides again.
    Released {
        /// What.
        what: Holdable,
        /// Who said so.
        by: String,
    },
    /// Nothing more is said in public.
    Muted {
        /// Who said so.
        by: String,
    },
    /// It is spoken of again.
    Unmuted {
        /// Who said so.
        by: String,
    },
    /// A promised update will not come, since somebody muted the incident.
    PromiseWithdrawn {
        /// Until when it was promised.
        due: Timestamp,
    },
    /// A promise of an incident that became a part of this one.
    PromiseTaken {
        /// Until when it was promised.
        due: Timestamp,
        /// By which incident.
        from: IncidentId,
    },
    /// A post waits for a person's word.
    Drafted {
        /// The post as it would be.
        post: Post,
    },
    /// A person wrote another text into the draft.
    DraftEdited {
        /// Who.
        by: String,
        /// The text.
        text: String,
    },
    /// The draft is no more, and was not said.
    DraftDropped {
        /// Who threw it away; `None` where it was overtaken.
        by: Option<String>,
    },
    /// It became a part of another incident, and ends.
    Merged {
        /// Of which.
        into: IncidentId,
    },
    /// It took over all that belonged to another incident.
    Absorbed {
        /// Which.
        from: IncidentId,
        /// Its alerts.
        members: Vec<Member>,
        /// What its components showed when.
        components: BTreeMap<ComponentId, Vec<Span>>,
        /// The keys that it was known by.
        keys: BTreeSet<String>,
        /// Incidents that a person took apart from it.
        split_from: BTreeSet<IncidentId>,
    },
    /// An alert is part of another incident from here on.
    Left {
        /// Which alert.
        key: AlertKey,
        /// Which incident.
        to: IncidentId,
        /// Who took it out, where a person did: the two incidents then stay apart.
        by: Option<String>,
    },
    /// An alert does not count any more.
    Dismissed {
        /// Which alert.
        key: AlertKey,
        /// Who said so.
        by: String,
    },
    /// A dismissed alert counts again.
    Reinstated {
        /// Which alert.
        key: AlertKey,
        /// Who said so.
        by: String,
    },
    /// Its severity is at least this from here on, whatever its alerts say.
    SeverityRaised {
        /// Which severity.
        to: Severity,
        /// Why.
        because: Raising,
    },
    /// A sink found what we were about to create there, and it is ours.
    Adopted {
        /// Which sink.
        sink: SinkName,
        /// What the foreign system calls it.
        id: String,
    },
    /// Somebody changed on a foreign system what we had written; we leave it alone there.
    StoodDown {
        /// On which sink.
        sink: SinkName,
        /// What they did.
        what: String,
    },
}

impl What {
    /// The name of the variant, for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Joined { .. } => "joined",
            Self::Moved { .. } => "moved",
            Self::StartedEarlier { .. } => "started_earlier",
            Self::Exposed => "exposed",
            Self::Rooted { .. } => "rooted",
            Self::Retitled { .. } => "retitled",
            Self::ComponentChanged { .. } => "component_changed",
            Self::StatusChanged { .. } => "status_changed",
            Self::ImpactChanged { .. } => "impact_changed",
            Self::Held { .. } => "held",
            Self::Posted { .. } => "posted",
            Self::PromiseKept { .. } => "promise_kept",
            Self::PromiseMissed { .. } => "promise_missed",
            Self::Escalating { .. } => "escalating",
            Self::Undelivered { .. } => "undelivered",
            Self::Paged { .. } => "paged",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Unacknowledged { .. } => "unacknowledged",
            Self::Noted { .. } => "noted",
            Self::NoteRetracted { .. } => "note_retracted",
            Self::Acted { .. } => "acted",
            Self::ActionRetracted { .. } => "action_retracted",
            Self::EffectMeasured { .. } => "effect_measured",
            Self::Changed { .. } => "changed",
            Self::Suspected { .. } => "suspected",
            Self::CauseNamed { .. } => "cause_named",
            Self::CauseWithdrawn { .. } => "cause_withdrawn",
            Self::Fixed { .. } => "fixed",
            Self::Released { .. } => "released",
            Self::Muted { .. } => "muted",
            Self::Unmuted { .. } => "unmuted",
            Self::PromiseWithdrawn { .. } => "promise_withdrawn",
            Self::PromiseTaken { .. } => "promise_taken",
            Self::Drafted { .. } => "drafted",
            Self::DraftEdited { .. } => "draft_edited",
            Self::DraftDropped { .. } => "draft_dropped",
            Self::Merged { .. } => "merged",
            Self::Absorbed { .. } => "absorbed",
            Self::Left { .. } => "left",
            Self::Dismissed { .. } => "dismissed",
            Self::Reinstated { .. } => "reinstated",
            Self::SeverityRaised { .. } => "severity_raised",
            Self::Adopted { .. } => "adopted",
            Self::StoodDown { .. } => "stood_down",
        }
    }
}

/// What a component shows, as a post says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentNow {
    /// Which component.
    pub id: ComponentId,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// What it shows.
    pub status: ComponentStatus,
}

/// A public word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// The incident's title.
    pub title: String,
    /// The status it says.
    pub status: Status,
    /// The public impact it says.
    pub impact: Impact,
    /// The text.
    pub body: String,
    /// The public components of the incident as they are now, those that recovered too.
    pub components: Vec<ComponentNow>,
    /// The affected line over the incident's life: 'Blip Platform (CRM, Analytics) and Desk'.
    pub affected: String,
    /// When the incident began.
    pub started_at: Timestamp,
    /// When the symptoms ended, once they have.
    pub mitigated_at: Option<Timestamp>,
    /// The promise: the next update comes by then. None once resolved.
    pub next_update_by: Option<Timestamp>,
    /// What sort of word it is.
    #[serde(default)]
    pub kind: PostKind,
    /// When backlogs are expected to be drained, as the text says it.
    #[serde(default)]
    pub etas: Vec<Eta>,
    /// Sinks that do not get it, since a person took over there.
    #[serde(default)]
    pub except: BTreeSet<SinkName>,
}

/// What sort of word a post is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PostKind {
    /// What the machine knows.
    #[default]
    Update,
    /// That we are looking into it: nobody approved more in time.
    Holding,
    /// As a person approved it, or wrote it.
    Written {
        /// Who.
        by: String,
        /// Whether the text is that person's, and not what the machine knows.
        own_words: bool,
    },
    /// That updates are paused.
    Muted,
    /// That it goes on in another incident.
    Merged {
        /// Which.
        into: IncidentId,
    },
}

/// When a backlog is expected to be drained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eta {
    /// The backlog.
    pub alert: AlertKey,
    /// Its component.
    pub component: Option<ComponentId>,
    /// At the earliest.
    pub low: Timestamp,
    /// Most likely.
    pub best: Timestamp,
    /// At the latest.
    pub high: Timestamp,
}

/// A measured value at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Of which alert.
    pub alert: AlertKey,
    /// The value.
    pub value: f64,
}

/// What an action changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What was measured, as people call it: the alert's name.
    pub what: String,
    /// The value when people acted.
    pub from: f64,
    /// The value afterwards.
    pub to: f64,
    /// How long that took, in milliseconds.
    pub within_ms: u64,
}

/// A probable cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// What it is.
    pub kind: SuspectKind,
    /// The component that it is about.
    pub component: Option<ComponentId>,
    /// In words.
    pub summary: String,
    /// When it rolled out; for a label value, when the rise began.
    pub at: Timestamp,
    /// How likely it is, 0 to 1: the product of its parts.
    pub score: f64,
    /// The parts of the score.
    pub parts: ScoreParts,
}

/// What a suspect is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspectKind {
    /// Something that rolled out.
    Change(ChangeKind),
    /// A label value that makes a large part of the rise.
    Label,
}

impl SuspectKind {
    /// The word for it: that of the change, or `label`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Change(kind) => kind.as_str(),
            Self::Label => "label",
        }
    }
}

/// What makes a suspect likely; each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoreParts {
    /// How close in time.
    pub time: f64,
    /// How close in the graph of components.
    pub graph: f64,
    /// How often changes of that kind are the cause.
    pub kind: f64,
    /// Its part of the rise; 1 where nothing breaks the rise down.
    pub share: f64,
}

/// What a person set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fixed {
    /// The status.
    Status {
        /// To which.
        status: Status,
    },
    /// The public impact.
    Impact {
        /// To which.
        impact: Impact,
    },
    /// That it is over, although something fires still.
    Resolved,
}

/// Why the severity of an incident rose by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Raising {
    /// It lasts.
    Lasts {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// It is broad.
    Breadth {
        /// How many components are affected.
        components: u32,
    },
    /// The time at which a backlog is expected to be drained went further away.
    EtaSlipped {
        /// By how much, in milliseconds.
        by_ms: u64,
    },
}

/// Why responders are told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageReason {
    /// An incident opened.
    Opened,
    /// A later step of the policy, or a repeat: nobody acknowledged.
    NotAcknowledged,
    /// Its severity rose.
    SeverityRaised,
    /// A symptom came back.
    Reopened,
    /// A measurement that the incident depends on is missing.
    MeasurementLost,
    /// A message could not be delivered.
    DeliveryFailed,
    /// Whoever had taken it on was not heard of for too long.
    AcknowledgementExpired,
    /// A post waits for a person's word.
    DraftWaits,
    /// Somebody changed our words on a foreign system, and we leave them alone there.
    StoodDown,
    /// For information: it became a part of another incident.
    Merged,
    /// The journal cannot be written; told without it.
    JournalFailing,
    /// A part of the daemon failed and the process ends; told without the journal.
    DaemonFailing,
    /// For information: every symptom is over.
    Monitoring,
    /// For information: it is over.
    Resolved,
}

impl PageReason {
    /// Whether somebody should act now. What does not call anybody is information for those who were called.
    pub const fn calls(self) -> bool {
        !matches!(self, Self::Monitoring | Self::Resolved | Self::Merged)
    }
}

/// A call to responders, or a word to those who were called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// Why they are told.
    pub reason: PageReason,
    /// Who is told.
    pub to: Vec<SinkName>,
    /// The policy's step, from 0.
    pub step: u32,
    /// The incident's title.
    pub title: String,
    /// The incident's status.
    pub status: Status,
    /// The highest severity in it.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// What is measured, what it is about, what to read: lines.
    pub details: String,
    /// The components affected or at risk, in the configuration's order.
    pub components: Vec<ComponentNow>,
    /// Runbooks of the rules that fire.
    pub runbooks: Vec<String>,
    /// When the incident began.
    pub started_at: Timestamp,
    /// What probably caused it, the likeliest first.
    #[serde(default)]
    pub suspects: Vec<Suspect>,
}

/// The reason for an event, which the timeline, the log and the posts' reviewers read in the same words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// An alert moved.
    Alert {
        /// Which, as people read it.
        alert: String,
        /// How: `above 85 for 1m`.
        because: String,
    },
    /// It follows from another event of the same decision.
    Follows {
        /// In words.
        because: String,
    },
    /// The promised time is near.
    PromiseDue {
        /// Until when the update was promised.
        due: Timestamp,
    },
    /// The promised time has passed.
    PromiseOverdue {
        /// Until when the update was promised.
        due: Timestamp,
    },
    /// Something new is known.
    NewFact {
        /// What.
        fact: String,
    },
    /// The watch passed.
    WatchPassed,
    /// Nobody acknowledged.
    NobodyAcknowledged,
    /// Whoever acknowledged was not heard of for so long.
    AcknowledgementExpired {
        /// For how long, in milliseconds.
        after_ms: u64,
    },
    /// Nobody approved the draft in time.
    NobodyApproved,
    /// An operator said so.
    Operator {
        /// Who.
        by: String,
    },
    /// An alert belongs to two incidents.
    Merging {
        /// Which alert.
        alert: String,
        /// The older incident.
        into: IncidentId,
    },
    /// A sink reported.
    Sink {
        /// Which.
        sink: SinkName,
        /// What.
        because: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert { alert, because } => write!(f, "{alert}: {because}"),
            Self::Follows { because } => f.write_str(because),
            Self::PromiseDue { due } => write!(f, "an update was promised by {due}"),
            Self::PromiseOverdue { due } => write!(f, "the update promised by {due} did not come in time"),
            Self::NewFact { fact } => write!(f, "new: {fact}"),
            Self::WatchPassed => f.write_str("the watch passed without a relapse"),
            Self::NobodyAcknowledged => f.write_str("nobody acknowledged"),
            Self::AcknowledgementExpired { after_ms } => {
                let after = format_duration(Duration::from_millis(*after_ms));
                write!(f, "nothing was heard for {after} of who acknowledged")
            }
            Self::NobodyApproved => f.write_str("nobody approved the draft in time"),
            Self::Operator { by } => write!(f, "{by} said so"),
            Self::Merging { alert, into } => write!(f, "{alert} belongs to {into} too"),
            Self::Sink { sink, because } => write!(f, "{sink}: {because}"),
        }
    }
}
