//! Operators between two numbers, two histograms, or one of each.

use std::sync::Arc;

use crate::model::Span;
use crate::promql::eval::trim;
use crate::promql::tree::operators::BinaryOp;
use crate::promql::value::{Amount, Histogram, Incompatible, Notes, Reset};

/// What an operator makes of two amounts.
pub(super) enum Outcome {
    /// A new value.
    Made(Amount),
    /// Whether a comparison holds.
    Holds(bool),
}

/// The outcome; `None` where the operator has no meaning for them, which is noted.
pub(super) fn apply(
    op: BinaryOp,
    left: &Amount,
    right: &Amount,
    notes: &Notes,
    span: Span,
) -> Option<Outcome> {
    let outcome = match (left, right) {
        (Amount::Float(a), Amount::Float(b)) => floats(op, *a, *b),
        (Amount::Histogram(histogram), Amount::Float(by)) => with_float(op, histogram, *by).map(made),
        (Amount::Float(by), Amount::Histogram(histogram)) if op == BinaryOp::Mul => {
            with_float(op, histogram, *by).map(made)
        }
        (Amount::Float(_), Amount::Histogram(_)) => None,
        (Amount::Histogram(a), Amount::Histogram(b)) => match op {
            BinaryOp::Equal => Some(Outcome::Holds(a.same(b))),
            BinaryOp::NotEqual => Some(Outcome::Holds(!a.same(b))),
            BinaryOp::Add | BinaryOp::Sub => return combined(op, a, b, notes, span).map(made),
            _ => None,
        },
    };
    if outcome.is_none() {
        let kind = |amount: &Amount| if amount.float().is_some() { "float" } else { "histogram" };
        let op = op.as_str();
        notes.inform(
            span,
            format!(
                "incompatible sample types encountered for binary operator {op:?}: {} {op} {}",
                kind(left),
                kind(right)
            ),
        );
    }
    outcome
}

fn made(histogram: Histogram) -> Outcome {
    Outcome::Made(Amount::Histogram(Arc::new(histogram)))
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<Outcome> {
    match op {
        BinaryOp::Equal => Some(Outcome::Holds(a == b)),
        BinaryOp::NotEqual => Some(Outcome::Holds(a != b)),
        BinaryOp::Greater => Some(Outcome::Holds(a > b)),
        BinaryOp::Less => Some(Outcome::Holds(a < b)),
        BinaryOp::GreaterEqual => Some(Outcome::Holds(a >= b)),
        BinaryOp::LessEqual => Some(Outcome::Holds(a <= b)),
        _ => number(op, a, b).map(|value| Outcome::Made(Amount::Float(value))),
    }
}

/// Arithmetic; `None` where `op` is none.
fn number(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => return None,
    })
}

/// Two scalars, where a comparison gives 1 or 0.
pub(super) fn scalars(op: BinaryOp, a: f64, b: f64) -> f64 {
    match floats(op, a, b) {
        Some(Outcome::Holds(holds)) => f64::from(u8::from(holds)),
        Some(Outcome::Made(Amount::Float(value))) => value,
        _ => f64::NAN,
    }
}

fn with_float(op: BinaryOp, histogram: &Histogram, by: f64) -> Option<Histogram> {
    let mut result = histogram.clone();
    match op {
        BinaryOp::Mul => result.scale(by),
        BinaryOp::Div => result.divide(by),
        BinaryOp::TrimUpper => result = trim::trimmed(histogram, trim::Keep::Below, by),
        BinaryOp::TrimLower => result = trim::trimmed(histogram, trim::Keep::Above, by),
        _ => return None,
    }
    Some(result)
}

/// The sum or the difference; `None` where their buckets can't meet.
fn combined(op: BinaryOp, a: &Histogram, b: &Histogram, notes: &Notes, span: Span) -> Option<Histogram> {
    let mut result = a.clone();
    let (merged, during) = match op {
        BinaryOp::Add => (result.add(b), "addition"),
        _ => (result.subtract(b), "subtraction"),
    };
    let Ok(merged) = merged else {
        let Incompatible = Incompatible;
        let what = format!("incompatible bucket layout encountered for binary operator {}", op.as_str());
        notes.warn(span, what);
        return None;
    };
    if merged.resets_collide {
        notes.reset_collision(span, during);
    }
    if merged.reconciled {
        notes.reconciled(span, during);
    }
    if op == BinaryOp::Sub {
        result.reset = Reset::Gauge;
    }
    result.compact();
    Some(result)
}

/// With the sign turned.
pub(super) fn negated(amount: &Amount) -> Amount {
    match amount {
        Amount::Float(value) => Amount::Float(-value),
        Amount::Histogram(histogram) => {
            let mut turned = (**histogram).clone();
            turned.scale(-1.0);
            Amount::from(turned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_compared_and_reckoned() {
        let check = |op, a, b, expected| assert_eq!(scalars(op, a, b), expected, "{op:?}");
        check(BinaryOp::Pow, 2.0, 3.0, 8.0);
        check(BinaryOp::Mod, -7.0, 3.0, -1.0);
        check(BinaryOp::GreaterEqual, 2.0, 3.0, 0.0);
        check(BinaryOp::NotEqual, 2.0, f64::NAN, 1.0);
        assert!(scalars(BinaryOp::And, 1.0, 1.0).is_nan());
    }

    #[test]
    fn what_has_no_meaning_is_noted() {
        let notes = Notes::default();
        let histogram = Amount::from(Histogram::default());
        let check = |op, left: &Amount, right: &Amount| {
            assert!(apply(op, left, right, &notes, Span::new(0, 1)).is_none());
        };
        check(BinaryOp::Add, &Amount::Float(1.0), &histogram);
        check(BinaryOp::Div, &Amount::Float(1.0), &histogram);
        check(BinaryOp::Greater, &histogram, &histogram);
        let notes = notes.into_inner();
        assert_eq!(
            notes[0].what,
            "incompatible sample types encountered for binary operator \"+\": float + histogram"
        );
        assert_eq!(notes.len(), 3);
    }
}
