//! The window as PromQL reads it.

use std::time::Duration;

use crate::model::{Labels, Matcher, TargetKey, Timestamp};
use crate::promql::{Feed, Origin, Presence, Samples, SeriesId, Source};
use crate::series::Window;
use crate::series::selectors::may_be_on;

impl Window {
    /// Calls `visit` for each of the series `ids` that has samples in `(after, until]`.
    pub(super) fn visit(
        &self,
        ids: &[SeriesId],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        for id in ids {
            let Some(series) = self.store.get(*id) else { continue };
            floats.clear();
            histograms.clear();
            series.samples.read(after, until, &mut floats);
            series.samples.read_histograms(after, until, &mut histograms);
            let samples = Samples { floats: &floats, histograms: &histograms, ..Samples::default() };
            if !samples.is_empty() {
                visit(*id, &series.labels, samples);
            }
        }
    }

    /// As `visit`, with the newest number and the newest histogram alone.
    pub(super) fn visit_latest(
        &self,
        ids: &[SeriesId],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        for id in ids {
            let Some(series) = self.store.get(*id) else { continue };
            let newest = series.samples.latest(after, until);
            let histogram = series.samples.latest_histogram(after, until);
            let (floats, histograms) = (newest.as_slice(), histogram.as_slice());
            let samples = Samples { floats, histograms, ..Samples::default() };
            if !samples.is_empty() {
                visit(*id, &series.labels, samples);
            }
        }
    }
}

impl Source for Window {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.with_members(matchers, &mut |members| self.visit(members, after, until, visit));
    }

    fn select_latest(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.with_members(matchers, &mut |members| self.visit_latest(members, after, until, visit));
    }

    /// A recorded series answers with itself, which tells the window that its rule needs, and with what fed it,
    /// which can be found again after a restart before the rule has been evaluated.
    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        let Some(series) = self.store.get(series) else { return Vec::new() };
        let own = Feed { labels: series.labels.clone(), origin: (*series.origin).clone() };
        match &own.origin {
            Origin::Rule(_) => std::iter::once(own).chain(series.feeds.iter().cloned()).collect(),
            Origin::Target(_) | Origin::Report(_) | Origin::Loaded => vec![own],
        }
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.presence_of(feed, window, at, 0)
    }

    /// A recorded series is from before where one that fed it is.
    fn is_from_before(&self, series: SeriesId, at: Timestamp) -> bool {
        // Soon after the start everybody was asked.
        if self.discovered_at.is_some() && self.awaited.is_empty() {
            return false;
        }
        let is_from_before = |origin: &Origin| match origin {
            Origin::Target(key) | Origin::Report(key) => {
                self.targets.get(key).is_some_and(|target| target.is_from_before(at))
            }
            Origin::Rule(_) | Origin::Loaded => false,
        };
        self.store.get(series).is_some_and(|series| {
            is_from_before(&series.origin) || series.feeds.iter().any(|feed| is_from_before(&feed.origin))
        })
    }

    fn is_awaiting(&self, matchers: &[Matcher]) -> bool {
        let may_have = |key: &TargetKey| {
            self.targets.get(key).is_some_and(|target| may_be_on(&target.health.identity, matchers))
        };
        match self.discovered_at {
            Some(_) => self.awaited.iter().any(may_have),
            None => !self.targets.iter().any(|(key, target)| 0 < target.health.tries && may_have(key)),
        }
    }
}
