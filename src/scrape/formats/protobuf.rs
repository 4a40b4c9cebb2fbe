//! The protobuf format: `io.prometheus.client.MetricFamily` messages, each with its length before it.
//!
//! In:   a page; for each name that a family makes series of, whether it is wanted; which parts of histograms are read.
//! Out:  samples one by one in the order of the page, borrowed from it. Summaries and classic histograms come as the
//!       series that Prometheus makes of them (`_count`, `_sum`, `_bucket`), native histograms as one sample.
//! Not:  help, units (but for their form), exemplars and times of creation. Families of which nothing is wanted are
//!       counted by their structure, their labels are not looked at.
//!
//! Each sample has bytes that stand for its series (`ProtobufSample::series`): the same series has the same bytes on
//! each page, so that it can be remembered as the lines of the text formats are. See `model/textparse/protobufparse.go`
//! in Prometheus and `metrics.proto` of its client model.

use std::borrow::Cow;

use super::bound;
use super::fault::shortened;
use super::native::Message;
use super::wire::{Field, Fields, Malformed};
use crate::model::METRIC_NAME;
use crate::series::{Histogram, Reset};

/// Why a protobuf page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metric family {number}{}: {fault}", of_name(.name))]
pub struct ProtobufError {
    /// The family, from 1.
    pub number: usize,
    /// Its name, where it could be read.
    pub name: String,
    /// What is wrong there.
    pub fault: ProtobufFault,
}

fn of_name(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" (`{name}`)") }
}

/// The ways in which a protobuf page can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufFault {
    /// The bytes are no message, or are cut off.
    #[error("the bytes are no protobuf message, or are cut off")]
    Malformed,
    /// A family without a name.
    #[error("it has no name")]
    NoName,
    /// A text that is none.
    #[error("{0} is not valid UTF-8")]
    BadUtf8(&'static str),
    /// A type that there is not.
    #[error("there is no metric type {0}")]
    Type(u64),
    /// A unit that the name does not end in.
    #[error("the name does not end in its unit `_{0}`")]
    Unit(String),
    /// A label without a name.
    #[error("a label has no name")]
    NoLabelName,
    /// A label twice.
    #[error("label `{0}` is given twice")]
    DuplicateLabel(String),
    /// A native histogram of a resolution that there is not.
    #[error("a native histogram has schema {0}; there are -4 to 8")]
    Schema(i64),
    /// A native histogram that contradicts itself.
    #[error("a native histogram cannot be right: {0}")]
    Histogram(&'static str),
}

impl From<Malformed> for ProtobufFault {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Which parts of histograms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistogramParts {
    /// `scrape_native_histograms`: those that have a native part come as native histograms.
    pub native: bool,
    /// `always_scrape_classic_histograms`: they come as classic ones, too.
    pub classic_too: bool,
}

/// What a family is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Counter,
    Gauge,
    Untyped,
    Summary,
    Histogram,
    GaugeHistogram,
}

/// Which of the series of a metric a sample belongs to. The number is a part of the bytes that stand for the series.
#[derive(Debug, Clone, Copy)]
enum Part {
    Itself,
    Count,
    Sum,
    Bucket(f64),
    Quantile(f64),
    Native,
}

impl Part {
    fn suffix(self) -> &'static str {
        match self {
            Self::Itself | Self::Quantile(_) | Self::Native => "",
            Self::Count => "_count",
            Self::Sum => "_sum",
            Self::Bucket(_) => "_bucket",
        }
    }

    fn write(self, series: &mut Vec<u8>) {
        let (mark, bound) = match self {
            Self::Itself => (0, None),
            Self::Count => (1, None),
            Self::Sum => (2, None),
            Self::Bucket(bound) => (3, Some(bound)),
            Self::Quantile(bound) => (4, Some(bound)),
            Self::Native => (5, None),
        };
        series.push(mark);
        if let Some(bound) = bound {
            series.extend(bound.to_bits().to_le_bytes());
        }
    }
}

/// The names of a family's series that are wanted.
#[derive(Debug, Clone, Copy, Default)]
struct WantedNames {
    itself: bool,
    count: bool,
    sum: bool,
    bucket: bool,
}

impl WantedNames {
    fn any(self) -> bool {
        self.itself || self.count || self.sum || self.bucket
    }

    fn part(self, part: Part) -> bool {
        match part {
            Part::Itself | Part::Quantile(_) | Part::Native => self.itself,
            Part::Count => self.count,
            Part::Sum => self.sum,
            Part::Bucket(_) => self.bucket,
        }
    }
}

