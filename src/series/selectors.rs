//! Standing selectors: which series fit which matchers, known before anyone asks.
//!
//! In:   matchers; series that appear or go.
//! Out:  for each set of matchers, the ids of the series that fit, in the order of their labels.
//! Not:  nothing is matched at evaluation time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use crate::model::{Labels, METRIC_NAME, Matcher, exact_metric_name};
use crate::promql::{Demand, SeriesId};
use crate::series::portion::Portion;
use crate::series::store::Store;

/// Which series some rule wants. What `scrape` asks of each line.
#[derive(Debug, Clone, Default)]
pub struct WantedNames {
    selectors: Vec<Vec<Matcher>>,
    places: Places,
}

impl WantedNames {
    /// What `demands` want.
    pub fn new(demands: &[Demand]) -> Self {
        let mut wanted = Self::default();
        let mut known = HashSet::new();
        for demand in demands.iter().filter(|demand| known.insert(&demand.matchers)) {
            wanted.places.add(wanted.selectors.len(), &demand.matchers);
            wanted.selectors.push(demand.matchers.clone());
        }
        wanted
    }

    /// Whether a series of this name may be wanted. Where `identity` is given, its labels are those, and others.
    pub fn may_be(&self, name: &str, identity: Option<&Labels>) -> bool {
        let fits = |at: &usize| {
            let matchers = &self.selectors[*at];
            let mut on_name = matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME);
            on_name.all(|matcher| matcher.matches_value(name))
                && identity.is_none_or(|identity| may_be_on(identity, matchers))
        };
        // Selectors of an exact name are as good as always about every target, and may be many.
        self.places.by_name.contains_key(name) || self.places.without_name.iter().any(fits)
    }

    /// Whether a series of these labels is wanted.
    pub fn fits(&self, labels: &Labels) -> bool {
        self.places.of(labels.metric_name()).any(|at| fits(&self.selectors[at], labels))
    }
}

/// Where selectors are, by the name that each asks for outright.
#[derive(Debug, Clone, Default)]
struct Places {
    by_name: HashMap<String, Vec<usize>>,
    without_name: Vec<usize>,
}

impl Places {
    fn add(&mut self, at: usize, matchers: &[Matcher]) {
        match exact_name(matchers) {
            Some(name) => self.by_name.entry(name.to_owned()).or_default().push(at),
            None => self.without_name.push(at),
        }
    }

    /// Those that a series of this name may fit.
    fn of(&self, name: &str) -> impl Iterator<Item = usize> {
        let named = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        named.iter().chain(&self.without_name).copied()
    }
}

/// The name that a series must have in order to fit, where the matchers say it outright.
fn exact_name(matchers: &[Matcher]) -> Option<&str> {
    exact_metric_name(matchers).filter(|name| !name.is_empty())
}

/// A set of matchers and the series that fit all of them.
#[derive(Debug)]
struct Selector {
    matchers: Arc<[Matcher]>,
    look_back: Duration,
    /// The turn of the window at which it came.
    born: u64,
    /// In the order of labels. Shared with whoever walks along it at the moment.
    members: Arc<Vec<SeriesId>>,
    /// So many of them are in their places; those behind were added since.
    settled: usize,
}

/// Several selectors, each set of matchers once.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    all: Vec<Selector>,
    by_matchers: HashMap<Arc<[Matcher]>, usize>,
    places: Places,
    /// Those to which series were added that are not in their place yet.
    unsettled: Vec<usize>,
}

impl Selectors {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The ids of the series that fit `matchers`; `None` where that set of matchers is not kept.
    pub(super) fn members(&self, matchers: &[Matcher]) -> Option<Arc<Vec<SeriesId>>> {
        self.by_matchers.get(matchers).map(|at| self.all[*at].members.clone())
    }

    /// Keeps `matchers` from now on, with the series of `store` that fit.
    pub(super) fn insert(&mut self, matchers: &[Matcher], look_back: Duration, store: &Store, born: u64) {
        if let Some(at) = self.by_matchers.get(matchers) {
            let have = &mut self.all[*at].look_back;
            *have = look_back.max(*have);
            return;
        }
        let members =
            store.iter().filter(|(_, series)| fits(matchers, &series.labels)).map(|(id, _)| id).collect();
        let mut selector =
            Selector { matchers: matchers.into(), look_back, born, members: Arc::new(members), settled: 0 };
        selector.settle(store);
        self.adopt(selector);
    }

    fn adopt(&mut self, selector: Selector) {
        let at = self.all.len();
        self.places.add(at, &selector.matchers);
        self.by_matchers.insert(selector.matchers.clone(), at);
        self.all.push(selector);
    }

