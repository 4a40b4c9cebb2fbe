//! What users decide about incidents: the `incidents:` and `escalation:` keys of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono_tz::Tz;

use crate::model::{ComponentId, Severity, SinkName};

use super::Status;

/// The `incidents:` key, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The zone in which times are said.
    pub timezone: Tz,
    /// The language of posts.
    pub language: Language,
    /// A firing symptom of this severity or above opens an incident.
    pub open_at: Severity,
    /// A cause or backlog of this severity or above opens an internal one; this severity or above is paged where
    /// no policy says otherwise.
    pub page_at: Severity,
    /// How long after its last move an incident without a firing symptom still takes in related alerts.
    pub correlate_within: Duration,
    /// How long a resolved incident may reopen.
    pub reopen_within: Duration,
    /// How long `monitoring` lasts at least.
    pub watch: Duration,
    /// The longest that the watch grows to when it is broken again and again.
    pub watch_cap: Duration,
    /// How often something is said.
    pub cadence: Cadence,
    /// How long before the promised time an update is committed.
    pub lead: Duration,
    /// New facts within this time of each other go into one post.
    pub min_gap: Duration,
    /// Whether and when posts go out.
    pub publish: Publish,
    /// How long a sink's message stays worth sending.
    pub expires_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |m: u64| Duration::from_secs(m * 60);
        Self {
            timezone: Tz::UTC,
            language: Language::English,
            open_at: Severity::Minor,
            page_at: Severity::Major,
            correlate_within: minutes(30),
            reopen_within: minutes(120),
            watch: minutes(15),
            watch_cap: minutes(120),
            cadence: Cadence::default(),
            lead: Duration::from_secs(45),
            min_gap: Duration::from_secs(60),
            publish: Publish { mode: PublishMode::Auto, after: Duration::ZERO },
            expires_after: Duration::from_secs(24 * 3600),
        }
    }
}

/// The language of posts. More follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `en`
    English,
}

/// How long after a post the next one is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadence {
    /// While a symptom of major or above fires, whatever the status.
    pub major: Duration,
    /// Else by status.
    pub by_status: BTreeMap<Status, Duration>,
}

impl Default for Cadence {
    fn default() -> Self {
        let minutes = |m: u64| Duration::from_secs(m * 60);
        Self {
            major: minutes(15),
            by_status: BTreeMap::from([
                (Status::Investigating, minutes(30)),
                (Status::Identified, minutes(30)),
                (Status::Monitoring, minutes(60)),
            ]),
        }
    }
}

/// The gates between what we know and what we say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish {
    /// Whether posts go out.
    pub mode: PublishMode,
    /// How long an incident must be open before its first post.
    pub after: Duration,
}

/// Whether posts go out by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishMode {
    /// They do.
    Auto,
    /// None goes out.
    Off,
}

/// One entry of `escalation:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Which incidents it is for.
    pub matches: PolicyMatch,
    /// What happens, in order of time.
    pub steps: Vec<EscalationStep>,
}

/// Which incidents a policy is for; an empty set takes all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyMatch {
    /// The severities.
    pub severities: BTreeSet<Severity>,
    /// The components, one of which must be affected.
    pub components: BTreeSet<ComponentId>,
}

/// Whom to page after how long without an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// How long after the start of the policy.
    pub after: Duration,
    /// Whom.
    pub page: Vec<SinkName>,
    /// How often again until somebody acknowledges; `None` for once.
    pub repeat: Option<Duration>,
}