/// A sample that is wanted.
#[derive(Debug)]
pub struct ProtobufSample<'a> {
    /// Bytes that stand for its series. They are never those of a line of text, as 0xff is in them.
    pub series: &'a [u8],
    /// The timestamp, where it has one.
    pub timestamp_ms: Option<i64>,
    /// The value.
    pub value: ProtobufValue<'a>,
    name: &'a str,
    part: Part,
    labels: &'a [&'a [u8]],
}

/// The value of a sample.
#[derive(Debug)]
pub enum ProtobufValue<'a> {
    /// A number.
    Float(f64),
    /// A native histogram, which is built where it is asked for.
    Native(NativePart<'a>),
}

/// A native histogram that has been read and not been checked.
#[derive(Debug)]
pub struct NativePart<'a> {
    message: &'a Message<'a>,
    reset: Reset,
}

impl NativePart<'_> {
    /// The histogram.
    ///
    /// # Errors
    /// Where it contradicts itself.
    pub fn histogram(&self) -> Result<Histogram, ProtobufFault> {
        self.message.native(self.reset)
    }
}

impl ProtobufSample<'_> {
    /// The name of its series.
    pub fn name(&self) -> Cow<'_, str> {
        match self.part.suffix() {
            "" => Cow::Borrowed(self.name),
            suffix => Cow::Owned(format!("{}{suffix}", self.name)),
        }
    }

    /// Its other labels.
    ///
    /// # Errors
    /// Where a label has no name or comes twice, or is no text.
    pub fn labels(&self) -> Result<Vec<(&str, Cow<'_, str>)>, ProtobufFault> {
        let mut labels = Vec::with_capacity(self.labels.len() + 1);
        for label in self.labels {
            let (name, value) = read_label(label)?;
            labels.push((name, Cow::Borrowed(value)));
        }
        match self.part {
            Part::Bucket(bound) => labels.push(("le", Cow::Owned(bound::text(bound)))),
            Part::Quantile(bound) => labels.push(("quantile", Cow::Owned(bound::text(bound)))),
            Part::Itself | Part::Count | Part::Sum | Part::Native => {}
        }
        let mut names: Vec<_> = labels.iter().map(|(name, _)| *name).chain([METRIC_NAME]).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(ProtobufFault::DuplicateLabel(shortened(twice[0]))),
            None => Ok(labels),
        }
    }
}

/// One step along a page.
#[derive(Debug)]
pub enum ProtobufStep<'a> {
    /// A sample that is wanted.
    Wanted(ProtobufSample<'a>),
    /// So many that are not.
    Skipped(u64),
}

/// Walks along the samples of a protobuf page.
#[derive(Debug)]
pub struct Families<'a> {
    page: Fields<'a>,
    parts: HistogramParts,
    number: usize,
    name: &'a str,
    kind: Kind,
    wanted: WantedNames,
    /// What is left of the family.
    metrics: Fields<'a>,
    labels: Vec<&'a [u8]>,
    histogram: Message<'a>,
    timestamp_ms: Option<i64>,
    /// The samples of the metric, and how many of them have been given out.
    cells: Vec<(Part, f64)>,
    given: usize,
    /// The bytes for the series, which begin with those of the metric.
    series: Vec<u8>,
    metric_bytes: usize,
}

impl<'a> Families<'a> {
    /// Begins at the start of a page.
    pub fn new(page: &'a [u8], parts: HistogramParts) -> Self {
        Self {
            page: Fields::new(page),
            parts,
            number: 0,
            name: "",
            kind: Kind::default(),
            wanted: WantedNames::default(),
            metrics: Fields::new(&[]),
            labels: Vec::new(),
            histogram: Message::default(),
            timestamp_ms: None,
            cells: Vec::new(),
            given: 0,
            series: Vec::new(),
            metric_bytes: 0,
        }
    }

    /// The next sample whose name `wants` says yes to, or how many were passed before it; `None` at the end.
    ///
    /// # Errors
    /// The page has failed then.
    pub fn next_sample(
        &mut self,
        wants: impl FnMut(&str) -> bool,
    ) -> Result<Option<ProtobufStep<'_>>, ProtobufError> {
        match self.step(wants) {
            Ok(None) => Ok(None),
            Ok(Some(Taken::Skipped(samples))) => Ok(Some(ProtobufStep::Skipped(samples))),
            Ok(Some(Taken::Cell(part, value))) => Ok(Some(ProtobufStep::Wanted(self.sample(part, value)))),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// A fault of the sample that was given out last, with its place.
    pub fn error(&self, fault: ProtobufFault) -> ProtobufError {
        ProtobufError { number: self.number, name: shortened(self.name), fault }
    }

    fn sample(&mut self, part: Part, value: f64) -> ProtobufSample<'_> {
        self.series.truncate(self.metric_bytes);
        part.write(&mut self.series);
        let value = match part {
            Part::Native => {
                let reset = if self.kind == Kind::GaugeHistogram { Reset::Gauge } else { Reset::Unknown };
                ProtobufValue::Native(NativePart { message: &self.histogram, reset })
            }
            _ => ProtobufValue::Float(value),
        };
        ProtobufSample {
            series: &self.series,
            timestamp_ms: self.timestamp_ms,
            value,
            name: self.name,
            part,
            labels: &self.labels,
        }
    }

