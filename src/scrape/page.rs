//! Reading a page: from the bytes of an answer to samples with their final labels.
//!
//! In:   a body, the target that it is from, the metric names that are wanted, the memory of its last pages.
//! Out:  the samples that are wanted, and the figures of all of them; or the error that fails the whole page.
//! Not:  no network and no clock. A page is never half good: where one line is bad, there are no samples.
//!
//! A line goes through the target's labels (`honor_labels`), metric relabelling and limits once; after that the
//! memory knows what came of it. Where neither relabelling nor a limit on labels needs to see every line, those
//! that nobody wants are passed over after a look at their name.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Labels, LabelsBuilder, METRIC_NAME, Timestamp};
use crate::scrape::memory::{Expected, Known, Memory, Times};
use crate::scrape::{
    Families, Family, Format, Job, Limits, Line, Lines, ProtobufFault, ProtobufSample, ProtobufStep,
    ProtobufValue, ScrapeError, Step, Target, TextFormat, Wants, decode, relabel,
};
use crate::series::{Histogram, PageHistogram, PageSamples};

/// Put before a label of the page that the target has, too.
const EXPORTED_PREFIX: &str = "exported_";
/// How much of a series an error shows.
const SHOWN_CHARS: usize = 80;

/// Which metric names are wanted, and the number of that demand: another demand has another number.
#[derive(Clone, Copy)]
pub(super) struct Demanded<'a> {
    pub(super) number: u64,
    pub(super) wants: &'a dyn Wants,
}

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The samples that are wanted.
    pub(super) samples: PageSamples,
    /// The native histograms that are wanted.
    pub(super) histograms: Vec<PageHistogram>,
    /// All samples on the page.
    pub(super) scraped: u64,
    /// Those left after metric relabelling.
    pub(super) post_relabel: u64,
    /// Those that were read by memory.
    pub(super) remembered: u64,
    /// Samples of a series that the page already had, which were left out; and one such series.
    pub(super) duplicates: u64,
    pub(super) duplicate: Option<Labels>,
}

/// Reads a page. The figures hold up to the fault where there is one.
pub(super) fn read_page(
    body: &[u8],
    format: Format,
    target: &Target,
    demanded: Demanded<'_>,
    memory: &mut Memory,
) -> (Read, Result<(), ScrapeError>) {
    let mut reader = Reader::new(target, demanded, memory);
    let outcome = reader.read(body, format);
    let (mut read, gathered) = (reader.read, reader.gathered);
    match &outcome {
        Ok(()) => {
            read.samples = gathered.finish();
            memory.series = read.samples.series.clone();
        }
        Err(_) => {
            read.samples = PageSamples::default();
            read.histograms = Vec::new();
        }
    }
    (read, outcome)
}

/// Why a protobuf sample fails its page: by itself, or for a reason that all formats have.
enum Refused {
    Sample(ProtobufFault),
    Page(ScrapeError),
}

struct Reader<'a> {
    target: &'a Target,
    job: &'a Job,
    demanded: Demanded<'a>,
    memory: &'a mut Memory,
    read: Read,
    gathered: Gathered,
    /// Whether a series came that the memory has no room for: it may be a known one, written differently.
    has_strangers: bool,
    /// The last name that was asked for, as families stand together, and the answer.
    last_name: (String, bool),
    /// The target's labels, where each line ends with them.
    identity: Option<&'a Labels>,
}

impl<'a> Reader<'a> {
    fn new(target: &'a Target, demanded: Demanded<'a>, memory: &'a mut Memory) -> Self {
        memory.begin_page(demanded.number, demanded.wants);
        Self {
            target,
            job: &target.job,
            demanded,
            gathered: Gathered::after(memory.series.clone()),
            memory,
            read: Read::default(),
            has_strangers: false,
            last_name: (String::new(), false),
            identity: (!target.job.honor_labels && target.job.metric_relabel.is_empty())
                .then_some(&target.identity),
        }
    }

