//! The window as PromQL reads it.

use std::time::Duration;

use crate::model::{Labels, Matcher, Timestamp};
use crate::promql::{Feed, Origin, Presence, Sample, SeriesId, Source};
use crate::series::Window;

impl Source for Window {
    fn select(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, &[Sample]),
    ) {
        self.with_members(matchers, &mut |members| {
            for id in members {
                let Some(series) = self.store.get(*id) else { continue };
                let samples = series.samples.range(after, until);
                if !samples.is_empty() {
                    visit(*id, &series.labels, samples);
                }
            }
        });
    }

    /// A recorded series answers with itself, which tells the window that its rule needs, and with what fed it,
    /// which can be found again after a restart before the rule has been evaluated.
    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        let Some(series) = self.store.get(series) else { return Vec::new() };
        let own = Feed { labels: series.labels.clone(), origin: series.origin.clone() };
        match &own.origin {
            Origin::Rule(_) => std::iter::once(own).chain(series.feeds.iter().cloned()).collect(),
            Origin::Target(_) | Origin::Report(_) | Origin::Loaded => vec![own],
        }
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.presence_of(feed, window, at, 0)
    }
}
