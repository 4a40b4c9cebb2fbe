//! The life of an incident: what follows once its alerts have moved or time went on.
//!
//! In:   an incident as it would be after the decision so far.
//! Out:  component, impact and status changes, `Held`; then pages and posts, which are decided in their own files.
//! Not:  which alerts belong to it (`correlate`), and what is said and when (`promise`, `publish`, `escalate`).
//!
//! The usual life: investigating, identified once a cause fires, monitoring once every symptom is over, resolved
//! once the watch has passed. A relapse breaks the watch, and the next one is twice as long. An undrained backlog
//! or a lost measurement holds an incident that was watched long enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{ComponentId, ComponentStatus, IncidentId, Timestamp};
use crate::rules::Role;

use super::affected;
use super::config::Config;
use super::draft::Draft;
use super::event::What;
use super::incident::Incident;
use super::message::PageReason;
use super::status::{Exposure, Status};
use super::why::Wake;
use super::why::Why;
use super::{action, escalate, publish, raise, suspects};

/// Proposes whatever follows for one incident.
pub(super) fn settle(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(before) = draft.status_before(id) else { return };
    if draft.get(id).is_some_and(Incident::is_open) {
        recount(draft, id, why);
        suspects::rank(draft, id, why);
        raise::raise(draft, id);
        turn(draft, id, why);
    }
    action::measure(draft, id);
    escalate::page(draft, id, before, why);
    publish::say(draft, id);
}

/// What its alerts say of it: since when it is, what components show, who may know of it, what it is called.
pub(super) fn recount(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    date(draft, id, why);
    show(draft, id, why);
    introduce(draft, id);
}

/// Whether anything may still follow by itself: it is open, or its last word is not that it is over.
pub(super) fn is_living(incident: &Incident) -> bool {
    let last_said = incident.posts.last().map(|post| post.item.status);
    incident.is_open()
        || last_said.is_some_and(|said| said != Status::Resolved)
        || incident.draft.is_some()
        || incident.promise.is_some()
}

/// When the watch must be looked at.
pub(super) fn wake(incident: &Incident) -> Option<Wake> {
    let watched = incident.status == Status::Monitoring
        && incident.held_by.is_empty()
        && incident.fixed_status.is_none();
    incident.watch_until.filter(|_| watched).map(|at| Wake { at, why: Why::WatchPassed })
}

/// The start: the earliest crossing of its symptoms; while there is none, of its alerts. It never moves to a later
/// time but from that of a cause to that of the first symptom: an alert that fires again does not start it anew.
fn date(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let symptoms_only = incident.symptom_seen;
    let members = incident.members.values().filter(|member| member.facts.counts);
    let dating = members.filter(|member| !symptoms_only || member.role() == Role::Symptom);
    let Some(first) = dating.map(|member| member.state.breached_at()).min() else { return };
    let first_symptom = symptoms_only && !incident.started_by_symptom && first != incident.started_at;
    if first < incident.started_at || first_symptom {
        draft.push(id, What::StartedEarlier { started_at: first }, why.clone());
    }
}

/// What components show, in the order of the configuration, and how bad it is.
fn show(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let graph = draft.config().graph.clone();
    let counting = incident.members.values().filter(|member| !incident.dismissed.contains(&member.key));
    let now = affected::statuses(&graph, counting.map(Arc::as_ref));
    let known: BTreeSet<&ComponentId> = incident.components.keys().chain(now.keys()).collect();
    let mut changes: Vec<(ComponentId, ComponentStatus, ComponentStatus)> = known
        .into_iter()
        .map(|component| {
            let to = now.get(component).copied().unwrap_or(ComponentStatus::Operational);
            (component.clone(), incident.component_status(component), to)
        })
        .filter(|(_, from, to)| from != to)
        .collect();
    changes.sort_by_key(|(component, ..)| graph.position(component));
    change(draft, id, changes, why);
}

fn change(
    draft: &mut Draft<'_>,
    id: IncidentId,
    changes: Vec<(ComponentId, ComponentStatus, ComponentStatus)>,
    why: &Why,
) {
    for (component, from, to) in changes {
        draft.push(id, What::ComponentChanged { component, from, to }, why.clone());
    }
    let Some(incident) = draft.get(id) else { return };
    let to = affected::impact(incident.components.keys().map(|id| incident.component_status(id)));
    if incident.impact != to {
        let from = incident.impact;
        draft.push(id, What::ImpactChanged { from, to }, follows("its components changed"));
    }
}

/// Who may know of it, its root and its title.
pub(super) fn introduce(draft: &mut Draft<'_>, id: IncidentId) {
    let graph = draft.config().graph.clone();
    let Some(incident) = draft.get(id) else { return };
    let toll = affected::toll(incident);
    let mut exposure = incident.exposure;
    let root = affected::root(&graph, incident).filter(|root| Some(root) != incident.root.as_ref());
    let first_alert = incident.members.values().min_by_key(|m| (m.joined_at, m.state.breached_at()));
    let alert = first_alert.map_or(String::new(), |member| member.facts.name.clone());
    let now_public = exposure == Exposure::Internal
        && incident.symptom_seen
        && affected::public_now(&graph, incident).iter().any(|c| c.status != ComponentStatus::Operational);
    let old_title = incident.title.clone();
    if now_public {
        exposure = Exposure::Public;
        draft.push(id, What::Exposed, follows("a symptom affects a public component"));
    }
    if let Some(component) = root {
        let because = format!("`{component}` is the most upstream component with a firing symptom or cause");
        draft.push(id, What::Rooted { component }, follows(&because));
    }
    let title = affected::title(&graph, &draft.config().words, exposure, &toll, &alert);
    if title != old_title {
        draft.push(
            id,
            What::Retitled { title },
            follows("it is further upstream or worse than its title said"),
        );
    }
}

