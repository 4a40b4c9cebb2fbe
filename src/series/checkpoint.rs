//! What of the window outlives a restart, as bytes.
//!
//! In:   the window and the time.
//! Out:  bytes, some at a time, with checksums. `restore` reads them.
//! Not:  no file: whoever keeps the bytes decides where.
//!
//! A checkpoint is a first line, and records (see `records`): the time, each target, each recording rule, and last how
//! many these were. It is neither written nor read as a whole: with a million series it takes 200 MB, and pages come in
//! meanwhile. Each target is written as it is at one moment, with all series that it gives, also those that another
//! gave last: whose they are may change before that one is written. Samples are written compressed, as they are kept.

use std::ops::Bound;
use std::sync::Arc;

use crate::model::{RuleId, TargetKey, Timestamp};
use crate::promql::{Origin, SeriesId};
use crate::series::Window;
use crate::series::codec::Writer;
use crate::series::records;
use crate::series::store::Series;
use crate::series::target::Target;
use crate::series::window::RecordingRule;

/// The first bytes of each checkpoint; another version is another text.
pub(super) const MAGIC: &[u8] = b"fogsignal window 3\n";
/// At least so much is written at a time, and the last target of it whole.
const PORTION_BYTES: usize = 1 << 20;

/// What a record begins with.
pub(super) const HEAD: u64 = 0;
pub(super) const TARGET: u64 = 1;
pub(super) const RULE: u64 = 2;
pub(super) const END: u64 = 3;

/// How far a checkpoint is written.
#[derive(Debug)]
pub struct Progress {
    next: Next,
    records: u64,
    pub(super) portion_bytes: usize,
}

#[derive(Debug)]
enum Next {
    Head(Timestamp),
    TargetAfter(Option<TargetKey>),
    RuleAfter(Option<RuleId>),
    End,
    Nothing,
}

impl Progress {
    /// Nothing is written yet of the checkpoint of `now`.
    pub fn begin(now: Timestamp) -> Self {
        Self { next: Next::Head(now), records: 0, portion_bytes: PORTION_BYTES }
    }
}

impl Window {
    /// The bytes of a checkpoint that follow those before; `None` when all were given. The window may change from one
    /// call to the next, if what comes to it meanwhile is on a tape that began before the first.
    pub fn checkpoint(&self, progress: &mut Progress) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < progress.portion_bytes && self.write_next(progress, &mut bytes) {
            progress.records += 1;
        }
        Some(bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Appends a record; says whether there was one.
    fn write_next(&self, progress: &mut Progress, bytes: &mut Vec<u8>) -> bool {
        loop {
            match &mut progress.next {
                Next::Head(now) => {
                    bytes.extend_from_slice(MAGIC);
                    records::append(bytes, |to| {
                        to.number(HEAD);
                        to.time(*now);
                    });
                    progress.next = Next::TargetAfter(None);
                    return true;
                }
                Next::TargetAfter(last) => {
                    let mut others = self.targets.range(behind(last.as_ref()));
                    if let Some((key, target)) = others.find(|(_, target)| target.left.is_none()) {
                        records::append(bytes, |to| self.write_target(key, target, to));
                        *last = Some(key.clone());
                        return true;
                    }
                    progress.next = Next::RuleAfter(None);
                }
                Next::RuleAfter(last) => {
                    if let Some((rule, state)) = self.rules.range(behind(last.as_ref())).next() {
                        records::append(bytes, |to| self.write_rule(rule, state, to));
                        *last = Some(rule.clone());
                        return true;
                    }
                    progress.next = Next::End;
                }
                Next::End => {
                    records::append(bytes, |to| {
                        to.number(END);
                        to.number(progress.records);
                    });
                    progress.next = Next::Nothing;
                    return true;
                }
                Next::Nothing => return false,
            }
        }
    }

    fn write_target(&self, key: &TargetKey, target: &Target, to: &mut Writer) {
        to.tagged(TARGET, key.as_str());
        to.labels(&target.health.identity);
        to.duration(target.health.interval);
        for at in target.times() {
            to.maybe_time(at);
        }
        for (series, origin) in [
            (&target.current, &target.origin),
            (&target.histograms, &target.origin),
            (&target.ended, &target.origin),
            (&target.reports, &target.report_origin),
        ] {
            self.write_series(series, origin, to);
        }
    }

    fn write_rule(&self, rule: &RuleId, state: &RecordingRule, to: &mut Writer) {
        to.tagged(RULE, rule.as_str());
        to.time(state.first);
        to.time(state.last);
        self.write_series(&state.current, &state.origin, to);
    }

    fn write_series(&self, series: &[SeriesId], origin: &Arc<Origin>, to: &mut Writer) {
        let series: Vec<&Series> = series.iter().filter_map(|id| self.store.get(*id)).collect();
        to.number(series.len() as u64);
        for series in series {
            to.labels(&series.labels);
            let is_own = series.is_of(origin);
            to.number(u64::from(series.live) | u64::from(series.own_times) << 1 | u64::from(is_own) << 2);
            to.time(series.last_seen);
            to.duration(series.interval);
            series.samples.write(&mut to.0);
            to.number(series.feeds.len() as u64);
            for feed in &series.feeds {
                to.labels(&feed.labels);
                match &feed.origin {
                    Origin::Target(key) => to.tagged(0, key.as_str()),
                    Origin::Report(key) => to.tagged(1, key.as_str()),
                    Origin::Rule(rule) => to.tagged(2, rule.as_str()),
                    Origin::Loaded => to.tagged(3, ""),
                }
            }
        }
    }
}

/// All keys that follow `last`, or all.
fn behind<K>(last: Option<&K>) -> (Bound<&K>, Bound<&K>) {
    (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