    #[inline]
    fn step(&mut self, mut wants: impl FnMut(&str) -> bool) -> Result<Option<Taken>, ProtobufFault> {
        let mut skipped = 0;
        loop {
            while let Some((part, value)) = self.cells.get(self.given).copied() {
                if self.wanted.part(part) && 0 < skipped {
                    return Ok(Some(Taken::Skipped(skipped)));
                }
                self.given += 1;
                if self.wanted.part(part) {
                    return Ok(Some(Taken::Cell(part, value)));
                }
                skipped += 1;
            }
            if self.next_metric()? {
                continue;
            }
            match self.next_family(&mut wants)? {
                Some(passed) => skipped += passed,
                None if skipped == 0 => return Ok(None),
                None => return Ok(Some(Taken::Skipped(skipped))),
            }
        }
    }

    /// Goes on to the next family, and says how many samples were passed in it: all, where none of it is wanted.
    fn next_family(&mut self, wants: &mut impl FnMut(&str) -> bool) -> Result<Option<u64>, ProtobufFault> {
        self.cells.clear();
        self.given = 0;
        self.metrics = Fields::new(&[]);
        self.name = "";
        self.number += 1;
        let Some(message) = self.page.next_delimited()? else { return Ok(None) };
        let (mut kind, mut unit, mut metrics) = (0, "", 0);
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(name)) => self.name = text(name, "its name")?,
                (2, Field::Bytes(help)) => {
                    text(help, "its help")?;
                }
                (3, Field::Varint(number)) => kind = number,
                (4, Field::Bytes(_)) => metrics += 1,
                (5, Field::Bytes(bytes)) => unit = text(bytes, "its unit")?,
                _ => {}
            }
        }
        if metrics == 0 {
            // As the server does: nothing is asked of a family that is empty.
            return Ok(Some(0));
        }
        if self.name.is_empty() {
            return Err(ProtobufFault::NoName);
        }
        self.kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Summary,
            3 => Kind::Untyped,
            4 => Kind::Histogram,
            5 => Kind::GaugeHistogram,
            other => return Err(ProtobufFault::Type(other)),
        };
        check_unit(self.name, self.kind, unit)?;
        self.wanted = self.wanted_names(wants);
        if self.wanted.any() {
            self.metrics = Fields::new(message);
            return Ok(Some(0));
        }
        if matches!(self.kind, Kind::Counter | Kind::Gauge | Kind::Untyped) {
            return Ok(Some(metrics));
        }
        self.count(message).map(Some)
    }

    fn wanted_names(&self, wants: &mut impl FnMut(&str) -> bool) -> WantedNames {
        let itself = wants(self.name);
        let mut with = |suffix: &str| wants(&format!("{}{suffix}", self.name));
        match self.kind {
            Kind::Counter | Kind::Gauge | Kind::Untyped => WantedNames { itself, ..WantedNames::default() },
            Kind::Summary => WantedNames { itself, count: with("_count"), sum: with("_sum"), bucket: false },
            Kind::Histogram | Kind::GaugeHistogram => {
                WantedNames { itself, count: with("_count"), sum: with("_sum"), bucket: with("_bucket") }
            }
        }
    }

    /// How many samples a family of summaries or histograms has.
    fn count(&mut self, message: &'a [u8]) -> Result<u64, ProtobufFault> {
        let mut samples = 0;
        let mut metrics = Fields::new(message);
        while self.read_metric(&mut metrics)? {
            samples += self.cells.len() as u64;
        }
        self.cells.clear();
        Ok(samples)
    }

    /// Reads the next metric of the family into `cells`; `false` where there is none.
    fn next_metric(&mut self) -> Result<bool, ProtobufFault> {
        self.given = 0;
        let mut metrics = self.metrics;
        let found = self.read_metric(&mut metrics)?;
        self.metrics = metrics;
        if !found {
            return Ok(false);
        }
        self.series.clear();
        self.series.extend(self.name.as_bytes());
        // No text has this byte, so that it ends the name, and tells these bytes from any line of text.
        self.series.push(0xff);
        for label in &self.labels {
            self.series.extend((label.len() as u64).to_le_bytes());
            self.series.extend(*label);
        }
        self.series.extend([0xff; 8]);
        self.metric_bytes = self.series.len();
        Ok(true)
    }

    fn read_metric(&mut self, metrics: &mut Fields<'a>) -> Result<bool, ProtobufFault> {
        self.cells.clear();
        let message = loop {
            match metrics.next()? {
                None => return Ok(false),
                Some((4, Field::Bytes(message))) => break message,
                Some(_) => {}
            }
        };
        self.labels.clear();
        self.timestamp_ms = None;
        let wanted = match self.kind {
            Kind::Gauge => 2,
            Kind::Counter => 3,
            Kind::Summary => 4,
            Kind::Untyped => 5,
            Kind::Histogram | Kind::GaugeHistogram => 7,
        };
        let mut body: &[u8] = &[];
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(label)) => self.labels.push(label),
                // Zero is no time here: the server cannot tell it from none.
                (6, Field::Varint(ms)) => self.timestamp_ms = (ms != 0).then_some(ms as i64),
                (number, Field::Bytes(bytes)) if number == wanted => body = bytes,
                _ => {}
            }
        }
        match self.kind {
            Kind::Counter | Kind::Gauge | Kind::Untyped => self.cells.push((Part::Itself, read_value(body)?)),
            Kind::Summary => self.read_summary(body)?,
            Kind::Histogram | Kind::GaugeHistogram => self.read_histogram(body)?,
        }
        Ok(true)
    }

    fn read_summary(&mut self, message: &[u8]) -> Result<(), Malformed> {
        self.cells.extend([(Part::Count, 0.0), (Part::Sum, 0.0)]);
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Varint(count)) => self.cells[0].1 = count as f64,
                (2, Field::Fixed64(bits)) => self.cells[1].1 = f64::from_bits(bits),
                (3, Field::Bytes(quantile)) => {
                    let (bound, value) = read_quantile(quantile)?;
                    self.cells.push((Part::Quantile(bound), value));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        self.histogram.read(message)?;
        let histogram = &self.histogram;
        if self.parts.native && histogram.is_native() {
            self.cells.push((Part::Native, 0.0));
            if !self.parts.classic_too || histogram.buckets.is_empty() {
                return Ok(());
            }
        }
        self.cells.extend([(Part::Count, histogram.count()), (Part::Sum, histogram.sum)]);
        for (bound, count) in &histogram.buckets {
            self.cells.push((Part::Bucket(*bound), *count));
            if *bound == f64::INFINITY {
                return Ok(());
            }
        }
        self.cells.push((Part::Bucket(f64::INFINITY), histogram.count()));
        Ok(())
    }
}

