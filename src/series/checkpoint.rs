//! What of the window outlives a restart, as bytes.
//!
//! In:   the window and the time; or the bytes of an earlier process.
//! Out:  those bytes, with a checksum; or a window that holds what they say as far as rules still want it.
//! Not:  no file: whoever keeps the bytes decides where, and what becomes of broken ones.
//!
//! Samples are written compressed, as they are kept. What is restored is old: a target says nothing about its series
//! before it was scraped again, and where the process was away for more than one of its scrapes, what lies before is no
//! gap in the measurement but our own absence.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::model::{Labels, RuleId, TargetKey, Timestamp};
use crate::promql::{Feed, Origin, SeriesId};
use crate::series::Window;
use crate::series::codec::{Reader, Writer};
use crate::series::samples::Samples;
use crate::series::store::Series;
use crate::series::window::RecordingRule;

/// The first bytes of each checkpoint; another version is another text.
const MAGIC: &[u8] = b"fogsignal window 2\n";
const DIGEST_BYTES: usize = 32;

/// Why bytes are no checkpoint that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// They do not begin as one, or as one of another version.
    #[error("it is no checkpoint of this version")]
    Unknown,
    /// The checksum does not fit, as where a write was torn.
    #[error("its checksum does not fit its content")]
    Torn,
    /// The checksum fits and the content makes no sense.
    #[error("its content makes no sense at byte {0}")]
    Nonsense(usize),
    /// It says that it is of a time that has not come yet.
    #[error("it is of {0}, which lies ahead: the clock was set back")]
    Ahead(Timestamp),
}

impl Window {
    /// The bytes of a checkpoint taken at `now`.
    pub fn checkpoint(&self, now: Timestamp) -> Vec<u8> {
        let mut to = Writer(MAGIC.to_vec());
        to.time(now);
        let targets: Vec<_> = self.targets.iter().filter(|(_, target)| target.left.is_none()).collect();
        to.number(targets.len() as u64);
        for (key, target) in targets {
            to.text(key.as_str());
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
                self.write_series(series, origin, &mut to);
            }
        }
        to.number(self.rules.len() as u64);
        for (rule, state) in &self.rules {
            to.text(rule.as_str());
            to.time(state.first);
            to.time(state.last);
            self.write_series(&state.current, &state.origin, &mut to);
        }
        let digest = Sha256::digest(&to.0);
        to.0.extend_from_slice(&digest);
        to.0
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

    /// Takes in a checkpoint, into a window that knows its demand and nothing else. Says of when it is, and how many
    /// series it gave.
    ///
    /// # Errors
    /// Where the bytes are no checkpoint that can be used. The window is as it was then.
    pub fn restore(&mut self, bytes: &[u8], now: Timestamp) -> Result<(Timestamp, usize), CheckpointError> {
        let content = bytes.strip_prefix(MAGIC).ok_or(CheckpointError::Unknown)?;
        let split = content.len().checked_sub(DIGEST_BYTES).ok_or(CheckpointError::Torn)?;
        let (content, digest) = content.split_at(split);
        if *Sha256::digest(&bytes[..MAGIC.len() + content.len()]) != *digest {
            return Err(CheckpointError::Torn);
        }
        let mut from = Reader { bytes: content, at: 0 };
        let nonsense = |from: &Reader<'_>| CheckpointError::Nonsense(MAGIC.len() + from.at);
        let saved_at = from.time().ok_or_else(|| nonsense(&from))?;
        if now < saved_at {
            return Err(CheckpointError::Ahead(saved_at));
        }
        let read = Content::read(&mut from).filter(|_| from.at == content.len());
        let read = read.ok_or_else(|| nonsense(&from))?;
        self.turn += 1;
        for target in read.targets {
            let known = self.target(&target.key);
            known.restore(target.times, now);
            known.health.identity = target.identity;
            known.health.interval = target.interval;
            let (origin, report_origin) = (known.origin.clone(), known.report_origin.clone());
            let [current, histograms, ended, reports] = target.series;
            let current = self.adopt(current, &origin);
            let histograms = self.adopt(histograms, &origin);
            let ended = self.adopt(ended, &origin);
            let reports = self.adopt(reports, &report_origin);
            let turn = self.turn;
            let known = self.target(&target.key);
            (known.current, known.histograms) = (current, histograms);
            (known.ended, known.reports, known.shape) = (ended, reports, turn);
            known.health.kept = known.current.len() + known.histograms.len();
        }
        for (rule, first, last, series) in read.rules {
            let origin = Arc::new(Origin::Rule(rule.clone()));
            let current = self.adopt(series, &origin);
            self.rules.insert(rule, RecordingRule { origin, first, last, current });
        }
        self.standing.settle(&self.store);
        Ok((saved_at, self.store.len()))
    }

