//! The pages that came since the last checkpoint was begun, as bytes, so that a kill loses none of them.
//!
//! In:   pages as the window takes them; or what reads the bytes of an earlier process.
//! Out:  bytes to append to a file, record by record; or the pages again, up to where a write was torn.
//! Not:  no file.
//!
//! Each page is a record of its own (see `records`). The series of a page are written, deflated, where they are others
//! than on the target's page before; else the values alone. Of a native histogram that was on the page before is written
//! what changed.

use std::collections::HashMap;
use std::io::{self, Read, Write as _};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::model::{Labels, TargetKey, Timestamp};
use crate::promql::Histogram;
use crate::series::codec::{Reader, Writer, unzigzag, zigzag};
use crate::series::histograms::{read_after, write_after};
use crate::series::records::{self, Records};
use crate::series::target::Target;
use crate::series::{Page, PageHistogram, PageSamples, ScrapeReport, Window};

/// More than this is not held for somebody who does not take it.
const HELD_BYTES_MAX: usize = 64 << 20;

/// What a record begins with.
const PAGE: u64 = 0;
const PROCESS: u64 = 1;

/// Records pages while somebody takes what it recorded.
#[derive(Debug, Default)]
pub(super) struct Tape {
    is_on: bool,
    bytes: Vec<u8>,
    written: LastPages,
}

/// The page of each target before: what a record leaves out is as there.
#[derive(Debug, Default)]
struct LastPages {
    /// The labels of the target and the series.
    lists: HashMap<TargetKey, (Labels, Arc<[Labels]>)>,
    histograms: HashMap<TargetKey, Vec<PageHistogram>>,
}

/// What was found on a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// The pages that the window did not have yet.
    pub pages: usize,
    /// How many bytes are whole records; what follows was torn.
    pub whole_bytes: u64,
}

impl Tape {
    pub(super) fn record(&mut self, page: &Page) {
        if !self.is_on {
            return;
        }
        if HELD_BYTES_MAX < self.bytes.len() {
            *self = Self::default();
            return;
        }
        let written = &mut self.written;
        records::append(&mut self.bytes, |content| {
            content.number(PAGE);
            content.text(page.target.as_str());
            content.time(page.at);
            content.duration(page.interval);
            content.number(u64::from(page.marks_own_times));
            write_report(&page.report, content);
            match &page.samples {
                Err(error) => {
                    content.number(0);
                    content.text(error);
                    content.labels(&page.identity);
                }
                Ok(samples) => written.write_samples(page, samples, content),
            }
            written.write_histograms(page, content);
        });
    }
}

impl LastPages {
    fn write_histograms(&mut self, page: &Page, to: &mut Writer) {
        to.number(page.histograms.len() as u64);
        if page.histograms.is_empty() {
            self.histograms.remove(&page.target);
            return;
        }
        let before = self.histograms.insert(page.target.clone(), page.histograms.clone());
        for (place, histogram) in page.histograms.iter().enumerate() {
            write_histogram(before.as_ref().and_then(|before| before.get(place)), histogram, to);
        }
    }

    fn write_samples(&mut self, page: &Page, samples: &PageSamples, to: &mut Writer) {
        let known = self.lists.get(&page.target);
        let is_known = known.is_some_and(|(identity, series)| {
            Arc::ptr_eq(series, &samples.series) && *identity == page.identity
        });
        if is_known {
            to.number(1);
        } else {
            to.number(2);
            let mut lists = Writer(Vec::new());
            lists.labels(&page.identity);
            lists.number(samples.series.len() as u64);
            samples.series.iter().for_each(|labels| lists.labels(labels));
            let packed = deflate(&lists.0);
            to.number(packed.len() as u64);
            to.0.extend_from_slice(&packed);
            self.lists.insert(page.target.clone(), (page.identity.clone(), samples.series.clone()));
        }
        to.number(samples.values.len() as u64);
        samples.values.iter().for_each(|value| to.value(*value));
        to.number(samples.times.len() as u64);
        for (place, at) in &samples.times {
            to.number(u64::from(*place));
            to.time(*at);
        }
    }
}

impl Window {
    /// Begins to record pages anew: what is recorded from here on is read without what was before. Gives what was
    /// recorded until now and not taken.
    pub fn start_tape(&self) -> Vec<u8> {
        std::mem::replace(&mut *self.tape(), Tape { is_on: true, ..Tape::default() }).bytes
    }

    /// Records that a process goes on at `now` where another ended: what lies between them is nobody's gap but ours.
    pub fn record_start(&self, now: Timestamp) {
        records::append(&mut self.tape().bytes, |content| {
            content.number(PROCESS);
            content.time(now);
        });
    }

    /// Records no more pages until `start_tape`: what was taken is lost.
    pub fn stop_tape(&self) {
        *self.tape() = Tape::default();
    }

