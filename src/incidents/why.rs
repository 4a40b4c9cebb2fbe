//! The reason for an event, and when to ask the book again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{IncidentId, SinkName, Timestamp, format_duration};

/// When to ask the book again, and which rule asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
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