    /// Takes in those that some rule wants and that are not there.
    fn adopt(&mut self, series: Vec<Read>, origin: &Arc<Origin>) -> Vec<SeriesId> {
        let mut ids = Vec::with_capacity(series.len());
        for read in series {
            let is_full = self.limits.series <= self.store.len();
            let Some(look_back) = self.standing.look_back(&read.labels).filter(|_| !is_full) else {
                continue;
            };
            if self.store.find(&read.labels).is_some() {
                continue;
            }
            let labels = read.labels.clone();
            let id = self.store.insert(Series {
                labels: read.labels,
                origin: origin.clone(),
                samples: read.samples,
                look_back,
                interval: read.interval,
                live: read.live,
                own_times: read.own_times,
                unknown_before: None,
                last_seen: read.last_seen,
                turn: 0,
                feeds: read.feeds.into(),
            });
            self.standing.add(id, &labels);
            ids.push(id);
        }
        ids
    }
}

/// A series as it was written.
struct Read {
    labels: Labels,
    live: bool,
    own_times: bool,
    last_seen: Timestamp,
    interval: Duration,
    samples: Samples,
    feeds: Vec<Feed>,
}

struct ReadTarget {
    key: TargetKey,
    identity: Labels,
    interval: Duration,
    times: [Option<Timestamp>; 5],
    /// Those of its last page, its native histograms, those that ended, and its reports.
    series: [Vec<Read>; 4],
}

struct Content {
    targets: Vec<ReadTarget>,
    rules: Vec<(RuleId, Timestamp, Timestamp, Vec<Read>)>,
}

impl Content {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut targets = Vec::new();
        for _ in 0..from.number()? {
            let (key, identity) = (TargetKey::from(from.text()?.to_owned()), from.labels()?);
            let interval = from.duration()?;
            let mut times = [None; 5];
            for time in &mut times {
                *time = from.maybe_time()?;
            }
            let series = [Read::all(from)?, Read::all(from)?, Read::all(from)?, Read::all(from)?];
            targets.push(ReadTarget { key, identity, interval, times, series });
        }
        let mut rules = Vec::new();
        for _ in 0..from.number()? {
            let rule = RuleId::from(from.text()?.to_owned());
            rules.push((rule, from.time()?, from.time()?, Read::all(from)?));
        }
        Some(Self { targets, rules })
    }
}

impl Read {
    fn all(from: &mut Reader<'_>) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        for _ in 0..from.number()? {
            let labels = from.labels()?;
            let flags = from.number()?;
            let (last_seen, interval) = (from.time()?, from.duration()?);
            let samples = Samples::read_back(from.bytes, &mut from.at)?;
            let mut feeds = Vec::new();
            for _ in 0..from.number()? {
                let labels = from.labels()?;
                let (tag, name) = (from.number()?, from.text()?.to_owned());
                let origin = match tag {
                    0 => Origin::Target(name.into()),
                    1 => Origin::Report(name.into()),
                    2 => Origin::Rule(name.into()),
                    3 => Origin::Loaded,
                    _ => return None,
                };
                feeds.push(Feed { labels, origin });
            }
            let (live, own_times) = (flags & 1 == 1, flags & 2 == 2);
            all.push(Self { labels, live, own_times, last_seen, interval, samples, feeds });
        }
        Some(all)
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