    fn read(&mut self, body: &[u8], format: Format) -> Result<(), ScrapeError> {
        let reads_all = !self.job.metric_relabel.is_empty() || limits_labels(&self.job.limits);
        match format {
            Format::Text => self.read_lines(TextFormat::Prometheus, body, reads_all)?,
            Format::OpenMetrics => self.read_lines(TextFormat::OpenMetrics, body, reads_all)?,
            Format::Protobuf => self.read_families(body, reads_all)?,
        }
        if let Some(limit) = self.job.limits.samples.filter(|limit| *limit < self.read.post_relabel) {
            return Err(ScrapeError::TooManySamples { found: self.read.post_relabel, limit });
        }
        if self.memory.has_twins() || self.has_strangers {
            self.leave_out_twins();
        }
        self.memory.end_page();
        Ok(())
    }

    fn read_lines(&mut self, format: TextFormat, body: &[u8], reads_all: bool) -> Result<(), ScrapeError> {
        let page = decode(format, body)?;
        let mut lines = Lines::new(format, &page);
        loop {
            match self.memory.expected() {
                Some(Expected::Known(known, series, family)) => {
                    if let Some(reading) = lines.take_known(series, family)? {
                        let times = self.memory.note(known);
                        self.read.remembered += 1;
                        self.take_known(known, times, reading.value, reading.timestamp_ms);
                        continue;
                    }
                }
                Some(Expected::Passed(passed)) => {
                    if let Some((series, family)) = lines.peek(passed.length())?
                        && self.memory.passes(passed, series, family)
                        && lines.take_known(series, family)?.is_some()
                    {
                        self.memory.pass(passed);
                        self.read.remembered += 1;
                        self.count(passed.is_dropped());
                        continue;
                    }
                }
                None => {}
            }
            match lines.next_line(|name| reads_all || self.is_wanted(name))? {
                None => return Ok(()),
                Some(Step::Skipped) => self.skip(1),
                Some(Step::Wanted(line)) => self.take_line(&line)?,
            }
        }
    }

    fn read_families(&mut self, body: &[u8], reads_all: bool) -> Result<(), ScrapeError> {
        let mut families = Families::new(body, self.job.histograms);
        loop {
            match families.next_sample(|name| reads_all || self.is_wanted(name))? {
                None => return Ok(()),
                Some(ProtobufStep::Skipped(samples)) => self.skip(samples),
                Some(ProtobufStep::Wanted(sample)) => match self.take_protobuf(&sample) {
                    Ok(()) => {}
                    Err(Refused::Page(error)) => return Err(error),
                    Err(Refused::Sample(fault)) => return Err(families.error(fault).into()),
                },
            }
        }
    }

    fn skip(&mut self, samples: u64) {
        self.read.scraped += samples;
        self.read.post_relabel += samples;
    }

    fn is_wanted(&mut self, name: &str) -> bool {
        if self.last_name.0 != name {
            self.last_name.1 = self.demanded.wants.name(name, self.identity);
            name.clone_into(&mut self.last_name.0);
        }
        self.last_name.1
    }

    fn take_line(&mut self, line: &Line<'_>) -> Result<(), ScrapeError> {
        let (value, timestamp_ms) = (line.value, line.timestamp_ms);
        if let Some(known) = self.memory.find(line.series.as_bytes(), line.family) {
            let times = self.memory.note(known);
            self.take_known(known, times, value, timestamp_ms);
            return Ok(());
        }
        let labels = line.labels.clone().map(|(name, value)| {
            let value = line.family.meant(&name, value);
            (name, value)
        });
        let meaning = self.meaning_of(&line.name, labels, line.series)?;
        if let Some(kept) = self.remember(line.series.as_bytes(), line.family, meaning) {
            self.take(kept, value, timestamp_ms);
        }
        Ok(())
    }

    fn take_protobuf(&mut self, sample: &ProtobufSample<'_>) -> Result<(), Refused> {
        let series = sample.series;
        let expected = match self.memory.expected() {
            Some(Expected::Known(known, expected, _)) => (expected == series).then_some(known),
            Some(Expected::Passed(passed))
                if passed.length() == series.len() && self.memory.passes(passed, series, Family::Plain) =>
            {
                self.memory.pass(passed);
                self.read.remembered += 1;
                self.count(passed.is_dropped());
                return Ok(());
            }
            Some(Expected::Passed(_)) | None => None,
        };
        self.read.remembered += u64::from(expected.is_some());
        let known = expected.or_else(|| self.memory.find(series, Family::Plain));
        let kept = match known {
            Some(known) => Ok(known),
            None => {
                let name = sample.name();
                let labels = sample.labels().map_err(Refused::Sample)?.into_iter();
                let labels = labels.map(|(name, value)| (Cow::Borrowed(name), value));
                let meaning = self.meaning_of(&name, labels, &name).map_err(Refused::Page)?;
                match self.remember(series, Family::Plain, meaning) {
                    Some(kept) => kept,
                    None => return Ok(()),
                }
            }
        };
        match &sample.value {
            ProtobufValue::Float(value) => self.take(kept, *value, sample.timestamp_ms),
            ProtobufValue::Native(native) => {
                self.count(false);
                // One that nobody wants is not built, and so not checked, as a line that nobody wants is not.
                let value = Arc::new(native.histogram().map_err(Refused::Sample)?);
                self.take_native(kept, value, sample.timestamp_ms);
            }
        }
        Ok(())
    }

