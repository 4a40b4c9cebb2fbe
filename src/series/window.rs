//! The window itself: what it holds, for whom, and how long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Labels, Matcher, RuleId, TargetKey, Timestamp, is_stale};
use crate::promql::{Demand, HistogramSample, Origin, Sample, SeriesId};
use crate::series::histograms::is_the_same;
use crate::series::samples::Samples;
use crate::series::selectors::{Selectors, WantedNames};
use crate::series::stats::{Dropped, WindowLimits, WindowStats};
use crate::series::store::{Series, Store};
use crate::series::tape::Tape;
use crate::series::target::{Target, TargetHealth};

/// A series is remembered so long after its end: longer than `gone_after`, within which its alerts still ask when
/// it ended.
const ENDED_KEPT_FOR: Duration = Duration::from_mins(15);
/// Nothing goes because of its age more often than this.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// A target that left discovery is remembered so long: as long as its series. Where pods come and go there are many.
const LEFT_KEPT_FOR: Duration = ENDED_KEPT_FOR;
/// Selectors that no rule has, from queries of people, are kept up to this number.
const AD_HOC_SELECTORS: usize = 64;

/// The recent samples that some rule needs.
#[derive(Debug, Default)]
pub struct Window {
    pub(super) limits: WindowLimits,
    pub(super) store: Store,
    pub(super) standing: Selectors,
    /// Those of queries that no rule makes. A lock, since asking changes nothing else.
    ad_hoc: Mutex<Selectors>,
    names: WantedNames,
    pub(super) targets: BTreeMap<TargetKey, Target>,
    /// When all targets of discovery were first said.
    pub(super) discovered_at: Option<Timestamp>,
    /// Those of them that were not scraped yet.
    pub(super) awaited: BTreeSet<TargetKey>,
    pub(super) rules: BTreeMap<RuleId, RecordingRule>,
    /// The recording rules that there are, with the window that each needs covered, and since when it is known.
    pub(super) recordings: Option<(BTreeMap<RuleId, Duration>, Timestamp)>,
    pub(super) dropped: Dropped,
    pub(super) turn: u64,
    swept_at: Option<Timestamp>,
    /// What came since the last checkpoint was begun. A lock, since to take it changes nothing else.
    pub(super) tape: Mutex<Tape>,
}

/// What is known of a rule that records.
#[derive(Debug)]
pub(super) struct RecordingRule {
    pub(super) origin: Arc<Origin>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The kept series of its last evaluation.
    pub(super) current: Vec<SeriesId>,
}

/// Who writes a sample, and how.
pub(super) struct Writer {
    pub(super) origin: Arc<Origin>,
    pub(super) interval: Duration,
    /// The time of the page or the evaluation.
    pub(super) at: Timestamp,
    /// The turn of the page before, where there was one.
    pub(super) previous_turn: Option<u64>,
    /// Whether a sample of the same time as the last one stands in its place.
    pub(super) replaces: bool,
    /// Whether series with times of their own end as others do.
    pub(super) marks_own_times: bool,
}

impl Writer {
    /// Who writes for the first time, and puts nothing in the place of anything.
    pub(super) fn new(origin: Arc<Origin>, interval: Duration, at: Timestamp) -> Self {
        Self { origin, interval, at, previous_turn: None, replaces: false, marks_own_times: false }
    }
}

impl Window {
    /// An empty window that nobody has asked anything of.
    pub fn new() -> Self {
        Self::default()
    }

