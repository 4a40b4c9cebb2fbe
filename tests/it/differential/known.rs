//! Where 2.42 is known to say something else than the language does today, each with the reason.
//!
//! In:   a question, and both answers, which differ.
//! Out:  why they may. A reason looks at the answers too, so that it hides as little as it can.

use std::collections::BTreeMap;

use super::{Question, Rows, alike};

/// Why the two may disagree on this; `None` where nobody knows.
pub fn reason(
    question: &Question,
    ours: &Result<Rows, String>,
    theirs: &Result<Rows, String>,
) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| question.expr.contains(word));
    match (ours, theirs) {
        (Ok(_), Err(error))
            if has(&["__name__=~"])
                && (error.contains("same labelset") || error.contains("ensure unique matches")) =>
        {
            Some("labels that are the same once names are gone fail at the end, not on the way")
        }
        (Err(error), Ok(_)) if error.starts_with("multiple matches for labels: many-to-one") => {
            Some("whether one-to-one matching fails does not hang on which values pass a comparison")
        }
        (Err(error), Ok(_)) if error.starts_with("vector cannot contain") && has(&["atan2"]) => {
            Some("2.42 keeps names under atan2")
        }
        (Ok(ours), Ok(theirs)) => {
            let differ = |fits: &dyn Fn(f64, f64) -> bool| same_but(ours, theirs, fits);
            if has(&["atan2"]) && alike(ours, &without_names(theirs)) {
                Some("2.42 keeps names under atan2")
            } else if has(&["predict_linear("]) && has(&[" @ "]) && !question.instants.step.is_zero() {
                Some("2.42 lets the window of @ wander with the steps of a query under predict_linear")
            } else if has(&["predict_linear(", "deriv("]) && differ(&|a, b| !a.is_finite() && b.is_nan()) {
                Some("2.42 loses infinities in compensated sums")
            } else if has(&["stddev", "stdvar"]) && differ(&|a, b| a.is_nan() && b == 0.0) {
                Some("2.42 says that what is no number does not deviate from itself")
            } else if has(&["minute(", "hour(", "day", "month("]) && differ(&|a, _| a.is_nan()) {
                Some("the date of what is no number hangs on the machine there")
            } else if has(&["rate(", "increase("]) && differ(&|a, b| a.is_finite() && b.is_finite()) {
                Some("2.42 extrapolates to where a counter was zero also beyond half a distance of samples")
            } else if has(&["count_values"]) && with_short_values(ours) == with_short_values(theirs) {
                Some("the last digit of a value hangs on the order of a sum, and is in a label")
            } else if has(&["topk", "bottomk"]) && (has_nan(ours) || values(ours) == values(theirs)) {
                Some("which of several that are alike comes first is chance there")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Whether both have the same points, and those that differ do as `fits` says.
fn same_but(ours: &Rows, theirs: &Rows, fits: &dyn Fn(f64, f64) -> bool) -> bool {
    let near =
        |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3) || a.to_bits() == b.to_bits();
    let times = |points: &[(i64, f64)]| points.iter().map(|point| point.0).collect::<Vec<_>>();
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|((a, points_a), (b, points_b))| {
            let pairs = points_a.iter().zip(points_b);
            a == b
                && times(points_a) == times(points_b)
                && pairs
                    .into_iter()
                    .all(|(a, b)| near(a.1, b.1) || a.1.is_nan() && b.1.is_nan() || fits(a.1, b.1))
        })
}

fn without_names(rows: &Rows) -> Rows {
    let nameless = |labels: &BTreeMap<String, String>| {
        labels.iter().filter(|(name, _)| *name != "__name__").map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    rows.iter().map(|(labels, points)| (nameless(labels), points.clone())).collect()
}

/// How many points there are of each value in a label, to ten digits.
fn with_short_values(rows: &Rows) -> BTreeMap<String, usize> {
    let mut short = BTreeMap::new();
    for (labels, points) in rows {
        let value: Option<f64> = labels.get("value").and_then(|value| value.parse().ok());
        *short.entry(format!("{:.9e}", value.unwrap_or(f64::NAN))).or_default() += points.len();
    }
    short
}

/// Whatever their labels are.
fn values(rows: &Rows) -> Vec<(i64, u64)> {
    let mut values: Vec<_> = rows.values().flatten().map(|point| (point.0, point.1.to_bits())).collect();
    values.sort_unstable();
    values
}

fn has_nan(rows: &Rows) -> bool {
    rows.values().flatten().any(|point| point.1.is_nan())
}
