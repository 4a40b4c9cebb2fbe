//! Pretend targets: pages made of what a scenario loads.
//!
//! In:   series with their values; outages.
//! Out:  the page of each target at each of its scrapes.
//! Not:  no text is parsed and nothing is relabelled: a series has the labels that are written, and no others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, TargetKey, Timestamp, is_stale};
use crate::series::{Page, PageSample, PageSamples, ScrapeReport};

use super::clock::VirtualClock;
use super::language::{Outage, Scenario, Series, Values};

/// A page is there so long before the instant of its samples, so that what is evaluated at that instant sees it.
const AHEAD: Duration = Duration::from_millis(1);

/// All targets of a scenario.
pub struct Targets {
    start: Timestamp,
    targets: Vec<Target>,
}

struct Target {
    key: TargetKey,
    identity: Labels,
    every: Duration,
    series: Vec<(Labels, Values)>,
    outages: Vec<Outage>,
    /// The number of its next scrape.
    next: u32,
}

impl Targets {
    /// The targets of `scenario`, none of which was scraped yet.
    pub fn new(scenario: &Scenario) -> Self {
        let mut named: BTreeMap<Arc<str>, Target> = BTreeMap::new();
        for Series { target, every, labels, values } in &scenario.series {
            let target = named.entry(target.clone()).or_insert_with(|| Target::new(target, *every, scenario));
            target.series.push((labels.clone(), values.clone()));
        }
        Self { start: scenario.calendar.start, targets: named.into_values().collect() }
    }

    /// Which targets there are.
    pub fn discovered(&self) -> BTreeMap<TargetKey, Labels> {
        self.targets.iter().map(|target| (target.key.clone(), target.identity.clone())).collect()
    }

    /// When the next page is there.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.targets.iter().map(|target| self.due(target)).min()
    }

    /// The pages that are there by `now`; their samples bear the time that `clock` shows.
    pub fn take_due(&mut self, now: Timestamp, clock: &VirtualClock) -> Vec<Page> {
        let mut pages = Vec::new();
        for place in 0..self.targets.len() {
            while self.due(&self.targets[place]) <= now {
                let target = &mut self.targets[place];
                pages.push(target.page(self.start, clock));
                target.next += 1;
            }
        }
        pages
    }

    fn due(&self, target: &Target) -> Timestamp {
        (self.start + target.every * target.next - AHEAD).max(self.start)
    }
}

impl Target {
    fn new(name: &Arc<str>, every: Duration, scenario: &Scenario) -> Self {
        let outages = scenario.outages.iter().filter(|outage| outage.target == *name);
        Self {
            key: TargetKey::from(format!("{name}/{name}")),
            identity: [("job", &**name), ("instance", &**name)].into_iter().collect(),
            every,
            series: Vec::new(),
            outages: outages.cloned().collect(),
            next: 0,
        }
    }

    fn page(&self, start: Timestamp, clock: &VirtualClock) -> Page {
        let at = start + self.every * self.next;
        let is_out = self.outages.iter().any(|outage| outage.from <= at && at < outage.until);
        let samples = if is_out {
            Err("the scenario says so".to_owned())
        } else {
            Ok(self.samples(at).into_iter().collect())
        };
        let count = samples.as_ref().map_or(0, |samples: &PageSamples| samples.values.len()) as u64;
        let report = ScrapeReport { scraped: count, post_relabel: count, ..ScrapeReport::default() };
        let (target, identity) = (self.key.clone(), self.identity.clone());
        Page {
            target,
            identity,
            at: clock.wall_at(at),
            interval: self.every,
            samples,
            histograms: Vec::new(),
            marks_own_times: false,
            report,
        }
    }

    fn samples(&self, at: Timestamp) -> Vec<PageSample> {
        let nth = usize::try_from(self.next).unwrap_or(usize::MAX);
        let sample = |(labels, values): &(Labels, Values)| {
            // A marker says that the series ended: on a page, that is a series which is not there.
            let value = values.at(nth, at).filter(|value| !is_stale(*value))?;
            Some(PageSample { labels: labels.clone(), at: None, value })
        };
        self.series.iter().filter_map(sample).collect()
    }
}
