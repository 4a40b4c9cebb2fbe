//! What is known of each target: how its scrapes went, and since when they go without a gap.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, TargetKey, Timestamp};
use crate::promql::{Origin, Presence, SeriesId};
use crate::series::{PageSamples, ScrapeReport};

/// How a target is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetHealth {
    /// Which target.
    pub key: TargetKey,
    /// Its labels (`job`, `instance`, …); none before its first scrape.
    pub identity: Labels,
    /// Its scrape interval.
    pub interval: Duration,
    /// How often it was scraped since the process started, or since it came into discovery.
    pub tries: u64,
    /// When it was last scraped.
    pub last_try: Option<Timestamp>,
    /// When that last went well.
    pub last_ok: Option<Timestamp>,
    /// Why the last scrape failed; `None` where it did not.
    pub last_error: Option<String>,
    /// What the last scrape said of itself.
    pub report: ScrapeReport,
    /// How many series of its last page are kept.
    pub kept: usize,
}

/// A target with what `presence` needs to know of it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) health: TargetHealth,
    pub(super) first_try: Option<Timestamp>,
    /// The first of the good scrapes that have come without a gap up to now; `None` while they fail.
    covered_since: Option<Timestamp>,
    /// The last good scrape before the last gap; `None` where all that lies before it is the start.
    gap_since: Option<Timestamp>,
    /// When it was restored from a checkpoint; `None` where it was scraped since.
    restored_at: Option<Timestamp>,
    /// The last good scrape before which one was left out, and the one before that; as in `gap_since`, `None` where that
    /// was for our own absence.
    left_out: Option<(Timestamp, Option<Timestamp>)>,
    /// When it left discovery.
    pub(super) left: Option<Timestamp>,
    /// The kept series of its last page; those of native histograms apart.
    pub(super) current: Vec<SeriesId>,
    pub(super) histograms: Vec<SeriesId>,
    /// The places on its last page of samples that are not kept.
    pub(super) holes: Vec<u32>,
    /// The series of its last page, where the next one may be taken in the same way if it has the same.
    pub(super) page_series: Option<Arc<[Labels]>>,
    /// Series of it that ended and may still have samples.
    pub(super) ended: Vec<SeriesId>,
    /// Who writes its series, and its report series.
    pub(super) origin: Arc<Origin>,
    pub(super) report_origin: Arc<Origin>,
    /// The turn of the window in which its last page was taken.
    pub(super) page_turn: Option<u64>,
    /// Changes whenever other series of it are kept than before.
    pub(super) shape: u64,
    /// Its report series.
    pub(super) reports: Vec<SeriesId>,
    /// Since when series of it are turned away because of the limit.
    pub(super) refused_since: Option<Timestamp>,
}

impl Target {
    pub(super) fn new(key: TargetKey) -> Self {
        Self {
            origin: Arc::new(Origin::Target(key.clone())),
            report_origin: Arc::new(Origin::Report(key.clone())),
            health: TargetHealth {
                key,
                identity: Labels::empty(),
                interval: Duration::ZERO,
                tries: 0,
                last_try: None,
                last_ok: None,
                last_error: None,
                report: ScrapeReport::default(),
                kept: 0,
            },
            first_try: None,
            covered_since: None,
            gap_since: None,
            restored_at: None,
            left_out: None,
            left: None,
            current: Vec::new(),
            histograms: Vec::new(),
            holes: Vec::new(),
            page_series: None,
            ended: Vec::new(),
            page_turn: None,
            shape: 0,
            reports: Vec::new(),
            refused_since: None,
        }
    }

    /// Whether a page has the series of the one before, in its order, and nothing that needs a second look.
    pub(super) fn had_these(&self, samples: &PageSamples) -> bool {
        samples.times.is_empty()
            && self.page_series.as_ref().is_some_and(|known| Arc::ptr_eq(known, &samples.series))
    }

    /// It was scraped at `at`, well or not.
    pub(super) fn tried(&mut self, at: Timestamp, interval: Duration, error: Option<String>) {
        self.join();
        // Scrapes that were left out are a gap too: the process was away or slept, or the machine did. One alone is
        // not, or a restart would hold what looks back for an hour for that hour; half an interval is for jitter.
        let longest = 5 * interval.max(self.health.interval).max(Duration::from_secs(1)) / 2;
        let since_last = self.health.last_try.map_or(Duration::ZERO, |last| at.since(last));
        // While the process was away, it is not the measurement that was missing.
        let before = self.health.last_ok.filter(|_| self.restored_at.is_none());
        self.health.tries += 1;
        self.first_try.get_or_insert(at);
        self.health.interval = interval;
        self.health.last_try = Some(at);
        if error.is_some() {
            self.covered_since = None;
        } else {
            if self.covered_since.is_none() || longest < since_last {
                self.gap_since = before;
                self.covered_since = Some(at);
            } else if 3 * longest / 5 < since_last {
                self.left_out = Some((at, before));
            }
            self.health.last_ok = Some(at);
        }
        self.health.last_error = error;
        self.restored_at = None;
    }

