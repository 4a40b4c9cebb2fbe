//! Rates between the ends of a stretch (`anchored`, `smoothed`), and smoothed values at an instant.
//!
//! In:   a stretch whose samples go beyond its ends.
//! Out:  what changed between the ends: from the last sample at or before each, or from what lies on the line between
//!       the samples around it.
//! Not:  no extrapolation, so that increases of neighbouring stretches add up.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::promql::eval::rates::{Kind, noting};
use crate::promql::eval::stretch::Stretch;
use crate::promql::tree::ast::Extension;
use crate::promql::value::{Amount, Histogram, Reset};
use crate::promql::{HistogramSample, Sample};

/// The change between the ends, divided by `per`.
pub(super) fn change(stretch: &Stretch<'_>, kind: Kind, per: f64) -> Option<Amount> {
    match (stretch.floats, stretch.histograms) {
        (floats, []) => of_floats(stretch, floats, kind).map(|change| Amount::Float(change / per)),
        ([], histograms) => {
            let mut change = of_histograms(stretch, histograms, kind)?;
            if per != 1.0 {
                change.divide(per);
            }
            change.reset = Reset::Gauge;
            change.compact();
            Some(Amount::from(change))
        }
        _ => {
            stretch.notes.mixed_types(stretch.span, stretch.name());
            None
        }
    }
}

/// The first and the last sample that are needed to tell the values at both ends; `None` where none lies between.
fn needed<T>(stretch: &Stretch<'_>, samples: &[T], at: impl Fn(&T) -> Timestamp) -> Option<(usize, usize)> {
    let smoothed = stretch.extension == Some(Extension::Smoothed);
    let mut last = samples.len().checked_sub(1)?;
    let first = samples[..last].partition_point(|sample| at(sample) <= stretch.start).saturating_sub(1);
    if smoothed {
        last = samples[..last].partition_point(|sample| at(sample) < stretch.end);
    }
    let outside = at(&samples[last]) <= stretch.start || (smoothed && stretch.end < at(&samples[first]));
    (!outside).then_some((first, last))
}

/// The value at `at` on the line between two samples; a counter that was reset between them began at zero.
fn between(before: &Sample, after: &Sample, at: Timestamp, kind: Kind) -> f64 {
    let reset = kind == Kind::Counter && after.value < before.value;
    let start = if reset { 0.0 } else { before.value };
    start + (after.value - start) * fraction(before.at, after.at, at)
}

fn fraction(before: Timestamp, after: Timestamp, at: Timestamp) -> f64 {
    (at.as_millis() - before.as_millis()) as f64 / (after.as_millis() - before.as_millis()) as f64
}

fn of_floats(stretch: &Stretch<'_>, samples: &[Sample], kind: Kind) -> Option<f64> {
    let smoothed = stretch.extension == Some(Extension::Smoothed);
    let (mut first, mut last) = needed(stretch, samples, |sample| sample.at)?;
    let left = match samples.get(first + 1) {
        Some(next) if smoothed && samples[first].at < stretch.start => {
            between(&samples[first], next, stretch.start, kind)
        }
        _ => samples[first].value,
    };
    let right = if smoothed && 0 < last && stretch.end < samples[last].at {
        between(&samples[last - 1], &samples[last], stretch.end, kind)
    } else {
        samples[last].value
    };
    let mut change = right - left;
    if kind == Kind::Counter {
        // Those at the ends are in `left` and `right` already.
        if samples[first].at <= stretch.start {
            first += 1;
        }
        let end = if stretch.end <= samples[last].at { last } else { last + 1 };
        last = end.max(first);
        let mut before = left;
        for value in samples[first..last].iter().map(|sample| sample.value).chain([right]) {
            if value < before {
                change += before;
            }
            before = value;
        }
    }
    Some(change)
}

