//! What users decide about incidents: the `incidents:` and `escalation:` keys of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
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
    /// Whether related alerts are one incident. Where not, each alert is its own, but for those of one `incident_key`.
    pub correlate: bool,
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
    /// An acknowledgement expires when nothing was heard of the incident for so long; `None`: never. A policy may
    /// say otherwise.
    pub ack_timeout: Option<Duration>,
    /// How long before an incident a change may have rolled out to be suspected.
    pub suspect_window: Duration,
    /// How many edges a suspected change may be away from the root.
    pub suspect_distance: usize,
    /// A suspect whose score reaches this is taken for the cause; `None`: no suspect is.
    pub identify_at: Option<f64>,
    /// Over how long the slope of a backlog is taken.
    pub eta_window: Duration,
    /// What raises the severity of an incident beyond that of its alerts.
    pub raise: Vec<Raise>,
    /// Texts that stand in the place of ours.
    pub templates: Templates,
}

/// What raises the severity of an incident beyond that of its alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// To which severity.
    pub to: Severity,
    /// When.
    pub when: RaiseWhen,
}

/// When a severity is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaiseWhen {
    /// Symptoms have lasted so long.
    Lasts(Duration),
    /// So many components are affected.
    Components(usize),
    /// An ETA that was stated went so much further away.
    EtaSlips(Duration),
}

/// Texts of the user's own, as MiniJinja templates; checked when they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Templates {
    /// The body of a post.
    pub post: Option<Arc<str>>,
    /// The details of a page.
    pub page: Option<Arc<str>>,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |m: u64| Duration::from_secs(m * 60);
        Self {
            timezone: Tz::UTC,
            language: Language::English,
            open_at: Severity::Minor,
            page_at: Severity::Major,
            correlate: true,
            correlate_within: minutes(30),
            reopen_within: minutes(120),
            watch: minutes(15),
            watch_cap: minutes(120),
            cadence: Cadence::default(),
            lead: Duration::from_secs(45),
            min_gap: Duration::from_secs(60),
            publish: Publish::default(),
            expires_after: Duration::from_secs(24 * 3600),
            ack_timeout: None,
            suspect_window: minutes(48 * 60),
            suspect_distance: 3,
            identify_at: None,
            eta_window: minutes(30),
            raise: Vec::new(),
            templates: Templates::default(),
        }
    }
}

/// The language of posts and pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// `en`
    English,
    /// `pt-BR`
    BrazilianPortuguese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::BrazilianPortuguese];

    /// The tag that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::BrazilianPortuguese => "pt-BR",
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    /// The gate of incidents that no other is for.
    pub otherwise: Gate,
    /// The gates of some incidents; the first that matches counts.
    pub gates: Vec<(PolicyMatch, Gate)>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Whether posts go out.
    pub mode: PublishMode,
    /// How long an incident must be open before its first post.
    pub after: Duration,
    /// How many public components must be affected, over its life, before its first post.
    pub breadth: usize,
    /// Most posts within an hour; promised updates and resolutions are never held back. `None` for no limit.
    pub most_posts_an_hour: Option<u32>,
    /// How long a draft waits for a person before a holding statement goes out.
    pub fallback_after: Duration,
    /// What goes out then.
    pub fallback: Fallback,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            mode: PublishMode::Auto,
            after: Duration::ZERO,
            breadth: 1,
            most_posts_an_hour: None,
            fallback_after: Duration::from_secs(10 * 60),
            fallback: Fallback::HoldingStatement,
        }
    }
}

/// Whether posts go out by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishMode {
    /// They do.
    Auto,
    /// A person approves each.
    Approve,
    /// None goes out.
    Off,
}

/// What goes out when nobody approves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// That we are looking into it, with the components and no figures.
    HoldingStatement,
    /// Nothing.
    Nothing,
}

/// One entry of `escalation:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Which incidents it is for.
    pub matches: PolicyMatch,
    /// What happens, in order of time.
    pub steps: Vec<EscalationStep>,
    /// An acknowledgement expires when nothing was heard of the incident for so long; `None`: as the settings say.
    pub ack_timeout: Option<Duration>,
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
