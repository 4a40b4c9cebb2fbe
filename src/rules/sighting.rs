//! Sees in metrics that something was rolled out, restarted or scaled.
//!
//! In:   the matchers of components, a source, an instant, and what was seen before.
//! Out:  what changed, in words, and what is seen now.
//! Not:  nothing is remembered here but what the caller hands back. What was there at the first look is no change.
//!
//! The usual change: the `*_build_info` of an instance names another version, and soon the others follow: that is
//! one change. Two things complicate it: a restart that comes with a new version is part of that change, and a label
//! that changes all the time is not believed for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{ComponentId, Labels, METRIC_NAME, Matcher, Timestamp, is_stale};
use crate::promql::{LOOK_BACK, Source};

use super::Watched;
use super::build::{Builds, Move, Targets, forget_oldest, in_words};

/// What happens to several instances of a component within this time is one change.
const TOGETHER: Duration = Duration::from_mins(10);
/// A process that seems to have started so little later did not start again: some compute it from their age.
const START_JITTER: Duration = Duration::from_secs(5);
/// More changes of a component in an hour are not believed.
const HOURLY_MAX: usize = 10;
/// More series of one kind of a component are not watched.
const SERIES_MAX: usize = 1000;
/// What sort of change was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SightingKind {
    /// Another version runs.
    Deploy,
    /// A version that ran before is back.
    Rollback,
    /// The same version was started again.
    Restart,
    /// All instances were taken away, or some are there again.
    Scale,
}

/// A change that was seen in metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When it happened.
    pub at: Timestamp,
    /// To which component.
    pub component: ComponentId,
    /// What sort of change it is.
    pub kind: SightingKind,
    /// The version that runs from then on, where that changed.
    pub version: Option<String>,
    /// What, in words: `version 7.4.0 → 7.3.2 (crm-consumers)`.
    pub summary: String,
}

/// What was seen of all components.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sightings(BTreeMap<ComponentId, Memory>);

/// What was seen of a component.
#[derive(Debug, Clone, Default, PartialEq)]
struct Memory {
    /// By the metric's name.
    builds: BTreeMap<String, Builds>,
    /// When each process started.
    starts: BTreeMap<Labels, Seen<Timestamp>>,
    replicas: BTreeMap<Labels, Seen<f64>>,
    told: Vec<Told>,
    /// When something was told, within the last hour.
    told_at: Vec<Timestamp>,
}

/// What an instance says of its build at one time.
#[derive(Default)]
struct Named {
    at: Timestamp,
    builds: BTreeSet<Labels>,
    /// Since when, of the builds that which came last.
    since: Timestamp,
}

/// What a series says now.
struct Latest {
    labels: Labels,
    value: f64,
    at: Timestamp,
    /// Since when it says so, as far as one looks back.
    since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen<T> {
    value: T,
    at: Timestamp,
}

/// A change that others of the component may still be part of.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    /// Of what: the name of a metric. Each has one such change at a time.
    of: String,
    /// To what.
    to: String,
    /// When the last instance was part of it.
    last: Timestamp,
}

/// What changed since `before`, and what is seen now.
pub fn look(
    watched: &[Watched],
    source: &dyn Source,
    at: Timestamp,
    before: &Sightings,
) -> (Vec<Sighting>, Sightings) {
    let (mut sightings, mut now) = (Vec::new(), BTreeMap::new());
    for one in watched {
        let memory = before.0.get(&one.component).cloned().unwrap_or_default();
        let mut look = Look { watched: one, source, at, memory, sightings: Vec::new() };
        look.run();
        sightings.append(&mut look.sightings);
        now.insert(one.component.clone(), look.memory);
    }
    (sightings, Sightings(now))
}

/// One look at one component.
struct Look<'a> {
    watched: &'a Watched,
    source: &'a dyn Source,
    at: Timestamp,
    memory: Memory,
    sightings: Vec<Sighting>,
}