    /// As `new`, with other limits.
    pub fn with_limits(limits: WindowLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the demand of all rules: forgets what nobody wants any more and keeps what still is wanted.
    pub fn set_demand(&mut self, demands: &[Demand]) {
        self.names = WantedNames::new(demands);
        self.standing.changed_to(demands, &self.store, self.turn);
        let standing = &self.standing;
        self.store.remove_where(|series| match standing.look_back(&series.labels) {
            Some(look_back) => {
                series.look_back = look_back;
                false
            }
            None => true,
        });
        *self.ad_hoc_mut() = Selectors::default();
        // What targets have of the selectors is another thing now.
        self.turn += 1;
        let turn = self.turn;
        for target in self.targets.values_mut() {
            target.shape = turn;
            target.page_series = None;
        }
        self.standing.forget_gone(&self.store);
    }

    /// Whether some rule wants a metric of this name.
    pub fn wants(&self, metric_name: &str) -> bool {
        self.names.may_be(metric_name, None)
    }

    /// Says which targets there are, after the start and after each reload. Those that are not among them have
    /// left discovery; those that no page came from yet are known from here on.
    pub fn discovered(&mut self, targets: &BTreeMap<TargetKey, Labels>, at: Timestamp) {
        let left: Vec<TargetKey> =
            self.targets.keys().filter(|key| !targets.contains_key(*key)).cloned().collect();
        for key in &left {
            self.target_gone(key, at);
        }
        for (key, identity) in targets {
            let target = self.target(key);
            target.join();
            target.health.identity = identity.clone();
        }
        if self.discovered_at.is_none() {
            self.discovered_at = Some(at);
            let unasked = self.present().filter(|(_, target)| target.health.tries == 0);
            self.awaited = unasked.map(|(key, _)| key.clone()).collect();
        }
    }

    /// Says which rules record, with the window that each needs to be covered, after the start and after each
    /// reload. What others recorded has ended.
    pub fn set_recordings(&mut self, windows: BTreeMap<RuleId, Duration>, at: Timestamp) {
        let gone: Vec<RuleId> =
            self.rules.keys().filter(|rule| !windows.contains_key(rule)).cloned().collect();
        for rule in gone {
            let last = self.rules.get(&rule).map_or(at, |state| state.last);
            self.append(&rule, at.max(last), &[]);
            self.rules.remove(&rule);
        }
        self.recordings = Some((windows, at));
    }

    /// The targets in discovery, in the order of their keys.
    pub(super) fn present(&self) -> impl Iterator<Item = (&TargetKey, &Target)> {
        self.targets.iter().filter(|(_, target)| target.left.is_none())
    }

    /// How the targets in discovery are doing, in the order of their keys.
    pub fn targets(&self) -> impl Iterator<Item = &TargetHealth> {
        self.present().map(|(_, target)| &target.health)
    }

    /// When each target in discovery was last scraped, well or not.
    pub fn last_scrapes(&self) -> BTreeMap<TargetKey, Timestamp> {
        self.present().filter_map(|(key, target)| Some((key.clone(), target.health.last_try?))).collect()
    }

    /// What is held and what was dropped.
    pub fn stats(&self) -> WindowStats {
        WindowStats {
            series: self.store.len(),
            samples: self.store.iter().map(|(_, series)| series.samples.len()).sum(),
            bytes: self.store.bytes() + self.standing.bytes(),
            selectors: self.standing.len(),
            dropped: self.dropped,
        }
    }

    pub(super) fn is_wanted(&self, labels: &Labels) -> bool {
        self.standing.look_back(labels).is_some()
    }

    pub(super) fn target(&mut self, key: &TargetKey) -> &mut Target {
        self.targets.entry(key.clone()).or_insert_with(|| Target::new(key.clone()))
    }

    /// Calls `visit` with the ids of the series that fit, in the order of their labels.
    pub(super) fn with_members(&self, matchers: &[Matcher], visit: &mut dyn FnMut(&[SeriesId])) {
        if let Some(members) = self.standing.members(matchers) {
            return visit(&members);
        }
        let members = {
            // A visitor that panicked cannot have left the list half changed: none runs under the lock.
            let mut ad_hoc = self.ad_hoc.lock().unwrap_or_else(PoisonError::into_inner);
            if ad_hoc.members(matchers).is_none() {
                if ad_hoc.len() >= AD_HOC_SELECTORS {
                    *ad_hoc = Selectors::default();
                }
                ad_hoc.insert(matchers, Duration::ZERO, &self.store, self.turn);
            }
            ad_hoc.members(matchers).unwrap_or_default()
        };
        visit(&members);
    }

    fn ad_hoc_mut(&mut self) -> &mut Selectors {
        self.ad_hoc.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of these labels for `writer`, made where it is new and wanted.
    pub(super) fn series_for(&mut self, labels: &Labels, writer: &Writer) -> Result<SeriesId, Refused> {
        if let Some(id) = self.store.find(labels) {
            return Ok(id);
        }
        let Some(look_back) = self.standing.look_back(labels) else {
            self.dropped.unwanted += 1;
            return Err(Refused::Unwanted);
        };
        if self.store.len() >= self.limits.series {
            self.dropped.series_limit += 1;
            return Err(Refused::Limit);
        }
        let came_with_demand =
            writer.previous_turn.is_some_and(|turn| self.standing.wanted_since(labels) >= Some(turn));
        let id = self.store.insert(Series {
            labels: labels.clone(),
            origin: writer.origin.clone(),
            samples: Samples::default(),
            look_back,
            interval: writer.interval,
            live: false,
            own_times: false,
            unknown_before: came_with_demand.then_some(writer.at),
            last_seen: writer.at,
            turn: 0,
            feeds: Box::default(),
        });
        self.standing.add(id, labels);
        self.ad_hoc_mut().add(id, labels);
        Ok(id)
    }

    /// Puts one sample to a series and forgets those that have grown too old.
    pub(super) fn put(&mut self, id: SeriesId, sample: Sample, writer: &Writer) {
        let Some(series) = self.store.get_mut(id) else { return };
        let histogram = series.samples.last_histogram().map(|last| last.at);
        let is_late = |last| sample.at < last || sample.at == last && !is_stale(sample.value);
        match series.samples.last() {
            _ if histogram.is_some_and(is_late) => self.dropped.out_of_order += 1,
            Some(last) if sample.at < last.at => self.dropped.out_of_order += 1,
            Some(last) if sample.at == last.at => {
                if writer.replaces || is_stale(sample.value) {
                    series.samples.replace_last(sample.value);
                } else if last.value.to_bits() != sample.value.to_bits() {
                    self.dropped.out_of_order += 1;
                }
            }
            _ => series.samples.push(sample),
        }
        self.dropped.samples_limit += series.forget_old(writer.at, self.limits.samples_per_series);
    }

    /// As `put`, for a native histogram.
    pub(super) fn put_histogram(&mut self, id: SeriesId, histogram: HistogramSample, writer: &Writer) {
        let Some(series) = self.store.get_mut(id) else { return };
        if series.samples.last_at().is_none_or(|last| last < histogram.at) {
            series.samples.push_histogram(histogram);
        } else if !series.samples.last_histogram().is_some_and(|last| is_the_same(last, &histogram)) {
            self.dropped.out_of_order += 1;
        }
        self.dropped.samples_limit += series.forget_old(writer.at, self.limits.samples_per_series);
    }

    /// Ends a write: new series find their places in the selectors, and now and then old ones go.
    pub(super) fn finish_write(&mut self, at: Timestamp) {
        self.standing.settle(&self.store);
        let ad_hoc = self.ad_hoc.get_mut().unwrap_or_else(PoisonError::into_inner);
        ad_hoc.settle(&self.store);
        let due = self.swept_at.is_none_or(|swept| at.since(swept) >= SWEEP_EVERY || at < swept);
        if !due {
            return;
        }
        self.swept_at = Some(at);
        self.targets.retain(|_, target| target.left.is_none_or(|left| at < left + LEFT_KEPT_FOR));
        let gone = self.store.remove_where(|series| {
            series.forget_old(at, usize::MAX);
            !series.live && series.samples.is_empty() && series.last_seen + ENDED_KEPT_FOR < at
        });
        let store = &self.store;
        for target in self.targets.values_mut() {
            target
                .ended
                .retain(|id| store.get(*id).is_some_and(|series| !series.live && !series.samples.is_empty()));
            target.ended.sort_unstable();
            target.ended.dedup();
        }
        if gone > 0 {
            self.standing.forget_gone(&self.store);
            ad_hoc.forget_gone(&self.store);
        }
    }
}

/// Why a sample's series is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// No rule wants it.
    Unwanted,
    /// There are too many.
    Limit,
}
