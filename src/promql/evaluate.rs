//! From an expression to its value at an instant.
//!
//! In:   a checked expression, a source, an instant.
//! Out:  its value as Prometheus 3 has it: windows `(t − range, t]`, staleness markers, extrapolated rates, and
//!       metric names that are taken off at the end.
//! Not:  no ranges of instants: who needs them evaluates each.

use std::cell::RefCell;

use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher, Timestamp, format_value, is_stale};
use crate::promql::ast::{Call, Expr, RangeSelector, Selector, Sign};
use crate::promql::functions::Function;
use crate::promql::over_range::{self, Stretch};
use crate::promql::value::{Element, EvalError, Feeds, Note, Operand, Options, Point, Track, Value};
use crate::promql::{Sample, SeriesId, Source, aggregate, binary, numbers};

/// The value of `expr` at `at`.
///
/// # Errors
/// Where elements can't be matched one to one, or would come out with the same labels.
pub fn evaluate(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
) -> Result<Value, EvalError> {
    evaluate_noting(expr, source, at, options).map(|(value, _)| value)
}

/// As `evaluate`, with what was odd on the way.
///
/// # Errors
/// As `evaluate`.
pub fn evaluate_noting(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
) -> Result<(Value, Vec<Note>), EvalError> {
    let evaluation = Evaluation::new(source, at, options);
    let value = match expr.without_parens() {
        Expr::Text { value, .. } => Value::Text(value.clone()),
        Expr::Range(range) => Value::Matrix(evaluation.tracks(range)),
        _ => match evaluation.operand(expr)? {
            Operand::Scalar(value, _) => Value::Scalar(value),
            Operand::Vector(points) => Value::Vector(finished(expr, points)?),
        },
    };
    Ok((value, evaluation.notes.into_inner()))
}

/// The elements of `expr` at `at`, as rules take them: a scalar is one element without labels, and keeps the
/// series that fed it.
///
/// # Errors
/// As `evaluate`; and where `expr` gives a text or a range vector, which no rule can use.
pub fn evaluate_vector(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
) -> Result<Vec<Element>, EvalError> {
    match Evaluation::new(source, at, options).operand(expr)? {
        Operand::Scalar(value, feeds) => Ok(vec![Element { labels: Labels::empty(), value, feeds: feeds.0 }]),
        Operand::Vector(points) => finished(expr, points),
    }
}

/// Takes off the names that are to go, and puts the elements in order.
fn finished(expr: &Expr, points: Vec<Point>) -> Result<Vec<Element>, EvalError> {
    let name_off = |point: Point| Element {
        labels: if point.nameless {
            point.labels.filtered(|label| label != METRIC_NAME)
        } else {
            point.labels
        },
        value: point.value,
        feeds: point.feeds.0,
    };
    let mut elements: Vec<Element> = points.into_iter().map(name_off).collect();
    // As a selector gives them: each once and in order already.
    if elements.is_sorted_by(|a, b| a.labels < b.labels) {
        return Ok(elements);
    }
    let mut order: Vec<&Labels> = elements.iter().map(|element| &element.labels).collect();
    order.sort_unstable();
    if let Some(twice) = order.windows(2).find(|pair| pair[0] == pair[1]) {
        let what =
            format!("vector cannot contain metrics with the same labelset; {} is there twice", twice[0]);
        return Err(EvalError::new(expr.span(), what));
    }
    if !sorts(expr) {
        elements.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    }
    Ok(elements)
}

/// Whether the order of elements is a part of the result.
fn sorts(expr: &Expr) -> bool {
    matches!(expr.without_parens(), Expr::Call(Call { function: Function::Sort | Function::SortDesc, .. }))
}

/// One evaluation.
struct Evaluation<'a> {
    source: &'a dyn Source,
    at: Timestamp,
    options: &'a Options,
    notes: RefCell<Vec<Note>>,
}

impl<'a> Evaluation<'a> {
    fn new(source: &'a dyn Source, at: Timestamp, options: &'a Options) -> Self {
        Self { source, at, options, notes: RefCell::default() }
    }

