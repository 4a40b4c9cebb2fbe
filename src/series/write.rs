//! What changes the window: pages, recorded samples, targets that go.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::model::{Labels, METRIC_NAME, RuleId, STALE_NAN, TargetKey, Timestamp};
use crate::promql::{Amount, HistogramSample, Origin, Recorded, Sample, SeriesId};
use crate::series::page::{Page, PageHistogram, PageSample, PageSamples};
use crate::series::window::{RecordingRule, Refused, Window, Writer};

/// A page's own times may lie so far in the future, as in Prometheus (`scrape.maxAheadTime`).
const AHEAD: Duration = Duration::from_mins(10);

/// What a page did to the series of its target.
#[derive(Default)]
struct Taken {
    /// The series that are kept, in the order of the page, and the places of the samples that are not.
    current: Vec<SeriesId>,
    holes: Vec<u32>,
    added: u64,
    refused: bool,
}

/// One measurement that is given to the window, with its final labels.
struct Given {
    labels: Labels,
    at: Option<Timestamp>,
    value: Amount,
}

impl From<PageSample> for Given {
    fn from(sample: PageSample) -> Self {
        Self { labels: sample.labels, at: sample.at, value: Amount::Float(sample.value) }
    }
}

impl From<PageHistogram> for Given {
    fn from(histogram: PageHistogram) -> Self {
        let PageHistogram { labels, at, value } = histogram;
        Self { labels, at, value: Amount::Histogram(value) }
    }
}

impl Window {
    /// Takes a scrape, good or failed. A series that was on the target's last page and is not on this one gets a
    /// staleness marker; so does every one where the scrape failed. The report series (`up`, …) are written too.
    ///
    /// `scrape_series_added` counts only series that some rule wants, as no other is looked at.
    pub fn ingest(&mut self, page: Page) {
        self.tape.get_mut().unwrap_or_else(PoisonError::into_inner).record(&page);
        let Page { target: key, identity, at, interval, samples, histograms, marks_own_times, report } = page;
        let error = samples.as_ref().err().cloned();
        self.awaited.remove(&key);
        self.follow_a_clock_set_back(&key, at);
        self.turn += 1;
        let turn = self.turn;
        let target = self.target(&key);
        let (origin, previous_turn) = (target.origin.clone(), target.page_turn.replace(turn));
        let writer = Writer { previous_turn, marks_own_times, ..Writer::new(origin, interval, at) };
        let (had_histograms, refused_since) = (std::mem::take(&mut target.histograms), target.refused_since);
        let taken = self.take_samples(histograms.into_iter().map(Given::from), &had_histograms, &writer);
        let mut added = taken.added;
        match samples {
            Ok(samples) if self.target(&key).had_these(&samples) => {
                self.take_the_same(&key, &samples.values, &writer);
            }
            samples => added += self.take_others(&key, samples.ok(), &writer),
        }
        let was_refused = taken.refused;
        self.note_histograms(&key, had_histograms, taken, &writer);
        let is_good = error.is_none();
        let state = self.target(&key);
        if was_refused {
            state.refused_since = Some(refused_since.unwrap_or(at));
            // It may find room on the next page.
            state.page_series = None;
        }
        state.tried(at, interval, error);
        if state.health.identity != identity {
            state.health.identity = identity;
        }
        state.health.report = report;
        state.health.kept = state.current.len() + state.histograms.len();
        self.report(&key, is_good, added, &writer);
        self.finish_write(at);
    }

    /// Notes which native histograms the target's page has. What became a number is no end, so numbers come before.
    fn note_histograms(&mut self, key: &TargetKey, before: Vec<SeriesId>, taken: Taken, writer: &Writer) {
        let ended = self.mark_stale(&before, writer);
        let turn = self.turn;
        let target = self.target(key);
        if taken.current != before {
            target.shape = turn;
        }
        target.histograms = taken.current;
        target.ended.extend(ended);
    }

    /// Takes a page that has the series of the one before, in its order.
    fn take_the_same(&mut self, key: &TargetKey, values: &[f64], writer: &Writer) {
        let target = self.target(key);
        let (current, holes) = (std::mem::take(&mut target.current), std::mem::take(&mut target.holes));
        let mut gaps = holes.iter().copied().peekable();
        let mut is_kept = |place: &u32| gaps.next_if_eq(place).is_none();
        let values = (0u32..).zip(values).filter(|(place, _)| is_kept(place));
        for (id, (_, value)) in current.iter().zip(values) {
            self.note_seen(*id, writer, false);
            self.put(*id, Sample { at: writer.at, value: *value }, writer);
        }
        self.dropped.unwanted += holes.len() as u64;
        let target = self.target(key);
        (target.current, target.holes) = (current, holes);
    }

