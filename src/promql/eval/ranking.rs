//! Elements that are chosen or put in order by their values.

use std::cmp::Ordering;

use crate::model::Labels;
use crate::promql::eval::evaluation::Evaluation;
use crate::promql::eval::groups::{By, Groups};
use crate::promql::tree::ast::Aggregate;
use crate::promql::tree::operators::AggregateOp;
use crate::promql::value::{EvalError, Feeds, Point, short};

/// By value, NaN last either way; histograms have no place in it.
pub(super) fn sorted(mut points: Vec<Point>, descending: bool) -> Vec<Point> {
    points.retain(|point| point.amount.float().is_some());
    points.sort_by(|a, b| by_value(a, b, descending));
    points
}

fn by_value(a: &Point, b: &Point, descending: bool) -> Ordering {
    let [a, b] = [a, b].map(|point| point.amount.float().unwrap_or(f64::NAN));
    let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    let order = if descending { order.reverse() } else { order };
    a.is_nan().cmp(&b.is_nan()).then(order)
}

/// The elements of `topk`, `bottomk`, `limitk` and `limit_ratio`, group by group.
pub(super) fn chosen(
    evaluation: &Evaluation<'_>,
    aggregate: &Aggregate,
    param: f64,
    param_feeds: &Feeds,
    points: Vec<Point>,
) -> Result<Vec<Point>, EvalError> {
    let mut chosen = match aggregate.op {
        AggregateOp::LimitRatio => sampled(evaluation, aggregate, param, points)?,
        _ => {
            let most = count(aggregate, param)?;
            if most == 0 {
                return Ok(Vec::new());
            }
            first(evaluation, aggregate, most, points)
        }
    };
    chosen.iter_mut().for_each(|point| point.feeds.add(param_feeds));
    Ok(chosen)
}

/// How many elements a parameter asks for.
fn count(aggregate: &Aggregate, param: f64) -> Result<usize, EvalError> {
    let span = aggregate.param.as_ref().map_or(aggregate.span, |param| param.span());
    if param.is_nan() {
        return Err(EvalError::new(span, "parameter value is NaN"));
    }
    if i64::MAX as f64 <= param || param <= i64::MIN as f64 {
        let flows = if 0.0 < param { "overflows" } else { "underflows" };
        return Err(EvalError::new(span, format!("scalar value {} {flows} int64", short(param))));
    }
    Ok(if param < 1.0 { 0 } else { param as usize })
}

fn first(evaluation: &Evaluation<'_>, aggregate: &Aggregate, most: usize, points: Vec<Point>) -> Vec<Point> {
    let mut groups = Groups::new(By::from(&aggregate.grouping));
    let mut members: Vec<Vec<Point>> = Vec::new();
    let limits = aggregate.op == AggregateOp::LimitK;
    for point in points {
        if !limits && point.amount.float().is_none() {
            let what = format!("ignored histogram in {} aggregation", aggregate.op.as_str());
            evaluation.notes.inform(aggregate.of.span(), what);
            continue;
        }
        let place = groups.place(&point.labels);
        if place == members.len() {
            members.push(Vec::new());
        }
        if !limits || members[place].len() < most {
            members[place].push(point);
        }
    }
    let each = |mut group: Vec<Point>| {
        if !limits {
            let descending = aggregate.op == AggregateOp::TopK;
            group.sort_by(|a, b| by_value(a, b, descending));
            group.truncate(most);
        }
        group
    };
    members.into_iter().flat_map(each).collect()
}

/// A part of the elements that is the same each time: those whose labels fall below the ratio, or of a negative ratio
/// those that do not fall below what is left to one.
fn sampled(
    evaluation: &Evaluation<'_>,
    aggregate: &Aggregate,
    ratio: f64,
    mut points: Vec<Point>,
) -> Result<Vec<Point>, EvalError> {
    let span = aggregate.param.as_ref().map_or(aggregate.span, |param| param.span());
    if ratio.is_nan() {
        return Err(EvalError::new(span, "ratio value is NaN"));
    }
    let capped = ratio.clamp(-1.0, 1.0);
    if capped != ratio {
        let what = format!(
            "ratio value should be between -1 and 1, got {}, capping to {}",
            short(ratio),
            short(capped)
        );
        evaluation.notes.warn(span, what);
    }
    points.retain(|point| {
        let place = spread(&point.labels);
        if capped < 0.0 { 1.0 + capped <= place } else { place < capped }
    });
    Ok(points)
}

/// Where labels fall between 0 and 1: their fingerprint, mixed so that each bit of it tells (the finaliser of
/// `SplitMix64`).
fn spread(labels: &Labels) -> f64 {
    let mut mixed = labels.fingerprint();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // 53 bits, so that one is never reached.
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}