    fn operand(&self, expr: &Expr) -> Result<Operand, EvalError> {
        match expr {
            Expr::Number { value, .. } => Ok(Operand::Scalar(*value, Feeds::default())),
            Expr::Selector(selector) => {
                Ok(Operand::Vector(self.latest(selector).into_iter().map(|(_, point)| point).collect()))
            }
            Expr::Paren { inner, .. } => self.operand(inner),
            Expr::Unary { sign: Sign::Plus, of, .. } => self.operand(of),
            Expr::Unary { sign: Sign::Minus, of, .. } => Ok(match self.operand(of)? {
                Operand::Scalar(value, feeds) => Operand::Scalar(-value, feeds),
                Operand::Vector(points) => Operand::Vector(mapped(points, |value| Some(-value))),
            }),
            Expr::Binary(node) => {
                let (left, right) = (self.operand(&node.left)?, self.operand(&node.right)?);
                binary::apply(node, left, right)
            }
            Expr::Aggregate(node) => Ok(Operand::Vector(aggregate::apply(node, self.vector(&node.of)?))),
            Expr::Call(call) => self.call(call),
            Expr::Text { span, .. } => Err(EvalError::new(*span, "a string can't be used here")),
            Expr::Range(range) => Err(EvalError::new(range.span, "a range vector can't be used here")),
        }
    }

    fn vector(&self, expr: &Expr) -> Result<Vec<Point>, EvalError> {
        match self.operand(expr)? {
            Operand::Vector(points) => Ok(points),
            Operand::Scalar(..) => Err(EvalError::new(expr.span(), "expected an instant vector")),
        }
    }

    fn scalar(&self, expr: &Expr) -> Result<(f64, Feeds), EvalError> {
        match self.operand(expr)? {
            Operand::Scalar(value, feeds) => Ok((value, feeds)),
            Operand::Vector(_) => Err(EvalError::new(expr.span(), "expected a scalar")),
        }
    }

    fn feeds(&self, series: SeriesId) -> Feeds {
        Feeds(if self.options.track_feeds { vec![series] } else { Vec::new() })
    }

    /// The latest sample of each series that fits and has not ended, with its time.
    fn latest(&self, selector: &Selector) -> Vec<(Timestamp, Point)> {
        let until = shifted(self.at, selector.offset_ms);
        let mut points = Vec::new();
        let mut visit = |series, labels: &Labels, samples: &[Sample]| {
            if let Some(last) = samples.last().filter(|last| !is_stale(last.value)) {
                let feeds = self.feeds(series);
                let point = Point { labels: labels.clone(), value: last.value, nameless: false, feeds };
                points.push((last.at, point));
            }
        };
        self.source.select(&selector.matchers, until - self.options.look_back, until, &mut visit);
        points
    }

