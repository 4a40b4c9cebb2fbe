//! What can wake the book.

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, DeliveryId, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, Reading, Transition};

/// Everything that can wake the book.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// What one evaluation moved: one decision, one commit.
    Evaluation(Evaluation),
    /// Something rolled out, told from outside.
    Change(Change),
    /// An operator's word.
    Command(Command),
    /// A delivery's fate that matters here.
    SinkReport(SinkReport),
    /// Time went on.
    Tick,
}

/// What one evaluation moved, together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Alerts that moved.
    pub transitions: Vec<Transition>,
    /// Changes seen in metrics.
    pub changes: Vec<Change>,
}

/// Something rolled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Of which component.
    pub component: Option<ComponentId>,
    /// What, in words.
    pub summary: String,
}

/// An operator's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Who says it.
    pub by: String,
    /// About which incident.
    pub incident: IncidentId,
    /// What.
    pub kind: CommandKind,
}

/// What an operator can say. More follow with on-call and the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CommandKind {
    /// 'I am on it': stops escalation.
    Acknowledge,
    /// An internal line.
    Note {
        /// The line.
        text: String,
    },
    /// Something people did against the incident.
    Action {
        /// What they did.
        text: String,
    },
}

/// A delivery's fate that matters to the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReport {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Of which incident.
    pub incident: IncidentId,
    /// To which sink.
    pub sink: SinkName,
    /// When it was recorded.
    pub at: Timestamp,
    /// Why it could not be delivered.
    pub dead_because: String,
}

/// What was measured, whether anything moved or not. Informs the figures of posts; is never journaled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// The value of each alert that was evaluated.
    pub alerts: Vec<Reading>,
    /// Alerts whose key is no longer evaluated: nothing more will be measured of them.
    pub gone: Vec<AlertKey>,
}
