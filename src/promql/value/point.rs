//! What goes through an evaluation: elements with the series that fed them.

use smallvec::SmallVec;

use crate::model::{Labels, METRIC_NAME};
use crate::promql::SeriesId;
use crate::promql::value::Amount;

/// What a sub-expression that is no text and no range gives.
#[derive(Debug, Clone)]
pub(in crate::promql) enum Operand {
    Scalar(f64, Feeds),
    Vector(Vec<Point>),
}

/// An element on its way through an expression.
#[derive(Debug, Clone)]
pub(in crate::promql) struct Point {
    pub(in crate::promql) labels: Labels,
    pub(in crate::promql) amount: Amount,
    /// The metric's name does not belong to the value any more. It is taken off at the end, so that what
    /// groups by it or makes a label of it still sees it.
    pub(in crate::promql) nameless: bool,
    pub(in crate::promql) feeds: Feeds,
}

impl Point {
    pub(in crate::promql) fn new(labels: Labels, value: f64, feeds: Feeds) -> Self {
        Self { labels, amount: Amount::Float(value), nameless: false, feeds }
    }
}

/// The labels without those that say what a metric is: its name, type and unit.
pub(in crate::promql) fn name_off(labels: &Labels) -> Labels {
    let says_what = |label: &str| matches!(label, METRIC_NAME | "__type__" | "__unit__");
    if labels.iter().any(|(label, _)| says_what(label)) {
        labels.filtered(|label| !says_what(label))
    } else {
        labels.clone()
    }
}

/// Series that fed a value, sorted, each once. Most values are of one or two, for which nothing is allocated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::promql) struct Feeds(pub(in crate::promql) SmallVec<[SeriesId; 2]>);

impl Feeds {
    /// These and `others`.
    pub(in crate::promql) fn and(mut self, others: &Self) -> Self {
        self.add(others);
        self
    }

    /// Takes `others` in.
    pub(in crate::promql) fn add(&mut self, others: &Self) {
        if !others.0.is_empty() {
            self.0.extend_from_slice(&others.0);
            self.settle();
        }
    }

    /// Brings those that were added one after the other into order.
    pub(in crate::promql) fn settle(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }
}
