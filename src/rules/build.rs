//! Which builds of a component run: what its `*_build_info` series say, and which of that is new.
//!
//! In:   the builds that the instances of a component name at an instant, and those that they named before.
//! Out:  moves of instances from one build to another.
//! Not:  nothing is told to anyone here: instances that move together are one change, which `sighting` sees to.
//!
//! The usual life: an instance says another version than before. Two things complicate it: where instances are
//! replaced and not restarted, a new one is compared with those that ran last; and what is seen in the first minutes
//! may only be late.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Labels, METRIC_NAME, Timestamp};

/// Instances that appear so soon after the first of them were there already: their targets are scraped one by one.
const SETTLING: Duration = Duration::from_mins(2);
/// What was named so shortly before the last look still runs: one scrape may fail.
const RUNNING: Duration = Duration::from_mins(1);
/// An instance that is gone for longer is a new one when it comes back.
const INSTANCE_KEPT_FOR: Duration = Duration::from_hours(1);
/// More instances of one component are not told apart.
const INSTANCES_MAX: usize = 1000;
/// So many builds of one component are remembered, to know one that comes back.
const BUILDS_MAX: usize = 20;
/// The labels that say best what a build is, the best first.
const TELLING: [&str; 6] = ["version", "tag", "image", "revision", "commit", "branch"];
/// Words in the name of a label that is a build's and not an instance's, where the instance's labels are not known.
const OF_A_BUILD: [&str; 10] =
    ["version", "tag", "image", "revision", "commit", "branch", "build", "release", "sha", "digest"];
/// Longer label values are cut in what is told.
const WORD_MAX: usize = 80;

/// The labels of targets, as their `up` series have them: what a series has besides is its own.
#[derive(Debug, Default)]
pub(super) struct Targets(BTreeMap<Vec<String>, BTreeSet<Labels>>);

impl Targets {
    /// Takes in the labels of one `up` series.
    pub(super) fn add(&mut self, up: &Labels) {
        let labels = up.filtered(|name| name != METRIC_NAME);
        let names = labels.iter().map(|(name, _)| name.to_owned()).collect();
        self.0.entry(names).or_default().insert(labels);
    }

    /// Which instance a series is of. Where no target is known that has its labels, those count that do not sound
    /// like a build's.
    pub(super) fn instance(&self, series: &Labels) -> Labels {
        let known = self.0.iter().filter_map(|(names, targets)| {
            let labels = series.filtered(|name| names.iter().any(|known| known == name));
            targets.contains(&labels).then_some(labels)
        });
        known.max_by_key(Labels::len).unwrap_or_else(|| {
            let is_of_a_build = |name: &str| {
                name.contains("version") || name.split('_').any(|word| OF_A_BUILD.contains(&word))
            };
            series.filtered(|name| name != METRIC_NAME && !is_of_a_build(name))
        })
    }
}

/// What the instances of a component say of their builds under one metric's name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Builds {
    since: Timestamp,
    instances: BTreeMap<Labels, Instance>,
    /// When each build was last seen.
    seen: BTreeMap<Labels, Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Instance {
    /// What it named last; most name one build.
    builds: BTreeSet<Labels>,
    /// What it named before that.
    before: BTreeSet<Labels>,
    seen_at: Timestamp,
}

/// An instance runs another build than before, or is a new one that does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move {
    pub(super) instance: Labels,
    pub(super) from: Labels,
    pub(super) to: Labels,
    /// Whether that build ran before.
    pub(super) is_back: bool,
    pub(super) is_new_instance: bool,
}

