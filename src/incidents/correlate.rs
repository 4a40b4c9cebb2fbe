//! From alerts to incidents: which one an alert that moved belongs to.
//!
//! In:   one transition at a time; the incidents as they stand after the former ones of the same decision.
//! Out:  `Opened`, `Joined`, `Moved` and the reopening; what follows from them is settled afterwards.
//! Not:  what an alert does to components is not decided here.
//!
//! A firing alert goes to the open incident that it is or was a part of, or whose key it has; else to one about a
//! component near its own; else it reopens one that ended lately; else it opens one.

use crate::model::{ComponentId, IncidentId, Labels, Severity};
use crate::rules::{AlertFacts, AlertState, Role, Transition};

use super::affected;
use super::config::Config;
use super::draft::Draft;
use super::event::What;
use super::incident::Incident;
use super::member::{Family, Member};
use super::status::Exposure;
use super::why::Why;
use super::{lifecycle, merge};

/// Takes one transition in, and says which incidents it touched.
pub(super) fn take(draft: &mut Draft<'_>, transition: &Transition) -> Vec<IncidentId> {
    let why = Why::Alert { alert: transition.key.to_string(), because: transition.because.clone() };
    let own = draft.home(&transition.key);
    if let Some(id) = own.filter(|id| draft.get(*id).is_some_and(Incident::is_open)) {
        let Some(id) = moved(draft, id, transition, why) else { return Vec::new() };
        return join_up(draft, id, transition);
    }
    let fires = transition.facts.counts && matches!(transition.to, AlertState::Firing { .. });
    let home = if fires { home(draft, transition, own) } else { None };
    let id = match home {
        Some(Home::Open(id)) => join(draft, id, transition, why),
        Some(Home::Resolved(id)) => {
            lifecycle::reopen(draft, id, &why);
            join(draft, id, transition, why)
        }
        Some(Home::New) => {
            let id = open(draft, transition, why.clone());
            join(draft, id, transition, why)
        }
        // An incident that is over still learns how its alerts end.
        None => own.and_then(|id| moved(draft, id, transition, why)),
    };
    id.map_or_else(Vec::new, |id| join_up(draft, id, transition))
}

enum Home {
    Open(IncidentId),
    Resolved(IncidentId),
    New,
}

/// Where a firing alert belongs that is in no open incident; `None` where it alone is no reason for one. `own` is the
/// resolved incident that it was a part of last.
fn home(draft: &mut Draft<'_>, transition: &Transition, own: Option<IncidentId>) -> Option<Home> {
    if own.and_then(|id| draft.get(id)).is_some_and(|own| is_over_by_word(own, transition)) {
        return None;
    }
    let names = Names::of(transition, draft.config().settings.correlate);
    if let Some(id) = find(draft, |incident| incident.is_open() && names.fit(incident)) {
        return Some(Home::Open(id));
    }
    if let Some(component) = &transition.facts.component
        && let Some(id) = near(draft, component).first()
    {
        return Some(Home::Open(*id));
    }
    if !opens(draft.config(), transition) || own.is_some_and(|own| outlived(draft, own, transition)) {
        return None;
    }
    let (now, reopen_within) = (draft.now(), draft.config().settings.reopen_within);
    let recent = |incident: &Incident| {
        incident.merged_into.is_none()
            && !incident.fixed_resolved
            && incident.resolved_at.is_some_and(|at| now.since(at) <= reopen_within)
            && (names.fit(incident) || Some(incident.id) == own)
    };
    let latest =
        draft.incidents().filter(|incident| recent(incident)).max_by_key(|incident| incident.resolved_at);
    Some(latest.map_or(Home::New, |incident| Home::Resolved(incident.id)))
}

/// By what an alert is known that its incident is known by too.
struct Names<'a> {
    key: Option<&'a str>,
    family: Option<Family>,
}

impl<'a> Names<'a> {
    fn of(transition: &'a Transition, correlate: bool) -> Self {
        let family = if correlate { Family::of(&transition.key, &transition.facts) } else { None };
        Self { key: transition.facts.incident_key.as_deref(), family }
    }

    fn fit(&self, incident: &Incident) -> bool {
        self.key.is_some_and(|key| incident.keys().any(|known| known == key))
            || self.family.as_ref().is_some_and(|family| incident.families.contains_key(family))
    }
}

