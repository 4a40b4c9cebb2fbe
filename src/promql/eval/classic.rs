//! Classic histograms: series of buckets with a label `le`, and functions that take them and native ones alike.
//!
//! In:   the elements of a vector.
//! Out:  a quantile or a fraction for each histogram among them.
//! Not:  where a classic and a native one have the same labels, neither is told.

use crate::model::{Labels, parse_value};
use crate::promql::eval::estimate::{self, Nans};
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::groups::{By, Groups};
use crate::promql::tree::ast::{Call, Expr};
use crate::promql::tree::faults;
use crate::promql::tree::functions::Function;
use crate::promql::value::{Amount, EvalError, Feeds, Histogram, Point, for_metric};

const BUCKET: &str = "le";
/// A difference between neighbouring counts that is smaller, in proportion, is one of rounding.
const TOLERANCE: f64 = 1e-12;

/// The cumulative count up to a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Upto {
    bound: f64,
    count: f64,
}

/// A histogram among the elements.
struct Member {
    point: Point,
    buckets: Vec<Upto>,
}

/// `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`.
pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    call: &Call,
    moment: Moment,
) -> Result<Vec<Point>, EvalError> {
    let args: Vec<&Expr> = call.args.iter().map(Expr::without_parens).collect();
    if let Some(fault) = faults::of_call(call) {
        return Err(EvalError::new(fault.span, fault.what));
    }
    let (of, label, params) = match (call.function, args.as_slice()) {
        (Function::HistogramQuantiles, [of, Expr::Text { value, .. }, params @ ..]) => {
            (*of, Some(value.as_str()), params)
        }
        (_, [params @ .., of]) => (*of, None, params),
        (_, []) => return Err(EvalError::new(call.span, "expected an argument")),
    };
    let (mut values, mut feeds) = (Vec::new(), Feeds::default());
    for param in params {
        let (value, from) = evaluation.scalar(param, moment)?;
        if call.function != Function::HistogramFraction && !(0.0..=1.0).contains(&value) {
            evaluation.notes.odd_quantile(param.span(), value);
        }
        values.push(value);
        feeds.add(&from);
    }
    let members = members(evaluation, of, evaluation.vector(of, moment)?);
    let mut points = Vec::new();
    let mut push = |member: &Member, labels: Labels, value: f64| {
        let mut point = Point { labels, amount: Amount::Float(value), ..member.point.clone() };
        point.feeds.add(&feeds);
        evaluation.unname(&mut point);
        points.push(point);
    };
    let asks = Asks { evaluation, of };
    if let (Function::HistogramFraction, [lower, upper]) = (call.function, values.as_slice()) {
        for member in &members {
            push(member, member.point.labels.clone(), asks.fraction(member, *lower, *upper));
        }
        return Ok(points);
    }
    for quantile in values {
        for member in &members {
            let labels = match label {
                Some(label) => member.point.labels.with(label, &openmetrics(quantile)),
                None => member.point.labels.clone(),
            };
            push(member, labels, asks.quantile(member, quantile));
        }
    }
    Ok(points)
}

