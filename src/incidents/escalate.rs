//! Whom to page, when, and how often.
//!
//! In:   an incident as it would be; the policies; the fate of deliveries.
//! Out:  `Escalating`, `Paged` and `Undelivered`.
//! Not:  the words of a page (`page`), and how it is sent.
//!
//! A policy starts when its incident opens, again when the severity rises above that it started for, and again at
//! a relapse that nobody took on. An acknowledgement stops it; while an incident is only watched it rests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{IncidentId, Severity, SinkName, Timestamp};

use super::config::Config;
use super::draft::Draft;
use super::event::What;
use super::incident::{Escalation, Incident};
use super::input::{SinkNews, SinkReport};
use super::message::PageReason;
use super::settings::{EscalationPolicy, EscalationStep, PolicyMatch};
use super::status::Status;
use super::why::Wake;
use super::why::Why;
use super::{lifecycle, page};

/// The default policy calls a second time after this, and then rests: one missed call must not be the end of it,
/// and a house without a policy must not be called all night.
const CALLED_AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);

/// The least time between two pages of one step, whatever its policy says.
pub const REPEAT_AT_LEAST: Duration = Duration::from_secs(60);

/// The policy of those who write none: from `page_at` on every responder at once, and once more.
pub(super) fn default_policy(page_at: Severity, responders: &[SinkName]) -> Arc<[EscalationPolicy]> {
    let step = |after| EscalationStep { after, page: responders.to_vec(), repeat: None };
    let steps = vec![step(Duration::ZERO), step(CALLED_AGAIN_AFTER)];
    let severities = Severity::ALL.into_iter().filter(|severity| page_at <= *severity).collect();
    let matches = PolicyMatch { severities, components: BTreeSet::new() };
    Arc::from([EscalationPolicy { matches, steps, ack_timeout: None }])
}

/// Proposes the pages of one incident after it was `before`.
pub(super) fn page(draft: &mut Draft<'_>, id: IncidentId, before: Status, why: &Why) {
    tell_loss(draft, id, why);
    tell_turn(draft, id, before, why);
    expire(draft, id);
    start(draft, id, why);
    climb(draft, id, why);
}

/// When the next step is due, or an acknowledgement expires.
pub(super) fn wake(config: &Config, incident: &Incident) -> Option<Wake> {
    let step = steps(config, incident).into_iter().map(|(due, ..)| due).min();
    let step = step.map(|at| Wake { at, why: Why::NobodyAcknowledged });
    let expiry = expiry(config, incident).map(|(at, why)| Wake { at, why });
    step.into_iter().chain(expiry).min_by_key(|wake| wake.at)
}

/// What became of a message, or of what it had written on a foreign system.
pub(super) fn reported(draft: &mut Draft<'_>, report: &SinkReport) {
    match &report.news {
        SinkNews::Dead { because } => undelivered(draft, report, because),
        SinkNews::Late { since, because } => late(draft, report, *since, because),
        SinkNews::Adopted { id } => {
            let known = draft.get(report.incident).and_then(|incident| incident.adopted.get(&report.sink));
            if draft.get(report.incident).is_some() && known != Some(id) {
                let why = Why::Sink { sink: report.sink.clone(), because: "it was there already".to_owned() };
                let what = What::Adopted { sink: report.sink.clone(), id: id.clone() };
                draft.push(report.incident, what, why);
            }
        }
        SinkNews::ForeignEdit { what } => stand_down(draft, report, what),
    }
}

/// A message that will never arrive: recorded, and told once for each sink to those who can still be reached.
fn undelivered(draft: &mut Draft<'_>, report: &SinkReport, because: &str) {
    let Some(incident) = draft.get(report.incident) else { return };
    if incident.undelivered.contains_key(&report.delivery) {
        return;
    }
    let known = incident.undelivered.values().any(|lost| lost.sink == report.sink);
    let to = others(draft, incident, &report.sink);
    let why = Why::Sink { sink: report.sink.clone(), because: because.to_owned() };
    let (delivery, sink, because) = (report.delivery, report.sink.clone(), because.to_owned());
    draft.push(report.incident, What::Undelivered { delivery, sink, because }, why.clone());
    if !known {
        call(draft, report.incident, PageReason::DeliveryFailed, 0, to, why);
    }
}

