//! From an expression to its value at an instant, or at several.
//!
//! In:   a checked expression, a source, instants.
//! Out:  its value as Prometheus 3 has it: windows `(t − range, t]`, staleness markers, extrapolated rates, and metric
//!       names that are taken off at the end; and what was odd on the way.
//! Not:  no clock: who sets a deadline hands in what says that it has passed.

mod absent;
mod aggregate;
mod arithmetic;
mod binary;
mod calls;
mod classic;
mod dates;
mod estimate;
mod evaluation;
mod extended;
mod groups;
mod info;
mod labels;
mod matching;
mod numbers;
mod over_time;
mod ranking;
mod rates;
mod select;
mod stretch;
mod subquery;
mod together;
mod trim;

pub use together::{Round, Shares, Together};

use std::collections::BTreeMap;

use crate::model::{Labels, Timestamp};
use crate::promql::Source;
use crate::promql::eval::binary::Sieve;
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::tree::ast::{Call, Expr, ValueType};
use crate::promql::tree::functions::Function;
use crate::promql::tree::length::Instants;
use crate::promql::tree::operators::AggregateOp;
use crate::promql::value::{
    Amount, Element, EvalError, Item, Note, Notes, Operand, Options, Point, Track, Value, name_off,
};

/// What says that the time for an evaluation has passed. It is asked now and then.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// The value of `expr` at `at`.
///
/// # Errors
/// Where elements can't be matched one to one, or would come out with the same labels, or a limit is met.
pub fn evaluate(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
) -> Result<Value, EvalError> {
    evaluate_within(expr, source, at, options, &|| false).map(|(value, _)| value)
}

/// As `evaluate`, with what was odd on the way, and until `stop` says that there is no more time.
///
/// # Errors
/// As `evaluate`, and where the time has passed.
pub fn evaluate_within(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
    stop: Stop<'_>,
) -> Result<(Value, Vec<Note>), EvalError> {
    let evaluation = Evaluation::new(source, Instants::one(at), options, Notes::default(), stop);
    let value = match expr.without_parens() {
        Expr::Text { value, .. } => Value::Text(value.clone()),
        range if range.value_type() == ValueType::Matrix => {
            Value::Matrix(evaluation.tracks(range, Moment::once(at))?)
        }
        _ => match evaluation.operand(expr, Moment::once(at))? {
            Operand::Scalar(value, _) => Value::Scalar(value),
            Operand::Vector(points) => Value::Vector(finished(expr, points)?),
        },
    };
    Ok((value, evaluation.into_notes()))
}

/// The elements of `expr` at `at` that are numbers, as rules take them: a scalar is one element without labels, and
/// keeps the series that fed it.
///
/// # Errors
/// As `evaluate`; and where `expr` gives a text or a range vector, which no rule can use.
pub fn evaluate_vector(
    expr: &Expr,
    source: &dyn Source,
    at: Timestamp,
    options: &Options,
) -> Result<Vec<Element>, EvalError> {
    let evaluation = Evaluation::new(source, Instants::one(at), options, Notes::unheard(), &|| false);
    let moment = Moment::once(at);
    let operand = match evaluation.shared(expr, moment)? {
        Some(points) => Operand::Vector(points.to_vec()),
        None => evaluation.operand(expr, moment)?,
    };
    match operand {
        Operand::Scalar(value, feeds) => {
            Ok(vec![Element { labels: Labels::empty(), value, feeds: feeds.0.into_vec() }])
        }
        Operand::Vector(points) => {
            let number = |item: Item| {
                Some(Element { value: item.amount.float()?, labels: item.labels, feeds: item.feeds })
            };
            Ok(finished(expr, points)?.into_iter().filter_map(number).collect())
        }
    }
}

/// The values of `expr` at `instants`, a row for each label set in the order of labels; and what was odd on the way.
/// A scalar is a row without labels.
///
/// # Errors
/// As `evaluate_within`; and where `expr` gives a text or a range vector.
pub fn evaluate_range(
    expr: &Expr,
    source: &dyn Source,
    instants: &Instants,
    options: &Options,
    stop: Stop<'_>,
) -> Result<(Vec<Track>, Vec<Note>), EvalError> {
    if let found @ (ValueType::Matrix | ValueType::Text) = expr.value_type() {
        let what = format!("a query over time gives a scalar or an instant vector, not a {}", found.as_str());
        return Err(EvalError::new(expr.span(), what));
    }
    let evaluation = Evaluation::new(source, *instants, options, Notes::default(), stop);
    let mut rows: BTreeMap<Labels, Vec<(Timestamp, Amount)>> = BTreeMap::new();
    let mut at = instants.start;
    while at <= instants.end {
        evaluation.read(0);
        evaluation.within_limits(expr.span())?;
        let items = match evaluation.operand(expr, Moment { at, from: instants.start, to: instants.end })? {
            Operand::Scalar(value, feeds) => vec![Point::new(Labels::empty(), value, feeds)],
            Operand::Vector(points) => points,
        };
        for item in finished(expr, items)? {
            rows.entry(item.labels).or_default().push((at, item.amount));
        }
        if instants.step.is_zero() {
            break;
        }
        at = at + instants.step;
    }
    let tracks = rows.into_iter().map(|(labels, samples)| Track { labels, samples }).collect();
    Ok((tracks, evaluation.into_notes()))
}

/// Takes off the names that are to go, and puts the elements in order.
fn finished(expr: &Expr, points: Vec<Point>) -> Result<Vec<Item>, EvalError> {
    let finish = |point: Point| Item {
        labels: if point.nameless { name_off(&point.labels) } else { point.labels },
        amount: point.amount,
        feeds: point.feeds.0.into_vec(),
    };
    let mut items: Vec<Item> = points.into_iter().map(finish).collect();
    // A source gives each series once and in order. Also of what was reckoned from them that often holds.
    if comes_in_order(expr) || items.is_sorted_by(|a, b| a.labels < b.labels) {
        return Ok(items);
    }
    let mut order: Vec<&Labels> = items.iter().map(|item| &item.labels).collect();
    order.sort_unstable();
    if let Some(twice) = order.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(EvalError::new(expr.span(), same_labels(twice[0])));
    }
    if !sorts(expr) {
        items.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    }
    Ok(items)
}

/// Whether its elements are series as a source gives them.
fn comes_in_order(expr: &Expr) -> bool {
    match expr.without_parens() {
        Expr::Selector(_) => true,
        Expr::Binary(binary) => {
            Sieve::of(binary).is_some_and(|(_, of)| matches!(of.without_parens(), Expr::Selector(_)))
        }
        _ => false,
    }
}

fn same_labels(labels: &Labels) -> String {
    format!("vector cannot contain metrics with the same labelset; {labels} is there twice")
}

/// Whether the order of elements is a part of the result.
fn sorts(expr: &Expr) -> bool {
    match expr.without_parens() {
        Expr::Call(Call { function, .. }) => matches!(
            function,
            Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc
        ),
        Expr::Aggregate(aggregate) => matches!(aggregate.op, AggregateOp::TopK | AggregateOp::BottomK),
        _ => false,
    }
}
