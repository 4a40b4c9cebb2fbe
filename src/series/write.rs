//! What changes the window: pages, recorded samples, targets that go.

use std::time::Duration;

use crate::model::{METRIC_NAME, RuleId, STALE_NAN, TargetKey, Timestamp};
use crate::promql::{Origin, Recorded, Sample, SeriesId};
use crate::series::page::{Page, PageSample};
use crate::series::window::{RecordingRule, Refused, Window, Writer};

/// A page's own times may lie so far in the future, as in Prometheus (`scrape.maxAheadTime`).
const AHEAD: Duration = Duration::from_mins(10);

/// What a good page did to the series of its target.
#[derive(Default)]
struct Taken {
    current: Vec<SeriesId>,
    added: u64,
    refused: bool,
}

impl Window {
    /// Takes a scrape, good or failed. A series that was on the target's last page and is not on this one gets a
    /// staleness marker; so does every one where the scrape failed. The report series (`up`, …) are written too.
    ///
    /// `scrape_series_added` counts only series that some rule wants, as no other is looked at.
    pub fn ingest(&mut self, page: Page) {
        // Native histograms are not kept yet.
        let Page { target: key, identity, at, interval, samples, histograms: _, marks_own_times, report } =
            page;
        let error = samples.as_ref().err().cloned();
        self.follow_a_clock_set_back(&key, at);
        let previous_turn = self.target(&key).page_turn;
        let origin = Origin::Target(key.clone());
        let writer = Writer { origin, interval, at, previous_turn, replaces: false };
        let before = std::mem::take(&mut self.target(&key).current);
        let taken = samples.map(|samples| self.take_samples(&samples, &before, &writer)).unwrap_or_default();
        if marks_own_times {
            self.forget_own_times(&taken.current);
        }
        self.mark_stale(&before, &writer);
        let is_good = error.is_none();
        let (kept, added, refused) = (taken.current.len(), taken.added, taken.refused);
        let turn = self.turn;
        let state = self.target(&key);
        state.page_turn = Some(turn);
        state.tried(at, interval, error);
        state.current = taken.current;
        state.refused_since = if refused { Some(state.refused_since.unwrap_or(at)) } else { None };
        state.health.identity = identity.clone();
        state.health.report = report;
        state.health.kept = kept;
        let figures = [
            ("up", if is_good { 1.0 } else { 0.0 }),
            ("scrape_duration_seconds", report.duration.as_secs_f64()),
            ("scrape_samples_scraped", report.scraped as f64),
            ("scrape_samples_post_metric_relabeling", report.post_relabel as f64),
            ("scrape_series_added", added as f64),
        ];
        let origin = Origin::Report(key.clone());
        let writer = Writer { origin, interval, at, previous_turn: None, replaces: false };
        let reports = figures.into_iter().filter(|(name, _)| self.wants(name)).collect::<Vec<_>>();
        let samples: Vec<PageSample> = reports
            .into_iter()
            .map(|(name, value)| PageSample { labels: identity.with(METRIC_NAME, name), at: None, value })
            .collect();
        let before = std::mem::take(&mut self.target(&key).reports);
        let taken = self.take_samples(&samples, &before, &writer);
        self.target(&key).reports = taken.current;
        self.mark_stale(&before, &writer);
        self.finish_write(at);
    }

    /// A page that is older than the one before it comes after the clock was set back. What the target gave since
    /// then lies in the future now, and would be taken for news once more as the clock goes over it.
    fn follow_a_clock_set_back(&mut self, key: &TargetKey, at: Timestamp) {
        let target = self.target(key);
        if target.health.last_try.is_none_or(|last| last <= at) {
            return;
        }
        let series: Vec<SeriesId> = target.current.iter().chain(&target.reports).copied().collect();
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
        let origin = Origin::Rule(rule.clone());
        let writer = Writer { origin, interval, at, previous_turn: None, replaces: true };
        self.turn += 1;
        let mut current = Vec::with_capacity(samples.len());
        for recorded in samples {
            let Ok(id) = self.series_for(&recorded.labels, &writer) else { continue };
            if !self.note_seen(id, &writer, None) {
                self.dropped.duplicate += 1;
                continue;
            }
            current.push(id);
            if let Some(series) = self.store.get_mut(id) {
                series.feeds.clone_from(&recorded.feeds);
                series.interval = series.interval.max(interval);
            }
            self.put(id, Sample { at, value: recorded.value }, &writer);
        }
        let fresh = RecordingRule { first: at, last: at, current: Vec::new() };
        let state = self.rules.entry(rule.clone()).or_insert(fresh);
        state.last = at;
        let before = std::mem::replace(&mut state.current, current);
        self.mark_stale(&before, &writer);
        self.finish_write(at);
    }