/// A number as a label's value: whole ones have a decimal point.
fn openmetrics(value: f64) -> String {
    let text = crate::model::format_value(value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}

/// The histograms among the elements, in the order in which they are first met.
fn members(evaluation: &Evaluation<'_>, of: &Expr, points: Vec<Point>) -> Vec<Member> {
    let mut all: Vec<Member> = Vec::new();
    let mut groups = Groups::new(By::Less(BUCKET));
    let mut natives = Vec::new();
    for mut point in points {
        let Some(count) = point.amount.float() else {
            natives.push(point);
            continue;
        };
        let le = point.labels.get(BUCKET).unwrap_or_default();
        let Some(bound) = parse_value(le).filter(|bound| !bound.is_nan()) else {
            let name = for_metric(point.labels.metric_name());
            let what = format!("bucket label \"le\" is missing or has a malformed value of {le:?}{name}");
            evaluation.notes.warn(of.span(), what);
            continue;
        };
        let place = groups.place(&point.labels);
        match all.get_mut(place) {
            Some(member) => member.point.feeds.0.append(&mut point.feeds.0),
            None => {
                point.labels = groups.labels(place);
                all.push(Member { point, buckets: Vec::new() });
            }
        }
        all[place].buckets.push(Upto { bound, count });
    }
    for member in &mut all {
        member.point.feeds.settle();
    }
    for native in natives {
        match groups.find(&native.labels).filter(|_| native.labels.get(BUCKET).is_none()) {
            Some(place) => {
                let name = for_metric(native.labels.metric_name());
                let what = format!("vector contains a mix of classic and native histograms{name}");
                evaluation.notes.warn(of.span(), what);
                all[place].buckets.clear();
                all[place].point.amount = Amount::Float(0.0);
            }
            None => all.push(Member { point: native, buckets: Vec::new() }),
        }
    }
    all.retain(|member| member.point.amount.histogram().is_some() || !member.buckets.is_empty());
    all
}

/// What is asked of a histogram, and where it is noted.
struct Asks<'a> {
    evaluation: &'a Evaluation<'a>,
    of: &'a Expr,
}

impl Asks<'_> {
    fn quantile(&self, member: &Member, q: f64) -> f64 {
        let name = for_metric(member.point.labels.metric_name());
        let inform = |what: &str| self.evaluation.notes.inform(self.of.span(), format!("{what}{name}"));
        let Some(histogram) = member.point.amount.histogram() else {
            let (value, forced) = quantile(q, member.buckets.clone());
            if forced {
                inform(
                    "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                );
            }
            return value;
        };
        let found = estimate::quantile(q, histogram);
        match found.nans {
            Nans::None => {}
            Nans::Skew => {
                inform("input to histogram_quantile has NaN observations, result is skewed higher");
            }
            Nans::Reached => inform("input to histogram_quantile has NaN observations, result is NaN"),
        }
        found.value
    }

    fn fraction(&self, member: &Member, lower: f64, upper: f64) -> f64 {
        let Some(histogram) = member.point.amount.histogram() else {
            return fraction(lower, upper, member.buckets.clone());
        };
        self.note_nans(histogram, member);
        estimate::fraction(lower, upper, histogram)
    }

    fn note_nans(&self, histogram: &Histogram, member: &Member) {
        if histogram.sum.is_nan() && histogram.count != 0.0 {
            let name = for_metric(member.point.labels.metric_name());
            self.evaluation.notes.inform(
                self.of.span(),
                format!(
                    "input to histogram_fraction has NaN observations, which are excluded from all fractions{name}"
                ),
            );
        }
    }
}

/// In the order of their bounds, each bound once; `None` where the last is not infinite.
fn ordered(mut buckets: Vec<Upto>) -> Option<Vec<Upto>> {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.last().filter(|last| last.bound == f64::INFINITY)?;
    let mut result: Vec<Upto> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match result.last_mut() {
            Some(last) if last.bound == bucket.bound => last.count += bucket.count,
            _ => result.push(bucket),
        }
    }
    Some(result)
}

