//! What an incident does to components: their status, those at risk, its root, its title, the affected line.
//!
//! In:   an incident's alerts and the component graph.
//! Out:  statuses and names, in the order of the configuration.
//! Not:  nothing is remembered: the same alerts and the same graph give the same answer.
//!
//! A component is affected by its own alerts, and by a symptom or cause of what it depends on where each edge on
//! the way says `propagates`. A backlog affects its own component only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::{ComponentId, ComponentStatus, Graph, Timestamp};
use crate::rules::Role;

use super::incident::Incident;
use super::member::Member;
use super::message::ComponentNow;
use super::status::{Exposure, Impact};
use super::words::Words;

/// What each affected component shows now, because of these alerts.
pub(super) fn statuses<'a>(
    graph: &Graph,
    members: impl Iterator<Item = &'a Member>,
) -> BTreeMap<ComponentId, ComponentStatus> {
    let mut shown: BTreeMap<ComponentId, ComponentStatus> = BTreeMap::new();
    let mut spreading: BTreeSet<ComponentId> = BTreeSet::new();
    for member in members {
        let (Some(component), Some(status)) = (&member.facts.component, member.shows()) else { continue };
        worsen(&mut shown, component, status);
        if member.role() != Role::Backlog {
            spreading.insert(component.clone());
        }
    }
    let mut queue: VecDeque<ComponentId> = spreading.iter().cloned().collect();
    while let Some(upstream) = queue.pop_front() {
        for (dependant, edge) in graph.direct_dependants(&upstream) {
            let Some(status) = edge.propagates.filter(|s| *s != ComponentStatus::Operational) else {
                continue;
            };
            worsen(&mut shown, &dependant.id, status);
            if spreading.insert(dependant.id.clone()) {
                queue.push_back(dependant.id.clone());
            }
        }
    }
    shown
}

fn worsen(shown: &mut BTreeMap<ComponentId, ComponentStatus>, id: &ComponentId, status: ComponentStatus) {
    let now = shown.entry(id.clone()).or_insert(status);
    *now = status.max(*now);
}

/// Components that need one with a firing symptom or cause, at any depth, and are silent themselves.
pub(super) fn at_risk(graph: &Graph, incident: &Incident) -> Vec<ComponentId> {
    let sources: BTreeSet<&ComponentId> = incident
        .active()
        .filter(|member| member.role() != Role::Backlog)
        .filter_map(|member| member.facts.component.as_ref())
        .collect();
    let below: BTreeSet<ComponentId> =
        sources.iter().flat_map(|source| graph.downstream(source).into_keys()).collect();
    let silent = |id: &ComponentId| incident.component_status(id) == ComponentStatus::Operational;
    let mut silent: Vec<ComponentId> = below.into_iter().filter(silent).collect();
    silent.sort_by_key(|id| graph.position(id));
    silent
}

/// The most upstream component with a firing symptom or cause; of several the one that crossed first.
pub(super) fn root(graph: &Graph, incident: &Incident) -> Option<ComponentId> {
    let mut since: BTreeMap<&ComponentId, Timestamp> = BTreeMap::new();
    for member in incident.active().filter(|member| member.role() != Role::Backlog) {
        let Some(component) = &member.facts.component else { continue };
        let breached_at = member.state.breached_at();
        since.entry(component).and_modify(|at| *at = breached_at.min(*at)).or_insert(breached_at);
    }
    most_upstream(graph, &since).cloned()
}

/// Of the components that none of the others stands above: the earliest, then the first of the configuration.
fn most_upstream<'a>(graph: &Graph, since: &BTreeMap<&'a ComponentId, Timestamp>) -> Option<&'a ComponentId> {
    let is_top = |id: &ComponentId| !graph.upstream(id).keys().any(|above| since.contains_key(above));
    let tops = since.iter().filter(|(id, _)| is_top(id));
    tops.min_by_key(|(id, at)| (**at, graph.position(id))).map(|(id, _)| *id)
}

/// Whether customers see the component.
pub(super) fn is_public(graph: &Graph, id: &ComponentId) -> bool {
    graph.get(id).is_some_and(|component| component.public)
}

/// What people call the component.
pub(super) fn name<'a>(graph: &'a Graph, id: &'a ComponentId) -> &'a str {
    graph.get(id).map_or(id.as_str(), |component| component.name.as_str())
}

/// What an incident did to each of its components so far: since when, and the worst of it.
pub(super) type Toll = BTreeMap<ComponentId, (Timestamp, ComponentStatus)>;

/// The toll of an incident over its life.
pub(super) fn toll(incident: &Incident) -> Toll {
    let worst = incident.components.iter().filter_map(|(id, spans)| {
        let worst = spans.iter().map(|span| span.status).max()?;
        Some((id.clone(), (spans.first()?.from, worst)))
    });
    worst.collect()
}

