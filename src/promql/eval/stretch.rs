//! A stretch of one series, and walking the numbers and histograms in it.

use crate::model::{Labels, Span, Timestamp};
use crate::promql::tree::ast::Extension;
use crate::promql::value::{Amount, Feeds, Notes};
use crate::promql::{HistogramSample, Sample, Started};

/// Whose stretch it is.
pub(super) struct Owner<'a> {
    pub(super) labels: &'a Labels,
    pub(super) nameless: bool,
    pub(super) feeds: Feeds,
}

/// A stretch of one series, `(start, end]`, without staleness markers. It has at least one sample.
pub(super) struct Stretch<'a> {
    /// In time order.
    pub(super) floats: &'a [Sample],
    /// In time order.
    pub(super) histograms: &'a [HistogramSample],
    /// When the counters behind samples began, where that is known.
    pub(super) starts: &'a [Started],
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// The instant of the evaluation, which an offset sets apart from `end`.
    pub(super) now: Timestamp,
    pub(super) labels: &'a Labels,
    /// What is said of it is said here.
    pub(super) span: Span,
    pub(super) notes: &'a Notes,
    /// Samples before `start`, and behind `end`, are there too.
    pub(super) extension: Option<Extension>,
}

/// A number or a histogram with its time.
#[derive(Clone, Copy)]
pub(super) enum Any<'a> {
    Float(&'a Sample),
    Histogram(&'a HistogramSample),
}

impl<'a> Any<'a> {
    pub(super) fn at(self) -> Timestamp {
        match self {
            Self::Float(sample) => sample.at,
            Self::Histogram(sample) => sample.at,
        }
    }

    pub(super) fn amount(self) -> Amount {
        match self {
            Self::Float(sample) => Amount::Float(sample.value),
            Self::Histogram(sample) => Amount::Histogram(sample.value.clone()),
        }
    }
}

impl<'a> Stretch<'a> {
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.floats.iter().map(|sample| sample.value)
    }

    pub(super) fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    pub(super) fn name(&self) -> &str {
        self.labels.metric_name()
    }

    /// The seconds that it is long.
    pub(super) fn seconds(&self) -> f64 {
        seconds(self.start, self.end)
    }

    /// All samples in time order.
    pub(super) fn all(&self) -> impl Iterator<Item = Any<'a>> + Clone {
        let (mut floats, mut histograms) = (self.floats, self.histograms);
        std::iter::from_fn(move || match (floats, histograms) {
            ([float, rest @ ..], after) if after.first().is_none_or(|next| float.at < next.at) => {
                floats = rest;
                Some(Any::Float(float))
            }
            (_, [histogram, rest @ ..]) => {
                histograms = rest;
                Some(Any::Histogram(histogram))
            }
            _ => None,
        })
    }

    /// When the counter behind the sample at `at` began, where that is known.
    pub(super) fn since(&self, at: Timestamp) -> Option<Timestamp> {
        let place = self.starts.partition_point(|started| started.at < at);
        self.starts.get(place).filter(|started| started.at == at).map(|started| started.since)
    }
}

pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.as_millis().saturating_sub(from.as_millis()) as f64 / 1000.0
}
