//! Where an incident stands, how bad it is, and who may know of it: the words that everybody shares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentStatus, Timestamp};

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

    /// Whether customers still feel it: it is neither watched nor over.
    pub const fn is_happening(self) -> bool {
        matches!(self, Self::Investigating | Self::Identified)
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