impl Builds {
    /// Nothing is known before `at`.
    pub(super) fn new(at: Timestamp) -> Self {
        Self { since: at, instances: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Takes in what each instance says at `at`, and gives what moved.
    pub(super) fn take(&mut self, named: BTreeMap<Labels, BTreeSet<Labels>>, at: Timestamp) -> Vec<Move> {
        let running = self.running();
        let mut moves = Vec::new();
        for (labels, builds) in &named {
            match self.instances.get(labels) {
                Some(known) => moves.extend(self.moved(labels, known, builds, &running)),
                None if at <= self.since + SETTLING => {}
                None => moves.extend(self.joined(labels, builds, &running)),
            }
        }
        for (labels, builds) in named {
            self.seen.extend(builds.iter().map(|build| (build.clone(), at)));
            let instance = self.instances.entry(labels).or_default();
            if instance.builds != builds {
                instance.before = std::mem::replace(&mut instance.builds, builds);
            }
            instance.seen_at = at;
        }
        self.forget(at);
        moves
    }

    /// The builds that ran when any was last seen.
    fn running(&self) -> BTreeSet<Labels> {
        let last = self.seen.values().max().copied().unwrap_or_default();
        self.seen
            .iter()
            .filter(|(_, seen)| last <= **seen + RUNNING)
            .map(|(build, _)| build.clone())
            .collect()
    }

    /// What a known instance names that it did not name last.
    fn moved(
        &self,
        instance: &Labels,
        known: &Instance,
        builds: &BTreeSet<Labels>,
        running: &BTreeSet<Labels>,
    ) -> Vec<Move> {
        let gone: BTreeSet<Labels> = known.builds.difference(builds).cloned().collect();
        let came = builds.difference(&known.builds).map(|to| {
            // One that others run already goes on; it does not come back.
            let is_old = self.seen.contains_key(to) && !running.contains(to);
            let is_back = known.before.contains(to) || is_old;
            let from = closest(if gone.is_empty() { &known.builds } else { &gone }, to)?;
            Some(Move { instance: instance.clone(), from, to: to.clone(), is_back, is_new_instance: false })
        });
        came.flatten().collect()
    }

    /// What a new instance names that none ran before it.
    fn joined(&self, instance: &Labels, builds: &BTreeSet<Labels>, running: &BTreeSet<Labels>) -> Vec<Move> {
        let new = builds.difference(running).map(|to| {
            let from = closest(running, to)?;
            let is_back = self.seen.contains_key(to);
            Some(Move { instance: instance.clone(), from, to: to.clone(), is_back, is_new_instance: true })
        });
        new.flatten().collect()
    }

    fn forget(&mut self, at: Timestamp) {
        self.instances.retain(|_, instance| at <= instance.seen_at + INSTANCE_KEPT_FOR);
        forget_oldest(&mut self.instances, INSTANCES_MAX, |instance| instance.seen_at);
        forget_oldest(&mut self.seen, BUILDS_MAX, |seen| *seen);
    }
}

/// Forgets those that were seen first, until `most` are left.
pub(super) fn forget_oldest<V>(
    map: &mut BTreeMap<Labels, V>,
    most: usize,
    seen_at: impl Fn(&V) -> Timestamp,
) {
    let Some(surplus) = map.len().checked_sub(most).filter(|surplus| 0 < *surplus) else { return };
    let mut order: Vec<(Timestamp, Labels)> = map.iter().map(|(k, v)| (seen_at(v), k.clone())).collect();
    order.sort();
    order.into_iter().take(surplus).for_each(|(_, labels)| drop(map.remove(&labels)));
}

/// That one of `builds` which `to` has most in common with.
fn closest(builds: &BTreeSet<Labels>, to: &Labels) -> Option<Labels> {
    builds.iter().min_by_key(|build| differences(build, to).len()).cloned()
}

/// The names of the labels in which two builds differ, those first that tell most.
fn differences<'a>(from: &'a Labels, to: &'a Labels) -> Vec<&'a str> {
    let names: BTreeSet<&str> = from.iter().chain(to.iter()).map(|(name, _)| name).collect();
    let mut names: Vec<&str> = names.into_iter().filter(|name| from.get(name) != to.get(name)).collect();
    let rank = |name: &&str| TELLING.iter().position(|telling| telling == name).unwrap_or(TELLING.len());
    names.sort_by_key(|name| (to.get(name).is_none(), rank(name)));
    names
}

/// What a move is, in words (`version 7.4.0 → 7.3.2`), and the new version alone.
pub(super) fn in_words(moved: &Move) -> Option<(String, String)> {
    let name = *differences(&moved.from, &moved.to).first()?;
    let new = cut(moved.to.get(name).unwrap_or("none"));
    let words = match moved.from.get(name) {
        Some(old) => format!("{name} {} → {new}", cut(old)),
        None => format!("{name} {new}"),
    };
    Some((words, new))
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(WORD_MAX) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}