    /// What a checkpoint keeps of its times.
    pub(super) fn times(&self) -> [Option<Timestamp>; 5] {
        [self.first_try, self.health.last_try, self.health.last_ok, self.covered_since, self.gap_since]
    }

    /// As `times` said it, at `now`.
    pub(super) fn restore(&mut self, times: [Option<Timestamp>; 5], now: Timestamp) {
        [self.first_try, self.health.last_try, self.health.last_ok, self.covered_since, self.gap_since] =
            times;
        self.restored_at = Some(now);
        (self.health.tries, self.health.last_error) = (0, None);
        (self.page_turn, self.refused_since) = (None, None);
    }

    /// Whether all that is known of it at `at` is what was restored, and it will be scraped soon: nobody waits for one
    /// that discovery does not find again.
    pub(super) fn is_from_before(&self, at: Timestamp) -> bool {
        let is_due = |since: Timestamp| at < since + 2 * self.health.interval;
        self.left.is_none() && self.restored_at.is_some_and(is_due)
    }

    /// Nobody was away since what was restored.
    pub(super) fn resume(&mut self) {
        self.restored_at = None;
    }

    /// It is in discovery; where it had left, it begins anew.
    pub(super) fn join(&mut self) {
        if self.left.take().is_some() {
            self.health.tries = 0;
            self.first_try = None;
            self.covered_since = None;
        }
    }

    /// It is in discovery no more.
    pub(super) fn leave(&mut self, at: Timestamp) {
        self.left.get_or_insert(at);
        self.health.kept = 0;
    }

    /// What its scrapes alone say at `at` of one of its series, be it on the page or not: `None` where they go well.
    pub(super) fn failing(&self, at: Timestamp) -> Option<Presence> {
        if let Some(since) = self.left {
            return Some(Presence::Ended { since });
        }
        match (self.health.last_ok, &self.health.last_error) {
            _ if self.restored_at.is_some() => Some(Presence::Warming),
            (None, _) if self.health.tries < 2 => Some(Presence::Warming),
            (last_ok, Some(_)) => Some(
                last_ok.or(self.first_try).map_or(Presence::Warming, |since| Presence::Missing { since }),
            ),
            (last_ok, None) if self.is_overdue(at) => last_ok.map(|since| Presence::Missing { since }),
            (_, None) => None,
        }
    }

    /// Whether no scrape came for longer than one that was left out explains: the process slept, or the clock was set
    /// ahead, and what was measured last is too old to say anything.
    fn is_overdue(&self, at: Timestamp) -> bool {
        // One may be under way for an interval, and the one before it took its time.
        let longest = 3 * self.health.interval.max(Duration::from_secs(1));
        self.health.last_try.is_some_and(|last| longest < at.since(last))
    }

    /// Whether the `window` before `at` is free of gaps, for a target that is not failing.
    pub(super) fn coverage(&self, window: Duration, at: Timestamp) -> Presence {
        // A window of few samples may lack the one that it needs.
        let is_short = window < 4 * self.health.interval;
        if let Some((_, before)) = self.left_out.filter(|(after, _)| is_short && at < *after + window) {
            return before.map_or(Presence::Warming, |since| Presence::Missing { since });
        }
        match (self.covered_since, self.gap_since) {
            (Some(since), _) if since + window <= at => Presence::Whole,
            (_, Some(since)) => Presence::Missing { since },
            (_, None) => Presence::Warming,
        }
    }

    /// The presence of its report series.
    pub(super) fn report_presence(&self, window: Duration, at: Timestamp) -> Presence {
        match (self.left, self.first_try) {
            (Some(since), _) => Presence::Ended { since },
            (None, Some(_)) if self.restored_at.is_some() || self.is_overdue(at) => Presence::Warming,
            (None, Some(first)) if first + window <= at => Presence::Whole,
            (None, _) => Presence::Warming,
        }
    }
}
