//! Rates, changes and resets over a stretch of one series.
//!
//! In:   a stretch.
//! Out:  a number, or a histogram of what was observed meanwhile.
//! Not:  no stretches with `anchored` or `smoothed` ends: those are in `extended`.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::promql::eval::stretch::{Any, Stretch, seconds};
use crate::promql::value::{Amount, Histogram, Incompatible, Merged, Reset};
use crate::promql::{HistogramSample, Sample};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up, or starts again at zero.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// The change over the whole stretch, guessed from that between the first and the last sample
/// (see Prometheus `promql/functions.go`, `extrapolatedRate`).
///
/// The slope is carried on to an end of the stretch when a sample could just not be seen there (it is within 1.1
/// sample intervals), else by half an interval. A counter is not carried back below zero; where it is known when it
/// began within the stretch, it was zero then.
///
/// The factor is divided by `per` before it meets the change, so that the last digit agrees as well.
pub(super) fn extrapolated(stretch: &Stretch<'_>, kind: Kind, per: f64) -> Option<Amount> {
    if stretch.histograms.is_empty() {
        return of_floats(stretch, kind, per).map(Amount::Float);
    }
    if !stretch.floats.is_empty() {
        stretch.notes.mixed_types(stretch.span, stretch.name());
        return None;
    }
    of_histograms(stretch, kind, per).map(Amount::from)
}

fn of_floats(stretch: &Stretch<'_>, kind: Kind, per: f64) -> Option<f64> {
    let samples = stretch.floats;
    let (first, last) = (samples.first()?, samples.last()?);
    let began = began(stretch, kind, first.at);
    if samples.len() < 2 && began.is_none() {
        return None;
    }
    let mut change = last.value - first.value;
    if kind == Kind::Counter {
        for pair in samples.windows(2) {
            if pair[1].value < pair[0].value || starts_again(stretch, pair[0].at, pair[1].at) {
                change += pair[0].value;
            }
        }
    }
    if began.is_some() {
        change += first.value;
    }
    let zero = (kind == Kind::Counter && 0.0 < change && 0.0 <= first.value).then(|| first.value / change);
    let count = samples.len();
    Some(change * (Reach { first: first.at, last: last.at, count, began, zero }.factor(stretch) / per))
}

fn of_histograms(stretch: &Stretch<'_>, kind: Kind, per: f64) -> Option<Histogram> {
    let samples = stretch.histograms;
    let (first, last) = (samples.first()?, samples.last()?);
    let began = began(stretch, kind, first.at);
    let mut change = match (samples, began) {
        ([only], Some(_)) => (*only.value).clone(),
        ([_], None) => return None,
        _ => {
            let mut change = histogram_change(stretch, kind)?;
            if began.is_some() {
                noting(stretch, change.add(&first.value), "addition")?;
            }
            change
        }
    };
    let starts_at = first.value.count;
    let zero =
        (kind == Kind::Counter && 0.0 < change.count && 0.0 <= starts_at).then(|| starts_at / change.count);
    let count = samples.len();
    change.scale(Reach { first: first.at, last: last.at, count, began, zero }.factor(stretch) / per);
    Some(change)
}

/// Where the samples of a stretch lie.
struct Reach {
    first: Timestamp,
    last: Timestamp,
    count: usize,
    /// When the counter began, where that was within the stretch.
    began: Option<Timestamp>,
    /// So many times the sampled interval before the first sample a counter was zero.
    zero: Option<f64>,
}

impl Reach {
    /// How many times as much as between the samples happened in the whole stretch.
    fn factor(&self, stretch: &Stretch<'_>) -> f64 {
        let between = seconds(self.first, self.last);
        let interval = if self.count < 2 { 0.0 } else { between / (self.count - 1) as f64 };
        let threshold = interval * 1.1;
        let mut to_start = seconds(stretch.start, self.first);
        if threshold <= to_start {
            to_start = interval / 2.0;
        }
        if let Some(zero) = self.zero {
            to_start = to_start.min(between * zero);
        }
        let mut to_end = seconds(self.last, stretch.end);
        if threshold <= to_end {
            to_end = interval / 2.0;
        }
        let (sampled, to_start) = match self.began {
            Some(began) => (seconds(began, self.last), 0.0),
            None => (between, to_start),
        };
        if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled }
    }
}

