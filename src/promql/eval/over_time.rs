//! Functions over a stretch of one series that end in `_over_time`, and trends.

use std::sync::Arc;

use crate::promql::Sample;
use crate::promql::eval::extended;
use crate::promql::eval::rates::{self, Kind};
use crate::promql::eval::stretch::{Stretch, seconds};
use crate::promql::tree::functions::Function;
use crate::promql::value::{Amount, Incompatible, Tally, sums};

/// The value of `function` over a stretch; `None` where it has too few samples. `params` are its scalar arguments.
pub(super) fn apply(function: Function, stretch: &Stretch<'_>, params: &[f64]) -> Option<Amount> {
    let (kind, per) = match function {
        Function::Rate => (Kind::Counter, stretch.seconds()),
        Function::Increase => (Kind::Counter, 1.0),
        Function::Delta => (Kind::Gauge, 1.0),
        Function::Irate => return rates::instant_change(stretch, Kind::Counter),
        Function::Idelta => return rates::instant_change(stretch, Kind::Gauge),
        Function::SumOverTime | Function::AvgOverTime => return added(function, stretch),
        Function::FirstOverTime => return stretch.all().next().map(super::stretch::Any::amount),
        Function::LastOverTime => return last(stretch),
        _ => {
            return of_all(function, stretch)
                .or_else(|| of_floats(function, stretch, params))
                .map(Amount::Float);
        }
    };
    match stretch.extension {
        None => rates::extrapolated(stretch, kind, per),
        Some(_) => extended::change(stretch, kind, per),
    }
}

fn last(stretch: &Stretch<'_>) -> Option<Amount> {
    match (stretch.floats.last(), stretch.histograms.last()) {
        (Some(float), histogram) if histogram.is_none_or(|histogram| histogram.at < float.at) => {
            Some(Amount::Float(float.value))
        }
        (_, histogram) => histogram.map(|histogram| Amount::Histogram(histogram.value.clone())),
    }
}

/// Sums and means, which numbers and histograms have, but not together.
fn added(function: Function, stretch: &Stretch<'_>) -> Option<Amount> {
    let mean = function == Function::AvgOverTime;
    match (stretch.floats, stretch.histograms) {
        (_, []) if mean => Some(Amount::Float(sums::mean(stretch.values()))),
        (_, []) => Some(Amount::Float(sums::sum(stretch.values()))),
        ([], [first, rest @ ..]) => {
            let mut tally = Tally::new(&first.value);
            for sample in rest {
                let added = if mean { tally.add_to_mean(&sample.value) } else { tally.add(&sample.value) };
                if added == Err(Incompatible) {
                    stretch.notes.mixed_schemas(stretch.span, stretch.name());
                    return None;
                }
            }
            if tally.resets_collide() {
                stretch.notes.reset_collision(stretch.span, "aggregation");
            }
            if tally.reconciled() {
                stretch.notes.reconciled(stretch.span, "aggregation");
            }
            Some(Amount::Histogram(Arc::new(if mean { tally.mean() } else { tally.total() })))
        }
        _ => {
            stretch.notes.mixed_types(stretch.span, stretch.name());
            None
        }
    }
}

/// What numbers and histograms have alike.
fn of_all(function: Function, stretch: &Stretch<'_>) -> Option<f64> {
    let at = |sample: Option<super::stretch::Any<'_>>| sample.map(|sample| sample.at().as_secs_f64());
    match function {
        Function::Changes => rates::changes(stretch),
        Function::Resets => rates::resets(stretch),
        Function::CountOverTime => Some(stretch.len() as f64),
        Function::PresentOverTime => Some(1.0),
        Function::TsOfFirstOverTime => at(stretch.all().next()),
        Function::TsOfLastOverTime => at(stretch.all().last()),
        _ => None,
    }
}

/// What only numbers have; histograms beside them are left out.
fn of_floats(function: Function, stretch: &Stretch<'_>, params: &[f64]) -> Option<f64> {
    let param = |at: usize| params.get(at).copied().unwrap_or(f64::NAN);
    let samples = stretch.floats;
    let first = samples.first()?;
    let value = match function {
        Function::MinOverTime => Some(sums::smallest(stretch.values())),
        Function::MaxOverTime => Some(sums::largest(stretch.values())),
        Function::StddevOverTime => Some(sums::variance(stretch.values()).sqrt()),
        Function::StdvarOverTime => Some(sums::variance(stretch.values())),
        Function::QuantileOverTime => Some(sums::quantile(param(0), stretch.values().collect())),
        Function::MadOverTime => Some(median_deviation(stretch)),
        Function::TsOfMaxOverTime => Some(time_of(samples, |value, most| most <= value)),
        Function::TsOfMinOverTime => Some(time_of(samples, |value, least| value <= least)),
        Function::Deriv if 1 < samples.len() => Some(line(stretch, first.at).0),
        Function::PredictLinear if 1 < samples.len() => {
            let (slope, intercept) = line(stretch, stretch.now);
            Some(slope * param(0) + intercept)
        }
        Function::DoubleExponentialSmoothing if 1 < samples.len() => {
            Some(smoothed(samples, param(0), param(1)))
        }
        Function::Deriv | Function::PredictLinear | Function::DoubleExponentialSmoothing => None,
        _ => return None,
    };
    if !stretch.histograms.is_empty() {
        stretch.notes.histograms_left_out(stretch.span, stretch.name());
    }
    value
}

fn line(stretch: &Stretch<'_>, zero: crate::model::Timestamp) -> (f64, f64) {
    sums::line(stretch.floats.iter().map(|sample| (seconds(zero, sample.at), sample.value)))
}

/// The median of how far values are from their median.
fn median_deviation(stretch: &Stretch<'_>) -> f64 {
    let median = sums::quantile(0.5, stretch.values().collect());
    sums::quantile(0.5, stretch.values().map(|value| (value - median).abs()).collect())
}

/// When the last value was there that is none but NaN or `beats` all before it.
fn time_of(samples: &[Sample], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let best = samples.iter().copied().reduce(|best, sample| {
        if beats(sample.value, best.value) || best.value.is_nan() { sample } else { best }
    });
    best.map_or(f64::NAN, |best| best.at.as_secs_f64())
}

/// Holt's linear method: a level and a trend that follow the values by `level` and `trend` (0 to 1).
fn smoothed(samples: &[Sample], level: f64, trend: f64) -> f64 {
    let [first, second, rest @ ..] = samples else { return f64::NAN };
    let mut slope = second.value - first.value;
    let mut value = level * second.value + (1.0 - level) * (first.value + slope);
    let mut before = first.value;
    for sample in rest {
        slope = trend * (value - before) + (1.0 - trend) * slope;
        before = value;
        value = level * sample.value + (1.0 - level) * (value + slope);
    }
    value
}
