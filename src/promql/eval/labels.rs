//! Functions that make or compare labels: `label_replace`, `label_join`, `sort_by_label`.

use std::cmp::Ordering;

use crate::model::{Labels, METRIC_NAME};
use crate::promql::eval::same_labels;
use crate::promql::tree::ast::Call;
use crate::promql::tree::functions::Function;
use crate::promql::value::{EvalError, Point};

/// The elements with a label made of others. `texts` are the function's.
pub(super) fn changed(call: &Call, mut points: Vec<Point>, texts: &[&str]) -> Result<Vec<Point>, EvalError> {
    let mut any = false;
    for point in &mut points {
        let Some((target, value)) = made(call, &point.labels, texts) else { continue };
        any = true;
        point.labels = point.labels.with(target, &value);
        if target == METRIC_NAME {
            point.nameless = false;
        }
    }
    if any {
        let mut order: Vec<&Labels> = points.iter().map(|point| &point.labels).collect();
        order.sort_unstable();
        if let Some(twice) = order.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(EvalError::new(call.span, same_labels(twice[0])));
        }
    }
    Ok(points)
}

/// The label that is made, and its value; `None` where the labels stay as they are.
fn made<'t>(call: &Call, labels: &Labels, texts: &[&'t str]) -> Option<(&'t str, String)> {
    match (call.function, texts) {
        (Function::LabelReplace, [target, replacement, source, _]) => {
            let found = call.pattern.as_ref()?.captures(labels.get(source).unwrap_or_default())?;
            let mut value = String::new();
            found.expand(replacement, &mut value);
            Some((target, value))
        }
        (Function::LabelJoin, [target, between, sources @ ..]) => {
            let values: Vec<&str> =
                sources.iter().map(|source| labels.get(source).unwrap_or_default()).collect();
            Some((target, values.join(between)))
        }
        _ => None,
    }
}

/// By the values of these labels, numbers in them by size, and then by all labels.
pub(super) fn sorted_by(mut points: Vec<Point>, names: &[&str], descending: bool) -> Vec<Point> {
    points.sort_by(|a, b| {
        let value = |point: &Point, name: &str| point.labels.get(name).unwrap_or_default().to_owned();
        let named = names.iter().map(|name| natural(&value(a, name), &value(b, name)));
        let order = named.fold(Ordering::Equal, Ordering::then).then_with(|| a.labels.cmp(&b.labels));
        if descending { order.reverse() } else { order }
    });
    points
}

/// Compares runs of digits by size and all else byte by byte.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (left, right) = (run(a), run(b));
        if left.is_empty() || right.is_empty() {
            return left.len().cmp(&right.len());
        }
        let digits = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(left) && digits(right) { by_size(left, right) } else { left.cmp(right) };
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[left.len()..], &b[right.len()..]);
    }
}

/// The first run of digits, or of anything else.
fn run(text: &str) -> &str {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
    &text[..end]
}

fn by_size(a: &str, b: &str) -> Ordering {
    let [left, right] = [a, b].map(|digits| digits.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right)).then_with(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_compared_by_size() {
        let check = |a, b, expected| assert_eq!(natural(a, b), expected, "{a} {b}");
        check("a2", "a10", Ordering::Less);
        check("a10", "a10", Ordering::Equal);
        check("a", "a1", Ordering::Less);
        check("1.2.10", "1.2.9", Ordering::Greater);
        check("b1", "a2", Ordering::Greater);
        check("", "a", Ordering::Less);
        check("007", "7", Ordering::Greater);
        check("99999999999999999999999", "100000000000000000000000", Ordering::Less);
    }
}
