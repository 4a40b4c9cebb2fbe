//! Whether a series that fed an alert is to be had (incidents.md, 'No data is not recovery').

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::{Labels, RuleId, TargetKey, Timestamp};
use crate::promql::{Feed, Origin, Presence};
use crate::series::Window;

/// Rules that record from what rules recorded are followed so deep: a rule may even feed itself. Nothing is lost
/// past it, since a recorded series also names all that fed what fed it.
const DEPTH: usize = 4;

impl Window {
    pub(super) fn presence_of(&self, feed: &Feed, window: Duration, at: Timestamp, depth: usize) -> Presence {
        match &feed.origin {
            Origin::Target(key) => self.presence_on_page(&feed.labels, key, window, at),
            Origin::Report(key) => match self.targets.get(key) {
                Some(target) => target.report_presence(window, at),
                None => self.presence_of_unknown_target(),
            },
            Origin::Rule(rule) => self.presence_of_recorded(&feed.labels, rule, window, at, depth),
            Origin::Loaded => Presence::Whole,
        }
    }

    fn presence_of_unknown_target(&self) -> Presence {
        self.discovered_at.map_or(Presence::Warming, |since| Presence::Ended { since })
    }

    fn presence_on_page(
        &self,
        labels: &Labels,
        key: &TargetKey,
        window: Duration,
        at: Timestamp,
    ) -> Presence {
        let Some(target) = self.targets.get(key) else { return self.presence_of_unknown_target() };
        if let Some(failing) = target.failing(at) {
            return failing;
        }
        let series = self.store.find(labels).and_then(|id| Some((id, self.store.get(id)?)));
        let gone = match series {
            // Two targets may give the same series; then it is the other's at the moment, but on this page too.
            Some((id, series)) => {
                let is_there = series.live
                    && matches!(&*series.origin, Origin::Target(owner) if owner == key)
                    || target.current.contains(&id)
                    || target.histograms.contains(&id);
                (!is_there).then_some(series.last_seen)
            }
            // What nobody wants is not looked for on a page, so the page alone must do.
            None if !self.is_wanted(labels) => None,
            None => match target.refused_since {
                Some(since) => return Presence::Missing { since },
                None => target.first_try,
            },
        };
        match gone {
            Some(_) if target.health.tries < 2 => Presence::Warming,
            Some(since) => Presence::Ended { since },
            None if series.is_some_and(|(_, series)| !series.was_kept(window, at)) => Presence::Warming,
            None => target.coverage(window, at),
        }
    }

    /// A recorded series is to be had where what feeds it is, over the window that its rule needs besides.
    fn presence_of_recorded(
        &self,
        labels: &Labels,
        rule: &RuleId,
        window: Duration,
        at: Timestamp,
        depth: usize,
    ) -> Presence {
        let known = self.recordings.as_ref();
        let Some(state) = self.rules.get(rule) else {
            return match known {
                Some((rules, since)) if !rules.contains_key(rule) => Presence::Ended { since: *since },
                _ => Presence::Warming,
            };
        };
        if depth == DEPTH {
            return Presence::Whole;
        }
        let own_window = known.and_then(|(rules, _)| rules.get(rule)).copied().unwrap_or_default();
        let series =
            |id| self.store.get(id).filter(|s| matches!(&*s.origin, Origin::Rule(owner) if owner == rule));
        let ids = match self.store.find(labels).filter(|id| series(*id).is_some()) {
            Some(id) => vec![id],
            None => state.current.clone(),
        };
        let started = if state.first + window <= at { Presence::Whole } else { Presence::Warming };
        ids.into_iter()
            .filter_map(series)
            .flat_map(|series| &series.feeds)
            .map(|feed| self.presence_of(feed, window.saturating_add(own_window), at, depth + 1))
            .fold(started, worse)
    }
}

/// The one of the two that says less for certain; of two equally bad ones that which is so for longer, of two ends
/// the later.
fn worse(a: Presence, b: Presence) -> Presence {
    let rank = |presence: &Presence| match presence {
        Presence::Whole => (0, Timestamp::default(), Reverse(Timestamp::default())),
        Presence::Ended { since } => (1, *since, Reverse(Timestamp::default())),
        Presence::Warming => (2, Timestamp::default(), Reverse(Timestamp::default())),
        Presence::Missing { since } => (3, Timestamp::default(), Reverse(*since)),
    };
    if rank(&a) < rank(&b) { b } else { a }
}