    /// What was recorded since it was last taken; `None` where nothing is recorded, as after more came than anybody took.
    pub fn take_tape(&self) -> Option<Vec<u8>> {
        let mut tape = self.tape();
        tape.is_on.then(|| std::mem::take(&mut tape.bytes))
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the pages that earlier processes recorded, as far as the checkpoint that this window was restored from
    /// does not have them.
    ///
    /// # Errors
    /// Where they cannot be read. The pages before that are taken in.
    pub fn play(&mut self, from: impl Read, now: Timestamp) -> io::Result<Played> {
        // The process that recorded was not away after its checkpoint.
        self.targets.values_mut().for_each(Target::resume);
        let played = self.take_pages(from, now);
        self.begin_anew(now);
        played
    }

    /// Nobody was scraped yet by a process that begins at `now`.
    fn begin_anew(&mut self, now: Timestamp) {
        for target in self.targets.values_mut() {
            target.restore(target.times(), now);
        }
    }

    fn take_pages(&mut self, from: impl Read, now: Timestamp) -> io::Result<Played> {
        let (mut records, mut before) = (Records::new(from), LastPages::default());
        let mut played = Played { pages: 0, whole_bytes: 0 };
        while let Some(content) = records.read_next()? {
            let Some(record) = read_record(content, &mut before) else { break };
            played.whole_bytes = records.whole_bytes();
            match record {
                Record::Process(at) => self.begin_anew(at),
                Record::Page(page) => {
                    let last = self.targets.get(&page.target).and_then(|target| target.health.last_try);
                    if page.at <= now && last.is_none_or(|last| last < page.at) {
                        self.ingest(*page);
                        played.pages += 1;
                    }
                }
            }
        }
        Ok(played)
    }
}

/// What a record says.
enum Record {
    Page(Box<Page>),
    /// A process began then.
    Process(Timestamp),
}

fn read_record(content: &[u8], known: &mut LastPages) -> Option<Record> {
    let mut from = Reader { bytes: content, at: 0 };
    match from.number()? {
        PAGE => read_page(&mut from, known).map(|page| Record::Page(Box::new(page))),
        PROCESS => from.time().map(Record::Process),
        _ => None,
    }
}

fn read_page(from: &mut Reader<'_>, known: &mut LastPages) -> Option<Page> {
    let target = TargetKey::from(from.text()?.to_owned());
    let (at, interval) = (from.time()?, from.duration()?);
    let marks_own_times = from.number()? == 1;
    let report = read_report(from)?;
    let (identity, samples) = match from.number()? {
        0 => {
            let error = from.text()?.to_owned();
            (from.labels()?, Err(error))
        }
        kind => {
            if kind == 2 {
                known.lists.insert(target.clone(), read_lists(from)?);
            }
            let (identity, series) = known.lists.get(&target)?.clone();
            let values = (0..from.number()?).map(|_| from.value()).collect::<Option<Vec<f64>>>()?;
            let time = |from: &mut Reader<'_>| Some((u32::try_from(from.number()?).ok()?, from.time()?));
            let times = (0..from.number()?).map(|_| time(from)).collect::<Option<Vec<_>>>()?;
            (identity, Ok(PageSamples { series, values, times }))
        }
    };
    let before = known.histograms.get(&target);
    let mut histograms = Vec::new();
    for place in 0..from.number()? {
        let before = before.and_then(|before| before.get(usize::try_from(place).ok()?));
        histograms.push(read_histogram(before, from)?);
    }
    known.histograms.insert(target.clone(), histograms.clone());
    Some(Page { target, identity, at, interval, samples, histograms, marks_own_times, report })
}

/// Writes a native histogram as what changed since the one that was in its place on the page before.
fn write_histogram(before: Option<&PageHistogram>, histogram: &PageHistogram, to: &mut Writer) {
    let known = before.filter(|before| before.labels == histogram.labels);
    to.number(u64::from(known.is_some()));
    to.maybe_time(histogram.at);
    match known {
        Some(known) => write_after(&known.value, &histogram.value, to),
        None => {
            to.labels(&histogram.labels);
            write_after(&Histogram::default(), &histogram.value, to);
        }
    }
}

fn read_histogram(before: Option<&PageHistogram>, from: &mut Reader<'_>) -> Option<PageHistogram> {
    let (is_known, at) = (from.number()? == 1, from.maybe_time()?);
    let (labels, value) = if is_known {
        let known = before?;
        (known.labels.clone(), read_after(&known.value, from)?)
    } else {
        (from.labels()?, read_after(&Histogram::default(), from)?)
    };
    Some(PageHistogram { labels, at, value: Arc::new(value) })
}

fn read_lists(from: &mut Reader<'_>) -> Option<(Labels, Arc<[Labels]>)> {
    let length = usize::try_from(from.number()?).ok()?;
    let packed = from.bytes.get(from.at..from.at.checked_add(length)?)?;
    from.at += length;
    let mut lists = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut lists).ok()?;
    let mut from = Reader { bytes: &lists, at: 0 };
    let identity = from.labels()?;
    let series = (0..from.number()?).map(|_| from.labels()).collect::<Option<Vec<Labels>>>()?;
    Some((identity, series.into()))
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // A vector takes all that it is given.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn write_report(report: &ScrapeReport, to: &mut Writer) {
    to.number(u64::try_from(report.duration.as_nanos()).unwrap_or(u64::MAX));
    for figure in [report.scraped, report.post_relabel, report.body_bytes, report.wanted, report.remembered] {
        to.number(figure);
    }
    to.number(report.clock_ahead_ms.map_or(0, |ahead| zigzag(ahead).saturating_add(1)));
}

fn read_report(from: &mut Reader<'_>) -> Option<ScrapeReport> {
    Some(ScrapeReport {
        duration: Duration::from_nanos(from.number()?),
        scraped: from.number()?,
        post_relabel: from.number()?,
        body_bytes: from.number()?,
        wanted: from.number()?,
        remembered: from.number()?,
        clock_ahead_ms: from.number()?.checked_sub(1).map(unzigzag),
    })
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;
