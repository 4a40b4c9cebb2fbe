//! What the book decides: every event, with the reason for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};
use crate::rules::{AlertFacts, AlertKey, AlertState};

use super::command::Holdable;
use super::finding::{Effect, Figure, Suspect};
use super::input::Change;
use super::member::Member;
use super::message::{Page, PageReason, Post};
use super::status::{Exposure, Impact, Span, Status};
use super::why::Why;

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
