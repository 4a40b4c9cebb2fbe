//! Functions over a stretch of one series: rates, changes, and what ends in `_over_time`.

use crate::model::Timestamp;
use crate::promql::Sample;
use crate::promql::functions::Function;
use crate::promql::sums;

/// A stretch of one series, `(start, end]`, without staleness markers.
pub(super) struct Stretch<'a> {
    /// At least one sample, in time order.
    pub(super) samples: &'a [Sample],
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// The instant of the evaluation, which an offset sets apart from `end`.
    pub(super) now: Timestamp,
}

impl Stretch<'_> {
    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.samples.iter().map(|sample| sample.value)
    }

    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.samples.windows(2).map(|pair| (pair[0].value, pair[1].value))
    }

    fn line(&self, zero: Timestamp) -> (f64, f64) {
        sums::line(self.samples.iter().map(|sample| (seconds(zero, sample.at), sample.value)))
    }
}

/// The value of `function` over a stretch; `None` where it has too few samples. `param` is its scalar argument.
pub(super) fn apply(function: Function, stretch: &Stretch<'_>, param: f64) -> Option<f64> {
    let samples = stretch.samples;
    let (first, last) = (samples.first()?, samples.last()?);
    Some(match function {
        Function::Rate => extrapolated(stretch, Kind::Counter, seconds(stretch.start, stretch.end))?,
        Function::Increase => extrapolated(stretch, Kind::Counter, 1.0)?,
        Function::Delta => extrapolated(stretch, Kind::Gauge, 1.0)?,
        Function::Irate => instant_change(stretch, Kind::Counter)?,
        Function::Idelta => instant_change(stretch, Kind::Gauge)?,
        Function::Deriv => {
            samples.get(1)?;
            stretch.line(first.at).0
        }
        Function::PredictLinear => {
            samples.get(1)?;
            let (slope, intercept) = stretch.line(stretch.now);
            slope * param + intercept
        }
        Function::Changes => {
            let changed = |(a, b): &(f64, f64)| a != b && !(a.is_nan() && b.is_nan());
            stretch.pairs().filter(changed).count() as f64
        }
        Function::Resets => stretch.pairs().filter(|(a, b)| b < a).count() as f64,
        Function::AvgOverTime => sums::mean(stretch.values()),
        Function::MinOverTime => sums::smallest(stretch.values()),
        Function::MaxOverTime => sums::largest(stretch.values()),
        Function::SumOverTime => sums::sum(stretch.values()),
        Function::CountOverTime => samples.len() as f64,
        Function::FirstOverTime => first.value,
        Function::LastOverTime => last.value,
        Function::PresentOverTime => 1.0,
        Function::StddevOverTime => sums::variance(stretch.values()).sqrt(),
        Function::StdvarOverTime => sums::variance(stretch.values()),
        Function::QuantileOverTime => sums::quantile(param, stretch.values().collect()),
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Goes up, or starts again at zero.
    Counter,
    /// Goes up and down.
    Gauge,
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.as_millis().saturating_sub(from.as_millis()) as f64 / 1000.0
}

/// The change over the whole stretch, guessed from that between the first and the last sample
/// (see Prometheus `promql/functions.go`, `extrapolatedRate`).
///
/// The slope is carried on to an end of the stretch when a sample could just not be seen there (it is within 1.1
/// sample intervals), else by half an interval. A counter is not carried back below zero.
///
/// The factor is divided by `per` before it meets the change, so that the last digit agrees as well.
fn extrapolated(stretch: &Stretch<'_>, kind: Kind, per: f64) -> Option<f64> {
    let samples = stretch.samples;
    samples.get(1)?;
    let (first, last) = (samples.first()?, samples.last()?);
    let mut change = last.value - first.value;
    if kind == Kind::Counter {
        for (before, after) in stretch.pairs() {
            if after < before {
                change += before;
            }
        }
    }
    let sampled = seconds(first.at, last.at);
    let interval = sampled / (samples.len() - 1) as f64;
    let threshold = interval * 1.1;
    let mut to_start = seconds(stretch.start, first.at);
    let mut to_end = seconds(last.at, stretch.end);
    if threshold <= to_start {
        to_start = interval / 2.0;
    }
    if kind == Kind::Counter && 0.0 < change && 0.0 <= first.value {
        to_start = to_start.min(sampled * (first.value / change));
    }
    if threshold <= to_end {
        to_end = interval / 2.0;
    }
    Some(change * ((sampled + to_start + to_end) / sampled / per))
}

/// The change between the last two samples, of a counter a second.
fn instant_change(stretch: &Stretch<'_>, kind: Kind) -> Option<f64> {
    let [.., before, last] = stretch.samples else { return None };
    let reset = kind == Kind::Counter && last.value < before.value;
    let change = if reset { last.value } else { last.value - before.value };
    let apart = seconds(before.at, last.at);
    match kind {
        _ if apart == 0.0 => None,
        Kind::Counter => Some(change / apart),
        Kind::Gauge => Some(change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: Function, samples: &[(i64, f64)], range_s: i64, expected: Option<f64>) {
        let samples: Vec<Sample> = samples
            .iter()
            .map(|(at, value)| Sample { at: Timestamp::from_secs(*at), value: *value })
            .collect();
        let end = Timestamp::from_secs(300);
        let stretch =
            Stretch { samples: &samples, start: Timestamp::from_secs(300 - range_s), end, now: end };
        let found = apply(function, &stretch, 60.0);
        let near = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        assert!(near, "{function:?} over {samples:?}: {found:?}, not {expected:?}");
    }

    #[test]
    fn a_rate_reaches_to_the_ends_where_samples_are_near() {
        let steady = [(60, 60.0), (120, 120.0), (180, 180.0), (240, 240.0), (300, 300.0)];
        check(Function::Increase, &steady, 300, Some(300.0));
        check(Function::Rate, &steady, 300, Some(1.0));
        check(Function::Delta, &steady, 300, Some(300.0));
    }

    #[test]
    fn a_rate_reaches_half_an_interval_where_samples_are_far() {
        check(Function::Increase, &[(220, 100.0), (230, 110.0)], 300, Some(10.0 + 5.0 + 5.0));
    }

    #[test]
    fn a_counter_is_not_carried_back_below_zero() {
        check(Function::Increase, &[(250, 1.0), (300, 51.0)], 100, Some(51.0));
        check(Function::Delta, &[(250, 1.0), (300, 51.0)], 100, Some(100.0));
    }

    #[test]
    fn a_reset_counts_what_was_there_before() {
        check(Function::Increase, &[(200, 50.0), (250, 10.0), (300, 20.0)], 100, Some(20.0));
        check(Function::Irate, &[(290, 50.0), (300, 10.0)], 100, Some(1.0));
        check(Function::Idelta, &[(290, 50.0), (300, 10.0)], 100, Some(-40.0));
        check(Function::Resets, &[(200, 50.0), (250, 10.0), (300, 20.0)], 100, Some(1.0));
    }

    #[test]
    fn one_sample_is_no_rate() {
        for function in [Function::Rate, Function::Delta, Function::Irate, Function::Deriv] {
            check(function, &[(300, 5.0)], 100, None);
        }
    }

    #[test]
    fn a_line_is_carried_on() {
        check(Function::Deriv, &[(240, 0.0), (270, 15.0), (300, 30.0)], 100, Some(0.5));
        check(Function::PredictLinear, &[(240, 0.0), (270, 15.0), (300, 30.0)], 100, Some(60.0));
    }
}
