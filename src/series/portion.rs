//! What one target has of the standing selectors, so that a rule can be evaluated for that target alone.
//!
//! In:   a target and the window.
//! Out:  the selectors that its series fit, with those series; and a source that shows nothing else.
//! Not:  no rule is known here. A portion is good as long as the target's `shape` stays what it was.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Matcher, TargetKey, Timestamp};
use crate::promql::{Feed, Presence, Samples, SeriesId, Source};
use crate::series::Window;

/// Some selectors, each with the series of one target that fit it, in the order of labels.
pub type Portion = Vec<(Arc<[Matcher]>, Vec<SeriesId>)>;

impl Window {
    /// A number that changes whenever other series of the target are kept than before, or selectors are others;
    /// `None` for a target that is not in discovery.
    pub fn shape(&self, target: &TargetKey) -> Option<u64> {
        self.targets.get(target).filter(|target| target.left.is_none()).map(|target| target.shape)
    }

    /// The labels of a target, which its series share.
    pub fn identity(&self, target: &TargetKey) -> Option<&Labels> {
        self.targets.get(target).map(|target| &target.health.identity)
    }

    /// What the target has of the standing selectors, its report series (`up`, …) included.
    pub fn portion(&self, target: &TargetKey) -> Portion {
        let Some(target) = self.targets.get(target) else { return Vec::new() };
        let mut ids: Vec<(&Labels, SeriesId)> = target
            .current
            .iter()
            .chain(&target.histograms)
            .chain(&target.reports)
            .chain(&target.ended)
            .filter_map(|id| Some((self.store.get(*id)?, *id)))
            .filter(|(series, _)| series.is_of(&target.origin) || series.is_of(&target.report_origin))
            .map(|(series, id)| (&series.labels, id))
            .collect();
        ids.sort_unstable_by_key(|(_, id)| *id);
        ids.dedup_by_key(|(_, id)| *id);
        ids.sort_by_key(|(labels, _)| *labels);
        self.standing.partition(&ids)
    }

    /// The window as if it held only `portion`.
    pub fn only<'a>(&'a self, portion: &'a [(Arc<[Matcher]>, Vec<SeriesId>)]) -> impl Source + 'a {
        PortionView { window: self, portion }
    }
}

struct PortionView<'a> {
    window: &'a Window,
    portion: &'a [(Arc<[Matcher]>, Vec<SeriesId>)],
}

impl PortionView<'_> {
    fn members(&self, matchers: &[Matcher]) -> &[SeriesId] {
        let known = self.portion.iter().find(|(known, _)| **known == *matchers);
        known.map_or(&[], |(_, ids)| ids)
    }
}

impl Source for PortionView<'_> {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.window.visit(self.members(matchers), after, until, visit);
    }

    fn select_latest(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.window.visit_latest(self.members(matchers), after, until, visit);
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        self.window.feeds(series)
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.window.presence(feed, window, at)
    }

    fn is_from_before(&self, series: SeriesId, at: Timestamp) -> bool {
        self.window.is_from_before(series, at)
    }

    fn is_awaiting(&self, matchers: &[Matcher]) -> bool {
        self.window.is_awaiting(matchers)
    }
}
