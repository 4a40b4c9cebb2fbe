//! One evaluation: what it reads from, what it may spend, and the way down an expression.

use std::cell::{Cell, RefCell};

use crate::model::{Span, Timestamp};
use crate::promql::eval::binary::Sieve;
use crate::promql::eval::select::Kept;
use crate::promql::eval::subquery::Made;
use crate::promql::eval::{Stop, aggregate, arithmetic, binary};
use crate::promql::tree::ast::{Binary, Expr, Sign};
use crate::promql::tree::length::{Instants, Shift};
use crate::promql::value::{
    Amount, EvalError, Feeds, Names, Note, NoteKind, Notes, Operand, Options, Point, name_off,
};
use crate::promql::{SeriesId, Source};

/// The deadline is looked at each time so many samples have been read.
const STOP_EACH: u64 = 4096;

/// The instant of an evaluation, and between which the same expression will be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Moment {
    /// The only instant.
    pub(super) fn once(at: Timestamp) -> Self {
        Self { at, from: at, to: at }
    }

    pub(super) fn is_once(&self) -> bool {
        self.from == self.to
    }
}

/// One evaluation.
pub(super) struct Evaluation<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) query: Instants,
    pub(super) options: &'a Options,
    pub(super) notes: Notes,
    pub(super) kept: RefCell<Kept>,
    pub(super) made: RefCell<Made>,
    /// Only counts and sums of histograms are asked for, of which resets are told sample by sample.
    pub(super) counts_only: Cell<bool>,
    stop: Stop<'a>,
    read: Cell<u64>,
    over: Cell<Option<&'static str>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        source: &'a dyn Source,
        query: Instants,
        options: &'a Options,
        notes: Notes,
        stop: Stop<'a>,
    ) -> Self {
        Self {
            source,
            query,
            options,
            notes,
            kept: RefCell::default(),
            made: RefCell::default(),
            counts_only: Cell::new(false),
            stop,
            read: Cell::new(0),
            over: Cell::new(None),
        }
    }

    /// Warnings first.
    pub(super) fn into_notes(self) -> Vec<Note> {
        let mut notes = self.notes.into_inner();
        notes.sort_by_key(|note| note.kind == NoteKind::Info);
        notes
    }

    /// Counts samples that are read; whether that may go on.
    pub(super) fn read(&self, samples: usize) -> bool {
        let before = self.read.get();
        let read = before.saturating_add(samples as u64).saturating_add(1);
        self.read.set(read);
        if self.options.samples_max < read {
            self.over.set(Some("the expression reads too many samples"));
        } else if before / STOP_EACH != read / STOP_EACH && (self.stop)() {
            self.over.set(Some("the evaluation took too long"));
        }
        self.over.get().is_none()
    }

    /// The error of a limit that was met.
    pub(super) fn within_limits(&self, span: Span) -> Result<(), EvalError> {
        self.over.get().map_or(Ok(()), |what| Err(EvalError::new(span, what)))
    }

    pub(super) fn feeds(&self, series: SeriesId) -> Feeds {
        Feeds(self.options.track_feeds.then_some(series).into_iter().collect())
    }

    /// Says that the metric's name does not fit the value any more.
    pub(super) fn unname(&self, point: &mut Point) {
        match self.options.names {
            Names::OffAtTheEnd => point.nameless = true,
            Names::OffAtOnce => point.labels = name_off(&point.labels),
        }
    }

    /// The instant that a selector or a subquery looks at.
    pub(super) fn shifted(&self, moment: Moment, shift: &Shift, span: Span) -> Result<Moment, EvalError> {
        let offset = shift.offset.millis(&self.query).map_err(|what| EvalError::new(span, what))?;
        let back = |at: Timestamp| Timestamp::from_millis(at.as_millis().saturating_sub(offset));
        Ok(match shift.pin {
            Some(pin) => Moment::once(back(pin.instant(&self.query))),
            None => Moment { at: back(moment.at), from: back(moment.from), to: back(moment.to) },
        })
    }

    pub(super) fn operand(&self, expr: &Expr, moment: Moment) -> Result<Operand, EvalError> {
        match expr {
            Expr::Number { value, .. } => Ok(Operand::Scalar(*value, Feeds::default())),
            Expr::Selector(selector) => self.latest(selector, moment).map(Operand::Vector),
            Expr::Paren { inner, .. } => self.operand(inner, moment),
            Expr::Unary { sign: Sign::Plus, of, .. } => self.operand(of, moment),
            Expr::Unary { sign: Sign::Minus, of, .. } => self.negated(of, moment),
            Expr::Binary(node) => self.binary(node, moment),
            Expr::Aggregate(node) => aggregate::apply(self, node, moment).map(Operand::Vector),
            Expr::Call(call) => self.call(call, moment),
            Expr::Text { span, .. } => Err(EvalError::new(*span, "a string can't be used here")),
            Expr::Range(_) | Expr::Subquery(_) => {
                Err(EvalError::new(expr.span(), "a range vector can't be used here"))
            }
        }
    }

    // Each level of an expression is one of the stack too, so that the way down stays narrow.
    fn negated(&self, of: &Expr, moment: Moment) -> Result<Operand, EvalError> {
        Ok(match self.operand(of, moment)? {
            Operand::Scalar(value, feeds) => Operand::Scalar(-value, feeds),
            Operand::Vector(mut points) => {
                for point in &mut points {
                    point.amount = arithmetic::negated(&point.amount);
                    self.unname(point);
                }
                Operand::Vector(points)
            }
        })
    }

    fn binary(&self, node: &Binary, moment: Moment) -> Result<Operand, EvalError> {
        if let Some((sieve, of)) = Sieve::of(node)
            && let Some(points) = self.sifted(of, moment, sieve)?
        {
            return Ok(Operand::Vector(points));
        }
        let (left, right) = (self.operand(&node.left, moment)?, self.operand(&node.right, moment)?);
        binary::apply(self, node, left, right)
    }

    /// The elements that pass a comparison with a number, where they come straight from series or are known already: of
    /// all others not even the labels are touched. `None` where they come from elsewhere.
    fn sifted(&self, of: &Expr, moment: Moment, sieve: Sieve<'_>) -> Result<Option<Vec<Point>>, EvalError> {
        let passes = |amount: &Amount| sieve.passes(amount, &self.notes);
        if let Some(points) = self.shared(of, moment)? {
            return Ok(Some(points.iter().filter(|point| passes(&point.amount)).cloned().collect()));
        }
        match of.without_parens() {
            Expr::Selector(selector) => self.latest_where(selector, moment, &passes).map(Some),
            Expr::Call(call) => self.call_over_range(call, moment, &passes),
            _ => Ok(None),
        }
    }

    pub(super) fn vector(&self, expr: &Expr, moment: Moment) -> Result<Vec<Point>, EvalError> {
        match self.operand(expr, moment)? {
            Operand::Vector(points) => Ok(points),
            Operand::Scalar(..) => Err(EvalError::new(expr.span(), "expected an instant vector")),
        }
    }

    pub(super) fn scalar(&self, expr: &Expr, moment: Moment) -> Result<(f64, Feeds), EvalError> {
        match self.operand(expr, moment)? {
            Operand::Scalar(value, feeds) => Ok((value, feeds)),
            Operand::Vector(_) => Err(EvalError::new(expr.span(), "expected a scalar")),
        }
    }

    /// The numbers among the elements, changed, which their metrics' names no longer say.
    pub(super) fn mapped(&self, points: Vec<Point>, new: impl Fn(f64) -> Option<f64>) -> Vec<Point> {
        let each = |mut point: Point| {
            point.amount = Amount::Float(new(point.amount.float()?)?);
            self.unname(&mut point);
            Some(point)
        };
        points.into_iter().filter_map(each).collect()
    }
}