    /// Remembers what becomes of a series that is new, and says how it is known, or its labels where there is no room.
    /// `None` where nothing of it is kept; it is counted then.
    fn remember(&mut self, series: &[u8], family: Family, meaning: Meaning) -> Option<Result<Known, Labels>> {
        let labels = match meaning {
            Meaning::Kept(labels) => labels,
            Meaning::Unwanted | Meaning::Dropped => {
                let is_dropped = matches!(meaning, Meaning::Dropped);
                self.memory.pass_new(series, family, is_dropped);
                self.count(is_dropped);
                return None;
            }
        };
        let known = self.memory.remember(series, family, labels);
        self.has_strangers |= known.is_err();
        Some(known)
    }

    fn take(&mut self, kept: Result<Known, Labels>, value: f64, timestamp_ms: Option<i64>) {
        match kept {
            Ok(known) => {
                let times = self.memory.note(known);
                self.take_known(known, times, value, timestamp_ms);
            }
            Err(labels) => {
                self.count(false);
                let at = self.own_time(timestamp_ms);
                self.gathered.push(&labels, at, value);
            }
        }
    }

    fn take_native(&mut self, kept: Result<Known, Labels>, value: Arc<Histogram>, timestamp_ms: Option<i64>) {
        let (labels, times) = match kept {
            Ok(known) => {
                let times = self.memory.note(known);
                (self.memory.labels(known).clone(), times)
            }
            Err(labels) => (labels, Times::First),
        };
        let at = self.own_time(timestamp_ms);
        if times == Times::Again && at.is_none() {
            self.leave_out(labels);
        } else {
            self.read.histograms.push(PageHistogram { labels, at, value });
        }
    }

    #[inline]
    fn take_known(&mut self, known: Known, times: Times, value: f64, timestamp_ms: Option<i64>) {
        let at = self.own_time(timestamp_ms);
        self.count(false);
        let labels = self.memory.labels(known);
        // With a time of its own it may be another sample of the series; without one it cannot.
        if times == Times::Again && at.is_none() {
            let labels = labels.clone();
            self.leave_out(labels);
        } else {
            self.gathered.push(labels, at, value);
        }
    }

    fn count(&mut self, is_dropped: bool) {
        self.read.scraped += 1;
        self.read.post_relabel += u64::from(!is_dropped);
    }

    fn own_time(&self, timestamp_ms: Option<i64>) -> Option<Timestamp> {
        timestamp_ms.filter(|_| self.job.honor_timestamps).map(Timestamp::from_millis)
    }

    fn leave_out(&mut self, labels: Labels) {
        self.read.duplicates += 1;
        self.read.duplicate.get_or_insert(labels);
    }

    /// What becomes of a series that is new.
    fn meaning_of<'n>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (Cow<'n, str>, Cow<'n, str>)>,
        series: &str,
    ) -> Result<Meaning, ScrapeError> {
        let mut builder = with_target(name, labels, &self.target.identity, self.job.honor_labels);
        if !relabel(&self.job.metric_relabel, &mut builder) {
            return Ok(Meaning::Dropped);
        }
        let labels = builder.build();
        if labels.metric_name().is_empty() {
            return Err(ScrapeError::NoName { series: shown(series) });
        }
        check_labels(&labels, &self.job.limits)?;
        Ok(if self.demanded.wants.series(&labels) { Meaning::Kept(labels) } else { Meaning::Unwanted })
    }

    /// Two lines can mean the same series and be written differently, or be made the same by relabelling: the
    /// first stands, as in Prometheus.
    fn leave_out_twins(&mut self) {
        let mut known = HashSet::new();
        let mut left_out = Vec::new();
        let samples = std::mem::take(&mut self.gathered).finish();
        let mut stays = |labels: &Labels, at: Option<Timestamp>| {
            let stays = known.insert(labels.clone()) || at.is_some();
            if !stays {
                left_out.push(labels.clone());
            }
            stays
        };
        let mut gathered = Gathered::after(self.memory.series.clone());
        samples
            .iter()
            .filter(|sample| stays(&sample.labels, sample.at))
            .for_each(|sample| gathered.push(&sample.labels, sample.at, sample.value));
        self.gathered = gathered;
        self.read.histograms.retain(|histogram| stays(&histogram.labels, histogram.at));
        for labels in left_out {
            self.leave_out(labels);
        }
    }
}

