//! Selectors: the latest sample of each series, or a stretch of it.
//!
//! In:   a selector and the instant.
//! Out:  elements, or stretches without staleness markers.
//! Not:  nothing is kept where an expression is evaluated once. Where it is evaluated at several instants, the series
//!       of a selector are read once for all of them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Matcher, Span, Timestamp, is_stale};
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::eval::extended;
use crate::promql::eval::stretch::{Owner, Stretch};
use crate::promql::tree::ast::{Extension, RangeSelector, Selector};
use crate::promql::tree::length::NOT_POSITIVE;
use crate::promql::value::{Amount, EvalError, Histogram, Point, Reset};
use crate::promql::{HistogramSample, Sample, Samples, SeriesId, Started};

/// The series of selectors, by where they stand in memory, which does not change while they are evaluated.
pub(super) type Kept = HashMap<usize, Rc<Vec<KeptSeries>>>;

/// A series for all instants of an evaluation.
pub(super) struct KeptSeries {
    id: SeriesId,
    labels: Labels,
    floats: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<Started>,
}

/// How far around an instant samples are looked at.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) back: Duration,
    pub(super) ahead: Duration,
    /// Whether only the newest of them counts.
    pub(super) newest_only: bool,
}

/// The latest sample of a series.
pub(super) struct Latest<'a> {
    pub(super) series: SeriesId,
    pub(super) labels: &'a Labels,
    pub(super) at: Timestamp,
    pub(super) amount: Amount,
    /// When its counter began, where that is known.
    pub(super) since: Option<Timestamp>,
}

