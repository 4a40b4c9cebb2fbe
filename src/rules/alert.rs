//! What an alert is: its identity, its state, its row in the journal, and how it moves.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, ComponentStatus, Labels, RuleId, Severity, Timestamp};
use crate::promql::Feed;

/// One rule × one label set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// The rule.
    pub rule: RuleId,
    /// The alert's labels, `alertname` and the rule's own among them.
    pub labels: Labels,
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.labels.get("alertname").unwrap_or(self.rule.as_str());
        let rest = self.labels.filtered(|label| label != "alertname");
        if rest.is_empty() { f.write_str(name) } else { write!(f, "{name}{rest}") }
    }
}

/// What an alert tells.
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
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Customers feel it.
    #[default]
    Symptom,
    /// It explains why.
    Cause,
    /// Work is queued behind it.
    Backlog,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Symptom, Self::Cause, Self::Backlog];

    /// The word that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Symptom => "symptom",
            Self::Cause => "cause",
            Self::Backlog => "backlog",
        }
    }

    /// Reads the word that users write.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Where an alert stands. Each state holds its own times; the table of moves is in `ladder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AlertState {
    /// Past a threshold, not yet for long enough.
    Pending {
        /// When the value first crossed.
        breached_at: Timestamp,
    },
    /// It holds.
    Firing {
        /// When the value first crossed.
        breached_at: Timestamp,
        /// When it fired.
        fired_at: Timestamp,
        /// The highest severity that holds.
        severity: Severity,
    },
    /// Past the lowest clear value, not yet for long enough.
    Clearing {
        /// When the value first crossed.
        breached_at: Timestamp,
        /// When it fired.
        fired_at: Timestamp,
        /// When the value crossed the lowest clear value.
        recovered_at: Timestamp,
        /// The severity it had.
        severity: Severity,
    },
    /// It was firing, and the measurement is missing.
    Lost {
        /// When the value first crossed.
        breached_at: Timestamp,
        /// When it fired.
        fired_at: Timestamp,
        /// Since when the measurement is missing.
        missing_since: Timestamp,
        /// The severity it keeps.
        severity: Severity,
    },
    /// It is over.
    Resolved {
        /// When the value first crossed.
        breached_at: Timestamp,
        /// When it fired.
        fired_at: Timestamp,
        /// When it recovered.
        recovered_at: Timestamp,
        /// How it ended.
        why: Ending,
    },
}

/// How an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The value recovered.
    Recovered,
    /// What it measured is no longer there.
    Ended,
    /// `on_missing: resolve` says so.
    NoData,
    /// An operator dismissed it.
    Dismissed,
    /// Its rule left the configuration.
    RuleRemoved,
}

/// The name of a state alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// `AlertState::Pending`
    Pending,
    /// `AlertState::Firing`
    Firing,
    /// `AlertState::Clearing`
    Clearing,
    /// `AlertState::Lost`
    Lost,
    /// `AlertState::Resolved`
    Resolved,
}

impl StateName {
    /// All, in the order of an alert's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Firing, Self::Clearing, Self::Lost, Self::Resolved];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Clearing => "clearing",
            Self::Lost => "lost",
            Self::Resolved => "resolved",
        }
    }
}

impl AlertState {
    /// The state's name.
    pub const fn name(&self) -> StateName {
        match self {
            Self::Pending { .. } => StateName::Pending,
            Self::Firing { .. } => StateName::Firing,
            Self::Clearing { .. } => StateName::Clearing,
            Self::Lost { .. } => StateName::Lost,
            Self::Resolved { .. } => StateName::Resolved,
        }
    }

    /// When the value first crossed.
    pub const fn breached_at(&self) -> Timestamp {
        match self {
            Self::Pending { breached_at }
            | Self::Firing { breached_at, .. }
            | Self::Clearing { breached_at, .. }
            | Self::Lost { breached_at, .. }
            | Self::Resolved { breached_at, .. } => *breached_at,
        }
    }