/// What `step` came to.
enum Taken {
    Cell(Part, f64),
    Skipped(u64),
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, ProtobufFault> {
    std::str::from_utf8(bytes).map_err(|_| ProtobufFault::BadUtf8(what))
}

/// A counter's unit stands before its `_total`.
fn check_unit(name: &str, kind: Kind, unit: &str) -> Result<(), ProtobufFault> {
    let without_total = name.strip_suffix("_total").filter(|_| kind == Kind::Counter);
    let before = without_total.unwrap_or(name).strip_suffix(unit);
    if unit.is_empty() || before.is_some_and(|before| before.ends_with('_')) {
        return Ok(());
    }
    Err(ProtobufFault::Unit(shortened(unit)))
}

/// Counters, gauges and untyped metrics have their value in the same field.
fn read_value(message: &[u8]) -> Result<f64, Malformed> {
    let mut value = 0.0;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if let (1, Field::Fixed64(bits)) = (number, field) {
            value = f64::from_bits(bits);
        }
    }
    Ok(value)
}

fn read_quantile(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Fixed64(bits)) => quantile = f64::from_bits(bits),
            (2, Field::Fixed64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
    }
    Ok((quantile, value))
}

fn read_label(message: &[u8]) -> Result<(&str, &str), ProtobufFault> {
    let (mut name, mut value) = ("", "");
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = text(bytes, "a label's name")?,
            (2, Field::Bytes(bytes)) => value = text(bytes, "a label's value")?,
            _ => {}
        }
    }
    if name.is_empty() { Err(ProtobufFault::NoLabelName) } else { Ok((name, value)) }
}

#[cfg(test)]
mod tests;