    /// Takes a page that has other series than the one before, or one that failed and has none. Says how many series
    /// came.
    fn take_others(&mut self, key: &TargetKey, samples: Option<PageSamples>, writer: &Writer) -> u64 {
        let before = std::mem::take(&mut self.target(key).current);
        let samples = samples.unwrap_or_default();
        let taken = self.take_samples(samples.iter().map(Given::from), &before, writer);
        let ended = self.mark_stale(&before, writer);
        let (turn, at) = (self.turn, writer.at);
        let target = self.target(key);
        if taken.current != before || target.shape == 0 {
            target.shape = turn;
        }
        // What was turned away may find room on the next page.
        let may_be_alike = !taken.refused && samples.times.is_empty() && !samples.series.is_empty();
        target.page_series = may_be_alike.then_some(samples.series);
        (target.current, target.holes) = (taken.current, taken.holes);
        target.ended.extend(ended);
        target.refused_since = if taken.refused { Some(target.refused_since.unwrap_or(at)) } else { None };
        taken.added
    }

    /// Writes the report series (`up`, …) that some rule wants.
    fn report(&mut self, key: &TargetKey, is_good: bool, added: u64, page: &Writer) {
        let target = self.target(key);
        let report = target.health.report;
        let figures = [
            ("up", if is_good { 1.0 } else { 0.0 }),
            ("scrape_duration_seconds", report.duration.as_secs_f64()),
            ("scrape_samples_scraped", report.scraped as f64),
            ("scrape_samples_post_metric_relabeling", report.post_relabel as f64),
            ("scrape_series_added", added as f64),
        ];
        let (origin, identity) = (target.report_origin.clone(), target.health.identity.clone());
        let writer = Writer::new(origin, page.interval, page.at);
        let before = std::mem::take(&mut self.target(key).reports);
        let wanted = figures.into_iter().filter(|(name, _)| self.wants(name));
        let sample = |(name, value)| Given {
            labels: identity.with(METRIC_NAME, name),
            at: None,
            value: Amount::Float(value),
        };
        let samples: Vec<Given> = wanted.map(sample).collect();
        self.turn += 1;
        let taken = self.take_samples(samples.into_iter(), &before, &writer);
        self.mark_stale(&before, &writer);
        let (turn, same_series) = (self.turn, taken.current == before);
        let target = self.target(key);
        target.reports = taken.current;
        if !same_series {
            target.shape = turn;
        }
    }

    /// A page that is older than the one before it comes after the clock was set back. What the target gave since
    /// then lies in the future now, and would be taken for news once more as the clock goes over it.
    fn follow_a_clock_set_back(&mut self, key: &TargetKey, at: Timestamp) {
        let target = self.target(key);
        if target.health.last_try.is_none_or(|last| last <= at) {
            return;
        }
        let scraped = target.current.iter().chain(&target.histograms);
        let series: Vec<SeriesId> = scraped.chain(&target.reports).copied().collect();
        for id in series {
            if let Some(series) = self.store.get_mut(id) {
                series.samples.take_back(at);
            }
        }
    }

    /// Takes what a rule recorded at `at`, and marks what it no longer records. Doing so again for the same instant
    /// changes nothing, or puts the new values in the place of the old.
    pub fn append(&mut self, rule: &RuleId, at: Timestamp, samples: &[Recorded]) {
        let last = self.rules.get(rule).map(|state| state.last);
        if last.is_some_and(|last| at < last) {
            self.dropped.out_of_order += samples.len() as u64;
            return;
        }
        let interval = last.map_or(Duration::ZERO, |last| at.since(last));
        let known = self.rules.get(rule).map(|state| state.origin.clone());
        let origin = known.unwrap_or_else(|| Arc::new(Origin::Rule(rule.clone())));
        let writer = Writer { replaces: true, ..Writer::new(origin.clone(), interval, at) };
        self.turn += 1;
        let mut current = Vec::with_capacity(samples.len());
        for recorded in samples {
            let Ok(id) = self.series_for(&recorded.labels, &writer) else { continue };
            if !self.note_seen(id, &writer, false) {
                self.dropped.duplicate += 1;
                continue;
            }
            current.push(id);
            if let Some(series) = self.store.get_mut(id) {
                if *series.feeds != *recorded.feeds {
                    series.feeds = recorded.feeds.as_slice().into();
                }
                series.interval = series.interval.max(interval);
            }
            self.put(id, Sample { at, value: recorded.value }, &writer);
        }
        let fresh = RecordingRule { origin, first: at, last: at, current: Vec::new() };
        let state = self.rules.entry(rule.clone()).or_insert(fresh);
        state.last = at;
        let before = std::mem::replace(&mut state.current, current);
        self.mark_stale(&before, &writer);
        self.finish_write(at);
    }