    /// The severity while it counts: firing, clearing or lost.
    pub const fn severity(&self) -> Option<Severity> {
        match self {
            Self::Firing { severity, .. } | Self::Clearing { severity, .. } | Self::Lost { severity, .. } => {
                Some(*severity)
            }
            Self::Pending { .. } | Self::Resolved { .. } => None,
        }
    }

    /// Whether it counts as firing: firing, clearing or lost.
    pub const fn is_active(&self) -> bool {
        self.severity().is_some()
    }
}

/// What is known of an alert beside its state: from its rule, its labels and its last evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertFacts {
    /// The rule's name (`alertname`).
    pub name: String,
    /// What it tells.
    pub role: Role,
    /// The component it is about.
    pub component: Option<ComponentId>,
    /// Whether incidents take notice; `false` for `info` and the like, which are only recorded.
    pub counts: bool,
    /// The component's status where the rule sets one itself for the severity it has now.
    pub status: Option<ComponentStatus>,
    /// Rendered annotations: `summary`, `description`, `runbook_url` and whatever else.
    pub annotations: Labels,
    /// The rule's `incident_key`, rendered.
    pub incident_key: Option<String>,
    /// What may be said in public of a cause (`public_cause`), rendered.
    pub public_cause: Option<String>,
    /// The last value, if it was a finite number; for a verbatim rule the value of its expression.
    pub value: Option<f64>,
    /// The threshold of the severity that holds, for `detect:` rules.
    pub threshold: Option<f64>,
    /// The lowest clear value (`drained_below` of a backlog), for `detect:` rules.
    pub clear: Option<f64>,
    /// The group's interval, in milliseconds.
    pub interval_ms: u64,
}

/// The clock of one rung of a severity ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderClock {
    /// The severity of the rung.
    pub severity: Severity,
    /// Since when the value has been past its threshold, while it is; moved on by the time that data was missing.
    pub past_since: Option<Timestamp>,
    /// Since when the value has been past its clear value, while it is; moved on likewise.
    pub clear_since: Option<Timestamp>,
    /// Whether it held `for` long enough and was not cleared since.
    pub held: bool,
}

/// All that is remembered of an alert: its row in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRow {
    /// Which alert.
    pub key: AlertKey,
    /// Where it stands.
    pub state: AlertState,
    /// What is known of it.
    pub facts: AlertFacts,
    /// The ladder's clocks, from the lowest severity to the highest; one rung for a verbatim rule.
    pub ladder: Vec<LadderClock>,
    /// Since when its measurement is missing, while it is.
    pub missing_since: Option<Timestamp>,
    /// How long its clocks stood still for missing data since it was first pending, in milliseconds. Only told:
    /// the clocks are moved on when they run again.
    pub frozen_ms: u64,
    /// Since when what it measures is gone for good, while it is.
    pub ended_since: Option<Timestamp>,
    /// The series that fed it while it breached, less those that ended meanwhile, for `missing`; bounded.
    pub feeds: Vec<Feed>,
    /// When it was last evaluated.
    pub evaluated_at: Timestamp,
}

/// An alert moved. Also told when only its severity changed, or when its `missing` began or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Which alert.
    pub key: AlertKey,
    /// Where it stood; `None` where it was not known.
    pub from: Option<StateName>,
    /// Where it stands.
    pub to: AlertState,
    /// What is known of it.
    pub facts: AlertFacts,
    /// Why, in words: `above 85 for 1m`, `no data for 1m`.
    pub because: String,
}

/// The value of an alert at an evaluation, also while nothing moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which alert.
    pub key: AlertKey,
    /// Its value.
    pub value: f64,
    /// The rule's words for it that customers may read (annotation `public_summary`), while it is pending or worse.
    pub public_summary: Option<String>,
}

/// How long `lost` waits: max(4 intervals, 1 m).
pub fn lost_after(interval: Duration) -> Duration {
    (interval * 4).max(Duration::from_secs(60))
}