/// The title: the most upstream component (the most upstream public one where customers read it) and the worst
/// that it showed. Over a life this changes only to something further upstream or worse, never back, so readers
/// know an incident by its title and the title never understates. Without a component it is the alert's name, which customers
/// do not read.
pub(super) fn title(graph: &Graph, words: &Words, exposure: Exposure, toll: &Toll, alert: &str) -> String {
    let told = |id: &ComponentId| exposure == Exposure::Internal || is_public(graph, id);
    let since = toll.iter().filter(|(id, _)| told(id)).map(|(id, (since, _))| (id, *since)).collect();
    match most_upstream(graph, &since).and_then(|id| toll.get(id).map(|(_, worst)| (id, *worst))) {
        Some((id, worst)) => format!("{}: {}", name(graph, id), words.status(worst)),
        None if exposure == Exposure::Public => words.untitled().to_owned(),
        None => alert.to_owned(),
    }
}

/// How bad it is for these components.
pub(super) fn impact(statuses: impl Iterator<Item = ComponentStatus>) -> Impact {
    statuses.map(Impact::of).max().unwrap_or(Impact::None)
}

/// How bad it is for customers: as a person set it, or by the public components.
pub(super) fn public_impact(incident: &Incident, shown: &[ComponentNow]) -> Impact {
    incident.fixed_impact.unwrap_or_else(|| impact(shown.iter().map(|component| component.status)))
}

/// Components with what they show now, in the order of the configuration.
pub(super) fn now<'a>(
    graph: &Graph,
    incident: &Incident,
    ids: impl Iterator<Item = &'a ComponentId>,
) -> Vec<ComponentNow> {
    let mut ids: Vec<&ComponentId> = ids.collect();
    ids.sort_by_key(|id| (graph.position(id), *id));
    let now = ids.into_iter().map(|id| ComponentNow {
        id: id.clone(),
        name: name(graph, id).to_owned(),
        group: graph.get(id).and_then(|component| component.group.clone()),
        status: incident.component_status(id),
    });
    now.collect()
}

/// The public components of an incident over its life, with what they show now.
pub(super) fn public_now(graph: &Graph, incident: &Incident) -> Vec<ComponentNow> {
    now(graph, incident, incident.components.keys().filter(|id| is_public(graph, id)))
}

/// The affected line: `Blip Platform (CRM, Analytics) and Desk`, with the word for `and`. A group stands where its
/// first component does.
pub(super) fn line(components: &[ComponentNow], and: &str) -> String {
    let mut places: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for component in components {
        let group = component.group.as_deref();
        match places.iter_mut().find(|(have, _)| group.is_some() && *have == group) {
            Some((_, names)) => names.push(&component.name),
            None => places.push((group, vec![&component.name])),
        }
    }
    let texts: Vec<String> = places
        .into_iter()
        .map(|(group, names)| match group {
            Some(group) => format!("{group} ({})", names.join(", ")),
            None => names.join(", "),
        })
        .collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {and} {last}", most.join(", ")),
    }
}

/// How long each public component has shown what it shows, worst first, for the words of a post.
pub(super) fn lasting(graph: &Graph, incident: &Incident) -> Vec<(String, ComponentStatus, Timestamp)> {
    let affected = incident.components.iter().filter(|(id, _)| is_public(graph, id));
    let mut lasting: Vec<_> = affected
        .filter_map(|(id, spans)| {
            let span = spans.last().filter(|span| span.until.is_none())?;
            Some((graph.position(id), name(graph, id).to_owned(), span.status, span.from))
        })
        .collect();
    lasting.sort_by_key(|(position, _, status, _)| (Reverse(*status), *position));
    lasting.into_iter().map(|(_, name, status, from)| (name, status, from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_affected_line_folds_groups_and_joins_as_people_do() {
        let check = |components: &[(&str, &str)], expected: &str| {
            let components: Vec<ComponentNow> = components
                .iter()
                .map(|(group, name)| ComponentNow {
                    id: ComponentId::new(name).unwrap(),
                    name: (*name).to_owned(),
                    group: Some((*group).to_owned()).filter(|group| !group.is_empty()),
                    status: ComponentStatus::Operational,
                })
                .collect();
            assert_eq!(line(&components, "and"), expected);
        };
        check(&[], "");
        check(&[("", "A")], "A");
        check(&[("", "A"), ("", "B")], "A and B");
        check(&[("", "A"), ("", "B"), ("", "C")], "A, B and C");
        check(&[("Blip Platform", "CRM")], "Blip Platform (CRM)");
        check(
            &[("Blip Platform", "CRM"), ("Blip Platform", "Analytics"), ("", "Desk")],
            "Blip Platform (CRM, Analytics) and Desk",
        );
        check(&[("G", "A"), ("", "B"), ("G", "C")], "G (A, C) and B");
    }
}
