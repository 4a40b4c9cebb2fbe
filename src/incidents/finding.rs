//! What is found out: who probably caused an incident, and what an action changed.

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, Timestamp};
use crate::rules::AlertKey;

use super::input::ChangeKind;

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