impl Look<'_> {
    fn run(&mut self) {
        let at = self.at;
        self.memory.told.retain(|told| at <= told.last + TOGETHER);
        self.memory.told_at.retain(|told| at <= *told + Duration::from_hours(1));
        let mut targets = Targets::default();
        self.latest(&self.watched.targets).iter().for_each(|up| targets.add(&up.labels));
        let starts = self.starts();
        let moved = self.builds(&targets, &starts);
        self.restarts(&targets, starts, &moved);
        self.replicas();
    }

    /// The latest value of each series that has not ended.
    fn latest(&self, matchers: &[Matcher]) -> Vec<Latest> {
        let mut found = Vec::new();
        self.source.select(matchers, self.at - LOOK_BACK, self.at, &mut |_, labels, samples| {
            if let Some(last) = samples.last().filter(|last| !is_stale(last.value))
                && found.len() < SERIES_MAX
            {
                let same = samples.iter().rev().take_while(|sample| sample.value == last.value);
                let since = same.last().map_or(last.at, |first| first.at);
                found.push(Latest { labels: labels.clone(), value: last.value, at: last.at, since });
            }
        });
        found
    }

    /// When each process says that it started.
    fn starts(&self) -> BTreeMap<Labels, Timestamp> {
        let found = self.latest(&self.watched.starts).into_iter();
        let start = |found: Latest| {
            let is_time = 0.0 < found.value && found.value * 1000.0 < i64::MAX as f64;
            is_time.then(|| (found.labels, Timestamp::from_millis((found.value * 1000.0) as i64)))
        };
        found.filter_map(start).collect()
    }

    /// Tells new versions, and gives the instances that have one.
    fn builds(&mut self, targets: &Targets, starts: &BTreeMap<Labels, Timestamp>) -> BTreeSet<Labels> {
        let started = self.started(targets, starts);
        let mut named: BTreeMap<String, BTreeMap<Labels, Named>> = BTreeMap::new();
        for Latest { labels, at, since, .. } in self.latest(&self.watched.builds) {
            let instance = targets.instance(&labels);
            let build = labels.filtered(|name| name != METRIC_NAME && instance.get(name).is_none());
            let instances = named.entry(labels.metric_name().to_owned()).or_default();
            let named = instances.entry(instance).or_default();
            // A series that no marker has ended yet is older than the one that took its place.
            if named.at < at {
                *named = Named { at, ..Named::default() };
            }
            if named.at == at && !build.is_empty() {
                named.builds.insert(build);
                named.since = named.since.max(since);
            }
        }
        let mut moved_instances = BTreeSet::new();
        for (metric, instances) in named {
            let at = self.at;
            let since: BTreeMap<Labels, Timestamp> =
                instances.iter().map(|(instance, named)| (instance.clone(), named.since)).collect();
            let named = instances.into_iter().map(|(instance, named)| (instance, named.builds));
            let named = named.filter(|(_, builds)| !builds.is_empty()).collect();
            let builds = self.memory.builds.entry(metric.clone()).or_insert_with(|| Builds::new(at));
            for moved in builds.take(named, at) {
                let seen = since.get(&moved.instance).copied().unwrap_or(at);
                self.tell_build(&metric, &moved, started.get(&moved.instance).copied(), seen);
                moved_instances.insert(moved.instance);
            }
        }
        moved_instances
    }

    /// The instances that started of late, with the time: known ones since the last look, new ones within the time
    /// that makes one change.
    fn started(
        &self,
        targets: &Targets,
        starts: &BTreeMap<Labels, Timestamp>,
    ) -> BTreeMap<Labels, Timestamp> {
        let is_late = |(labels, start): &(&Labels, &Timestamp)| match self.memory.starts.get(*labels) {
            Some(before) => before.value + START_JITTER < **start,
            None => self.at <= **start + TOGETHER,
        };
        let late = starts.iter().filter(is_late);
        late.map(|(labels, start)| (targets.instance(labels), *start)).collect()
    }

    fn tell_build(&mut self, metric: &str, moved: &Move, started: Option<Timestamp>, seen: Timestamp) {
        let Some((words, version)) = in_words(moved) else { return };
        let kind = if moved.is_back { SightingKind::Rollback } else { SightingKind::Deploy };
        let summary = format!("{words} ({})", self.place(&moved.instance));
        // A target's clock may be ahead of ours.
        let at = started.unwrap_or(seen).min(self.at);
        self.tell(
            metric,
            version.clone(),
            Sighting { version: Some(version), ..self.sighting(kind, at, summary) },
        );
    }

    /// Tells processes that started again, where nothing else says why.
    fn restarts(&mut self, targets: &Targets, starts: BTreeMap<Labels, Timestamp>, moved: &BTreeSet<Labels>) {
        let names: BTreeSet<&String> = self.memory.builds.keys().collect();
        let is_rolling = !moved.is_empty() || self.memory.told.iter().any(|told| names.contains(&told.of));
        for (labels, start) in starts {
            let seen = Seen { value: start, at: self.at };
            let before = self.memory.starts.insert(labels.clone(), seen);
            let is_again = before.is_some_and(|before| before.value + START_JITTER < start);
            if is_again && !is_rolling {
                let summary = format!("restarted ({})", self.place(&targets.instance(&labels)));
                let sighting = self.sighting(SightingKind::Restart, start.min(self.at), summary);
                self.tell("process_start_time_seconds", "started again".to_owned(), sighting);
            }
        }
        let at = self.at;
        self.memory.starts.retain(|_, seen| at <= seen.at + Duration::from_hours(1));
        forget_oldest(&mut self.memory.starts, SERIES_MAX, |seen| seen.at);
    }

    /// Tells where the last instance is to go, or the first is there again.
    fn replicas(&mut self) {
        for selector in &self.watched.replicas {
            for Latest { labels, value: now, since, .. } in self.latest(selector) {
                let before = self.memory.replicas.insert(labels, Seen { value: now, at: self.at });
                let Some(before) = before.map(|before| before.value) else { continue };
                let to = match (0.0 < before, 0.0 < now) {
                    (true, false) => "no replicas",
                    (false, true) => "replicas again",
                    _ => continue,
                };
                let summary = format!("{before} → {now} replicas");
                let sighting = self.sighting(SightingKind::Scale, since, summary);
                self.tell("replicas", to.to_owned(), sighting);
            }
        }
        let at = self.at;
        self.memory.replicas.retain(|_, seen| at <= seen.at + Duration::from_hours(1));
        forget_oldest(&mut self.memory.replicas, SERIES_MAX, |seen| seen.at);
    }

    fn sighting(&self, kind: SightingKind, at: Timestamp, summary: String) -> Sighting {
        Sighting { at, component: self.watched.component.clone(), kind, version: None, summary }
    }

    /// What people call the place where it happened.
    fn place<'l>(&'l self, instance: &'l Labels) -> &'l str {
        instance.get("job").unwrap_or(self.watched.component.as_str())
    }

    /// Tells a change, unless it is part of one that was told.
    fn tell(&mut self, of: &str, to: String, sighting: Sighting) {
        let memory = &mut self.memory;
        if let Some(told) = memory.told.iter_mut().find(|told| told.to == to) {
            told.last = self.at;
            return;
        }
        memory.told.retain(|told| told.of != of);
        memory.told.push(Told { of: of.to_owned(), to, last: self.at });
        if memory.told_at.len() < HOURLY_MAX {
            memory.told_at.push(self.at);
            self.sightings.push(sighting);
        }
    }
}

#[cfg(test)]
#[path = "sighting_tests.rs"]
mod tests;
