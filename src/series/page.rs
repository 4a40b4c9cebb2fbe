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
    pub samples: Result<Vec<PageSample>, String>,
    /// The native histograms after relabelling, apart from the rest so that they make nothing of it larger. None where
    /// the scrape failed.
    pub histograms: Vec<PageHistogram>,
    /// Whether series that carry their own time get staleness markers, too (`track_timestamps_staleness`).
    pub marks_own_times: bool,
    /// What the scrape itself says.
    pub report: ScrapeReport,
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
}
