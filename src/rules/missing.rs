//! Whether the series that fed an alert are still to be had: no data is not recovery.
//!
//! In:   the series that fed an alert, and a `Source` that knows why nothing came.
//! Out:  one word for all of them.
//! Not:  alerts do not move here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use crate::model::Timestamp;
use crate::promql::{Feed, Presence, SeriesId, Source};

/// More feeds than this are not remembered of one alert; the first by labels are as good as any.
pub(super) const FEEDS_MAX: usize = 1000;

/// What can be said of several feeds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// They are there, or there are none that could be missing.
    Whole,
    /// Too soon after a start to say.
    Warming,
    /// One of them at least is not to be had.
    Missing { since: Timestamp },
    /// They are all gone for good.
    Ended { since: Timestamp },
}

/// Asks a source about feeds, about each once an evaluation.
pub(super) struct Judge<'a> {
    source: &'a dyn Source,
    window: Duration,
    at: Timestamp,
    known: RefCell<HashMap<Feed, Presence>>,
}

impl<'a> Judge<'a> {
    /// Judges by the `window` before `at`.
    pub(super) fn new(source: &'a dyn Source, window: Duration, at: Timestamp) -> Self {
        Self { source, window, at, known: RefCell::new(HashMap::new()) }
    }

    fn presence(&self, feed: &Feed) -> Presence {
        if let Some(presence) = self.known.borrow().get(feed) {
            return *presence;
        }
        let presence = self.source.presence(feed, self.window, self.at);
        self.known.borrow_mut().insert(feed.clone(), presence);
        presence
    }

    /// One missing feed makes the whole missing, since it could hold the value up; gone it is only when all
    /// are.
    pub(super) fn judge(&self, feeds: &[Feed]) -> Judgement {
        let (mut missing, mut ended, mut warming, mut whole) = (None, None, false, feeds.is_empty());
        for feed in feeds {
            match self.presence(feed) {
                Presence::Missing { since } => {
                    missing = Some(missing.map_or(since, |first: Timestamp| first.min(since)));
                }
                Presence::Ended { since } => {
                    ended = Some(ended.map_or(since, |last: Timestamp| last.max(since)));
                }
                Presence::Warming => warming = true,
                Presence::Whole => whole = true,
            }
        }
        match (missing, ended) {
            (Some(since), _) => Judgement::Missing { since },
            _ if warming => Judgement::Warming,
            (None, Some(since)) if !whole => Judgement::Ended { since },
            _ => Judgement::Whole,
        }
    }

    /// The lasting names of `series`, each once, in order, bounded.
    pub(super) fn feeds(&self, series: &[SeriesId]) -> Vec<Feed> {
        let mut feeds: Vec<Feed> = series.iter().flat_map(|series| self.source.feeds(*series)).collect();
        feeds.sort_unstable();
        feeds.dedup();
        feeds.truncate(FEEDS_MAX);
        feeds
    }

    /// What feeds an alert that still breaches: what feeds it now, and what did so far and may come back.
    pub(super) fn renew(&self, before: &[Feed], now: Vec<Feed>) -> Vec<Feed> {
        if before == now {
            return now;
        }
        let mut feeds = now;
        for feed in before {
            let is_new = feeds.binary_search(feed).is_err();
            if is_new && !matches!(self.presence(feed), Presence::Ended { .. }) {
                let at = feeds.partition_point(|have| have < feed);
                feeds.insert(at, feed.clone());
            }
        }
        feeds.truncate(FEEDS_MAX);
        feeds
    }
}