/// Lifts counts that fall below the one before; whether that was more than rounding.
fn rising(buckets: &mut [Upto]) -> bool {
    let (mut forced, mut before) = (false, f64::NAN);
    for bucket in buckets {
        if before.is_nan() {
            before = bucket.count;
            continue;
        }
        let nearly = (bucket.count - before).abs() <= TOLERANCE * (bucket.count.abs() + before.abs());
        if nearly || bucket.count < before {
            forced |= !nearly;
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

/// The value below which the `q`th part of the observations lies, spread evenly within each bucket; and whether counts
/// had to be lifted.
fn quantile(q: f64, buckets: Vec<Upto>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if 1.0 < q {
        return (f64::INFINITY, false);
    }
    let Some(mut buckets) = ordered(buckets) else { return (f64::NAN, false) };
    let forced = rising(&mut buckets);
    let last = buckets.len() - 1;
    let all = buckets[last].count;
    if last == 0 || all == 0.0 || all.is_nan() {
        return (f64::NAN, forced);
    }
    let rank = q * all;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    let value = match (at, buckets[at]) {
        (at, _) if at == last => buckets[last - 1].bound,
        (0, first) if first.bound <= 0.0 => first.bound,
        (at, Upto { bound, count }) => {
            let before = if at == 0 { Upto { bound: 0.0, count: 0.0 } } else { buckets[at - 1] };
            before.bound + (bound - before.bound) * ((rank - before.count) / (count - before.count))
        }
    };
    (value, forced)
}

/// The part of the observations between two values.
fn fraction(lower: f64, upper: f64, buckets: Vec<Upto>) -> f64 {
    let Some(buckets) = ordered(buckets) else { return f64::NAN };
    let all = buckets.last().map_or(f64::NAN, |last| last.count);
    if all == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if upper <= lower {
        return 0.0;
    }
    let below = |value: f64| below(&buckets, value).unwrap_or(all).min(all);
    (below(upper) - below(lower)) / all
}

fn below(buckets: &[Upto], value: f64) -> Option<f64> {
    // What lies below the first bound is taken as positive where it can be.
    let first = buckets.first().map_or(0.0, |first| first.bound);
    let start = if 0.0 < first { 0.0 } else { f64::NEG_INFINITY };
    let mut before = Upto { bound: start, count: 0.0 };
    for bucket in buckets {
        if value <= before.bound {
            return Some(before.count);
        }
        if value < bucket.bound {
            // How a bucket without a lower bound is filled is not known; all of it counts.
            let share = match before.bound {
                f64::NEG_INFINITY => 1.0,
                start => (value - start) / (bucket.bound - start),
            };
            return Some(before.count + (bucket.count - before.count) * share);
        }
        before = *bucket;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(all: &[(f64, f64)]) -> Vec<Upto> {
        all.iter().map(|(bound, count)| Upto { bound: *bound, count: *count }).collect()
    }

    #[test]
    fn quantiles_are_spread_evenly() {
        let inf = f64::INFINITY;
        let check = |q: f64, all: &[(f64, f64)], expected: f64| {
            let found = quantile(q, buckets(all)).0;
            assert!(found == expected || (found.is_nan() && expected.is_nan()), "{q} of {all:?}: {found}");
        };
        let all = [(2.0, 4.0), (1.0, 2.0), (inf, 8.0)];
        check(0.25, &all, 1.0);
        check(0.375, &all, 1.5);
        check(0.125, &all, 0.5);
        check(0.9, &all, 2.0);
        check(0.1, &[(-1.0, 2.0), (inf, 4.0)], -1.0);
        check(0.5, &[(1.0, 2.0)], f64::NAN);
        check(0.5, &[(inf, 2.0)], f64::NAN);
        check(0.5, &[(1.0, 0.0), (inf, 0.0)], f64::NAN);
    }

    #[test]
    fn counts_that_fall_are_lifted() {
        assert!(quantile(0.5, buckets(&[(1.0, 4.0), (2.0, 3.0), (f64::INFINITY, 8.0)])).1);
        assert!(!quantile(0.5, buckets(&[(1.0, 4.0), (2.0, 4.0 - 1e-14), (f64::INFINITY, 8.0)])).1);
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let all = [(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (f64::INFINITY, 8.0)];
        let check = |lower, upper, expected| assert_eq!(fraction(lower, upper, buckets(&all)), expected);
        check(0.0, 1.0, 0.25);
        check(0.5, 1.5, 0.25);
        check(1.0, f64::INFINITY, 0.75);
        check(3.0, 4.0, 0.0);
        check(1.0, 1.0, 0.0);
    }

    #[test]
    fn numbers_are_labels_with_a_point() {
        assert_eq!(openmetrics(1.0), "1.0");
        assert_eq!(openmetrics(0.25), "0.25");
        assert_eq!(openmetrics(f64::NAN), "NaN");
    }
}
