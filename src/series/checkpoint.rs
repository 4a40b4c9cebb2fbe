//! What of the window outlives a restart, as bytes.
//!
//! In:   the window and the time.
//! Out:  bytes, with checksums. `restore` reads them.
//! Not:  no file: whoever keeps the bytes decides where.
//!
//! A checkpoint is a first line, and records (see `records`): the time, each target, each recording rule, and last how
//! many these were. All of it is of one moment: a series may be another target's in the next. Samples are written
//! compressed, as they are kept.

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

/// What a record begins with.
pub(super) const HEAD: u64 = 0;
pub(super) const TARGET: u64 = 1;
pub(super) const RULE: u64 = 2;
pub(super) const END: u64 = 3;

impl Window {
    /// The bytes of a checkpoint taken at `now`.
    pub fn checkpoint(&self, now: Timestamp) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut count = 1;
        records::append(&mut bytes, |to| {
            to.number(HEAD);
            to.time(now);
        });
        for (key, target) in self.present() {
            records::append(&mut bytes, |to| self.write_target(key, target, to));
            count += 1;
        }
        for (rule, state) in &self.rules {
            records::append(&mut bytes, |to| self.write_rule(rule, state, to));
            count += 1;
        }
        records::append(&mut bytes, |to| {
            to.number(END);
            to.number(count);
        });
        bytes
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
        let own = series.iter().filter_map(|id| self.store.get(*id)).filter(|series| series.is_of(origin));
        let own: Vec<&Series> = own.collect();
        to.number(own.len() as u64);
        for series in own {
            to.labels(&series.labels);
            to.number(u64::from(series.live) | u64::from(series.own_times) << 1);
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

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