/// What becomes of a series.
enum Meaning {
    /// A sample with these labels is kept.
    Kept(Labels),
    /// It passes relabelling, but no rule wants it.
    Unwanted,
    /// Relabelling drops it.
    Dropped,
}

/// The samples of a page as they come. As long as their series are those of the page before, none is looked at.
#[derive(Default)]
struct Gathered {
    before: Arc<[Labels]>,
    /// The series of this page, once they are others.
    others: Option<Vec<Labels>>,
    values: Vec<f64>,
    times: Vec<(u32, Timestamp)>,
}

impl Gathered {
    fn after(before: Arc<[Labels]>) -> Self {
        Self { values: Vec::with_capacity(before.len()), before, others: None, times: Vec::new() }
    }

    #[inline]
    fn push(&mut self, labels: &Labels, at: Option<Timestamp>, value: f64) {
        let place = self.values.len();
        match &mut self.others {
            Some(others) => others.push(labels.clone()),
            None if self.before.get(place).is_some_and(|before| before.is_the_same(labels)) => {}
            None => {
                let mut others = self.before[..place].to_vec();
                others.push(labels.clone());
                self.others = Some(others);
            }
        }
        if let Some(at) = at {
            self.times.push((u32::try_from(place).unwrap_or(u32::MAX), at));
        }
        self.values.push(value);
    }

    fn finish(self) -> PageSamples {
        let series = match self.others {
            Some(others) => others.into(),
            None if self.values.len() == self.before.len() => self.before,
            None => self.before[..self.values.len()].into(),
        };
        PageSamples { series, values: self.values, times: self.times }
    }
}

/// The labels of the line and those of the target. Where both have one, `honor_labels` lets the page win, and
/// a label that the page leaves empty wins too: it ends up absent. Otherwise the page's is renamed.
fn with_target<'n>(
    name: &str,
    labels: impl Iterator<Item = (Cow<'n, str>, Cow<'n, str>)>,
    identity: &Labels,
    honor_labels: bool,
) -> LabelsBuilder {
    let mut builder = identity.edit();
    let mut conflicts: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    if honor_labels || identity.get(METRIC_NAME).is_none() {
        builder.put(METRIC_NAME, name);
    } else {
        conflicts.push((METRIC_NAME.into(), name.to_owned().into()));
    }
    for (name, value) in labels {
        if honor_labels || identity.get(&name).is_none() {
            builder.put(&name, &value);
        } else if !value.is_empty() {
            conflicts.push((name, value));
        }
    }
    // The shortest first, so that what is called `exported_…` already moves on last.
    conflicts.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    for (name, value) in conflicts {
        let mut renamed = format!("{EXPORTED_PREFIX}{name}");
        while builder.get(&renamed).is_some() {
            renamed.insert_str(0, EXPORTED_PREFIX);
        }
        builder.put(&renamed, &value);
    }
    builder
}

fn limits_labels(limits: &Limits) -> bool {
    limits.labels.or(limits.label_name_bytes).or(limits.label_value_bytes).is_some()
}

fn check_labels(labels: &Labels, limits: &Limits) -> Result<(), ScrapeError> {
    let check = |setting, found, limit: Option<usize>| match limit {
        Some(limit) if limit < found => {
            Err(ScrapeError::Labels { metric: shown(labels.metric_name()), setting, found, limit })
        }
        _ => Ok(()),
    };
    check("label_limit", labels.len(), limits.labels)?;
    for (name, value) in labels.iter() {
        check("label_name_length_limit", name.len(), limits.label_name_bytes)?;
        check("label_value_length_limit", value.len(), limits.label_value_bytes)?;
    }
    Ok(())
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
