//! Operators between a vector and a scalar, and sets of two vectors.

use crate::promql::eval::arithmetic::{self, Outcome};
use crate::promql::eval::evaluation::Evaluation;
use crate::promql::eval::groups::{By, Groups};
use crate::promql::eval::matching;
use crate::promql::tree::ast::{Binary, Expr, Matching, Side};
use crate::promql::tree::operators::BinaryOp;
use crate::promql::value::{Amount, EvalError, Feeds, Notes, Operand, Point};

/// The value of `binary` where its sides have these.
pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    binary: &Binary,
    left: Operand,
    right: Operand,
) -> Result<Operand, EvalError> {
    Ok(match (left, right) {
        (Operand::Scalar(a, a_feeds), Operand::Scalar(b, b_feeds)) => {
            Operand::Scalar(arithmetic::scalars(binary.op, a, b), a_feeds.and(&b_feeds))
        }
        (Operand::Vector(points), Operand::Scalar(scalar, feeds)) => {
            Operand::Vector(with_scalar(evaluation, binary, points, Side::Right, scalar, &feeds))
        }
        (Operand::Scalar(scalar, feeds), Operand::Vector(points)) => {
            Operand::Vector(with_scalar(evaluation, binary, points, Side::Left, scalar, &feeds))
        }
        (Operand::Vector(left), Operand::Vector(right)) => Operand::Vector(match binary.op {
            BinaryOp::And => and(&binary.matching, left, &right),
            BinaryOp::Or => or(&binary.matching, left, right),
            BinaryOp::Unless => unless(&binary.matching, left, &right),
            _ => matching::apply(evaluation, binary, left, right)?,
        }),
    })
}

/// What becomes of an element whose operator had this outcome; `None` where a comparison filters it out. `kept` is the
/// amount that passes a filter.
pub(super) fn result(binary: &Binary, outcome: Outcome, kept: &Amount) -> Option<Amount> {
    match outcome {
        Outcome::Made(amount) => Some(amount),
        Outcome::Holds(holds) if binary.returns_bool => Some(Amount::Float(f64::from(u8::from(holds)))),
        Outcome::Holds(true) => Some(kept.clone()),
        Outcome::Holds(false) => None,
    }
}

/// A comparison with a number that filters.
#[derive(Clone, Copy)]
pub(super) struct Sieve<'a> {
    binary: &'a Binary,
    number: f64,
    side: Side,
}

impl<'a> Sieve<'a> {
    /// The comparison and what it filters, where `binary` is one.
    pub(super) fn of(binary: &'a Binary) -> Option<(Self, &'a Expr)> {
        if !binary.op.is_comparison() || binary.returns_bool {
            return None;
        }
        match (binary.left.without_parens(), binary.right.without_parens()) {
            (Expr::Number { .. }, Expr::Number { .. }) => None,
            (of, Expr::Number { value, .. }) => {
                Some((Self { binary, number: *value, side: Side::Right }, of))
            }
            (Expr::Number { value, .. }, of) => Some((Self { binary, number: *value, side: Side::Left }, of)),
            _ => None,
        }
    }

    pub(super) fn passes(&self, amount: &Amount, notes: &Notes) -> bool {
        let number = Amount::Float(self.number);
        let (a, b) = match self.side {
            Side::Left => (&number, amount),
            Side::Right => (amount, &number),
        };
        let outcome = arithmetic::apply(self.binary.op, a, b, notes, self.binary.span);
        matches!(outcome, Some(Outcome::Holds(true)))
    }
}

fn with_scalar(
    evaluation: &Evaluation<'_>,
    binary: &Binary,
    points: Vec<Point>,
    scalar_side: Side,
    scalar: f64,
    feeds: &Feeds,
) -> Vec<Point> {
    let changes = binary.op.is_arithmetic() || binary.returns_bool;
    let scalar = Amount::Float(scalar);
    let each = |mut point: Point| {
        let (a, b) = match scalar_side {
            Side::Left => (&scalar, &point.amount),
            Side::Right => (&point.amount, &scalar),
        };
        let outcome = arithmetic::apply(binary.op, a, b, &evaluation.notes, binary.span)?;
        point.amount = result(binary, outcome, &point.amount)?;
        if changes {
            evaluation.unname(&mut point);
        }
        point.feeds.add(feeds);
        Some(point)
    };
    points.into_iter().filter_map(each).collect()
}

fn and(matching: &Matching, left: Vec<Point>, right: &[Point]) -> Vec<Point> {
    let mut partners = Groups::new(By::from(matching));
    let mut feeds: Vec<Feeds> = Vec::new();
    for point in right {
        let place = partners.place(&point.labels);
        if place == feeds.len() {
            feeds.push(Feeds::default());
        }
        feeds[place].add(&point.feeds);
    }
    let each = |mut point: Point| {
        point.feeds.add(&feeds[partners.find(&point.labels)?]);
        Some(point)
    };
    left.into_iter().filter_map(each).collect()
}

fn or(matching: &Matching, mut left: Vec<Point>, right: Vec<Point>) -> Vec<Point> {
    let mut taken = Groups::new(By::from(matching));
    for point in &left {
        taken.place(&point.labels);
    }
    left.extend(right.into_iter().filter(|point| taken.find(&point.labels).is_none()));
    left
}

fn unless(matching: &Matching, mut left: Vec<Point>, right: &[Point]) -> Vec<Point> {
    let mut barred = Groups::new(By::from(matching));
    for point in right {
        barred.place(&point.labels);
    }
    left.retain(|point| barred.find(&point.labels).is_none());
    left
}
