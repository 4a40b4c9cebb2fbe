//! Which series of a component are watched for changes.
//!
//! In:   components with their own targets' matchers.
//! Out:  selectors, and what must be kept for them.
//! Not:  nothing is read here: `sighting` does.

use std::time::Duration;

use crate::model::{Component, ComponentId, METRIC_NAME, MatchOp, Matcher};
use crate::promql::{Demand, LOOK_BACK};

/// Metrics that say how many instances there are to be, or are. Not those of instances that are ready, which fall
/// to zero also where nobody did anything.
const REPLICAS: [&str; 5] = [
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas",
    "kube_statefulset_replicas",
    "kube_statefulset_spec_replicas",
    "kube_statefulset_status_replicas",
];

/// A component that is watched, with the selectors that it takes.
#[derive(Debug, Clone)]
pub struct Watched {
    pub(super) component: ComponentId,
    pub(super) targets: Vec<Matcher>,
    pub(super) builds: Vec<Matcher>,
    pub(super) starts: Vec<Matcher>,
    pub(super) replicas: Vec<Vec<Matcher>>,
}

impl Watched {
    /// What to watch of a component; `None` where it does not say which series are its own.
    pub fn of(component: &Component) -> Option<Self> {
        if component.matchers.is_empty() {
            return None;
        }
        let named = |op, name: &str, own: &[Matcher]| {
            let on_name = Matcher::new(METRIC_NAME, op, name).expect("the names above are valid patterns");
            own.iter().cloned().chain([on_name]).collect::<Vec<_>>()
        };
        let own = &component.matchers;
        // What is said of the names of its series does not hold for what scraping says of its targets.
        let on_labels: Vec<Matcher> = own.iter().filter(|m| m.name() != METRIC_NAME).cloned().collect();
        Some(Self {
            component: component.id.clone(),
            targets: named(MatchOp::Equal, "up", &on_labels),
            builds: named(MatchOp::Regex, "(.+_)?build_info", own),
            starts: named(MatchOp::Equal, "process_start_time_seconds", own),
            replicas: REPLICAS.iter().map(|name| named(MatchOp::Equal, name, own)).collect(),
        })
    }

    /// What must be kept for it.
    pub fn demands(&self) -> Vec<Demand> {
        let selectors = [&self.targets, &self.builds, &self.starts].into_iter().chain(&self.replicas);
        let demand = |matchers: &Vec<Matcher>| Demand {
            matchers: matchers.clone(),
            look_back: LOOK_BACK,
            window: Duration::ZERO,
        };
        selectors.map(demand).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
        Matcher::new(name, op, value).unwrap()
    }

    fn watched(matchers: Vec<Matcher>) -> Option<Watched> {
        let id = ComponentId::new("crm").unwrap();
        let (name, depends_on) = (String::new(), Vec::new());
        Watched::of(&Component { id, name, group: None, public: true, depends_on, matchers })
    }

    #[test]
    fn a_component_that_does_not_say_which_series_are_its_own_is_not_watched() {
        assert!(watched(Vec::new()).is_none());
    }

    #[test]
    fn its_targets_are_known_whatever_it_says_of_the_names_of_its_series() {
        let own = vec![matcher("__name__", MatchOp::Regex, "crm_.*"), matcher("job", MatchOp::Equal, "crm")];
        let words = |demand: &Demand| demand.matchers.iter().map(ToString::to_string).collect::<Vec<_>>();
        let shown: Vec<Vec<String>> = watched(own).unwrap().demands().iter().map(words).collect();
        assert_eq!(shown[0], ["job=\"crm\"", "__name__=\"up\""]);
        assert_eq!(shown[1], ["__name__=~\"crm_.*\"", "job=\"crm\"", "__name__=~\"(.+_)?build_info\""]);
        assert_eq!(shown.len(), 3 + REPLICAS.len());
    }
}
