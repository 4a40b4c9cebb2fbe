//! Whether what came is what was expected, and how to tell where it is not.
//!
//! In:   both, in the order of labels.
//! Out:  a verdict; lines with `-` before what is missing and `+` before what came instead.
//! Not:  nothing is evaluated here.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::format_value;
use crate::promql::{Amount, Histogram};

use super::file::{Alert, Expected};
use super::shown;

/// Whether both hold the same elements. Numbers must be equal to the bit, or where it is `fuzzy` be neighbours; a NaN
/// is equal to nothing.
pub(super) fn same(expected: &[Expected], found: &[Expected], fuzzy: bool) -> bool {
    expected.len() == found.len() && expected.iter().zip(found).all(|(a, b)| same_element(a, b, fuzzy))
}

fn same_element(a: &Expected, b: &Expected, fuzzy: bool) -> bool {
    a.labels == b.labels
        && match (&a.amount, &b.amount) {
            (Amount::Float(a), Amount::Float(b)) => {
                a == b || (fuzzy && (a.next_down() == *b || a.next_up() == *b))
            }
            (Amount::Histogram(a), Amount::Histogram(b)) => same_histogram(a, b),
            _ => false,
        }
}

/// As their notations are the same: buckets without a count are none.
fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let filled = |buckets: &[(i32, f64)]| -> Vec<(i32, f64)> {
        buckets.iter().copied().filter(|(_, count)| *count != 0.0).collect()
    };
    a.schema == b.schema
        && a.bounds == b.bounds
        && a.reset == b.reset
        && [a.count, a.sum, a.zero_count, a.zero_threshold]
            == [b.count, b.sum, b.zero_count, b.zero_threshold]
        && filled(&a.positive) == filled(&b.positive)
        && filled(&a.negative) == filled(&b.negative)
}

/// What differs in alerts.
pub(super) fn alerts(name: &str, after: Duration, expected: &[Alert], found: &[Alert]) -> String {
    let lines = differences(expected, found, |a, b| a == b, alert_lines);
    format!("alerts `{name}` at {} are not as expected:\n{}", shown(after), lines.join("\n"))
}

fn alert_lines(alert: &Alert) -> Vec<String> {
    let pairs = |texts: &BTreeMap<String, String>| {
        texts.iter().map(|(name, text)| format!("{name}={text:?}")).collect::<Vec<_>>()
    };
    let mut lines = vec![format!("{{{}}}", pairs(&alert.labels).join(", "))];
    lines.extend(pairs(&alert.annotations).into_iter().map(|pair| format!("    {pair}")));
    lines
}

/// What differs in the elements of an expression.
pub(super) fn values(
    expr: &str,
    after: Duration,
    expected: &[Expected],
    found: &[Expected],
    fuzzy: bool,
) -> String {
    let lines = differences(expected, found, |a, b| same_element(a, b, fuzzy), value_lines);
    let is_nan = |one: &Expected| one.amount.float().is_some_and(f64::is_nan);
    let hint =
        if expected.iter().any(is_nan) { "\n  a NaN is equal to nothing, also not to another" } else { "" };
    format!("`{expr}` at {} is not as expected:\n{}{hint}", shown(after), lines.join("\n"))
}

fn value_lines(one: &Expected) -> Vec<String> {
    let amount = match &one.amount {
        Amount::Float(value) => format_value(*value),
        Amount::Histogram(histogram) if histogram.reset == crate::promql::Reset::Unknown => {
            histogram.to_string()
        }
        Amount::Histogram(histogram) => format!("{histogram} ({:?})", histogram.reset),
    };
    vec![format!("{} {amount}", one.labels)]
}

/// Lines with `-`, `+` or a blank before them; what both have stands once.
fn differences<T>(
    expected: &[T],
    found: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    lines: impl Fn(&T) -> Vec<String>,
) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell =
        |mark: char, one: &T| told.extend(lines(one).iter().map(|line| format!("  {mark} {line}")));
    let mut left: Vec<&T> = found.iter().collect();
    for one in expected {
        match left.iter().position(|other| is_same(one, other)) {
            Some(at) => {
                left.remove(at);
                tell(' ', one);
            }
            None => tell('-', one),
        }
    }
    left.into_iter().for_each(|one| tell('+', one));
    told
}
