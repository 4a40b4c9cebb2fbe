//! `incidents` and `escalation`.

use serde_json::{Value as Json, json};

use crate::incidents::PublishMode;
use crate::model::{ComponentId, Severity, SinkName, suggest};

use super::read::{At, Entries, OneOrMany, Scalar, Wrong, allow, section};
use super::words::{LanguageWord, Length, Zone};

section! {
    /// When incidents open and close, and what is said about them.
    pub struct RawIncidents as "`incidents`" {
        /// The zone in which times are said; UTC by default.
        timezone: At<Zone>,
        /// The language of posts; en by default.
        language: At<LanguageWord>,
        /// A firing symptom of this severity or above opens an incident; minor by default.
        open_at: At<Severity>,
        /// A cause or backlog of this severity or above opens an internal incident, and responders are paged; major by
        /// default.
        page_at: At<Severity>,
        /// How long after its last move an incident without a firing symptom still takes in related alerts.
        correlate_within: At<Length>,
        /// How long a resolved incident may reopen.
        reopen_within: At<Length>,
        /// How long an incident is watched after its symptoms ended, before it is resolved.
        watch: At<Length>,
        /// The longest that the watch grows to when it is broken again and again.
        watch_cap: At<Length>,
        /// How long after a post the next one is promised: `major` while a symptom of major or above fires, else by
        /// status.
        cadence: RawCadence,
        /// How long before the promised time an update is committed.
        lead: At<Length>,
        /// New facts within this time of each other go into one post.
        min_gap: At<Length>,
        /// Whether and when posts go out.
        publish: RawPublish,
        /// How long a message stays worth sending.
        expires_after: At<Length>,
        /// Which labels of an alert say its severity, component and role.
        labels: RawIncidentLabels,
        /// What other words for severities mean.
        severity_map: Entries<At<RawMapped>>,
    }
    unused []
    later [
        "ack_timeout" => "take it out until acknowledgements expire",
        "suspect_window" => "take it out until suspects are ranked",
        "suspect_distance" => "take it out until suspects are ranked",
        "most_posts_an_hour" => "use `min_gap`",
        "templates" => "take it out until texts can be replaced",
    ]
}

section! {
    /// How long after a post the next one is promised.
    pub struct RawCadence as "`cadence`" with at {
        /// While a symptom of major or above fires, whatever the status.
        major: At<Length>,
        /// Else while investigating.
        investigating: At<Length>,
        /// Else while identified.
        identified: At<Length>,
        /// Else while monitoring.
        monitoring: At<Length>,
    }
    unused []
    later []
}

section! {
    /// Whether and when posts go out.
    pub struct RawPublish as "`publish`" {
        /// `auto` (the default) or `off`.
        mode: At<PublishMode>,
        /// How long an incident must be open before its first post; 0s by default.
        after: At<Length>,
    }
    unused []
    later [
        "fallback_after" => "take it out until drafts can be approved",
        "breadth" => "take it out until gates by breadth exist",
        "approvers" => "take it out until drafts can be approved",
    ]
}

section! {
    /// Which labels of an alert say its severity, component and role.
    pub struct RawIncidentLabels as "`labels`" {
        /// `severity` by default.
        severity: At<String>,
        /// `component` by default.
        component: At<String>,
        /// `role` by default.
        role: At<String>,
    }
    unused []
    later []
}

/// What a word for a severity means: a severity, or that the alert is recorded and no more.
#[derive(Clone, Copy)]
pub struct RawMapped(pub Option<Severity>);

impl Scalar for RawMapped {
    const WHAT: &'static str = "a severity or `record_only`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        match (text, Severity::from_word(text)) {
            ("record_only", _) => Ok(Self(None)),
            (_, Some(severity)) => Ok(Self(Some(severity))),
            (other, None) => Err(Wrong {
                what: format!("`{other}` is not {}", Self::WHAT),
                hint: suggest::hint(other, ["minor", "major", "critical", "record_only"]),
            }),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": ["minor", "major", "critical", "record_only"]})
    }
}

section! {
    /// Whom to page about some incidents.
    pub struct RawEscalation as "an escalation policy" with at {
        /// Which incidents it is for; all where it is left out.
        r#match: RawEscalationMatch,
        /// What happens, in order of time.
        #[schemars(required)]
        steps: Vec<RawStep>,
    }
    unused []
    later [ "ack_timeout" => "take it out until acknowledgements expire" ]
}

section! {
    /// Which incidents a policy is for.
    pub struct RawEscalationMatch as "`match`" {
        /// The severities; all where they are left out.
        severity: OneOrMany<At<Severity>>,
        /// The components, one of which must be affected; any where they are left out.
        component: OneOrMany<At<ComponentId>>,
    }
    unused []
    later []
}

section! {
    /// Whom to page after how long.
    pub struct RawStep as "an escalation step" with at {
        /// How long after the start of the policy; 0s by default.
        after: At<Length>,
        /// The sinks.
        #[schemars(required)]
        page: OneOrMany<At<SinkName>>,
        /// How often again, until the symptoms are over; once where it is left out.
        repeat: At<Length>,
    }
    unused []
    later []
}
