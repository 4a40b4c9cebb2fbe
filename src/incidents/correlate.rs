//! From alerts to incidents: which one an alert that moved belongs to.
//!
//! In:   one transition at a time; the incidents as they stand after the former ones of the same decision.
//! Out:  `Opened`, `Joined`, `Moved` and the reopening; what follows from them is settled afterwards.
//! Not:  nothing is merged or split, and what an alert does to components is not decided here.

use crate::model::{ComponentId, IncidentId};
use crate::rules::{AlertState, Role, Transition};

use super::affected;
use super::book::Config;
use super::draft::Draft;
use super::event::{Exposure, Family, Member, Status, What, Why};
use super::incident::Incident;

/// Takes one transition in, and says which incident it touched.
pub(super) fn take(draft: &mut Draft<'_>, transition: &Transition) -> Option<IncidentId> {
    let why = Why::Alert { alert: transition.key.to_string(), because: transition.because.clone() };
    if let Some(id) =
        find(draft, |incident| incident.is_open() && incident.members.contains_key(&transition.key))
    {
        return moved(draft, id, transition, why);
    }
    let fires = transition.facts.counts && matches!(transition.to, AlertState::Firing { .. });
    let home = if fires { home(draft, transition) } else { None };
    match home {
        Some(Home::Open(id)) => join(draft, id, transition, why),
        Some(Home::Resolved(id)) => {
            let turn =
                What::StatusChanged { from: Status::Resolved, to: Status::Investigating, watch_until: None };
            draft.push(id, turn, why.clone());
            join(draft, id, transition, why)
        }
        Some(Home::New) => {
            let id = open(draft, transition, why.clone());
            join(draft, id, transition, why)
        }
        // An incident that is over still learns how its alerts end.
        None => {
            let id = find_latest(draft, |incident| incident.members.contains_key(&transition.key))?;
            moved(draft, id, transition, why)
        }
    }
}

enum Home {
    Open(IncidentId),
    Resolved(IncidentId),
    New,
}

/// Where a firing alert belongs that is in no open incident; `None` where it alone is no reason for one.
fn home(draft: &Draft<'_>, transition: &Transition) -> Option<Home> {
    let key = transition.facts.incident_key.as_deref();
    let family = Family::of(&transition.key, &transition.facts);
    let same_key = |incident: &Incident| {
        (key.is_some() && incident.key.as_deref() == key)
            || family.as_ref().is_some_and(|family| incident.families.contains(family))
    };
    if let Some(id) = find(draft, |incident| incident.is_open() && same_key(incident)) {
        return Some(Home::Open(id));
    }
    if let Some(component) = &transition.facts.component
        && let Some(id) = find(draft, |incident| is_near(draft, incident, component))
    {
        return Some(Home::Open(id));
    }
    if !opens(draft.config(), transition) || outlived_its_incident(draft, transition) {
        return None;
    }
    let reopen_within = draft.config().settings.reopen_within;
    let recent = |incident: &Incident| {
        incident.resolved_at.is_some_and(|at| draft.now().since(at) <= reopen_within)
            && (same_key(incident) || incident.members.contains_key(&transition.key))
    };
    Some(find_latest(draft, recent).map_or(Home::New, Home::Resolved))
}

/// Whether an open incident is about a component that this one needs, or that needs it, and still lives.
fn is_near(draft: &Draft<'_>, incident: &Incident, component: &ComponentId) -> bool {
    let Config { settings, graph, .. } = draft.config();
    incident.is_open()
        && (incident.active_symptoms > 0 || draft.now().since(incident.moved_at) <= settings.correlate_within)
        && incident.alerting.iter().any(|alerting| graph.related(alerting, component))
}

/// Whether a firing alert is by itself a reason for an incident.
fn opens(config: &Config, transition: &Transition) -> bool {
    let bar = match transition.facts.role {
        Role::Symptom => config.settings.open_at,
        Role::Cause | Role::Backlog => config.settings.page_at,
    };
    transition.to.severity().is_some_and(|severity| bar <= severity)
}

/// Whether the alert outlived its incident (a cause may) and did not get worse since: no reason to reopen it.
fn outlived_its_incident(draft: &Draft<'_>, transition: &Transition) -> bool {
    find_latest(draft, |incident| incident.members.contains_key(&transition.key))
        .and_then(|id| draft.get(id)?.members.get(&transition.key))
        .is_some_and(|member| member.is_active() && transition.to.severity() <= Some(member.worst))
}

/// The oldest incident that fits.
fn find(draft: &Draft<'_>, fits: impl Fn(&Incident) -> bool) -> Option<IncidentId> {
    draft.incidents().find(|incident| fits(incident)).map(|incident| incident.id)
}

/// The one that was resolved last of those that fit.
fn find_latest(draft: &Draft<'_>, fits: impl Fn(&Incident) -> bool) -> Option<IncidentId> {
    let fitting = draft.incidents().filter(|incident| fits(incident));
    fitting.max_by_key(|incident| incident.resolved_at).map(|incident| incident.id)
}

fn open(draft: &mut Draft<'_>, transition: &Transition, why: Why) -> IncidentId {
    let member = member(draft, transition);
    let graph = &draft.config().graph;
    let statuses = affected::statuses(graph, std::iter::once(&member));
    let felt = member.role() == Role::Symptom && statuses.keys().any(|id| affected::is_public(graph, id));
    let exposure = if felt { Exposure::Public } else { Exposure::Internal };
    let toll = statuses.into_iter().map(|(id, status)| (id, (draft.now(), status))).collect();
    let title = affected::title(graph, exposure, &toll, &transition.facts.name);
    let key = transition.facts.incident_key.clone();
    let started_at = transition.to.breached_at();
    draft.open(What::Opened { key, title, exposure, started_at }, why)
}

fn join(draft: &mut Draft<'_>, id: IncidentId, transition: &Transition, why: Why) -> Option<IncidentId> {
    if draft.get(id)?.members.contains_key(&transition.key) {
        return moved(draft, id, transition, why);
    }
    let member = member(draft, transition);
    draft.push(id, What::Joined { member }, why);
    Some(id)
}

fn moved(draft: &mut Draft<'_>, id: IncidentId, transition: &Transition, why: Why) -> Option<IncidentId> {
    let member = draft.get(id)?.members.get(&transition.key)?;
    // An alert that is over and only pending again has not come back yet.
    let nothing_new = member.state == transition.to && member.facts == transition.facts;
    if nothing_new || matches!(transition.to, AlertState::Pending { .. }) {
        return None;
    }
    let (key, state, facts) = (transition.key.clone(), transition.to.clone(), transition.facts.clone());
    draft.push(id, What::Moved { key, state, facts }, why);
    Some(id)
}

fn member(draft: &Draft<'_>, transition: &Transition) -> Member {
    let worst = transition.to.severity().unwrap_or(draft.config().settings.open_at);
    Member {
        key: transition.key.clone(),
        state: transition.to.clone(),
        facts: transition.facts.clone(),
        joined_at: draft.now(),
        moved_at: draft.now(),
        worst,
    }
}