/// When the counter began that the first sample belongs to, where that was within the stretch.
fn began(stretch: &Stretch<'_>, kind: Kind, first: Timestamp) -> Option<Timestamp> {
    let since = stretch.since(first).filter(|since| since.as_millis() != 0)?;
    (kind == Kind::Counter && stretch.start < since && since < first).then_some(since)
}

/// Whether the counter is known to have begun anew between two samples; notes one that began before the sample before
/// it was taken, and not when that one's did.
fn starts_again(stretch: &Stretch<'_>, before: Timestamp, at: Timestamp) -> bool {
    if stretch.starts.is_empty() {
        return false;
    }
    let since = stretch.since(at).filter(|since| since.as_millis() != 0);
    let Some(since) = since else { return false };
    let since_before = stretch.since(before).filter(|since| since.as_millis() != 0);
    if since < before && since_before != Some(since) {
        stretch.notes.warn(
            stretch.span,
            format!(
                "sample has start time that overlaps with previous sample timestamp for metric {:?}",
                stretch.name()
            ),
        );
    }
    if at <= since || since < before {
        return false;
    }
    // One that begins with the sample before is a delta, unless it is not known when that one's counter began.
    before < since || since_before.is_some_and(|earlier| earlier < before)
}

/// What two histograms that can't be added are said to be, and what had to be reconciled.
pub(super) fn noting(
    stretch: &Stretch<'_>,
    merged: Result<Merged, Incompatible>,
    during: &str,
) -> Option<()> {
    match merged {
        Ok(merged) => {
            if merged.reconciled {
                stretch.notes.reconciled(stretch.span, during);
            }
            Some(())
        }
        Err(Incompatible) => {
            stretch.notes.mixed_schemas(stretch.span, stretch.name());
            None
        }
    }
}

/// The last histogram less the first, and of a counter all that was there before each reset.
fn histogram_change(stretch: &Stretch<'_>, kind: Kind) -> Option<Histogram> {
    let samples = stretch.histograms;
    let [first, second, ..] = samples else { return None };
    let last = samples.last()?;
    let gauges = |sample: &HistogramSample| sample.value.reset == Reset::Gauge;
    match kind {
        Kind::Counter if samples.iter().any(gauges) => {
            stretch.notes.not_a_counter(stretch.span, stretch.name());
        }
        Kind::Gauge if !gauges(first) || !gauges(last) => {
            stretch.notes.not_a_gauge(stretch.span, stretch.name());
        }
        _ => {}
    }
    let counter = kind == Kind::Counter;
    // What was before a reset at the beginning does not count, nor does its layout.
    let mut before = first.value.clone();
    if counter && reset_between(stretch, first, second) {
        let (schema, bounds) = (second.value.schema, second.value.bounds.clone());
        before = Arc::new(Histogram { schema, bounds, ..Histogram::default() });
    }
    let custom = before.is_custom();
    let inner = if counter { &samples[1..] } else { &samples[samples.len() - 1..] };
    if inner.iter().any(|sample| sample.value.is_custom() != custom) {
        stretch.notes.mixed_schemas(stretch.span, stretch.name());
        return None;
    }
    let mut change = (*last.value).clone();
    noting(stretch, change.subtract(&before), "subtraction")?;
    if counter {
        let mut began = first.at;
        for sample in &samples[1..] {
            if starts_again(stretch, began, sample.at) || sample.value.was_reset_since(&before) {
                noting(stretch, change.add(&before), "addition")?;
            }
            before = sample.value.clone();
            began = sample.at;
        }
    }
    change.reset = Reset::Gauge;
    change.compact();
    Some(change)
}

fn reset_between(stretch: &Stretch<'_>, before: &HistogramSample, after: &HistogramSample) -> bool {
    starts_again(stretch, before.at, after.at) || after.value.was_reset_since(&before.value)
}

