//! Components and what depends on what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, Matcher, Severity};

/// What a component's users experience, from the best to the worst that is measured.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ComponentStatus {
    /// All is well.
    Operational,
    /// Nothing can be said: it is not measured.
    Unknown,
    /// People work on it as announced.
    UnderMaintenance,
    /// Slow, or failing now and then.
    DegradedPerformance,
    /// A part of it fails.
    PartialOutage,
    /// It is down.
    MajorOutage,
}

impl ComponentStatus {
    /// The status that an alert of `severity` means unless its rule says otherwise.
    pub const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Minor => Self::DegradedPerformance,
            Severity::Major => Self::PartialOutage,
            Severity::Critical => Self::MajorOutage,
        }
    }

    /// The word that users write and status pages expect.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Unknown => "unknown",
            Self::UnderMaintenance => "under_maintenance",
            Self::DegradedPerformance => "degraded_performance",
            Self::PartialOutage => "partial_outage",
            Self::MajorOutage => "major_outage",
        }
    }
}

impl fmt::Display for ComponentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A thing that customers or operators know by name.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its id in the configuration.
    pub id: ComponentId,
    /// Its name, as people read it.
    pub name: String,
    /// The group that it is shown in.
    pub group: Option<String>,
    /// Whether customers see it.
    pub public: bool,
    /// What it needs in order to work.
    pub depends_on: Vec<Edge>,
    /// What its own targets' series look like (`match`); empty where the configuration does not say.
    pub matchers: Vec<Matcher>,
}

/// One thing that a component needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The component that is needed.
    pub on: ComponentId,
    /// The status that the dependant shows in public while that component is affected; without it the dependant
    /// is only *at risk*, which operators see.
    pub propagates: Option<ComponentStatus>,
}

/// Why components make no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two components share an id.
    #[error("component `{0}` is defined twice")]
    Duplicate(ComponentId),
    /// An edge leads nowhere.
    #[error("component `{from}` depends on `{on}`, which is not defined")]
    Unknown {
        /// Whose edge it is.
        from: ComponentId,
        /// Where it leads.
        on: ComponentId,
    },
    /// A component depends on itself, through others or not.
    #[error("components depend on each other in a cycle: {}", .0.iter().map(ComponentId::as_str).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<ComponentId>),
}

/// All components in the order of the configuration, with their edges; never a cycle.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    order: Vec<Component>,
    places: BTreeMap<ComponentId, usize>,
    dependants: BTreeMap<ComponentId, Vec<ComponentId>>,
}

impl Graph {
    /// Builds the graph.
    ///
    /// # Errors
    /// The first duplicate, unknown dependency or cycle.
    pub fn new(order: Vec<Component>) -> Result<Self, GraphError> {
        let mut places = BTreeMap::new();
        for (place, component) in order.iter().enumerate() {
            if places.insert(component.id.clone(), place).is_some() {
                return Err(GraphError::Duplicate(component.id.clone()));
            }
        }
        let mut dependants: BTreeMap<ComponentId, Vec<ComponentId>> = BTreeMap::new();
        for component in &order {
            for edge in &component.depends_on {
                if !places.contains_key(&edge.on) {
                    return Err(GraphError::Unknown { from: component.id.clone(), on: edge.on.clone() });
                }
                dependants.entry(edge.on.clone()).or_default().push(component.id.clone());
            }
        }
        let graph = Self { order, places, dependants };
        match graph.find_cycle() {
            Some(cycle) => Err(GraphError::Cycle(cycle)),
            None => Ok(graph),
        }
    }

    /// A component by its id.
    pub fn get(&self, id: &ComponentId) -> Option<&Component> {
        self.places.get(id).map(|place| &self.order[*place])
    }