    /// A target has left discovery: all its series end, those of its reports too.
    pub fn target_gone(&mut self, target: &TargetKey, at: Timestamp) {
        let Some(state) = self.targets.get_mut(target).filter(|state| state.left.is_none()) else { return };
        state.leave(at);
        let interval = state.health.interval;
        let (current, reports) = (std::mem::take(&mut state.current), std::mem::take(&mut state.reports));
        self.turn += 1;
        for (origin, series) in
            [(Origin::Target(target.clone()), current), (Origin::Report(target.clone()), reports)]
        {
            self.mark_stale(&series, &Writer { origin, interval, at, previous_turn: None, replaces: false });
        }
        self.finish_write(at);
    }

    fn take_samples(&mut self, samples: &[PageSample], before: &[SeriesId], writer: &Writer) -> Taken {
        self.turn += 1;
        let mut taken = Taken { current: Vec::with_capacity(samples.len()), ..Taken::default() };
        for sample in samples {
            // A target gives its series in the same order each time: most often the next one is where it was.
            let guess = before.get(taken.current.len()).copied();
            let known =
                guess.filter(|id| self.store.get(*id).is_some_and(|s| s.labels.is_the_same(&sample.labels)));
            let id = match known.map_or_else(|| self.series_for(&sample.labels, writer), Ok) {
                Ok(id) => id,
                Err(refused) => {
                    taken.refused |= refused == Refused::Limit;
                    continue;
                }
            };
            let at = sample.at.unwrap_or(writer.at);
            let was_live = self.store.get(id).is_some_and(|s| s.live && s.origin == writer.origin);
            if self.note_seen(id, writer, sample.at) {
                taken.current.push(id);
                taken.added += u64::from(!was_live);
            } else if self.store.get(id).and_then(|s| s.samples.last()).is_some_and(|last| at <= last.at) {
                self.dropped.duplicate += 1;
                continue;
            }
            if at > writer.at + AHEAD {
                self.dropped.too_new += 1;
                continue;
            }
            self.put(id, Sample { at, value: sample.value }, writer);
        }
        taken
    }

    /// Notes that a series is there in this turn, and that it is the writer's now. Says whether it is for the
    /// first time in this turn.
    fn note_seen(&mut self, id: SeriesId, writer: &Writer, own_time: Option<Timestamp>) -> bool {
        let turn = self.turn;
        let Some(series) = self.store.get_mut(id) else { return false };
        if series.turn == turn {
            return false;
        }
        series.turn = turn;
        series.live = true;
        series.own_times = own_time.is_some();
        series.last_seen = writer.at;
        if series.origin != writer.origin {
            series.origin = writer.origin.clone();
            series.feeds.clear();
        }
        // At the creation of a recorded series the distance to the next evaluation is not known yet.
        if writer.interval > Duration::ZERO {
            series.interval = writer.interval;
        }
        true
    }

    /// These get staleness markers although they carry their own times.
    fn forget_own_times(&mut self, series: &[SeriesId]) {
        for id in series {
            if let Some(series) = self.store.get_mut(*id) {
                series.own_times = false;
            }
        }
    }

    /// Ends those of `before` that are still the writer's and were not in this turn.
    fn mark_stale(&mut self, before: &[SeriesId], writer: &Writer) {
        let turn = self.turn;
        for id in before {
            let Some(series) = self.store.get_mut(*id) else { continue };
            if series.turn == turn || !series.live || series.origin != writer.origin {
                continue;
            }
            series.live = false;
            if !series.own_times {
                self.put(*id, Sample { at: writer.at, value: f64::from_bits(STALE_NAN) }, writer);
            }
        }
    }
}
