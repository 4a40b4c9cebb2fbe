//! `incidents` and `escalation`.

use serde_json::{Value as Json, json};

use crate::incidents::{Fallback, Language, PublishMode};
use crate::model::{ComponentId, Severity, SinkName, suggest};

use super::read::{At, Entries, OneOrMany, Scalar, Wrong, allow, section};
use super::words::{CorrelateWord, Count, Length, Share, Zone};

section! {
    /// When incidents open and close, and what is said about them.
    pub struct RawIncidents as "`incidents`" {
        /// The zone in which times are said; UTC by default.
        timezone: At<Zone>,
        /// The language of posts and pages; en by default.
        language: At<Language>,
        /// A firing symptom of this severity or above opens an incident; minor by default.
        open_at: At<Severity>,
        /// A cause or backlog of this severity or above opens an internal incident, and responders are paged; major by
        /// default.
        page_at: At<Severity>,
        /// Whether related alerts are one incident; on by default. With `off` each alert is its own, but for those of
        /// one `incident_key`.
        correlate: At<CorrelateWord>,
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
        /// An acknowledgement expires when nothing was heard of the incident for so long; never by default, or with 0s.
        ack_timeout: At<Length>,
        /// How long before an incident a change may have rolled out to be suspected; 2d by default.
        suspect_window: At<Length>,
        /// How many edges of the graph a suspected change may be away from the root, 0 to 10; 3 by default.
        suspect_distance: At<Count>,
        /// A suspect whose score reaches this, 0 to 1, is taken for the cause; none is by default.
        identify_at: At<Share>,
        /// Over how long the slope of a backlog is taken; 30m by default.
        eta_window: At<Length>,
        /// What raises the severity of an incident beyond that of its alerts.
        raise: Vec<RawRaise>,
        /// Texts that stand in the place of ours.
        templates: RawTemplates,
        /// Which labels of an alert say its severity, component and role.
        labels: RawIncidentLabels,
        /// What other words for severities mean.
        severity_map: Entries<At<RawMapped>>,
    }
    unused []
    later []
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
    /// What raises the severity of an incident beyond that of its alerts: exactly one of `after`, `components` and
    /// `eta_slips`.
    pub struct RawRaise as "an entry of `raise`" with at {
        /// To which severity.
        #[schemars(required)]
        to: At<Severity>,
        /// Once its symptoms have lasted so long.
        after: At<Length>,
        /// Once so many components are affected.
        components: At<Count>,
        /// Once a backlog is expected to be drained so much later than was said first.
        eta_slips: At<Length>,
    }
    unused []
    later []
}

section! {
    /// Texts that stand in the place of ours: MiniJinja templates.
    pub struct RawTemplates as "`templates`" {
        /// The file of the body of a post; relative to this file.
        post: At<String>,
        /// The file of the details of a page; relative to this file.
        page: At<String>,
    }
    unused []
    later []
}

section! {
    /// Whether and when posts go out.
    pub struct RawPublish as "`publish`" {
        /// `auto` (the default); `approve`: a person approves each; `off`.
        mode: At<PublishMode>,
        /// How long an incident must be open before its first post; 0s by default.
        after: At<Length>,
        /// How many public components must be affected before its first post; 1 by default.
        breadth: At<Count>,
        /// Most posts within an hour; promised updates and resolutions are never held back. 0 (the default) is no limit.
        most_posts_an_hour: At<Count>,
        /// How long a draft waits for a person; 10m by default.
        fallback_after: At<Length>,
        /// What goes out then: `holding_statement` (the default) or `nothing`.
        fallback: At<Fallback>,
        /// What holds for some incidents; the first that matches counts.
        gates: Vec<RawGate>,
    }
    unused []
    later [ "approvers" => "take it out until people have roles; whoever may give commands may approve" ]
}

section! {
    /// What holds for some incidents; what it does not say is as in `publish` itself.
    pub struct RawGate as "a gate" with at {
        /// Which incidents it is for; all where it is left out.
        r#match: RawMatch,
        /// `auto`, `approve` or `off`.
        mode: At<PublishMode>,
        /// How long an incident must be open before its first post.
        after: At<Length>,
        /// How many public components must be affected before its first post.
        breadth: At<Count>,
        /// Most posts within an hour; 0 is no limit.
        most_posts_an_hour: At<Count>,
        /// How long a draft waits for a person.
        fallback_after: At<Length>,
        /// What goes out then: `holding_statement` or `nothing`.
        fallback: At<Fallback>,
    }
    unused []
    later []
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
        r#match: RawMatch,
        /// What happens, in order of time.
        #[schemars(required)]
        steps: Vec<RawStep>,
        /// As `ack_timeout` of `incidents`, for these incidents; never with 0s.
        ack_timeout: At<Length>,
    }
    unused []
    later []
}

section! {
    /// Which incidents something is for.
    pub struct RawMatch as "`match`" {
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
        /// How often again, until somebody acknowledges or the symptoms are over; once where it is left out.
        repeat: At<Length>,
    }
    unused []
    later []
}
