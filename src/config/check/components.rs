//! `components` → the graph.

use std::collections::BTreeMap;

use crate::config::raw::{RawComponent, RawDependency, RawEdge, Wrong};
use crate::config::tree::Where;
use crate::model::{Component, ComponentId, Edge, Graph, GraphError, suggest};

use super::Context;

/// The place of each edge, by whose it is and where it leads.
type Places = BTreeMap<(ComponentId, ComponentId), Where>;

pub(super) fn graph(raw: Vec<RawComponent>, cx: &Context<'_>) -> Graph {
    let mut places = Places::new();
    let mut components: Vec<Component> = Vec::new();
    for raw in raw {
        let at = raw.id.as_ref().map(|id| id.at.clone());
        let Some(component) = component(raw, &mut places, cx) else { continue };
        if components.iter().any(|other| other.id == component.id) {
            let at = at.unwrap_or(Where::Setting("components".into()));
            cx.error(&at, format!("component `{}` is defined twice", component.id));
        } else {
            components.push(component);
        }
    }
    drop_unknown(&mut components, &places, cx);
    without_cycles(components, &places, cx)
}

fn component(raw: RawComponent, places: &mut Places, cx: &Context<'_>) -> Option<Component> {
    let id = cx.reader.required(raw.id, &raw.at, "id", "a component")?.value;
    let mut depends_on: Vec<Edge> = Vec::new();
    for dependency in raw.depends_on.unwrap_or_default() {
        let (on, propagates) = match dependency {
            RawDependency::Id(on) => (Some(on), None),
            RawDependency::Edge(RawEdge { at, on, propagates }) => {
                (cx.reader.required(on, &at, "on", "an entry of `depends_on`"), propagates)
            }
        };
        let Some(on) = on else { continue };
        if depends_on.iter().any(|edge| edge.on == on.value) {
            cx.error(&on.at, format!("component `{id}` depends on `{}` twice", on.value));
            continue;
        }
        places.insert((id.clone(), on.value.clone()), on.at);
        depends_on.push(Edge { on: on.value, propagates: propagates.map(|status| status.value) });
    }
    Some(Component {
        name: raw.name.map_or_else(|| id.to_string(), |name| name.value),
        group: raw.group.map(|group| group.value).filter(|group| !group.is_empty()),
        public: raw.public.is_none_or(|public| public.value),
        matchers: raw.r#match.map(|selector| selector.value.0).unwrap_or_default(),
        depends_on,
        id,
    })
}

/// Notes and removes the edges that lead nowhere, so that cycles are looked for among the rest.
fn drop_unknown(components: &mut [Component], places: &Places, cx: &Context<'_>) {
    let known: Vec<ComponentId> = components.iter().map(|component| component.id.clone()).collect();
    for component in components {
        let id = component.id.clone();
        component.depends_on.retain(|edge| {
            if known.contains(&edge.on) {
                return true;
            }
            let wrong = Wrong {
                what: GraphError::Unknown { from: id.clone(), on: edge.on.clone() }.to_string(),
                hint: suggest::hint(edge.on.as_str(), known.iter().map(ComponentId::as_str)),
            };
            note(places, &id, &edge.on, wrong, cx);
            false
        });
    }
}

/// Notes each cycle at the edge that closes it, and cuts it there to find the next.
fn without_cycles(mut components: Vec<Component>, places: &Places, cx: &Context<'_>) -> Graph {
    loop {
        let error = match Graph::new(components.clone()) {
            Ok(graph) => return graph,
            Err(error) => error,
        };
        let what = error.to_string();
        let GraphError::Cycle(cycle) = error else { return Graph::default() };
        let [.., from, to] = &cycle[..] else { return Graph::default() };
        let wrong = Wrong::new(what).hint("take out one of these edges: an outage has to begin somewhere");
        note(places, from, to, wrong, cx);
        for component in components.iter_mut().filter(|component| component.id == *from) {
            component.depends_on.retain(|edge| edge.on != *to);
        }
    }
}

fn note(places: &Places, from: &ComponentId, to: &ComponentId, wrong: Wrong, cx: &Context<'_>) {
    let at = places.get(&(from.clone(), to.clone())).cloned();
    cx.error(&at.unwrap_or(Where::Setting("components".into())), wrong);
}