/// The change between the last two samples, of a counter a second.
pub(super) fn instant_change(stretch: &Stretch<'_>, kind: Kind) -> Option<Amount> {
    let (before, last) = last_two(stretch)?;
    let apart = seconds(before.at(), last.at());
    if apart == 0.0 {
        return None;
    }
    match (before, last) {
        (Any::Float(before), Any::Float(last)) => {
            let reset = kind == Kind::Counter
                && (last.value < before.value || starts_again(stretch, before.at, last.at));
            let change = if reset { last.value } else { last.value - before.value };
            Some(Amount::Float(if kind == Kind::Counter { change / apart } else { change }))
        }
        (Any::Histogram(before), Any::Histogram(last)) => {
            histogram_step(stretch, kind, before, last, apart).map(Amount::from)
        }
        _ => {
            stretch.notes.mixed_types(stretch.span, stretch.name());
            None
        }
    }
}

fn histogram_step(
    stretch: &Stretch<'_>,
    kind: Kind,
    before: &HistogramSample,
    last: &HistogramSample,
    apart: f64,
) -> Option<Histogram> {
    let gauges = [before, last].map(|sample| sample.value.reset == Reset::Gauge);
    match kind {
        Kind::Counter if gauges.contains(&true) => {
            stretch.notes.not_a_counter(stretch.span, stretch.name());
        }
        Kind::Gauge if gauges.contains(&false) => {
            stretch.notes.not_a_gauge(stretch.span, stretch.name());
        }
        _ => {}
    }
    let mut change = (*last.value).clone();
    if kind == Kind::Gauge || !reset_between(stretch, before, last) {
        noting(stretch, change.subtract(&before.value), "subtraction")?;
    }
    change.reset = Reset::Gauge;
    change.compact();
    if kind == Kind::Counter {
        change.divide(apart);
    }
    Some(change)
}

fn last_two<'a>(stretch: &Stretch<'a>) -> Option<(Any<'a>, Any<'a>)> {
    if let ([.., before, last], []) = (stretch.floats, stretch.histograms) {
        return Some((Any::Float(before), Any::Float(last)));
    }
    let skipped = stretch.len().checked_sub(2)?;
    let mut last = stretch.all().skip(skipped);
    Some((last.next()?, last.next()?))
}

/// How often the value changed.
pub(super) fn changes(stretch: &Stretch<'_>) -> Option<f64> {
    if stretch.histograms.is_empty() && stretch.extension.is_none() {
        let changed = |a: f64, b: f64| a != b && !(a.is_nan() && b.is_nan());
        return Some(pairs(stretch.floats).filter(|(a, b)| changed(a.value, b.value)).count() as f64);
    }
    count_pairs(stretch, |before, after| match (before, after) {
        (Any::Float(a), Any::Float(b)) => a.value != b.value && !(a.value.is_nan() && b.value.is_nan()),
        (Any::Histogram(a), Any::Histogram(b)) => !a.value.same(&b.value),
        _ => true,
    })
}

/// How often a counter was reset.
pub(super) fn resets(stretch: &Stretch<'_>) -> Option<f64> {
    if stretch.histograms.is_empty() && stretch.extension.is_none() && stretch.starts.is_empty() {
        return Some(pairs(stretch.floats).filter(|(a, b)| b.value < a.value).count() as f64);
    }
    count_pairs(stretch, |before, after| match (before, after) {
        (Any::Float(a), Any::Float(b)) => b.value < a.value || starts_again(stretch, a.at, b.at),
        (Any::Histogram(a), Any::Histogram(b)) => reset_between(stretch, a, b),
        _ => true,
    })
}

fn pairs(samples: &[Sample]) -> impl Iterator<Item = (&Sample, &Sample)> {
    samples.windows(2).map(|pair| (&pair[0], &pair[1]))
}

/// Counts neighbours, from the last sample at or before the start on where there are such; `None` where no sample lies
/// within.
fn count_pairs<'a>(stretch: &Stretch<'a>, counts: impl Fn(Any<'a>, Any<'a>) -> bool) -> Option<f64> {
    let (mut before, mut count, mut within) = (None, 0u32, false);
    for sample in stretch.all() {
        if sample.at() <= stretch.start {
            before = Some(sample);
            continue;
        }
        within = true;
        count += u32::from(before.is_some_and(|before| counts(before, sample)));
        before = Some(sample);
    }
    within.then_some(f64::from(count))
}