    /// The stretch of each series that fits and has a sample there.
    fn stretches(&self, range: &RangeSelector, visit: &mut dyn FnMut(SeriesId, &Labels, &Stretch<'_>)) {
        let end = shifted(self.at, range.selector.offset_ms);
        let start = end - range.range;
        let mut kept = Vec::new();
        self.source.select(&range.selector.matchers, start, end, &mut |series, labels, samples| {
            kept.clear();
            let mut samples = samples;
            if samples.iter().any(|sample| is_stale(sample.value)) {
                kept.extend(samples.iter().copied().filter(|sample| !is_stale(sample.value)));
                samples = &kept;
            }
            if !samples.is_empty() {
                visit(series, labels, &Stretch { samples, start, end, now: self.at });
            }
        });
    }

    fn tracks(&self, range: &RangeSelector) -> Vec<Track> {
        let mut tracks = Vec::new();
        self.stretches(range, &mut |_, labels, stretch| {
            tracks.push(Track { labels: labels.clone(), samples: stretch.samples.to_vec() });
        });
        tracks.sort_by(|a, b| a.labels.cmp(&b.labels));
        tracks
    }

    fn call(&self, call: &Call) -> Result<Operand, EvalError> {
        let args: Vec<&Expr> = call.args.iter().map(Expr::without_parens).collect();
        match (call.function, args.as_slice()) {
            (Function::Time, _) => Ok(Operand::Scalar(self.at.as_secs_f64(), Feeds::default())),
            (Function::Pi, _) => Ok(Operand::Scalar(std::f64::consts::PI, Feeds::default())),
            (Function::ToScalar, [arg]) => {
                let points = self.vector(arg)?;
                let value = if let [only] = points.as_slice() { only.value } else { f64::NAN };
                let mut feeds = Feeds::default();
                points.iter().for_each(|point| feeds.add(&point.feeds));
                Ok(Operand::Scalar(value, feeds))
            }
            (Function::ToVector, [arg]) => {
                let (value, feeds) = self.scalar(arg)?;
                Ok(one(Labels::empty(), value, feeds))
            }
            (Function::Absent, [arg]) => Ok(self.absent(arg, self.vector(arg)?.is_empty())),
            (Function::AbsentOverTime, [arg @ Expr::Range(range)]) => {
                let mut nothing = true;
                self.stretches(range, &mut |_, _, _| nothing = false);
                Ok(self.absent(arg, nothing))
            }
            (Function::Timestamp, [Expr::Selector(selector)]) => {
                let timed = |(at, point): (Timestamp, Point)| Point {
                    value: at.as_secs_f64(),
                    nameless: true,
                    ..point
                };
                Ok(Operand::Vector(self.latest(selector).into_iter().map(timed).collect()))
            }
            (Function::Timestamp, [arg]) => {
                Ok(Operand::Vector(mapped(self.vector(arg)?, |_| Some(self.at.as_secs_f64()))))
            }
            (Function::Sort, [arg]) => Ok(sorted(self.vector(arg)?, false)),
            (Function::SortDesc, [arg]) => Ok(sorted(self.vector(arg)?, true)),
            (function, [Expr::Range(range)]) => {
                Ok(self.over_range(function, range, f64::NAN, &Feeds::default()))
            }
            (function, [Expr::Range(range), param] | [param, Expr::Range(range)]) => {
                let span = param.span();
                let (param, feeds) = self.scalar(param)?;
                if function == Function::QuantileOverTime && !(0.0..=1.0).contains(&param) {
                    let what = format!("a quantile should be between 0 and 1, not {}", format_value(param));
                    self.notes.borrow_mut().push(Note { span, what });
                }
                Ok(self.over_range(function, range, param, &feeds))
            }
            (function, []) => {
                let now = numbers::apply(function, self.at.as_secs_f64(), &[]);
                let now = now.ok_or_else(|| EvalError::new(call.span, "expected an argument"))?;
                Ok(one(Labels::empty(), now, Feeds::default()))
            }
            (function, [arg, params @ ..]) => self.over_elements(function, arg, params),
        }
    }

    fn over_range(
        &self,
        function: Function,
        range: &RangeSelector,
        param: f64,
        param_feeds: &Feeds,
    ) -> Operand {
        let mut points = Vec::new();
        self.stretches(range, &mut |series, labels, stretch| {
            if let Some(value) = over_range::apply(function, stretch, param) {
                let nameless = !matches!(function, Function::FirstOverTime | Function::LastOverTime);
                let feeds = self.feeds(series).and(param_feeds);
                points.push(Point { labels: labels.clone(), value, nameless, feeds });
            }
        });
        Operand::Vector(points)
    }

    fn over_elements(&self, function: Function, arg: &Expr, params: &[&Expr]) -> Result<Operand, EvalError> {
        let mut points = self.vector(arg)?;
        let (mut values, mut feeds) = (Vec::with_capacity(params.len()), Feeds::default());
        for param in params {
            let (value, from) = self.scalar(param)?;
            values.push(value);
            feeds.add(&from);
        }
        if let (Function::Clamp, [least, most]) = (function, values.as_slice())
            && most < least
        {
            points.clear();
        }
        let mut points = mapped(points, |value| numbers::apply(function, value, &values));
        points.iter_mut().for_each(|point| point.feeds.add(&feeds));
        Ok(Operand::Vector(points))
    }

    /// One element if there is `nothing`, with the labels that the selector pins.
    fn absent(&self, arg: &Expr, nothing: bool) -> Operand {
        if !nothing {
            return Operand::Vector(Vec::new());
        }
        let matchers: &[Matcher] = match arg {
            Expr::Selector(selector) => &selector.matchers,
            Expr::Range(range) => &range.selector.matchers,
            _ => &[],
        };
        let pinned = |matcher: &&Matcher| {
            matcher.name() != METRIC_NAME
                && matcher.op() == MatchOp::Equal
                && matchers.iter().filter(|other| other.name() == matcher.name()).count() == 1
        };
        let labels = matchers.iter().filter(pinned).map(|matcher| (matcher.name(), matcher.value()));
        one(labels.collect(), 1.0, Feeds::default())
    }
}

fn one(labels: Labels, value: f64, feeds: Feeds) -> Operand {
    Operand::Vector(vec![Point { labels, value, nameless: false, feeds }])
}

/// The elements with new values, which their metrics' names no longer say.
fn mapped(points: Vec<Point>, new: impl Fn(f64) -> Option<f64>) -> Vec<Point> {
    let each = |point: Point| Some(Point { value: new(point.value)?, nameless: true, ..point });
    points.into_iter().filter_map(each).collect()
}

/// By value, NaN last either way.
fn sorted(mut points: Vec<Point>, descending: bool) -> Operand {
    points.sort_by(|a, b| {
        let order = a.value.total_cmp(&b.value);
        let order = if descending { order.reverse() } else { order };
        a.value.is_nan().cmp(&b.value.is_nan()).then(order)
    });
    Operand::Vector(points)
}

fn shifted(at: Timestamp, offset_ms: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(offset_ms))
}
