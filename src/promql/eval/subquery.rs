//! Subqueries: an expression at several instants, which makes stretches of it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::model::{Labels, Span, Timestamp};
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::same_labels;
use crate::promql::eval::stretch::{Owner, Stretch};
use crate::promql::tree::ast::{Expr, Subquery};
use crate::promql::value::{Amount, EvalError, Feeds, Histogram, Operand, Point, Reset, Track, name_off};
use crate::promql::{HistogramSample, Sample};

/// A subquery with more instants is refused.
const INSTANTS_MAX: u128 = 1_000_000;

/// What subqueries have made at which instant, by where they stand in memory: the next instant of the query looks at
/// nearly the same ones.
pub(super) type Made = HashMap<usize, BTreeMap<Timestamp, Rc<Vec<Point>>>>;

/// A series that a subquery makes.
#[derive(Default)]
struct Row {
    floats: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    nameless: bool,
    feeds: Feeds,
}

impl Row {
    fn last(&self) -> Option<Timestamp> {
        self.floats.last().map(|sample| sample.at).max(self.histograms.last().map(|sample| sample.at))
    }
}

impl Evaluation<'_> {
    /// Calls `visit` for each stretch of a range vector.
    pub(super) fn stretches(
        &self,
        range: &Expr,
        moment: Moment,
        visit: &mut dyn FnMut(&Owner<'_>, &Stretch<'_>),
    ) -> Result<(), EvalError> {
        match range.without_parens() {
            Expr::Range(range) => self.selected_stretches(range, moment, visit),
            Expr::Subquery(subquery) => self.made_stretches(subquery, moment, visit),
            other => Err(EvalError::new(other.span(), "expected a range vector")),
        }
    }

    /// The stretches of a range vector as they are, in the order of labels.
    pub(super) fn tracks(&self, range: &Expr, moment: Moment) -> Result<Vec<Track>, EvalError> {
        let mut tracks = Vec::new();
        self.stretches(range, moment, &mut |owner, stretch| {
            let labels = if owner.nameless { name_off(owner.labels) } else { owner.labels.clone() };
            let samples = stretch.all().map(|sample| (sample.at(), sample.amount())).collect();
            tracks.push(Track { labels, samples });
        })?;
        tracks.sort_by(|a, b| a.labels.cmp(&b.labels));
        if let Some(twice) = tracks.windows(2).find(|pair| pair[0].labels == pair[1].labels) {
            return Err(EvalError::new(range.span(), same_labels(&twice[0].labels)));
        }
        Ok(tracks)
    }

    fn made_stretches(
        &self,
        subquery: &Subquery,
        now: Moment,
        visit: &mut dyn FnMut(&Owner<'_>, &Stretch<'_>),
    ) -> Result<(), EvalError> {
        let span = subquery.span;
        let end = self.shifted(now, &subquery.shift, span)?;
        let length = self.stretch_length(&subquery.range, span)?;
        let step = match &subquery.step {
            Some(step) => self.stretch_length(step, span)?,
            None => self.options.subquery_step,
        };
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        if INSTANTS_MAX < length.as_millis() / u128::from(step.unsigned_abs()) {
            return Err(EvalError::new(span, format!("a subquery has {INSTANTS_MAX} instants at most")));
        }
        let start = end.at - length;
        let inner = |at| Moment { at, from: end.from - length, to: end.to };
        let mut rows: BTreeMap<Labels, Row> = BTreeMap::new();
        // The first multiple of the step behind the start.
        let first = (start.as_millis().div_euclid(step) + 1).saturating_mul(step);
        let mut at = Timestamp::from_millis(first);
        self.forget(subquery, at);
        while at <= end.at {
            for point in self.at_instant(subquery, inner(at), !now.is_once())?.iter() {
                add(&mut rows, point, at, span)?;
            }
            at = Timestamp::from_millis(at.as_millis().saturating_add(step));
        }
        for (labels, row) in &rows {
            let owner = Owner { labels, nameless: row.nameless, feeds: row.feeds.clone() };
            visit(
                &owner,
                &Stretch {
                    floats: &row.floats,
                    histograms: &row.histograms,
                    starts: &[],
                    start,
                    end: end.at,
                    now: now.at,
                    labels,
                    span,
                    notes: &self.notes,
                    extension: None,
                },
            );
        }
        Ok(())
    }

    /// What the subquery's expression gives at an instant.
    fn at_instant(
        &self,
        subquery: &Subquery,
        moment: Moment,
        comes_again: bool,
    ) -> Result<Rc<Vec<Point>>, EvalError> {
        let key = std::ptr::from_ref(subquery) as usize;
        if let Some(made) = self.made.borrow().get(&key).and_then(|made| made.get(&moment.at)) {
            return Ok(made.clone());
        }
        let points = match self.operand(&subquery.of, moment)? {
            Operand::Vector(points) => points,
            Operand::Scalar(value, feeds) => vec![Point::new(Labels::empty(), value, feeds)],
        };
        self.read(points.len());
        self.within_limits(subquery.span)?;
        let points = Rc::new(points);
        if comes_again {
            self.made.borrow_mut().entry(key).or_default().insert(moment.at, points.clone());
        }
        Ok(points)
    }

    /// Forgets what lies before `first`.
    fn forget(&self, subquery: &Subquery, first: Timestamp) {
        let key = std::ptr::from_ref(subquery) as usize;
        if let Some(made) = self.made.borrow_mut().get_mut(&key) {
            *made = made.split_off(&first);
        }
    }
}

fn add(rows: &mut BTreeMap<Labels, Row>, point: &Point, at: Timestamp, span: Span) -> Result<(), EvalError> {
    let row = rows.entry(point.labels.clone()).or_default();
    if row.last() == Some(at) {
        return Err(EvalError::new(span, same_labels(&point.labels)));
    }
    match &point.amount {
        Amount::Float(value) => row.floats.push(Sample { at, value: *value }),
        Amount::Histogram(value) => {
            // The same sample once more is no reset; and that one was none since the sample before it says nothing
            // where that one was passed over.
            let again = row.histograms.last().is_some_and(|last| last.value.same(value));
            let reset = match value.reset {
                Reset::Reset if again => Reset::NotReset,
                Reset::NotReset => Reset::Unknown,
                reset => reset,
            };
            let told = |reset| Arc::new(Histogram { reset, ..(**value).clone() });
            let value = if reset == value.reset { value.clone() } else { told(reset) };
            row.histograms.push(HistogramSample { at, value });
        }
    }
    row.nameless |= point.nameless;
    row.feeds.add(&point.feeds);
    Ok(())
}
