//! What can wake the book.

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, DeliveryId, IncidentId, SinkName, Timestamp};
use crate::rules::{AlertKey, Explained, Reading, Transition};

use super::command::Command;

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
    /// What sort of change it is.
    #[serde(default)]
    pub kind: ChangeKind,
    /// The version that is there from then on.
    #[serde(default)]
    pub version: Option<String>,
    /// What, in words.
    pub summary: String,
    /// Who told it; `None` where it was seen in metrics.
    #[serde(default)]
    pub by: Option<String>,
}

/// What sort of change it is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new version.
    #[default]
    Deploy,
    /// Other settings of the same version.
    Config,
    /// A switch within the application.
    Flag,
    /// Data or a schema was changed.
    Migration,
    /// More or fewer instances or resources.
    Scale,
    /// The same version, started again.
    Restart,
    /// A version or setting that was there before is back.
    Rollback,
    /// Anything else.
    Other,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Deploy,
        Self::Config,
        Self::Flag,
        Self::Migration,
        Self::Scale,
        Self::Restart,
        Self::Rollback,
        Self::Other,
    ];

    /// The word that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Config => "config",
            Self::Flag => "flag",
            Self::Migration => "migration",
            Self::Scale => "scale",
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::Other => "other",
        }
    }

    /// Reads the word that users write.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A delivery's fate that matters to the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReport {
    /// Its number in the journal, by which it is marked as read.
    pub number: u64,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Of which incident.
    pub incident: IncidentId,
    /// To which sink.
    pub sink: SinkName,
    /// When it was recorded.
    pub at: Timestamp,
    /// What became of it.
    pub news: SinkNews,
}

/// What a sink has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum SinkNews {
    /// It will never be delivered.
    Dead {
        /// Why not.
        because: String,
    },
    /// Nothing has come through for a while; it is tried on.
    Late {
        /// Since when.
        since: Timestamp,
        /// What the last attempt came to.
        because: String,
    },
    /// What we were about to create was there already, with our key, and is ours.
    Adopted {
        /// What the foreign system calls it.
        id: String,
    },
    /// A person edited or resolved there what we had written.
    ForeignEdit {
        /// What they did.
        what: String,
    },
}

/// What was measured, whether anything moved or not. Informs the figures of posts; is never journaled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// The value of each alert that was evaluated.
    pub alerts: Vec<Reading>,
    /// What explains the rise behind alerts.
    pub explained: Vec<Explained>,
    /// Alerts whose key is no longer evaluated: nothing more will be measured of them.
    pub gone: Vec<AlertKey>,
}