    /// A target has left discovery: all its series end, those of its reports too.
    pub fn target_gone(&mut self, target: &TargetKey, at: Timestamp) {
        self.awaited.remove(target);
        let Some(state) = self.targets.get_mut(target).filter(|state| state.left.is_none()) else { return };
        state.leave(at);
        let interval = state.health.interval;
        let [current, histograms, reports] =
            [&mut state.current, &mut state.histograms, &mut state.reports].map(std::mem::take);
        (state.page_series, state.holes, state.ended) = (None, Vec::new(), Vec::new());
        let (origin, report_origin) = (state.origin.clone(), state.report_origin.clone());
        self.turn += 1;
        for (origin, series) in [(origin.clone(), current), (origin, histograms), (report_origin, reports)] {
            self.mark_stale(&series, &Writer::new(origin, interval, at));
        }
        self.finish_write(at);
    }

    fn take_samples(
        &mut self,
        samples: impl Iterator<Item = Given>,
        before: &[SeriesId],
        writer: &Writer,
    ) -> Taken {
        let mut taken = Taken::default();
        for (sample, place) in samples.zip(0u32..) {
            // A target gives its series in the same order each time: most often the next one is where it was.
            let guess = before.get(taken.current.len()).copied();
            let known =
                guess.filter(|id| self.store.get(*id).is_some_and(|s| s.labels.is_the_same(&sample.labels)));
            let id = match known.map_or_else(|| self.series_for(&sample.labels, writer), Ok) {
                Ok(id) => id,
                Err(refused) => {
                    taken.holes.push(place);
                    taken.refused |= refused == Refused::Limit;
                    continue;
                }
            };
            let at = sample.at.unwrap_or(writer.at);
            let was_live = self.store.get(id).is_some_and(|s| s.live && s.is_of(&writer.origin));
            if self.note_seen(id, writer, sample.at.is_some()) {
                taken.current.push(id);
                taken.added += u64::from(!was_live);
            } else {
                taken.holes.push(place);
                if self.store.get(id).and_then(|s| s.samples.last_at()).is_some_and(|last| at <= last) {
                    self.dropped.duplicate += 1;
                    continue;
                }
            }
            if at > writer.at + AHEAD {
                self.dropped.too_new += 1;
                continue;
            }
            match sample.value {
                Amount::Float(value) => self.put(id, Sample { at, value }, writer),
                Amount::Histogram(value) => self.put_histogram(id, HistogramSample { at, value }, writer),
            }
        }
        taken
    }

    /// Notes that a series is there in this turn, and that it is the writer's now. Says whether it is for the
    /// first time in this turn.
    fn note_seen(&mut self, id: SeriesId, writer: &Writer, own_times: bool) -> bool {
        let turn = self.turn;
        let Some(series) = self.store.get_mut(id) else { return false };
        if series.turn == turn {
            return false;
        }
        series.turn = turn;
        series.live = true;
        series.own_times = own_times && !writer.marks_own_times;
        series.last_seen = writer.at;
        if !series.is_of(&writer.origin) {
            series.origin = writer.origin.clone();
            series.feeds = Box::default();
        }
        // At the creation of a recorded series the distance to the next evaluation is not known yet.
        if writer.interval > Duration::ZERO {
            series.interval = writer.interval;
        }
        true
    }

    /// Ends those of `before` that are still the writer's and were not in this turn, and says which.
    fn mark_stale(&mut self, before: &[SeriesId], writer: &Writer) -> Vec<SeriesId> {
        let (turn, mut ended) = (self.turn, Vec::new());
        for id in before {
            let Some(series) = self.store.get_mut(*id) else { continue };
            if series.turn == turn || !series.live || !series.is_of(&writer.origin) {
                continue;
            }
            series.live = false;
            ended.push(*id);
            if !series.own_times {
                self.put(*id, Sample { at: writer.at, value: f64::from_bits(STALE_NAN) }, writer);
            }
        }
        ended
    }
}