/// Open incidents, the oldest first, about a component that this one needs, or that needs it, and that still live.
fn near(draft: &mut Draft<'_>, component: &ComponentId) -> Vec<IncidentId> {
    if !draft.config().settings.correlate {
        return Vec::new();
    }
    let related = draft.related(component);
    let (now, within) = (draft.now(), draft.config().settings.correlate_within);
    let is_near = |incident: &&Incident| {
        incident.is_open()
            && (incident.active_symptoms > 0 || now.since(incident.moved_at) <= within)
            && incident.alerting.keys().any(|alerting| related.contains(alerting))
    };
    draft.incidents().filter(is_near).map(|incident| incident.id).collect()
}

/// A serious alert that belongs to two open incidents makes them one: the older goes on. Says which were touched.
fn join_up(draft: &mut Draft<'_>, id: IncidentId, transition: &Transition) -> Vec<IncidentId> {
    let serious = matches!(transition.to, AlertState::Firing { severity, .. } if Severity::Major <= severity);
    // An alert with a key belongs where its key says.
    let component = transition.facts.component.as_ref().filter(|_| transition.facts.incident_key.is_none());
    let (true, true, Some(component)) = (serious, transition.facts.counts, component) else {
        return vec![id];
    };
    let also = near(draft, component);
    let mut touched = vec![id];
    let mut survivor = id;
    for other in also.into_iter().filter(|other| *other != id) {
        let (Some(a), Some(b)) = (draft.get(survivor), draft.get(other)) else { continue };
        let (older, younger) = if other < survivor { (b, a) } else { (a, b) };
        if !merge::may_merge(younger, older) {
            continue;
        }
        let (older, younger) = (older.id, younger.id);
        let why = Why::Merging { alert: transition.key.to_string(), into: older };
        merge::merge(draft, younger, older, &why);
        touched.extend([older, younger]);
        survivor = older;
    }
    touched.sort_unstable();
    touched.dedup();
    touched
}

/// Whether a firing alert is by itself a reason for an incident.
fn opens(config: &Config, transition: &Transition) -> bool {
    let bar = match transition.facts.role {
        Role::Symptom => config.settings.open_at,
        Role::Cause | Role::Backlog => config.settings.page_at,
    };
    transition.to.severity().is_some_and(|severity| bar <= severity)
}

/// Whether the alert outlived its incident (a cause may): it fires since before the end, and did not get worse than
/// it was then. That is no reason to reopen it.
fn outlived(draft: &Draft<'_>, own: IncidentId, transition: &Transition) -> bool {
    let Some(incident) = draft.get(own) else { return false };
    let fires_since_before = match (&transition.to, incident.resolved_at) {
        (AlertState::Firing { fired_at, .. }, Some(end)) => *fired_at <= end,
        _ => false,
    };
    let member = incident.members.get(&transition.key).filter(|member| member.is_active());
    fires_since_before && member.is_some_and(|member| transition.to.severity() <= Some(member.worst))
}

/// Whether a person ended the incident while something fired, and not all of it has cleared since: then an alert of
/// it is no reason for anything.
fn is_over_by_word(own: &Incident, transition: &Transition) -> bool {
    own.fixed_resolved && own.members.contains_key(&transition.key)
}

/// The oldest incident that fits.
fn find(draft: &Draft<'_>, fits: impl Fn(&Incident) -> bool) -> Option<IncidentId> {
    draft.incidents().find(|incident| fits(incident)).map(|incident| incident.id)
}

fn open(draft: &mut Draft<'_>, transition: &Transition, why: Why) -> IncidentId {
    let member = member(draft, transition);
    let graph = &draft.config().graph;
    let statuses = affected::statuses(graph, std::iter::once(&member));
    let felt = member.role() == Role::Symptom && statuses.keys().any(|id| affected::is_public(graph, id));
    let exposure = if felt { Exposure::Public } else { Exposure::Internal };
    let toll = statuses.into_iter().map(|(id, status)| (id, (draft.now(), status))).collect();
    let title = affected::title(graph, &draft.config().words, exposure, &toll, &transition.facts.name);
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
    // An alert that is over and only pending again has not come back yet. Figures alone are told by readings.
    let bare = |facts: &AlertFacts| AlertFacts { value: None, annotations: Labels::empty(), ..facts.clone() };
    let nothing_new = member.state == transition.to && bare(&member.facts) == bare(&transition.facts);
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
