//! A source that holds what it was given, for tests of rules and expressions.
//!
//! In:   series, as samples or in the notation of Prometheus's tests (`notation`).
//! Out:  answers to selectors; every series is whole, since nothing stands behind it that could fail.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Matcher, Timestamp};
use crate::promql::notation::read_series;
use crate::promql::value::{Amount, Histogram, Reset};
use crate::promql::{Feed, HistogramSample, Origin, Presence, Sample, Samples, SeriesId, Source, Started};

/// Series in memory.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// In the order of labels.
    series: Vec<Series>,
}

#[derive(Debug, Clone)]
struct Series {
    /// That of loading.
    id: SeriesId,
    labels: Labels,
    floats: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<Started>,
}

impl Series {
    fn samples(&self) -> Samples<'_> {
        Samples { floats: &self.floats, histograms: &self.histograms, starts: &self.starts }
    }
}

impl Loaded {
    /// No series.
    pub fn new() -> Self {
        Self::default()
    }

    /// The series of `text`, one a line, from time 0 on, a value each `step`.
    ///
    /// # Errors
    /// Where a line is no series.
    pub fn from_text(text: &str, step: Duration) -> Result<Self, String> {
        let mut loaded = Self::new();
        loaded.add_text(text, step)?;
        Ok(loaded)
    }

    /// As `from_text`, beside what is there.
    ///
    /// # Errors
    /// Where a line is no series.
    pub fn add_text(&mut self, text: &str, step: Duration) -> Result<(), String> {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (labels, samples) = read_series(line, step)?;
            let (mut floats, mut histograms) = (Vec::new(), Vec::new());
            for (at, amount) in samples {
                match amount {
                    Amount::Float(value) => floats.push(Sample { at, value }),
                    Amount::Histogram(value) => histograms.push(HistogramSample { at, value }),
                }
            }
            self.add(labels.clone(), floats);
            self.add_histograms(labels, histograms);
        }
        Ok(())
    }

    /// Adds samples in time order; those of a series that is there already go on behind its own.
    pub fn add(&mut self, labels: Labels, samples: Vec<Sample>) {
        self.series(labels).floats.extend(samples);
    }

    /// As `add`, for native histograms. Where it is not known whether one was reset since the one before it, and no
    /// number lies between, it is found out, as a store does when it takes samples in.
    pub fn add_histograms(&mut self, labels: Labels, samples: Vec<HistogramSample>) {
        let series = self.series(labels);
        for mut sample in samples {
            if let Some(before) = series.histograms.last()
                && sample.value.reset == Reset::Unknown
                && before.value.reset != Reset::Gauge
                && before.value.bounds == sample.value.bounds
                && !series.floats.iter().any(|float| before.at < float.at && float.at < sample.at)
                && !sample.value.was_reset_since(&before.value)
            {
                sample.value = Arc::new(Histogram { reset: Reset::NotReset, ..(*sample.value).clone() });
            }
            series.histograms.push(sample);
        }
    }

    /// Adds what a rule recorded, unless the series has a sample of that time or a later one: what is written stays.
    pub fn record(&mut self, labels: Labels, sample: Sample) {
        let series = self.series(labels);
        let last = series.histograms.last().map(|last| last.at).max(series.floats.last().map(|last| last.at));
        if last.is_none_or(|last| last < sample.at) {
            series.floats.push(sample);
        }
    }

    /// Says when the counters behind samples began, in the order of the samples' times.
    pub fn add_starts(&mut self, labels: Labels, starts: Vec<Started>) {
        self.series(labels).starts.extend(starts);
    }

    fn series(&mut self, labels: Labels) -> &mut Series {
        let at = match self.series.binary_search_by(|series| series.labels.cmp(&labels)) {
            Ok(at) => at,
            Err(at) => {
                let id = SeriesId(self.series.len() as u64);
                let (floats, histograms, starts) = (Vec::new(), Vec::new(), Vec::new());
                self.series.insert(at, Series { id, labels, floats, histograms, starts });
                at
            }
        };
        &mut self.series[at]
    }
}

impl Source for Loaded {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        for series in &self.series {
            if matchers.iter().all(|matcher| matcher.matches(&series.labels)) {
                let samples = series.samples().within(after, until);
                if !samples.is_empty() {
                    visit(series.id, &series.labels, samples);
                }
            }
        }
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        let found = self.series.iter().find(|have| have.id == series);
        found.map(|have| Feed { labels: have.labels.clone(), origin: Origin::Loaded }).into_iter().collect()
    }

    fn presence(&self, _: &Feed, _: Duration, _: Timestamp) -> Presence {
        Presence::Whole
    }
}