    /// All components in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Component> {
        self.order.iter()
    }

    /// Where a component stands in the configuration; those that are not in it come last.
    pub fn position(&self, id: &ComponentId) -> usize {
        self.places.get(id).copied().unwrap_or(usize::MAX)
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Everything that `id` needs, at any depth, with the distance in edges; without itself.
    pub fn upstream(&self, id: &ComponentId) -> BTreeMap<ComponentId, usize> {
        self.reach(id, |id| {
            self.get(id)
                .map(|c| c.depends_on.iter().map(|edge| edge.on.clone()).collect())
                .unwrap_or_default()
        })
    }

    /// Everything that needs `id`, at any depth, with the distance in edges; without itself.
    pub fn downstream(&self, id: &ComponentId) -> BTreeMap<ComponentId, usize> {
        self.reach(id, |id| self.dependants.get(id).cloned().unwrap_or_default())
    }

    /// Whether the two are the same, or one needs the other at any depth.
    pub fn related(&self, a: &ComponentId, b: &ComponentId) -> bool {
        a == b || self.upstream(a).contains_key(b) || self.upstream(b).contains_key(a)
    }

    /// Those that need `id` directly, with the edge by which they do.
    pub fn direct_dependants(&self, id: &ComponentId) -> impl Iterator<Item = (&Component, &Edge)> {
        self.dependants.get(id).into_iter().flatten().filter_map(move |dependant| {
            let component = self.get(dependant)?;
            let edge = component.depends_on.iter().find(|edge| edge.on == *id)?;
            Some((component, edge))
        })
    }

    fn reach(
        &self,
        from: &ComponentId,
        next: impl Fn(&ComponentId) -> Vec<ComponentId>,
    ) -> BTreeMap<ComponentId, usize> {
        let mut found = BTreeMap::new();
        let mut queue = VecDeque::from([(from.clone(), 0)]);
        while let Some((id, distance)) = queue.pop_front() {
            for neighbour in next(&id) {
                if neighbour != *from && !found.contains_key(&neighbour) {
                    found.insert(neighbour.clone(), distance + 1);
                    queue.push_back((neighbour, distance + 1));
                }
            }
        }
        found
    }

    /// Takes away, again and again, what depends on nothing that is left; what remains holds a cycle.
    fn find_cycle(&self) -> Option<Vec<ComponentId>> {
        let mut left: BTreeSet<&ComponentId> = self.order.iter().map(|c| &c.id).collect();
        loop {
            let blocked: BTreeSet<&ComponentId> = left
                .iter()
                .copied()
                .filter(|id| {
                    self.get(id).is_some_and(|c| c.depends_on.iter().any(|edge| left.contains(&edge.on)))
                })
                .collect();
            if blocked.len() == left.len() {
                break;
            }
            left = blocked;
        }
        // Every component left has an edge to another that is left, so following them must come round.
        let mut path = vec![(*left.first()?).clone()];
        loop {
            let last = path.last().expect("the path begins with one component");
            let next = self.get(last)?.depends_on.iter().map(|edge| &edge.on).find(|on| left.contains(on))?;
            if let Some(at) = path.iter().position(|id| id == next) {
                let mut cycle = path.split_off(at);
                cycle.push(cycle[0].clone());
                return Some(cycle);
            }
            path.push(next.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ComponentId {
        ComponentId::new(text).expect("a valid id")
    }

    fn component(name: &str, depends_on: &[&str]) -> Component {
        Component {
            id: id(name),
            name: name.to_owned(),
            group: None,
            public: true,
            depends_on: depends_on.iter().map(|on| Edge { on: id(on), propagates: None }).collect(),
            matchers: Vec::new(),
        }
    }

    #[test]
    fn reaches_at_any_depth_in_either_direction() {
        let graph =
            Graph::new(vec![component("db", &[]), component("crm", &["db"]), component("desk", &["crm"])])
                .expect("ok");
        assert_eq!(graph.upstream(&id("desk")), BTreeMap::from([(id("crm"), 1), (id("db"), 2)]));
        assert_eq!(graph.downstream(&id("db")), BTreeMap::from([(id("crm"), 1), (id("desk"), 2)]));
        assert!(graph.related(&id("db"), &id("desk")));
    }

    #[test]
    fn siblings_are_not_related() {
        let graph = Graph::new(vec![component("db", &[]), component("a", &["db"]), component("b", &["db"])])
            .expect("ok");
        assert!(!graph.related(&id("a"), &id("b")));
    }

    #[test]
    fn a_cycle_is_named_whole() {
        let graph = Graph::new(vec![
            component("x", &["a"]),
            component("a", &["b"]),
            component("b", &["c"]),
            component("c", &["a"]),
        ]);
        assert_eq!(graph.expect_err("a cycle"), GraphError::Cycle(vec![id("a"), id("b"), id("c"), id("a")]));
    }

    #[test]
    fn unknown_and_duplicate_components_are_refused() {
        assert!(matches!(Graph::new(vec![component("a", &["b"])]), Err(GraphError::Unknown { .. })));
        assert!(matches!(
            Graph::new(vec![component("a", &[]), component("a", &[])]),
            Err(GraphError::Duplicate(_))
        ));
    }
}
