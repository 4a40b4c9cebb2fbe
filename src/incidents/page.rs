//! What responders are told: everything that is known, labels and values among it.
//!
//! In:   an incident as it would be, the reason, and whom to tell.
//! Out:  the page.
//! Not:  whether and when to page is `escalate`'s; nothing of a page goes into a post.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::{ComponentId, Severity, SinkName, format_duration, format_value};
use crate::rules::Role;

use super::affected;
use super::draft::Draft;
use super::event::{Member, Page, PageReason, Why};
use super::incident::Incident;
use super::words::{AlertLine, PageFacts, ShownFacts, SinkFacts, status_word};

/// How many alerts a page lists; in a storm the rest is counted.
const ALERTS_LISTED: usize = 20;

/// How many runbooks a page lists.
const RUNBOOKS_LISTED: usize = 10;

pub(super) fn compose(
    draft: &Draft<'_>,
    incident: &Incident,
    reason: PageReason,
    step: u32,
    to: Vec<SinkName>,
    why: &Why,
) -> Page {
    let graph = &draft.config().graph;
    let at_risk = affected::at_risk(graph, incident);
    let concerned: BTreeSet<&ComponentId> = incident.components.keys().chain(&at_risk).collect();
    let worst = || incident.members.values().map(|member| member.worst).max();
    let runbooks: BTreeSet<&str> =
        incident.active().filter_map(|member| member.facts.annotations.get("runbook_url")).collect();
    Page {
        number: u32::try_from(incident.pages.len()).unwrap_or(u32::MAX).saturating_add(1),
        reason,
        to,
        step,
        title: incident.title.clone(),
        status: incident.status,
        severity: incident.severity().or_else(worst).unwrap_or(Severity::Minor),
        summary: format!("{} {}: {} ({why})", incident.id, word(reason), incident.title),
        details: draft.config().words.page(&facts(draft, incident, &at_risk)),
        components: affected::now(graph, incident, concerned.into_iter()),
        runbooks: runbooks.into_iter().take(RUNBOOKS_LISTED).map(str::to_owned).collect(),
        started_at: incident.started_at,
    }
}

const fn word(reason: PageReason) -> &'static str {
    match reason {
        PageReason::Opened => "opened",
        PageReason::NotAcknowledged => "is not acknowledged",
        PageReason::SeverityRaised => "got worse",
        PageReason::Reopened => "came back",
        PageReason::MeasurementLost => "is no longer fully measured",
        PageReason::DeliveryFailed => "could not be told everywhere",
        PageReason::JournalFailing => "cannot be written down",
        PageReason::DaemonFailing => "is no longer watched",
        PageReason::Monitoring => "is only watched from here on",
        PageReason::Resolved => "is resolved",
    }
}

fn facts(draft: &Draft<'_>, incident: &Incident, at_risk: &[ComponentId]) -> PageFacts {
    let config = draft.config();
    let (graph, words) = (&config.graph, &config.words);
    let name = |id: &ComponentId| affected::name(graph, id).to_owned();
    // What fires comes first, the worst of it before all.
    let mut members: Vec<&Member> = incident.members.values().collect();
    members.sort_by_key(|member| Reverse((member.is_active(), member.state.severity())));
    let affected = incident.components.iter().filter_map(|(id, spans)| {
        let span = spans.last().filter(|span| span.until.is_none())?;
        let lasts = format_duration(draft.now().since(span.from));
        Some((graph.position(id), ShownFacts { name: name(id), status: status_word(span.status), lasts }))
    });
    let mut affected: Vec<_> = affected.collect();
    affected.sort_by_key(|(position, _)| *position);
    let undelivered = incident.undelivered.values();
    PageFacts {
        alerts: members.iter().take(ALERTS_LISTED).map(|member| alert_line(draft, member)).collect(),
        more: members.len().saturating_sub(ALERTS_LISTED),
        root: incident.root.as_ref().map(name),
        affected: affected.into_iter().map(|(_, shown)| shown).collect(),
        at_risk: at_risk.iter().map(name).collect(),
        undelivered: undelivered
            .map(|lost| SinkFacts { name: lost.sink.to_string(), because: lost.because.clone() })
            .collect(),
        held_by: incident.held_by.clone(),
        acknowledged_by: incident.acknowledged_by.clone(),
        start: words.time(incident.started_at, draft.now()),
        zone: words.zone(draft.now()),
    }
}

fn alert_line(draft: &Draft<'_>, member: &Member) -> AlertLine {
    let annotation = |name: &str| member.facts.annotations.get(name).map(str::to_owned);
    let since = member.lost_since().map(|at| draft.config().words.time(at, draft.now()));
    AlertLine {
        name: member.key.to_string(),
        state: member.state.name().as_str(),
        severity: member.state.severity().map(Severity::as_str),
        role: match member.role() {
            Role::Symptom => "symptom",
            Role::Cause => "cause",
            Role::Backlog => "backlog",
        },
        value: draft.reading(&member.key).or(member.facts.value).map(format_value),
        threshold: member.facts.threshold.map(format_value),
        missing_since: since,
        summary: annotation("summary"),
        description: annotation("description"),
    }
}