/// Nothing has come through to a sink for a while: those who can still be reached know, before anything is lost.
fn late(draft: &mut Draft<'_>, report: &SinkReport, since: Timestamp, because: &str) {
    let Some(incident) = draft.get(report.incident) else { return };
    if incident.undelivered.values().any(|lost| lost.sink == report.sink) {
        return;
    }
    let to = others(draft, incident, &report.sink);
    let because =
        format!("nothing has come through since {since}, it is tried on; the last attempt: {because}");
    let why = Why::Sink { sink: report.sink.clone(), because };
    call(draft, report.incident, PageReason::DeliveryFailed, 0, to, why);
}

/// What a person changed on a foreign system is theirs: we leave it alone there, and responders know.
fn stand_down(draft: &mut Draft<'_>, report: &SinkReport, what: &str) {
    let Some(incident) = draft.get(report.incident) else { return };
    if incident.stood_down.contains_key(&report.sink) {
        return;
    }
    let to = others(draft, incident, &report.sink);
    let why = Why::Sink { sink: report.sink.clone(), because: what.to_owned() };
    let down = What::StoodDown { sink: report.sink.clone(), what: what.to_owned() };
    draft.push(report.incident, down, why.clone());
    call(draft, report.incident, PageReason::StoodDown, 0, to, why);
}

/// Whom to tell of a sink: those on call, but not through that sink itself.
fn others(draft: &Draft<'_>, incident: &Incident, sink: &SinkName) -> Vec<SinkName> {
    let mut to = on_call(draft.config(), incident);
    to.retain(|other| other != sink);
    if to.is_empty() {
        to.extend(draft.config().responders.iter().filter(|other| *other != sink).cloned());
    }
    to
}

/// Tells those on call that a post waits for a person's word.
pub(super) fn ask_for_approval(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let to = on_call(draft.config(), incident);
    call(draft, id, PageReason::DraftWaits, 0, to, why.clone());
}

/// When the acknowledgement that stands expires, and why.
fn expiry(config: &Config, incident: &Incident) -> Option<(Timestamp, Why)> {
    incident.acknowledged_at.filter(|_| incident.status.is_happening())?;
    let severity = incident.severity()?;
    let of_policy = select(config, incident, severity).and_then(|policy| policy.ack_timeout);
    let timeout = of_policy.or(config.settings.ack_timeout)?;
    let after_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    Some((incident.news_at + timeout, Why::AcknowledgementExpired { after_ms }))
}

/// Whoever acknowledged and was not heard of since does not count any more: the policy starts anew.
fn expire(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.get(id) else { return };
    let (Some(severity), Some((at, why))) = (incident.severity(), expiry(draft.config(), incident)) else {
        return;
    };
    if at <= draft.now() {
        draft.push(id, What::Unacknowledged { by: None }, why.clone());
        let reason = PageReason::AcknowledgementExpired;
        draft.push(id, What::Escalating { severity, reason }, why);
    }
}

/// Once when a measurement goes missing, for all that go missing before every one is back.
fn tell_loss(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let lost = incident.is_open() && incident.active().any(|member| member.lost_since().is_some());
    if lost && !incident.loss_paged {
        let to = on_call(draft.config(), incident);
        call(draft, id, PageReason::MeasurementLost, 0, to, why.clone());
    }
}

/// Those who were called hear how it went on; a relapse calls those again who had taken it on.
fn tell_turn(draft: &mut Draft<'_>, id: IncidentId, before: Status, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let Some(reason) = lifecycle::told_as(before, incident) else { return };
    let turned = draft.why(id, |what| matches!(what, What::StatusChanged { .. }));
    let why = turned.as_ref().unwrap_or(why);
    if !reason.calls() {
        let to = incident.called();
        return call(draft, id, reason, 0, to, why.clone());
    }
    let Some(severity) = incident.severity() else { return };
    if incident.escalation.as_ref().is_none_or(|escalation| escalation.severity < severity) {
        return;
    }
    if incident.acknowledged_at.is_some() {
        let to = on_call(draft.config(), incident);
        call(draft, id, reason, 0, to, why.clone());
    } else if select(draft.config(), incident, severity).is_some() {
        draft.push(id, What::Escalating { severity, reason }, why.clone());
    }
}

