//! A window as it was in an earlier process, from the bytes of its checkpoint.
//!
//! In:   what reads the bytes that `checkpoint` made, and the time.
//! Out:  a window that holds what they say as far as rules still want it; or why they cannot be used.
//! Not:  no file: whoever keeps the bytes decides what becomes of broken ones.
//!
//! What is restored is old: a target says nothing about its series before it was scraped again, and where the process
//! was away for more than one of its scrapes, what lies before is no gap in the measurement but our own absence.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, RuleId, TargetKey, Timestamp};
use crate::promql::{Feed, Origin, SeriesId};
use crate::series::Window;
use crate::series::checkpoint::{END, HEAD, MAGIC, RULE, TARGET};
use crate::series::codec::Reader;
use crate::series::records::Records;
use crate::series::samples::Samples;
use crate::series::store::Series;
use crate::series::window::RecordingRule;

/// Why bytes are no checkpoint that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// They do not begin as one, or as one of another version.
    #[error("it is no checkpoint of this version")]
    Unknown,
    /// A checksum does not fit, or the end is missing, as where a write was torn.
    #[error("it is torn or damaged behind byte {0}")]
    Torn(u64),
    /// The checksums fit and the content makes no sense.
    #[error("its content makes no sense behind byte {0}")]
    Nonsense(u64),
    /// It says that it is of a time that has not come yet.
    #[error("it is of {0}, which lies ahead: the clock was set back")]
    Ahead(Timestamp),
    /// The disk does not give them.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl From<io::Error> for CheckpointError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Window {
    /// Takes in a checkpoint, into a window that knows its demand and nothing else. Says of when it is, and how many
    /// series it gave.
    ///
    /// # Errors
    /// Where it is no checkpoint that can be used. The window is as it was then.
    pub fn restore(
        &mut self,
        from: impl Read,
        now: Timestamp,
    ) -> Result<(Timestamp, usize), CheckpointError> {
        self.turn += 1;
        let restored = each_record(from, |record| {
            match record {
                Record::Head(saved_at) if now < saved_at => return Err(CheckpointError::Ahead(saved_at)),
                Record::Target(target) => self.restore_target(*target, now),
                Record::Rule(rule) => self.restore_rule(rule),
                Record::Head(_) | Record::End(_) => {}
            }
            Ok(())
        });
        self.standing.settle(&self.store);
        if restored.is_err() {
            // It knew nothing before.
            self.store.remove_where(|_| true);
            self.targets.clear();
            self.rules.clear();
            self.standing.forget_gone(&self.store);
        }
        Ok((restored?, self.store.len()))
    }

    fn restore_rule(&mut self, rule: ReadRule) {
        let origin = Arc::new(Origin::Rule(rule.id.clone()));
        let current = self.adopt(rule.series, &origin);
        self.rules.insert(rule.id, RecordingRule { origin, first: rule.first, last: rule.last, current });
    }

    fn restore_target(&mut self, target: ReadTarget, now: Timestamp) {
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

    /// Takes in those that some rule wants and that are not there, and says where they are.
    fn adopt(&mut self, series: Vec<ReadSeries>, origin: &Arc<Origin>) -> Vec<SeriesId> {
        series.into_iter().filter_map(|read| self.adopt_one(read, origin)).collect()
    }

    fn adopt_one(&mut self, read: ReadSeries, origin: &Arc<Origin>) -> Option<SeriesId> {
        let is_full = self.limits.series <= self.store.len();
        let look_back = self.standing.look_back(&read.labels).filter(|_| !is_full)?;
        if self.store.find(&read.labels).is_some() {
            return None;
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
        Some(id)
    }
}

/// A series as it was written.
struct ReadSeries {
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
    series: [Vec<ReadSeries>; 4],
}

struct ReadRule {
    id: RuleId,
    first: Timestamp,
    last: Timestamp,
    series: Vec<ReadSeries>,
}

/// What a record says.
enum Record {
    /// Of when the checkpoint is.
    Head(Timestamp),
    Target(Box<ReadTarget>),
    Rule(ReadRule),
    /// How many records come before it.
    End(u64),
}

/// Gives each record of a checkpoint, and says of when it is.
fn each_record(
    mut from: impl Read,
    mut take: impl FnMut(Record) -> Result<(), CheckpointError>,
) -> Result<Timestamp, CheckpointError> {
    let mut magic = Vec::new();
    from.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic != MAGIC {
        return Err(CheckpointError::Unknown);
    }
    let (mut records, mut count, mut saved_at) = (Records::new(from), 0, None);
    loop {
        let behind = MAGIC.len() as u64 + records.whole_bytes();
        let content = records.read_next()?.ok_or(CheckpointError::Torn(behind))?;
        let record = Record::read(content).ok_or(CheckpointError::Nonsense(behind))?;
        match (&record, saved_at) {
            (Record::Head(at), None) => saved_at = Some(*at),
            (Record::End(before), Some(at)) if *before == count => return Ok(at),
            (Record::Target(_) | Record::Rule(_), Some(_)) => {}
            _ => return Err(CheckpointError::Nonsense(behind)),
        }
        take(record)?;
        count += 1;
    }
}

impl Record {
    fn read(content: &[u8]) -> Option<Self> {
        let mut from = Reader { bytes: content, at: 0 };
        let record = match from.number()? {
            HEAD => Self::Head(from.time()?),
            TARGET => Self::Target(Box::new(ReadTarget::read(&mut from)?)),
            RULE => Self::Rule(ReadRule {
                id: RuleId::from(from.text()?.to_owned()),
                first: from.time()?,
                last: from.time()?,
                series: ReadSeries::all(&mut from)?,
            }),
            END => Self::End(from.number()?),
            _ => return None,
        };
        Some(record).filter(|_| from.at == content.len())
    }
}

impl ReadTarget {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (key, identity) = (TargetKey::from(from.text()?.to_owned()), from.labels()?);
        let interval = from.duration()?;
        let mut times = [None; 5];
        for time in &mut times {
            *time = from.maybe_time()?;
        }
        let mut series = || ReadSeries::all(from);
        let series = [series()?, series()?, series()?, series()?];
        Some(Self { key, identity, interval, times, series })
    }
}

impl ReadSeries {
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
