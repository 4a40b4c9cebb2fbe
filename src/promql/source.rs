//! What an expression reads from.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Labels, Matcher, RuleId, TargetKey, Timestamp};
use crate::promql::eval::Together;
use crate::promql::value::Histogram;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: Timestamp,
    /// What it was; a staleness marker (`model::is_stale`) says that the series ended here.
    pub value: f64,
}

/// One native histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// When it was taken.
    pub at: Timestamp,
    /// What it was.
    pub value: Arc<Histogram>,
}

/// When the counter behind a sample began to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The sample's time.
    pub at: Timestamp,
    /// When its counter began.
    pub since: Timestamp,
}

/// The samples of a series in a stretch of time, each kind in time order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Samples<'a> {
    /// The numbers, staleness markers included.
    pub floats: &'a [Sample],
    /// The native histograms.
    pub histograms: &'a [HistogramSample],
    /// Of samples that know it, when their counter began.
    pub starts: &'a [Started],
}

impl<'a> Samples<'a> {
    /// Those in `(after, until]`.
    #[must_use]
    pub fn within(self, after: Timestamp, until: Timestamp) -> Self {
        fn cut<T>(all: &[T], at: impl Fn(&T) -> Timestamp, after: Timestamp, until: Timestamp) -> &[T] {
            let start = all.partition_point(|one| at(one) <= after);
            let end = start + all[start..].partition_point(|one| at(one) <= until);
            &all[start..end]
        }
        Self {
            floats: cut(self.floats, |sample| sample.at, after, until),
            histograms: cut(self.histograms, |sample| sample.at, after, until),
            starts: cut(self.starts, |started| started.at, after, until),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// How many numbers they hold, which is what limits are about: a native histogram has one in each bucket.
    pub fn weight(&self) -> usize {
        let buckets = |one: &HistogramSample| one.value.positive.len() + one.value.negative.len();
        self.floats.len() + self.histograms.iter().map(|one| 1 + buckets(one)).sum::<usize>()
    }
}

/// A series, as long as its source lives. Not stable over restarts: `Feed` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// Where a series comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Scraped from a target.
    Target(TargetKey),
    /// What the scraping itself reports of a target (`up`, `scrape_duration_seconds`, …): there as long as the
    /// target is in discovery, also while it does not answer.
    Report(TargetKey),
    /// Recorded by a rule.
    Rule(RuleId),
    /// Loaded by a test: nothing stands behind it that could fail.
    Loaded,
}

/// A series that fed a result, named so that it can be found again after a restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feed {
    /// The series' labels.
    pub labels: Labels,
    /// Where it comes from.
    pub origin: Origin,
}

/// Whether a series that fed an alert is to be had now, and why not (incidents.md, 'No data is not recovery').
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there, and the asked window is covered without a gap.
    Whole,
    /// The process has not tried its target twice since it started, or data does not cover the window yet.
    Warming,
    /// Its target's last scrape failed, or the window is not covered again since that gap, or its rule has no
    /// data. `since` is when the measurement was last known to be good.
    Missing {
        /// When the gap began.
        since: Timestamp,
    },
    /// Its target left discovery, or it is gone from a page that is otherwise there.
    Ended {
        /// When it was last there.
        since: Timestamp,
    },
}

/// Answers selectors. `series::Window` is the live one; tests load their own.
pub trait Source {
    /// Calls `visit` for each series that fits all `matchers`, with its samples in `(after, until]`, in time
    /// order, staleness markers included. Series without a sample there are left out. The order of series is
    /// that of their labels.
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    );

    /// As `select_samples`, the numbers alone.
    fn select(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, &[Sample]),
    ) {
        self.select_samples(matchers, after, until, &mut |series, labels, samples| {
            if !samples.floats.is_empty() {
                visit(series, labels, samples.floats);
            }
        });
    }

    /// As `select_samples`, where only the newest sample of each series is asked for. A source that has it at hand need
    /// not read the others.
    fn select_latest(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.select_samples(matchers, after, until, visit);
    }

    /// The lasting name of a series; `None` once it is gone from this source. A recorded series answers with
    /// the series that fed its rule.
    fn feeds(&self, series: SeriesId) -> Vec<Feed>;

    /// Whether `feed` is to be had at `at` with the `window` before it covered.
    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence;

    /// Whether all that is known of a series at `at` is from before a restart: who gives it was not asked since, and
    /// will be soon.
    fn is_from_before(&self, series: SeriesId, at: Timestamp) -> bool {
        let _ = (series, at);
        false
    }

    /// Whether somebody who may have series that fit `matchers` was not asked yet: that there are none says nothing then.
    fn is_awaiting(&self, matchers: &[Matcher]) -> bool {
        let _ = matchers;
        false
    }

    /// What evaluations on this source hand each other; `None` where each one stands alone.
    fn together(&self) -> Option<Together<'_>> {
        None
    }
}

/// A sample that a rule recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The series.
    pub labels: Labels,
    /// The value.
    pub value: f64,
    /// The series that fed it: it is missing when they are.
    pub feeds: Vec<Feed>,
}
