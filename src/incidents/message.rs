//! What is told: a post to customers, a page to responders.
//!
//! In:   what `publish` and `page` compose.
//! Out:  the same, in events, in deliveries and in the memory of an incident.
//! Not:  nothing is decided or composed here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, ComponentStatus, IncidentId, Severity, SinkName, Timestamp};
use crate::rules::AlertKey;

use super::finding::Suspect;
use super::status::{Impact, Status};

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
