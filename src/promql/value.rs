//! What an evaluation gives.

use std::time::Duration;

use crate::model::{Labels, Span};
use crate::promql::{Sample, SeriesId};

/// How far an instant selector looks back for a sample where nothing else is said, as in Prometheus.
pub const LOOK_BACK: Duration = Duration::from_mins(5);

/// How an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How far an instant selector looks back for a sample.
    pub look_back: Duration,
    /// Whether each element remembers the series that fed it.
    pub track_feeds: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { look_back: LOOK_BACK, track_feeds: false }
    }
}

/// The value of an expression at an instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// One number for each label set, in the order of labels unless the expression sorts.
    Vector(Vec<Element>),
    /// A stretch of samples for each label set, in the order of labels.
    Matrix(Vec<Track>),
    /// A text.
    Text(String),
}

/// One element of a vector.
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
    pub samples: Vec<Sample>,
}

/// Something odd that did not stop an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The part of the expression that is odd.
    pub span: Span,
    /// What is odd about it.
    pub what: String,
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

/// What a sub-expression that is no text and no range gives.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Scalar(f64, Feeds),
    Vector(Vec<Point>),
}

/// An element on its way through an expression.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// The metric's name does not belong to the value any more. It is taken off at the end, so that what
    /// groups by it or makes a label of it still sees it.
    pub(super) nameless: bool,
    pub(super) feeds: Feeds,
}

/// Series that fed a value, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Feeds(pub(super) Vec<SeriesId>);

impl Feeds {
    /// These and `others`.
    pub(super) fn and(mut self, others: &Self) -> Self {
        self.add(others);
        self
    }

    /// Takes `others` in.
    pub(super) fn add(&mut self, others: &Self) {
        if !others.0.is_empty() {
            self.0.extend(&others.0);
            self.0.sort_unstable();
            self.0.dedup();
        }
    }
}
