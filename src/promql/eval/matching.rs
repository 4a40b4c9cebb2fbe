//! Arithmetic and comparison between the elements of two vectors that find each other.
//!
//! In:   both sides, and which labels they find each other by.
//! Out:  an element for each pair, and for each that is filled up to a pair.
//! Not:  an element without a partner has no result unless `fill` says what stands in for it.

use std::collections::HashSet;

use crate::model::{Labels, METRIC_NAME};
use crate::promql::eval::evaluation::Evaluation;
use crate::promql::eval::groups::{By, Groups};
use crate::promql::eval::{arithmetic, binary};
use crate::promql::tree::ast::{Binary, MatchBy, Side};
use crate::promql::value::{EvalError, Feeds, Point};

/// The pairs and what the operator makes of them.
pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    binary: &Binary,
    left: Vec<Point>,
    right: Vec<Point>,
) -> Result<Vec<Point>, EvalError> {
    let fill = binary.matching.fill;
    let many_side = binary.matching.group.as_ref().map_or(Side::Left, |group| group.many);
    // `fill_right` fills in for the side that has one also where `group_right` makes that the left one.
    let (fill_many, fill_one) = (fill.left, fill.right);
    let (many, one) = match many_side {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    let lacks = many.is_empty() || one.is_empty();
    if lacks && fill_many.is_none() && fill_one.is_none() {
        return Ok(Vec::new());
    }
    let by = By::from(&binary.matching);
    let ones = by_signature(binary, by, &one, many_side)?;
    let mut pairs = Pairs::new(evaluation, binary, many_side, by);
    let mut met = vec![false; one.len()];
    for point in &many {
        match (ones.find(&point.labels), fill_one) {
            (Some(place), _) => {
                met[place] = true;
                pairs.add(point, &one[place])?;
            }
            (None, Some(value)) => pairs.add(point, &stand_in(by, point, value))?,
            (None, None) => {}
        }
    }
    if let Some(value) = fill_many {
        for (point, _) in one.iter().zip(met).filter(|(_, met)| !met) {
            pairs.add(&stand_in(by, point, value), point)?;
        }
    }
    Ok(pairs.results)
}

/// What stands in for the partner of `point`.
fn stand_in(by: By<'_>, point: &Point, value: f64) -> Point {
    Point::new(by.of(&point.labels), value, Feeds::default())
}

/// The elements of the side that has one; each is a group of its own, with its place as the number.
fn by_signature<'a>(
    binary: &Binary,
    by: By<'a>,
    one: &[Point],
    many_side: Side,
) -> Result<Groups<'a>, EvalError> {
    let mut ones = Groups::new(by);
    for (at, point) in one.iter().enumerate() {
        let place = ones.place(&point.labels);
        if place != at {
            let side = if many_side == Side::Left { "right" } else { "left" };
            let what = format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: \
                 [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                ones.labels(place),
                point.labels,
                one[place].labels
            );
            return Err(EvalError::new(binary.span, what));
        }
    }
    Ok(ones)
}

/// Results in the making.
struct Pairs<'a> {
    evaluation: &'a Evaluation<'a>,
    binary: &'a Binary,
    many_side: Side,
    /// Without grouping: those that have met a partner.
    met: Groups<'a>,
    met_count: usize,
    /// With grouping: what has come out.
    out: HashSet<Labels>,
    results: Vec<Point>,
}

impl<'a> Pairs<'a> {
    fn new(evaluation: &'a Evaluation<'a>, binary: &'a Binary, many_side: Side, by: By<'a>) -> Self {
        let (met, out) = (Groups::new(by), HashSet::new());
        Self { evaluation, binary, many_side, met, met_count: 0, out, results: Vec::new() }
    }

    fn add(&mut self, many: &Point, one: &Point) -> Result<(), EvalError> {
        let binary = self.binary;
        // Also where the comparison filters one of them out: whether an expression fails must not hang on values.
        if binary.matching.group.is_none() {
            if self.met.place(&many.labels) != self.met_count {
                let what = format!(
                    "multiple matches for labels: many-to-one matching must be explicit \
                     (group_left/group_right); {} is not the only one on the left that meets {}",
                    many.labels, one.labels
                );
                return Err(EvalError::new(binary.span, what));
            }
            self.met_count += 1;
        }
        let (a, b) = match self.many_side {
            Side::Left => (&many.amount, &one.amount),
            Side::Right => (&one.amount, &many.amount),
        };
        let outcome = arithmetic::apply(binary.op, a, b, &self.evaluation.notes, binary.span);
        let Some(amount) = outcome.and_then(|outcome| binary::result(binary, outcome, a)) else {
            return Ok(());
        };
        let labels = result_labels(binary, &many.labels, &one.labels);
        if binary.matching.group.is_some() && !self.out.insert(labels.clone()) {
            let what = format!(
                "multiple matches for labels: grouping labels must ensure unique matches; \
                 {labels} comes out twice"
            );
            return Err(EvalError::new(binary.span, what));
        }
        let feeds = many.feeds.clone().and(&one.feeds);
        let mut point = Point { labels, amount, nameless: many.nameless, feeds };
        if binary.returns_bool {
            self.evaluation.unname(&mut point);
        }
        self.results.push(point);
        Ok(())
    }
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &binary.matching;
    let listed = |label: &str| matching.labels.iter().any(|listed| listed == label);
    let keeps = |label: &str| {
        let says_what = matches!(label, METRIC_NAME | "__type__" | "__unit__");
        let named = !says_what || !binary.op.is_arithmetic();
        let fits = matching.group.is_some() || listed(label) == (matching.by == MatchBy::On);
        named && fits
    };
    let labels = many.filtered(keeps);
    match &matching.group {
        Some(group) if !group.include.is_empty() => {
            let mut labels = labels.edit();
            for label in &group.include {
                labels.put(label, one.get(label).unwrap_or_default());
            }
            labels.build()
        }
        _ => labels,
    }
}
