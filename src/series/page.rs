//! What flows into the window.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, TargetKey, Timestamp};
use crate::promql::Histogram;

/// The result of one scrape of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Whose it is.
    pub target: TargetKey,
    /// The labels of the target (`job`, `instance`, …), which its report series carry.
    pub identity: Labels,
    /// When the scrape began: the time of samples that carry none of their own.
    pub at: Timestamp,
    /// The target's scrape interval.
    pub interval: Duration,
    /// The samples after relabelling, or why there are none.
    pub samples: Result<PageSamples, String>,
    /// The native histograms after relabelling, apart from the rest so that they make nothing of it larger. None where
    /// the scrape failed.
    pub histograms: Vec<PageHistogram>,
    /// Whether series that carry their own time get staleness markers, too (`track_timestamps_staleness`).
    pub marks_own_times: bool,
    /// What the scrape itself says.
    pub report: ScrapeReport,
}

/// The samples of a page, in its order.
///
/// Most pages of a target have the series of the one before: they share one list of them, which tells so at a glance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageSamples {
    /// The series of each sample.
    pub series: Arc<[Labels]>,
    /// The value of each sample.
    pub values: Vec<f64>,
    /// The samples to which the page gave a time of their own, where `honor_timestamps` holds: the place of each, in
    /// order, and that time.
    pub times: Vec<(u32, Timestamp)>,
}

/// One sample of a page, with its final labels.
#[derive(Debug, Clone, PartialEq)]
pub struct PageSample {
    /// The series.
    pub labels: Labels,
    /// The time that the page gave, where it gave one and `honor_timestamps` holds.
    pub at: Option<Timestamp>,
    /// The value.
    pub value: f64,
}

impl PageSamples {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = PageSample> {
        let mut times = self.times.iter().peekable();
        self.series.iter().zip(&self.values).zip(0u32..).map(move |((labels, value), place)| {
            let at = times.next_if(|(of, _)| *of == place).map(|(_, at)| *at);
            PageSample { labels: labels.clone(), at, value: *value }
        })
    }
}

impl FromIterator<PageSample> for PageSamples {
    fn from_iter<I: IntoIterator<Item = PageSample>>(samples: I) -> Self {
        let (mut series, mut all) = (Vec::new(), Self::default());
        for (sample, place) in samples.into_iter().zip(0u32..) {
            series.push(sample.labels);
            all.values.push(sample.value);
            all.times.extend(sample.at.map(|at| (place, at)));
        }
        Self { series: series.into(), ..all }
    }
}

/// One native histogram of a page, with its final labels.
#[derive(Debug, Clone, PartialEq)]
pub struct PageHistogram {
    /// The series.
    pub labels: Labels,
    /// The time that the page gave, where it gave one and `honor_timestamps` holds.
    pub at: Option<Timestamp>,
    /// The value.
    pub value: Arc<Histogram>,
}

/// The figures behind `scrape_duration_seconds` and its siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrapeReport {
    /// How long the scrape took.
    pub duration: Duration,
    /// Samples on the page (`scrape_samples_scraped`), also those that no rule wants.
    pub scraped: u64,
    /// Samples left after metric relabelling (`scrape_samples_post_metric_relabeling`).
    pub post_relabel: u64,
    /// Bytes of the page after decompression (`scrape_body_size_bytes`).
    pub body_bytes: u64,
    /// Samples of the page that some rule wants.
    pub wanted: u64,
    /// Samples that the memory of the last page knew, so that nothing of them but the value was read.
    pub remembered: u64,
    /// By how many milliseconds the target's clock is ahead of ours; below zero where it is behind, `None` where its
    /// answer does not say its time.
    pub clock_ahead_ms: Option<i64>,
}

/// Clocks that are kept by NTP are closer than this.
const CLOCK_TOLERANCE_MS: u64 = 5000;

impl ScrapeReport {
    /// Whether the target's clock and ours differ by more than clocks that are kept do.
    pub fn clock_is_off(&self) -> bool {
        self.clock_ahead_ms.is_some_and(|ahead| CLOCK_TOLERANCE_MS < ahead.unsigned_abs())
    }
}