/// Its status: by its alerts, and by the watch.
fn turn(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let (from, to) = (incident.status, due_status(incident));
    match (from, to) {
        (Status::Investigating | Status::Identified, Status::Monitoring) => {
            let watch = watch(draft.config(), incident.breaks);
            let watch_until = Some(draft.now() + watch);
            draft.push(id, What::StatusChanged { from, to, watch_until }, why.clone());
            if watch.is_zero() {
                end_watch(draft, id, why);
            }
        }
        // Naming a cause while symptoms are over, or its end, changes nothing before the watch passes.
        (Status::Monitoring, Status::Monitoring) => end_watch(draft, id, why),
        _ if from == to => {}
        _ => draft.push(id, What::StatusChanged { from, to, watch_until: None }, why.clone()),
    }
}

/// Where it stands by its alerts, or where a person put it; never resolved, which the watch decides.
fn due_status(incident: &Incident) -> Status {
    if let Some(fixed) = incident.fixed_status {
        return fixed;
    }
    let active = |role: Role| incident.active().any(|member| member.role() == role);
    let goes_on = match (incident.symptom_seen, incident.cause_fired) {
        (true, _) => incident.active_symptoms > 0,
        (false, true) => active(Role::Cause),
        (false, false) => active(Role::Backlog),
    };
    match (goes_on, incident.cause_is_known()) {
        (true, true) => Status::Identified,
        (true, false) => Status::Investigating,
        (false, _) => Status::Monitoring,
    }
}

/// How long it is watched after its watch was broken so often.
fn watch(config: &Config, breaks: u32) -> Duration {
    let doubled = config.settings.watch.saturating_mul(2_u32.saturating_pow(breaks));
    doubled.min(config.settings.watch_cap.max(config.settings.watch))
}

fn end_watch(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let until = incident.watch_until.unwrap_or(draft.now());
    if draft.now() < until {
        return;
    }
    // Times are said as of the watch's end, so that the same blockers have the same words on the next day too.
    let by = blockers(incident, |at| draft.config().words.time(at, until));
    if !by.is_empty() {
        if by != incident.held_by {
            let why = if incident.held_by.is_empty() { &Why::WatchPassed } else { why };
            draft.push(id, What::Held { by }, why.clone());
        }
        return;
    }
    // Where nothing is watched, the last symptom's end is the incident's.
    let ended_by = if draft.config().settings.watch.is_zero() { why } else { &Why::WatchPassed };
    close(draft, id, ended_by);
}

/// Ends an incident. A cause may go on when every symptom is over; what it does to components is no longer this
/// incident's.
pub(super) fn close(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let graph = draft.config().graph.clone();
    let from = incident.status;
    let left = incident.affected_now().map(|component| {
        (component.clone(), incident.component_status(component), ComponentStatus::Operational)
    });
    let mut left: Vec<_> = left.collect();
    left.sort_by_key(|(component, ..)| graph.position(component));
    change(draft, id, left, why);
    draft.push(id, What::StatusChanged { from, to: Status::Resolved, watch_until: None }, why.clone());
}

/// Opens an incident again. Alerts that are a part of another one since are not its own any more.
pub(super) fn reopen(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let elsewhere = incident.members.keys().filter_map(|key| Some((key.clone(), draft.home(key)?)));
    let elsewhere: Vec<_> = elsewhere.filter(|(_, home)| *home != id).collect();
    let (from, to) = (Status::Resolved, Status::Investigating);
    draft.push(id, What::StatusChanged { from, to, watch_until: None }, why.clone());
    for (key, home) in elsewhere {
        draft.push(
            id,
            What::Left { key, to: home, by: None },
            follows("it is a part of another incident since"),
        );
    }
}

/// What keeps it from resolved: lost measurements, backlogs that are not drained, and a person's word.
fn blockers(incident: &Incident, said: impl Fn(Timestamp) -> String) -> Vec<String> {
    let held = incident.active().filter_map(|member| match (member.lost_since(), member.role()) {
        (Some(since), _) => Some(format!("{} is not measured since {}", member.key, said(since))),
        (None, Role::Backlog) => Some(format!("{} is not drained", member.key)),
        _ => None,
    });
    let word = incident.fixed_status.map(|status| format!("the status {status} is held by a person"));
    held.chain(word).collect()
}

/// Whether responders called before should hear of this turn, and under which reason.
pub(super) fn told_as(before: Status, incident: &Incident) -> Option<PageReason> {
    let (now, is_merged) = (incident.status, incident.merged_into.is_some());
    match (before, now) {
        (Status::Monitoring, Status::Investigating | Status::Identified) => Some(PageReason::Reopened),
        (Status::Investigating | Status::Identified, Status::Monitoring) => Some(PageReason::Monitoring),
        (_, Status::Resolved) if before != Status::Resolved && is_merged => Some(PageReason::Merged),
        (_, Status::Resolved) if before != Status::Resolved => Some(PageReason::Resolved),
        (Status::Resolved, Status::Investigating | Status::Identified) => Some(PageReason::Reopened),
        _ => None,
    }
}

fn follows(because: &str) -> Why {
    Why::Follows { because: because.to_owned() }
}
