//! Operators between two values.

use std::collections::{HashMap, HashSet};

use crate::model::{Labels, METRIC_NAME};
use crate::promql::ast::{Binary, BinaryOp, MatchBy, Matching, Side};
use crate::promql::value::{EvalError, Feeds, Operand, Point};

/// The value of `binary` where its sides have these.
pub(super) fn apply(binary: &Binary, left: Operand, right: Operand) -> Result<Operand, EvalError> {
    Ok(match (left, right) {
        (Operand::Scalar(a, a_feeds), Operand::Scalar(b, b_feeds)) => {
            Operand::Scalar(number(binary.op, a, b), a_feeds.and(&b_feeds))
        }
        (Operand::Vector(points), Operand::Scalar(scalar, feeds)) => {
            Operand::Vector(with_scalar(binary, points, Side::Right, scalar, &feeds))
        }
        (Operand::Scalar(scalar, feeds), Operand::Vector(points)) => {
            Operand::Vector(with_scalar(binary, points, Side::Left, scalar, &feeds))
        }
        (Operand::Vector(left), Operand::Vector(right)) => Operand::Vector(match binary.op {
            BinaryOp::And => and(&binary.matching, left, &right),
            BinaryOp::Or => or(&binary.matching, left, right),
            BinaryOp::Unless => unless(&binary.matching, left, &right),
            _ => matched(binary, left, right)?,
        }),
    })
}

/// Two numbers; a comparison gives 1 or 0.
fn number(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::NotEqual => truth(a != b),
        BinaryOp::Greater => truth(a > b),
        BinaryOp::Less => truth(a < b),
        BinaryOp::GreaterEqual => truth(a >= b),
        BinaryOp::LessEqual => truth(a <= b),
        // The checks while parsing keep sets away from numbers.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}

/// What becomes of the value of an element; `None` where a comparison filters it out.
fn outcome(binary: &Binary, a: f64, b: f64, kept: f64) -> Option<f64> {
    let value = number(binary.op, a, b);
    match binary.op.is_comparison() && !binary.returns_bool {
        true if value == 0.0 => None,
        true => Some(kept),
        false => Some(value),
    }
}

fn with_scalar(
    binary: &Binary,
    points: Vec<Point>,
    scalar_side: Side,
    scalar: f64,
    feeds: &Feeds,
) -> Vec<Point> {
    let changes = binary.op.is_arithmetic() || binary.returns_bool;
    let each = |mut point: Point| {
        let (a, b) = match scalar_side {
            Side::Left => (scalar, point.value),
            Side::Right => (point.value, scalar),
        };
        point.value = outcome(binary, a, b, point.value)?;
        point.nameless |= changes;
        point.feeds.add(feeds);
        Some(point)
    };
    points.into_iter().filter_map(each).collect()
}

/// The labels by which an element finds its partner.
fn signature(matching: &Matching, labels: &Labels) -> Labels {
    let listed = |label: &str| matching.labels.iter().any(|listed| listed == label);
    match matching.by {
        MatchBy::On => labels.filtered(listed),
        MatchBy::Ignoring => labels.filtered(|label| label != METRIC_NAME && !listed(label)),
    }
}

fn and(matching: &Matching, left: Vec<Point>, right: &[Point]) -> Vec<Point> {
    let mut partners: HashMap<Labels, Feeds> = HashMap::new();
    for point in right {
        partners.entry(signature(matching, &point.labels)).or_default().add(&point.feeds);
    }
    let each = |mut point: Point| {
        point.feeds.add(partners.get(&signature(matching, &point.labels))?);
        Some(point)
    };
    left.into_iter().filter_map(each).collect()
}

fn or(matching: &Matching, mut left: Vec<Point>, right: Vec<Point>) -> Vec<Point> {
    let taken: HashSet<Labels> = left.iter().map(|point| signature(matching, &point.labels)).collect();
    left.extend(right.into_iter().filter(|point| !taken.contains(&signature(matching, &point.labels))));
    left
}

fn unless(matching: &Matching, mut left: Vec<Point>, right: &[Point]) -> Vec<Point> {
    let barred: HashSet<Labels> = right.iter().map(|point| signature(matching, &point.labels)).collect();
    left.retain(|point| !barred.contains(&signature(matching, &point.labels)));
    left
}

/// Arithmetic and comparison between elements that find each other.
fn matched(binary: &Binary, left: Vec<Point>, right: Vec<Point>) -> Result<Vec<Point>, EvalError> {
    let matching = &binary.matching;
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    let many_side = matching.group.as_ref().map_or(Side::Left, |group| group.many);
    let (many, one) = match many_side {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    let ones = by_signature(binary, &one, many_side)?;
    let (mut met, mut results, mut result) = (HashSet::new(), HashSet::new(), Vec::new());
    for point in many {
        let key = signature(matching, &point.labels);
        let Some(partner) = ones.get(&key) else { continue };
        // Also where the comparison filters one of them out: whether an expression fails must not hang on values.
        if matching.group.is_none() && !met.insert(key.clone()) {
            let what = format!(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right); \
                 {} is not the only one on the left that meets {}",
                point.labels, partner.labels
            );
            return Err(EvalError::new(binary.span, what));
        }
        let (a, b) = match many_side {
            Side::Left => (point.value, partner.value),
            Side::Right => (partner.value, point.value),
        };
        let Some(value) = outcome(binary, a, b, a) else { continue };
        let labels = result_labels(binary, &point.labels, &partner.labels);
        if matching.group.is_some() && !results.insert((key, labels.clone())) {
            let what = format!(
                "multiple matches for labels: grouping labels must ensure unique matches; \
                 {labels} comes out twice"
            );
            return Err(EvalError::new(binary.span, what));
        }
        let nameless = point.nameless || binary.returns_bool;
        result.push(Point { labels, value, nameless, feeds: point.feeds.and(&partner.feeds) });
    }
    Ok(result)
}

/// The elements of the side that has one, by what they are found by.
fn by_signature<'a>(
    binary: &Binary,
    one: &'a [Point],
    many_side: Side,
) -> Result<HashMap<Labels, &'a Point>, EvalError> {
    let mut ones = HashMap::with_capacity(one.len());
    for point in one {
        let key = signature(&binary.matching, &point.labels);
        if let Some(other) = ones.insert(key.clone(), point) {
            let side = if many_side == Side::Left { "right" } else { "left" };
            let what = format!(
                "found duplicate series for the match group {key} on the {side} hand-side of the operation: \
                 [{}, {}]; many-to-many matching not allowed: matching labels must be unique on one side",
                point.labels, other.labels
            );
            return Err(EvalError::new(binary.span, what));
        }
    }
    Ok(ones)
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &binary.matching;
    let listed = |label: &str| matching.labels.iter().any(|listed| listed == label);
    let keeps = |label: &str| {
        let named = label != METRIC_NAME || !binary.op.is_arithmetic();
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