fn of_histograms(stretch: &Stretch<'_>, samples: &[HistogramSample], kind: Kind) -> Option<Histogram> {
    let smoothed = stretch.extension == Some(Extension::Smoothed);
    let (first, last) = needed(stretch, samples, |sample| sample.at)?;
    let used = &samples[first..=last];
    if used.iter().any(|sample| sample.value.is_custom() != used[0].value.is_custom()) {
        stretch.notes.mixed_schemas(stretch.span, stretch.name());
        return None;
    }
    if kind == Kind::Counter && used.iter().any(|sample| sample.value.reset == Reset::Gauge) {
        stretch.notes.not_a_counter(stretch.span, stretch.name());
    }
    let left = match samples.get(first + 1) {
        Some(next) if smoothed && samples[first].at < stretch.start => {
            histogram_between(stretch, &samples[first], next, stretch.start, kind)?
        }
        _ => samples[first].value.clone(),
    };
    let right = if smoothed && 0 < last && stretch.end < samples[last].at {
        histogram_between(stretch, &samples[last - 1], &samples[last], stretch.end, kind)?
    } else {
        samples[last].value.clone()
    };
    if kind == Kind::Gauge && (left.reset != Reset::Gauge || right.reset != Reset::Gauge) {
        stretch.notes.not_a_gauge(stretch.span, stretch.name());
    }
    let mut change = (*right).clone();
    noting(stretch, change.subtract(&left), "subtraction")?;
    if kind == Kind::Counter {
        let mut before = left;
        let mut next = first + 1;
        if smoothed
            && samples[first].at < stretch.start
            && let Some(after) = samples.get(next)
            && after.value.was_reset_since(&samples[first].value)
        {
            // The value at the start has this reset in it.
            before = after.value.clone();
            next += 1;
        }
        // Where both ends lie between the same two samples, a reset between those is in both values.
        if next <= last {
            for value in samples[next..last].iter().map(|sample| &sample.value).chain([&right]) {
                if value.was_reset_since(&before) {
                    noting(stretch, change.add(&before), "addition")?;
                }
                before = value.clone();
            }
        }
    }
    Some(change)
}

/// As `between`, of histograms.
fn histogram_between(
    stretch: &Stretch<'_>,
    before: &HistogramSample,
    after: &HistogramSample,
    at: Timestamp,
    kind: Kind,
) -> Option<Arc<Histogram>> {
    if at == before.at {
        return Some(before.value.clone());
    }
    if at == after.at {
        return Some(after.value.clone());
    }
    let fraction = fraction(before.at, after.at, at);
    let mut value = (*after.value).clone();
    if kind == Kind::Counter && after.value.was_reset_since(&before.value) {
        value.scale(fraction);
        return Some(Arc::new(value));
    }
    noting(stretch, value.subtract(&before.value), "subtraction")?;
    value.scale(fraction);
    noting(stretch, value.add(&before.value), "addition")?;
    Some(Arc::new(value))
}

/// The value at an instant on the line between the samples around it; the last one's where none follows.
pub(super) fn at_instant(stretch: &Stretch<'_>, at: Timestamp) -> Option<Amount> {
    match (stretch.floats, stretch.histograms) {
        (floats, []) => {
            let place = floats.partition_point(|sample| sample.at < at);
            match (place.checked_sub(1).map(|before| &floats[before]), floats.get(place)) {
                (_, Some(exact)) if exact.at == at => Some(exact.value),
                (Some(before), Some(after)) => Some(between(before, after, at, Kind::Gauge)),
                (Some(before), None) => Some(before.value),
                (None, _) => None,
            }
            .map(Amount::Float)
        }
        ([], histograms) => {
            let place = histograms.partition_point(|sample| sample.at < at);
            match (place.checked_sub(1).map(|before| &histograms[before]), histograms.get(place)) {
                (_, Some(exact)) if exact.at == at => Some(exact.value.clone()),
                (Some(before), Some(after)) => histogram_between(stretch, before, after, at, Kind::Gauge),
                (Some(before), None) => Some(before.value.clone()),
                (None, _) => None,
            }
            .map(Amount::Histogram)
        }
        _ => {
            stretch.notes.mixed_types(stretch.span, stretch.name());
            None
        }
    }
}