/// Starts the policy of a severity that it had not been called for yet.
fn start(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    // Also while it is only watched: a backlog may get worse then, or slip.
    let Some(severity) = incident.severity().filter(|_| incident.is_open()) else { return };
    let reason = match &incident.escalation {
        Some(escalation) if severity <= escalation.severity => return,
        Some(_) => PageReason::SeverityRaised,
        None if incident.reopened > 0 => PageReason::Reopened,
        None => PageReason::Opened,
    };
    if select(draft.config(), incident, severity).is_some() {
        let raised = draft.why(id, |what| matches!(what, What::SeverityRaised { .. }));
        draft.push(id, What::Escalating { severity, reason }, raised.unwrap_or_else(|| why.clone()));
    }
}

/// Pages every step whose time has come.
fn climb(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let Some(escalation) = &incident.escalation else { return };
    let (started_at, reason) = (escalation.started_at, escalation.reason);
    let (steps, now) = (steps(draft.config(), incident), draft.now());
    let nobody_told = escalation.paged.is_empty();
    for (due, number, sinks) in steps.into_iter().filter(|(due, ..)| *due <= now) {
        let first = due == started_at || nobody_told;
        let reason = if first { reason } else { PageReason::NotAcknowledged };
        let started = draft.why(id, |what| matches!(what, What::Escalating { .. }));
        let why = if first { started.unwrap_or_else(|| why.clone()) } else { Why::NobodyAcknowledged };
        call(draft, id, reason, number, sinks, why);
    }
}

/// The steps of the policy that runs, with when each is due.
fn steps(config: &Config, incident: &Incident) -> Vec<(Timestamp, u32, Vec<SinkName>)> {
    let Some(escalation) = incident.escalation.as_ref() else { return Vec::new() };
    // What ran before it was only watched rests; what began since does not.
    let rests = incident.watched_since.is_some_and(|since| escalation.started_at < since);
    if !incident.is_open() || rests || incident.acknowledged_at.is_some() {
        return Vec::new();
    }
    let Some(policy) = select(config, incident, escalation.severity) else { return Vec::new() };
    let numbered = (0_u32..).zip(&policy.steps).filter(|(_, step)| !step.page.is_empty());
    numbered
        .filter_map(|(number, step)| Some((due(escalation, number, step)?, number, step.page.clone())))
        .collect()
}

fn due(escalation: &Escalation, number: u32, step: &EscalationStep) -> Option<Timestamp> {
    match escalation.paged.get(&number) {
        None => Some(escalation.started_at + step.after),
        Some(last) => step.repeat.map(|every| *last + every.max(REPEAT_AT_LEAST)),
    }
}

/// The first policy for this severity and these components. What it does not name it takes all of.
fn select<'a>(config: &'a Config, incident: &Incident, severity: Severity) -> Option<&'a EscalationPolicy> {
    config.policies.iter().find(|policy| {
        let PolicyMatch { severities, components } = &policy.matches;
        let of_severity = severities.is_empty() || severities.contains(&severity);
        of_severity
            && (components.is_empty() || components.iter().any(|id| incident.components.contains_key(id)))
    })
}

/// Whom to tell what is no step of a policy: its first step, else those called before, else every responder.
fn on_call(config: &Config, incident: &Incident) -> Vec<SinkName> {
    let severity = incident.severity().or(incident.escalation.as_ref().map(|e| e.severity));
    let policy = severity.and_then(|severity| select(config, incident, severity));
    let first = policy.and_then(|policy| policy.steps.first()).map(|step| step.page.clone());
    let called = || Some(incident.called()).filter(|called| !called.is_empty());
    first.or_else(called).unwrap_or_else(|| config.responders.clone())
}

fn call(draft: &mut Draft<'_>, id: IncidentId, reason: PageReason, step: u32, to: Vec<SinkName>, why: Why) {
    let Some(incident) = draft.get(id).filter(|_| !to.is_empty()) else { return };
    let page = page::compose(draft, incident, reason, step, to, &why);
    draft.push(id, What::Paged { page }, why);
}
