//! What the book says: every decision and every word, with the reason for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};
use crate::rules::{AlertFacts, AlertKey, AlertState, Role};

/// An output of the engine: one line of an incident's timeline. The events alone rebuild what was decided and said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the journal, from 1, without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Of which incident.
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
    /// An internal line.
    Noted {
        /// Who says it.
        by: String,
        /// The line.
        text: String,
    },
    /// Something people did against it.
    Acted {
        /// Who.
        by: String,
        /// What.
        text: String,
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
            Self::Noted { .. } => "noted",
            Self::Acted { .. } => "acted",
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
        !matches!(self, Self::Monitoring | Self::Resolved)
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
    /// An operator said so.
    Operator {
        /// Who.
        by: String,
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
            Self::Operator { by } => write!(f, "{by} said so"),
            Self::Sink { sink, because } => write!(f, "{sink}: {because}"),
        }
    }
}
