//! What an evaluation gives, and what goes through it on the way.

mod buckets;
mod histogram;
mod layout;
mod note;
mod point;
pub(super) mod sums;
mod tally;

use std::time::Duration;

use crate::model::{Labels, Span, Timestamp};
use crate::promql::SeriesId;

pub use buckets::Bucket;
pub use histogram::{CUSTOM_SCHEMA, Histogram, Reset};
pub use note::{Note, NoteKind};

pub(super) use buckets::midpoint;
pub(super) use histogram::{Merged, short};
pub(super) use layout::Incompatible;
pub(super) use note::{Notes, for_metric};
pub(super) use point::{Feeds, Operand, Point, name_off};
pub(super) use tally::Tally;

/// How far an instant selector looks back for a sample where nothing else is said, as in Prometheus.
pub const LOOK_BACK: Duration = Duration::from_mins(5);

/// How an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How far an instant selector looks back for a sample.
    pub look_back: Duration,
    /// How far apart the instants of a subquery are that does not say so.
    pub subquery_step: Duration,
    /// When names that do not belong to a value any more are taken off.
    pub names: Names,
    /// Whether each element remembers the series that fed it.
    pub track_feeds: bool,
    /// So many samples may be read; one more is an error.
    pub samples_max: u64,
}

/// When the name of a metric is taken off a value that it does not fit any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// At the end, so that what groups by it or makes a label of it still sees it.
    OffAtTheEnd,
    /// At once, as Prometheus does without `promql-delayed-name-removal`.
    OffAtOnce,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            look_back: LOOK_BACK,
            subquery_step: Duration::from_mins(1),
            names: Names::OffAtTheEnd,
            track_feeds: false,
            samples_max: 50_000_000,
        }
    }
}

/// A number or a histogram: what a sample is without its time.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(std::sync::Arc<Histogram>),
}

impl Amount {
    /// The number, where it is one.
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }

    /// The histogram, where it is one.
    pub fn histogram(&self) -> Option<&Histogram> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(histogram) => Some(histogram),
        }
    }
}

impl From<Histogram> for Amount {
    fn from(histogram: Histogram) -> Self {
        Self::Histogram(std::sync::Arc::new(histogram))
    }
}

/// The value of an expression at an instant, or at several.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A number or a histogram for each label set, in the order of labels unless the expression sorts.
    Vector(Vec<Item>),
    /// A stretch of samples for each label set, in the order of labels.
    Matrix(Vec<Track>),
    /// A text.
    Text(String),
}

/// One element of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its labels, which no other element of the vector has.
    pub labels: Labels,
    /// Its value.
    pub amount: Amount,
    /// The series that fed it, sorted, each once; empty unless tracked.
    pub feeds: Vec<SeriesId>,
}

/// One element of a vector that is a number, as rules take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Its labels, which no other element of the vector has.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// The series that fed it, sorted, each once; empty unless tracked.
    pub feeds: Vec<SeriesId>,
}

/// One element of a range vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its labels.
    pub labels: Labels,
    /// Its samples in time order, without staleness markers.
    pub samples: Vec<(Timestamp, Amount)>,
}

/// Why an expression has no value at an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct EvalError {
    /// The part of the expression that failed.
    pub span: Span,
    /// Why.
    pub what: String,
}

impl EvalError {
    pub(super) fn new(span: Span, what: impl Into<String>) -> Self {
        Self { span, what: what.into() }
    }
}