impl Evaluation<'_> {
    /// Calls `visit` for each series that fits and has a sample around the instant.
    pub(super) fn select<K>(
        &self,
        key: &K,
        matchers: &[Matcher],
        moment: Moment,
        around: Around,
        span: Span,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) -> Result<(), EvalError> {
        let (after, until) = (moment.at - around.back, moment.at + around.ahead);
        if moment.is_once() {
            let mut visit = |series: SeriesId, labels: &Labels, samples: Samples<'_>| {
                if self.read(1) {
                    visit(series, labels, samples);
                }
            };
            match around.newest_only {
                true => self.source.select_latest(matchers, after, until, &mut visit),
                false => self.source.select_samples(matchers, after, until, &mut visit),
            }
            return self.within_limits(span);
        }
        let key = std::ptr::from_ref(key) as usize;
        let kept = self.kept.borrow().get(&key).cloned();
        let kept = kept.unwrap_or_else(|| {
            let mut all = Vec::new();
            let (after, until) = (moment.from - around.back, moment.to + around.ahead);
            self.source.select_samples(matchers, after, until, &mut |id, labels, samples| {
                if self.read(samples.weight()) {
                    all.push(KeptSeries {
                        id,
                        labels: labels.clone(),
                        floats: samples.floats.to_vec(),
                        histograms: samples.histograms.to_vec(),
                        starts: samples.starts.to_vec(),
                    });
                }
            });
            let all = Rc::new(all);
            self.kept.borrow_mut().insert(key, all.clone());
            all
        });
        self.within_limits(span)?;
        for series in kept.iter() {
            let all =
                Samples { floats: &series.floats, histograms: &series.histograms, starts: &series.starts };
            let samples = all.within(after, until);
            if !samples.is_empty() && self.read(1) {
                visit(series.id, &series.labels, samples);
            }
        }
        self.within_limits(span)
    }

    /// The latest sample of each series that fits and has not ended.
    pub(super) fn latest(&self, selector: &Selector, moment: Moment) -> Result<Vec<Point>, EvalError> {
        self.latest_where(selector, moment, &|_| true)
    }

    /// Those of them that pass.
    pub(super) fn latest_where(
        &self,
        selector: &Selector,
        moment: Moment,
        passes: &dyn Fn(&Amount) -> bool,
    ) -> Result<Vec<Point>, EvalError> {
        let mut points = Vec::new();
        self.each_latest(selector, moment, &mut |latest| {
            if passes(&latest.amount) {
                let feeds = self.feeds(latest.series);
                let (labels, amount) = (latest.labels.clone(), latest.amount);
                points.push(Point { labels, amount, nameless: false, feeds });
            }
        })?;
        Ok(points)
    }

    pub(super) fn each_latest(
        &self,
        selector: &Selector,
        moment: Moment,
        visit: &mut dyn FnMut(Latest<'_>),
    ) -> Result<(), EvalError> {
        let moment = self.shifted(moment, &selector.shift, selector.span)?;
        let smoothed = selector.extension == Some(Extension::Smoothed);
        let back = self.options.look_back;
        let around =
            Around { back, ahead: if smoothed { back } else { Duration::ZERO }, newest_only: !smoothed };
        let (matchers, span) = (&selector.matchers, selector.span);
        self.select(selector, matchers, moment, around, span, &mut |series, labels, samples| {
            let latest = if smoothed {
                let end = moment.at + around.ahead;
                without_stale(samples, |samples| {
                    let stretch = self.stretch(samples, labels, (moment.at - back, end), moment.at, span);
                    extended::at_instant(&stretch, moment.at).map(|amount| (moment.at, amount))
                })
            } else {
                latest(samples).map(|(at, amount)| (at, self.told(samples.histograms, amount)))
            };
            if let Some((at, amount)) = latest {
                let since = samples.starts.iter().rev().find(|started| started.at == at);
                visit(Latest { series, labels, at, amount, since: since.map(|started| started.since) });
            }
        })
    }

    /// The stretch of each series that fits and has a sample there.
    pub(super) fn selected_stretches(
        &self,
        range: &RangeSelector,
        now: Moment,
        visit: &mut dyn FnMut(&Owner<'_>, &Stretch<'_>),
    ) -> Result<(), EvalError> {
        let selector = &range.selector;
        let moment = self.shifted(now, &selector.shift, range.span)?;
        let length = self.stretch_length(&range.range, range.span)?;
        let look_back = self.options.look_back;
        let (before, ahead) = match selector.extension {
            None => (Duration::ZERO, Duration::ZERO),
            Some(Extension::Anchored) => (look_back, Duration::ZERO),
            Some(Extension::Smoothed) => (look_back, look_back),
        };
        let around = Around { back: length + before, ahead, newest_only: false };
        let (matchers, span) = (&selector.matchers, range.span);
        self.select(selector, matchers, moment, around, span, &mut |series, labels, samples| {
            if !self.read(samples.weight()) {
                return;
            }
            let told = self.all_told(samples.histograms);
            let samples = Samples { histograms: told.as_deref().unwrap_or(samples.histograms), ..samples };
            without_stale(samples, |samples| {
                if !samples.is_empty() {
                    let ends = (moment.at - length, moment.at);
                    let mut stretch = self.stretch(samples, labels, ends, now.at, span);
                    stretch.extension = selector.extension;
                    let owner = Owner { labels, nameless: false, feeds: self.feeds(series) };
                    visit(&owner, &stretch);
                }
            });
        })
    }

    /// The last of `histograms` with what its counts tell of a reset, where that is asked for.
    fn told(&self, histograms: &[HistogramSample], amount: Amount) -> Amount {
        match (histograms, &amount) {
            ([.., before, last], Amount::Histogram(_)) if self.counts_only.get() => {
                Amount::Histogram(told_since(last, before).value)
            }
            _ => amount,
        }
    }

    /// As `told`, of all; `None` where they stay as they are.
    fn all_told(&self, histograms: &[HistogramSample]) -> Option<Vec<HistogramSample>> {
        let [first, ..] = histograms else { return None };
        self.counts_only.get().then(|| {
            let rest = histograms.windows(2).map(|pair| told_since(&pair[1], &pair[0]));
            std::iter::once(first.clone()).chain(rest).collect()
        })
    }

    fn stretch<'s>(
        &'s self,
        samples: Samples<'s>,
        labels: &'s Labels,
        (start, end): (Timestamp, Timestamp),
        now: Timestamp,
        span: Span,
    ) -> Stretch<'s> {
        let Samples { floats, histograms, starts } = samples;
        let (notes, extension) = (&self.notes, None);
        Stretch { floats, histograms, starts, start, end, now, labels, span, notes, extension }
    }

    /// A length that is more than nothing.
    pub(super) fn stretch_length(
        &self,
        length: &crate::promql::tree::length::Length,
        span: Span,
    ) -> Result<Duration, EvalError> {
        let ms = length.millis(&self.query).map_err(|what| EvalError::new(span, what))?;
        match u64::try_from(ms) {
            Ok(ms @ 1..) => Ok(Duration::from_millis(ms)),
            _ => Err(EvalError::new(span, NOT_POSITIVE)),
        }
    }
}

/// The last sample, unless it says that the series has ended.
fn latest(samples: Samples<'_>) -> Option<(Timestamp, Amount)> {
    match (samples.floats.last(), samples.histograms.last()) {
        (float, Some(histogram)) if float.is_none_or(|float| float.at < histogram.at) => {
            Some((histogram.at, Amount::Histogram(histogram.value.clone())))
        }
        (Some(float), _) => (!is_stale(float.value)).then_some((float.at, Amount::Float(float.value))),
        (None, _) => None,
    }
}

fn told_since(sample: &HistogramSample, before: &HistogramSample) -> HistogramSample {
    if sample.value.reset != Reset::Unknown {
        return sample.clone();
    }
    let reset = if sample.value.was_reset_since(&before.value) { Reset::Reset } else { Reset::NotReset };
    HistogramSample { at: sample.at, value: Arc::new(Histogram { reset, ..(*sample.value).clone() }) }
}

/// Hands the samples on less the staleness markers.
fn without_stale<R>(samples: Samples<'_>, then: impl FnOnce(Samples<'_>) -> R) -> R {
    if samples.floats.iter().all(|sample| !is_stale(sample.value)) {
        return then(samples);
    }
    let kept: Vec<Sample> = samples.floats.iter().copied().filter(|sample| !is_stale(sample.value)).collect();
    then(Samples { floats: &kept, ..samples })
}