    /// The same selectors as `demands` ask for; those that were there already keep their lists.
    pub(super) fn changed_to(&mut self, demands: &[Demand], store: &Store, turn: u64) {
        let mut old = std::mem::take(self);
        for demand in demands {
            if !self.by_matchers.contains_key(&*demand.matchers)
                && let Some(at) = old.by_matchers.get(&*demand.matchers)
            {
                let known = &mut old.all[*at];
                known.settle(store);
                let members = std::mem::take(&mut known.members);
                self.adopt(Selector {
                    matchers: known.matchers.clone(),
                    look_back: demand.look_back,
                    born: known.born,
                    settled: members.len(),
                    members,
                });
            }
            self.insert(&demand.matchers, demand.look_back, store, turn);
        }
    }

    /// The longest look-back of those that `labels` fit; `None` where they fit none.
    pub(super) fn look_back(&self, labels: &Labels) -> Option<Duration> {
        self.fitting(labels).map(|at| self.all[at].look_back).max()
    }

    /// The turn since which some of them fit `labels`.
    pub(super) fn wanted_since(&self, labels: &Labels) -> Option<u64> {
        self.fitting(labels).map(|at| self.all[at].born).min()
    }

    /// The longest look-back of those that see every series which fits `matchers`: each of their conditions is one of
    /// those. `None` where there is none.
    pub(super) fn covering(&self, matchers: &[Matcher]) -> Option<Duration> {
        let all = self.places.of(exact_name(matchers).unwrap_or_default()).map(|at| &self.all[at]);
        let covering = all.filter(|selector| selector.matchers.iter().all(|one| matchers.contains(one)));
        covering.map(|selector| selector.look_back).max()
    }

    fn fitting(&self, labels: &Labels) -> impl Iterator<Item = usize> {
        self.places.of(labels.metric_name()).filter(move |at| fits(&self.all[*at].matchers, labels))
    }

    /// The selectors that series fit, each with those of `series` that do, in their order.
    pub(super) fn partition(&self, series: &[(&Labels, SeriesId)]) -> Portion {
        let mut by_selector: BTreeMap<usize, Vec<SeriesId>> = BTreeMap::new();
        for (labels, id) in series {
            self.fitting(labels).for_each(|at| by_selector.entry(at).or_default().push(*id));
        }
        by_selector.into_iter().map(|(at, ids)| (self.all[at].matchers.clone(), ids)).collect()
    }

    /// A series has appeared. `settle` must follow before anyone asks.
    pub(super) fn add(&mut self, id: SeriesId, labels: &Labels) {
        let fitting: Vec<usize> = self.fitting(labels).collect();
        for at in fitting {
            let selector = &mut self.all[at];
            if selector.settled == selector.members.len() {
                self.unsettled.push(at);
            }
            Arc::make_mut(&mut selector.members).push(id);
        }
    }

    /// Puts the series that appeared in their places. Once for a whole page, since a page brings many.
    pub(super) fn settle(&mut self, store: &Store) {
        for at in self.unsettled.drain(..) {
            self.all[at].settle(store);
        }
    }

    /// Some series are gone from `store`. Nothing must be unsettled.
    pub(super) fn forget_gone(&mut self, store: &Store) {
        for selector in &mut self.all {
            if selector.members.iter().any(|id| store.get(*id).is_none()) {
                let members = Arc::make_mut(&mut selector.members);
                members.retain(|id| store.get(*id).is_some());
                members.shrink_to(2 * members.len());
                selector.settled = members.len();
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.iter().map(|selector| selector.members.capacity() * size_of::<SeriesId>() + 200).sum()
    }
}

impl Selector {
    /// Sorts the new ones and lets them in among the others, of which a stretch between two new ones moves once and is
    /// not looked at: a page brings a few to a selector that may have a million.
    fn settle(&mut self, store: &Store) {
        let labels = |id: &SeriesId| store.get(*id).map(|series| &series.labels);
        let members = Arc::make_mut(&mut self.members);
        let mut new = members.split_off(self.settled);
        new.sort_by(|a, b| labels(a).cmp(&labels(b)));
        let mut end = self.settled;
        self.settled += new.len();
        members.extend_from_slice(&new);
        for (before, id) in new.iter().enumerate().rev() {
            let place = members[..end].partition_point(|have| labels(have) < labels(id));
            members.copy_within(place..end, place + before + 1);
            members[place + before] = *id;
            end = place;
        }
    }
}

/// Whether a series that fits could come from a target of this identity.
pub fn may_be_on(identity: &Labels, matchers: &[Matcher]) -> bool {
    let fits =
        |matcher: &Matcher| identity.get(matcher.name()).is_none_or(|value| matcher.matches_value(value));
    matchers.iter().all(fits)
}

fn fits(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}
