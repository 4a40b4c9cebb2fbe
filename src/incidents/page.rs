//! What responders are told: everything that is known, labels and values among it.
//!
//! In:   an incident as it would be, the reason, and whom to tell.
//! Out:  the page.
//! Not:  whether and when to page is `escalate`'s; nothing of a page goes into a post.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{ComponentId, Severity, SinkName, format_duration, format_value};
use crate::rules::Role;

use super::affected;
use super::draft::Draft;
use super::finding::Effect;
use super::incident::{ActionOutcome, Incident};
use super::member::Member;
use super::message::{Page, PageReason};
use super::publish;
use super::why::Why;
use super::words::{AlertLine, DoneFacts, PageFacts, ShownFacts, SinkFacts, SuspectFacts};

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
        summary: format!(
            "{} {}: {} ({why})",
            incident.id,
            draft.config().words.reason(reason),
            incident.title
        ),
        details: draft.config().words.page(&facts(draft, incident, &at_risk)),
        components: affected::now(graph, incident, concerned.into_iter()),
        runbooks: runbooks.into_iter().take(RUNBOOKS_LISTED).map(str::to_owned).collect(),
        started_at: incident.started_at,
        suspects: incident.suspects.clone(),
    }
}

fn facts(draft: &Draft<'_>, incident: &Incident, at_risk: &[ComponentId]) -> PageFacts {
    let config = draft.config();
    let (graph, words) = (&config.graph, &config.words);
    let name = |id: &ComponentId| affected::name(graph, id).to_owned();
    // What fires comes first, the worst of it before all.
    let mut members: Vec<&Member> = incident.members.values().map(Arc::as_ref).collect();
    members.sort_by_key(|member| Reverse((incident.counts(member), member.state.severity())));
    let time = |at| words.time(at, draft.now());
    let affected = incident.components.iter().filter_map(|(id, spans)| {
        let span = spans.last().filter(|span| span.until.is_none())?;
        let lasts = format_duration(draft.now().since(span.from));
        let status = words.status(span.status);
        Some((graph.position(id), ShownFacts { name: name(id), status, key: span.status.as_str(), lasts }))
    });
    let mut affected: Vec<_> = affected.collect();
    affected.sort_by_key(|(position, _)| *position);
    let undelivered = incident.undelivered.values();
    let suspects = incident.suspects.iter().map(|suspect| SuspectFacts {
        kind: suspect.kind.as_str(),
        component: suspect.component.as_ref().map(name),
        summary: suspect.summary.clone(),
        at: time(suspect.at),
        score: part(suspect.score),
        time: part(suspect.parts.time),
        graph: part(suspect.parts.graph),
        weight: part(suspect.parts.kind),
        share: part(suspect.parts.share),
    });
    let actions = incident.standing_actions().map(|action| DoneFacts {
        at: time(action.at),
        by: action.item.by.clone(),
        text: action.item.text.clone(),
        effect: match &action.item.outcome {
            ActionOutcome::Measured(effect) => Some(in_words(effect)),
            ActionOutcome::Open | ActionOutcome::NoEffect => None,
        },
    });
    PageFacts {
        incident: incident.id.to_string(),
        title: incident.title.clone(),
        status: incident.status.as_str(),
        suspects: suspects.collect(),
        cause: incident.cause.as_ref().map(|cause| cause.text.clone()),
        actions: actions.collect(),
        backlogs: publish::backlogs(draft, incident, |component| Some(name(component))),
        draft: incident.draft.as_ref().map(|waiting| waiting.post.body.clone()),
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
        start: words.bare_time(incident.started_at, draft.now()),
        zone: words.zone(incident.started_at),
    }
}

fn part(score: f64) -> String {
    format!("{score:.2}")
}

/// `UserDatabaseCpu 97 → 60 within 15m`
fn in_words(effect: &Effect) -> String {
    let within = format_duration(Duration::from_millis(effect.within_ms));
    format!("{} {} → {} within {within}", effect.what, format_value(effect.from), format_value(effect.to))
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
