//! `info`: labels of series that tell more of what is measured, such as `target_info`.
//!
//! In:   elements, and which series tell more of them.
//! Out:  the elements with labels of the newest such series of the same `job` and `instance`.
//! Not:  a label that an element has stays as it is; what tells more is not told more of.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Labels, METRIC_NAME, Matcher, Timestamp};
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::same_labels;
use crate::promql::eval::select::Around;
use crate::promql::tree::ast::{Call, Expr};
use crate::promql::tree::demand::info_name;
use crate::promql::value::{EvalError, Feeds, Point};

/// The labels by which an element finds what tells more of it.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// A series that tells more.
struct Told {
    at: Timestamp,
    labels: Labels,
    feeds: Feeds,
}

/// What tells more, by the element's identifying labels and the name of what tells it.
type Tellers = BTreeMap<(Labels, String), Told>;

/// The elements of `of` with more labels.
pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    call: &Call,
    of: &Expr,
    conditions: Option<&Expr>,
    moment: Moment,
) -> Result<Vec<Point>, EvalError> {
    let points = evaluation.vector(of, moment)?;
    let mut matchers = match conditions {
        Some(Expr::Selector(selector)) => selector.matchers.clone(),
        _ => Vec::new(),
    };
    matchers.extend(info_name(&matchers));
    let (names, data): (Vec<Matcher>, Vec<Matcher>) =
        matchers.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
    let tellers = tellers(evaluation, call, &matchers, looks_at(evaluation, of, moment)?)?;
    let mut told = Vec::with_capacity(points.len());
    for point in points {
        let name = point.labels.metric_name();
        let tells = names.iter().all(|matcher| matcher.matches_value(name));
        if tells {
            told.push(point);
        } else if let Some(point) = more(call, point, &tellers, &data)? {
            told.push(point);
        }
    }
    let mut order: Vec<&Labels> = told.iter().map(|point| &point.labels).collect();
    order.sort_unstable();
    match order.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(EvalError::new(call.span, same_labels(twice[0]))),
        None => Ok(told),
    }
}

/// The instant that the first selector looks at: what tells more is looked for there.
fn looks_at(evaluation: &Evaluation<'_>, expr: &Expr, moment: Moment) -> Result<Moment, EvalError> {
    match expr {
        Expr::Selector(selector) => evaluation.shifted(moment, &selector.shift, selector.span),
        Expr::Range(range) => evaluation.shifted(moment, &range.selector.shift, range.span),
        Expr::Subquery(subquery) => {
            let moment = evaluation.shifted(moment, &subquery.shift, subquery.span)?;
            looks_at(evaluation, &subquery.of, moment)
        }
        _ => {
            let selects = |child: &&Expr| {
                let mut any = false;
                child.walk(&mut |expr| any |= matches!(expr, Expr::Selector(_) | Expr::Range(_)));
                any
            };
            let first = expr.children().into_iter().find(selects);
            first.map_or(Ok(moment), |child| looks_at(evaluation, child, moment))
        }
    }
}

/// The newest of each kind for each `job` and `instance`.
fn tellers(
    evaluation: &Evaluation<'_>,
    call: &Call,
    matchers: &[Matcher],
    moment: Moment,
) -> Result<Tellers, EvalError> {
    let mut tellers = Tellers::new();
    let mut clash = None;
    let around = Around { back: evaluation.options.look_back, ahead: Duration::ZERO, newest_only: false };
    evaluation.select(call, matchers, moment, around, call.span, &mut |series, labels, samples| {
        let Some(last) = samples.floats.last().filter(|last| !crate::model::is_stale(last.value)) else {
            return;
        };
        let key = (identity(labels), labels.metric_name().to_owned());
        let told = Told { at: last.at, labels: labels.clone(), feeds: evaluation.feeds(series) };
        match tellers.get(&key) {
            Some(have) if have.at == told.at => clash = Some((have.labels.clone(), told.labels)),
            Some(have) if told.at < have.at => {}
            _ => {
                tellers.insert(key, told);
            }
        }
    })?;
    match clash {
        None => Ok(tellers),
        Some((a, b)) => {
            let what = format!("found duplicate series for info metric: existing {a}, new {b}");
            Err(EvalError::new(call.span, what))
        }
    }
}

fn identity(labels: &Labels) -> Labels {
    labels.filtered(|label| IDENTIFYING.contains(&label))
}

/// The element with the labels of what tells more of it; `None` where nothing does and a condition asks for it.
fn more(
    call: &Call,
    mut point: Point,
    tellers: &Tellers,
    data: &[Matcher],
) -> Result<Option<Point>, EvalError> {
    let identity = identity(&point.labels);
    let (mut found, mut labels) = (false, point.labels.edit());
    if !identity.is_empty() {
        let of_it = tellers.range((identity.clone(), String::new())..);
        for (_, told) in of_it.take_while(|((of, _), _)| *of == identity) {
            found = true;
            point.feeds.add(&told.feeds);
            for (label, value) in told.labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
                let wanted = data.is_empty() || data.iter().any(|matcher| matcher.name() == label);
                if !wanted || point.labels.get(label).is_some() {
                    continue;
                }
                if labels.get(label).is_some_and(|have| have != value) {
                    return Err(EvalError::new(call.span, format!("conflicting label: {label}")));
                }
                labels.put(label, value);
            }
        }
    }
    if !found && !data.iter().all(|matcher| matcher.matches_value("")) {
        return Ok(None);
    }
    point.labels = labels.build();
    Ok(Some(point))
}
