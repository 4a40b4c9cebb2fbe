//! The text formats: Prometheus 0.0.4 and 1.0.0, and the lines of OpenMetrics.
//!
//! In:   a page; for each line, whether its metric is wanted, or the series that is expected there.
//! Out:  lines with a value, whole and in order, borrowed from the page.
//! Not:  lines are not grouped into families, and the format's advice (one `# TYPE` before the samples, …) that
//!       the server does not enforce is not enforced here either.
//!
//! A page is read in one pass over its bytes and without an allocation for a line, unless it escapes something.
//! A line whose metric nobody wants is checked in its form only: name, braces that close, value, timestamp.
//!
//! Where this differs from the Prometheus server (`model/textparse/promparse.go`): a label that comes twice is
//! refused here (the server does it later, in the scrape); a line end within quotes is refused, as the format
//! says; a NUL byte at the start of a line is refused instead of ending the page there; `{,}`, several blanks before a type
//! and a timestamp with a sign are taken, as other readers do. How OpenMetrics is another format is in `open_metrics`.

use std::borrow::Cow;
use std::ops::Range;

use super::bound;
use super::fault::{Fault, FaultAt, ParseError};
use super::labels::{self, Label, LabelPairs, metric_name_end, skip_blanks};
use super::meta;
use super::open_metrics;
use super::value::{read_timestamp, read_value};

/// Which of the text formats a page is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Prometheus 0.0.4 or 1.0.0.
    Prometheus,
    /// OpenMetrics 0.0.1 or 1.0.
    OpenMetrics,
}

/// What the last `# TYPE` says, as far as it changes what a line means: to Prometheus 3, the `le` of a histogram and the
/// `quantile` of a summary are numbers, so that `1` and `1.0` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Family {
    /// Labels are what they are written as.
    #[default]
    Plain,
    /// `le` is a number.
    Histogram,
    /// `quantile` is a number.
    Summary,
}

impl Family {
    /// What a label's value means: a number is written as OpenMetrics writes it, whichever format it came in.
    pub fn meant<'a>(self, label: &str, value: Cow<'a, str>) -> Cow<'a, str> {
        match (self, label) {
            (Self::Histogram, "le") | (Self::Summary, "quantile") => bound::normal(value),
            _ => value,
        }
    }
}

/// A line with a value.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// What stands before the value, as it is written: the same series is written in the same way each time, so
    /// this can be remembered (`Lines::take_known`).
    pub series: &'a str,
    /// What its labels mean; they are given as written.
    pub family: Family,
    /// The metric's name.
    pub name: Cow<'a, str>,
    /// The other labels.
    pub labels: LabelPairs<'a>,
    /// The value.
    pub value: f64,
    /// The timestamp, where the line has one.
    pub timestamp_ms: Option<i64>,
}

/// What stands behind the series in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The value.
    pub value: f64,
    /// The timestamp, where the line has one.
    pub timestamp_ms: Option<i64>,
}

/// One line with a value, as asked for.
#[derive(Debug, Clone)]
pub enum Step<'a> {
    /// Its metric is wanted.
    Wanted(Line<'a>),
    /// Its metric is not, or it is a native histogram, of which this format has none; the line is counted.
    Skipped,
}

/// The series, the metric's name and what follows, of a line that is wanted; its labels are in `Lines::labels`.
type Found<'a> = (&'a str, Cow<'a, str>, Reading);

/// What was on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Lines with a value.
    pub samples: u64,
    /// Those of them that were wanted.
    pub wanted: u64,
    /// Whether the last line ended in a line feed. A page without it is read, as the server does, but may have
    /// been cut off within its last number.
    pub last_line_ended: bool,
}

/// Reads a whole page: `wants` looks at each metric's name, `visit` gets the lines whose name is wanted.
///
/// # Errors
/// The first fault of the page. What `visit` got until then must be thrown away.
pub fn parse_text(
    page: &[u8],
    wants: impl FnMut(&str) -> bool,
    visit: impl FnMut(Line<'_>),
) -> Result<Counted, ParseError> {
    parse_text_as(TextFormat::Prometheus, page, wants, visit)
}

/// As `parse_text`, of a page in either format.
///
/// # Errors
/// As `parse_text`.
pub fn parse_text_as(
    format: TextFormat,
    page: &[u8],
    mut wants: impl FnMut(&str) -> bool,
    mut visit: impl FnMut(Line<'_>),
) -> Result<Counted, ParseError> {
    let page = decode(format, page)?;
    let mut lines = Lines::new(format, &page);
    while let Some(step) = lines.next_line(&mut wants)? {
        if let Step::Wanted(line) = step {
            visit(line);
        }
    }
    Ok(lines.counted())
}

/// The page as text. Bytes that are no UTF-8 are allowed in plain comments only, as in the server; OpenMetrics has no
/// such comments.
///
/// # Errors
/// `Fault::BadUtf8` where they are elsewhere.
pub fn decode(format: TextFormat, page: &[u8]) -> Result<Cow<'_, str>, ParseError> {
    if let Ok(text) = std::str::from_utf8(page) {
        return Ok(Cow::Borrowed(text));
    }
    for (line, bytes) in page.split(|b| *b == b'\n').enumerate() {
        let Err(bad) = std::str::from_utf8(bytes) else { continue };
        let good = String::from_utf8_lossy(&bytes[..bad.valid_up_to()]);
        let word = good.trim_start_matches([' ', '\t']);
        let is_help =
            word.starts_with(['#']) && word[1..].trim_start_matches([' ', '\t']).starts_with("HELP");
        if !word.starts_with('#') || is_help || format == TextFormat::OpenMetrics {
            let column = good.chars().count() + 1;
            return Err(ParseError { line: line + 1, column, fault: Fault::BadUtf8 });
        }
    }
    Ok(String::from_utf8_lossy(page))
}

/// Walks along the lines of a page that have a value.
#[derive(Debug)]
pub struct Lines<'a> {
    format: TextFormat,
    page: &'a str,
    family: Family,
    /// The start of the first line that has not been read.
    at: usize,
    line: usize,
    line_start: usize,
    samples: u64,
    wanted: u64,
    /// Where the last name before braces stands, and whether it is wanted.
    last_name: Range<usize>,
    last_is_wanted: bool,
    /// The labels of the line that was read last.
    labels: Vec<Label<'a>>,
}

impl<'a> Lines<'a> {
    /// Begins at the start of a page (see `decode`).
    pub fn new(format: TextFormat, page: &'a str) -> Self {
        Self {
            format,
            page,
            family: Family::Plain,
            at: 0,
            line: 1,
            line_start: 0,
            samples: 0,
            wanted: 0,
            last_name: 0..0,
            last_is_wanted: false,
            labels: Vec::new(),
        }
    }

    /// What has been read so far.
    pub fn counted(&self) -> Counted {
        let last_line_ended = self.page.is_empty() || self.page.ends_with('\n');
        Counted { samples: self.samples, wanted: self.wanted, last_line_ended }
    }

    /// The next line with a value, read in full where `wants` says yes to its metric's name; `None` at the end
    /// of the page. For lines of the same name one after another it is asked once.
    ///
    /// # Errors
    /// The fault of the line, or of a comment before it. The page has failed then.
    pub fn next_line(&mut self, wants: impl FnOnce(&str) -> bool) -> Result<Option<Step<'_>>, ParseError> {
        match self.step(wants) {
            Ok(None) => Ok(None),
            Ok(Some(None)) => Ok(Some(Step::Skipped)),
            Ok(Some(Some((series, name, Reading { value, timestamp_ms })))) => {
                let family = self.family;
                let labels = LabelPairs::new(&self.labels);
                Ok(Some(Step::Wanted(Line { series, family, name, labels, value, timestamp_ms })))
            }
            Err(fault) => Err(fault.in_page(self.page, self.line, self.line_start)),
        }
    }

    /// Takes the next line with a value without a look into its series, where that is written as `series` and read as
    /// in `family`, which are those of a `Line` of an earlier page that was good. `None` where it is another, which
    /// `next_line` reads then.
    ///
    /// # Errors
    /// As `next_line`.
    #[inline]
    pub fn take_known(&mut self, series: &[u8], family: Family) -> Result<Option<Reading>, ParseError> {
        self.step_known(series, family).map_err(|fault| fault.in_page(self.page, self.line, self.line_start))
    }

    /// The first `length` bytes of the next line with a value, and how its series is read; `None` where it is shorter.
    ///
    /// # Errors
    /// As `next_line`.
    #[inline]
    pub fn peek(&mut self, length: usize) -> Result<Option<(&'a [u8], Family)>, ParseError> {
        match self.seek_sample() {
            Ok(start) => {
                let bytes = start.and_then(|start| self.page.as_bytes().get(start..start + length));
                Ok(bytes.map(|bytes| (bytes, self.family)))
            }
            Err(fault) => Err(fault.in_page(self.page, self.line, self.line_start)),
        }
    }

    #[inline]
    fn step(&mut self, wants: impl FnOnce(&str) -> bool) -> Result<Option<Option<Found<'a>>>, FaultAt> {
        let Some(start) = self.seek_sample()? else { return Ok(None) };
        let (page, bytes) = (self.page, self.page.as_bytes());
        let known_name = self.name_again(start);
        let name_end = known_name.unwrap_or_else(|| metric_name_end(bytes, start));
        let mut name = Cow::Borrowed(&page[start..name_end]);
        self.labels.clear();
        let mut series_end = name_end;
        let is_wanted;
        let braces = match self.format {
            TextFormat::Prometheus => skip_blanks(bytes, name_end),
            TextFormat::OpenMetrics => name_end,
        };
        let has_braces = bytes.get(braces) == Some(&b'{');
        if name_end == start && !has_braces {
            return Err(self.no_name(start));
        }
        if name_end > start {
            is_wanted = if known_name.is_some() { self.last_is_wanted } else { wants(&name) };
            self.last_name = start..name_end;
            self.last_is_wanted = is_wanted;
            if has_braces && is_wanted {
                series_end = labels::check(self.format, page, braces + 1, true, &mut self.labels)?.end;
            } else if has_braces {
                series_end = self.skip_braces(braces)?;
            }
        } else {
            let checked = labels::check(self.format, page, braces + 1, false, &mut self.labels)?;
            name = checked.name.ok_or_else(|| FaultAt::new(start, Fault::NoName))?.plain();
            series_end = checked.end;
            is_wanted = wants(&name);
        }
        if self.is_composite(series_end) {
            let end = open_metrics::pass_composite(page, series_end + 1)?;
            self.end_line(end);
            self.samples += 1;
            return Ok(Some(None));
        }
        let reading = self.finish(series_end)?;
        self.samples += 1;
        self.wanted += u64::from(is_wanted);
        Ok(Some(is_wanted.then(|| (&page[start..series_end], name, reading))))
    }

    #[inline]
    fn step_known(&mut self, series: &[u8], family: Family) -> Result<Option<Reading>, FaultAt> {
        let Some(start) = self.seek_sample()? else { return Ok(None) };
        let (bytes, end) = (self.page.as_bytes(), start + series.len());
        if family != self.family || !bytes[start..].starts_with(series) {
            return Ok(None);
        }
        // A bare name goes on where more of it, or braces, follow.
        let goes_on = !series.ends_with(b"}")
            && (!matches!(bytes.get(end), Some(b' ' | b'\t'))
                || bytes.get(skip_blanks(bytes, end)) == Some(&b'{'));
        if series.is_empty() || goes_on || self.is_composite(end) {
            return Ok(None);
        }
        let reading = self.finish(end)?;
        self.samples += 1;
        self.wanted += 1;
        Ok(Some(reading))
    }

    /// Passes blank lines and comments, and says where the next line with a value begins, behind its indent.
    #[inline]
    fn seek_sample(&mut self) -> Result<Option<usize>, FaultAt> {
        if self.format == TextFormat::OpenMetrics {
            return self.seek_open_metrics();
        }
        let bytes = self.page.as_bytes();
        loop {
            let start = skip_blanks(bytes, self.at);
            match bytes.get(start) {
                None => return Ok(None),
                Some(b'\n') => self.end_line(start),
                Some(b'#') => {
                    let (end, family) = meta::check(self.page, start)?;
                    self.family = family.unwrap_or(self.family);
                    self.end_line(end);
                }
                Some(_) => return Ok(Some(start)),
            }
        }
    }

    /// As `seek_sample`: no blank lines, no indents, no plain comments, and `# EOF` at the end.
    #[inline]
    fn seek_open_metrics(&mut self) -> Result<Option<usize>, FaultAt> {
        let bytes = self.page.as_bytes();
        while let Some(b'#') = bytes.get(self.at) {
            let Some((end, family)) = open_metrics::check_comment(self.page, self.at)? else {
                return Ok(None);
            };
            self.family = family.unwrap_or(self.family);
            self.end_line(end);
        }
        if self.at == bytes.len() {
            return Err(FaultAt::new(self.at, Fault::NoEnd));
        }
        Ok(Some(self.at))
    }

    /// Where the name at `start` ends, if it is the one of the line before: a family stands together.
    #[inline]
    fn name_again(&self, start: usize) -> Option<usize> {
        let (bytes, last) = (self.page.as_bytes(), &self.page.as_bytes()[self.last_name.clone()]);
        let end = start + last.len();
        // Where another byte follows, the name may be longer.
        let is_whole = matches!(bytes.get(end), Some(b'{' | b' ' | b'\t'));
        (!last.is_empty() && is_whole && bytes[start..end] == *last).then_some(end)
    }

    /// Whether a native histogram follows, which is no part of OpenMetrics 1.0, but is written by some.
    #[inline]
    fn is_composite(&self, series_end: usize) -> bool {
        self.format == TextFormat::OpenMetrics && self.page.as_bytes().get(series_end + 1) == Some(&b'{')
    }

    /// The line that ends at `end` has been read.
    #[inline]
    fn end_line(&mut self, end: usize) {
        self.at = (end + 1).min(self.page.len());
        if end < self.page.len() {
            self.line += 1;
            self.line_start = self.at;
        }
    }

    /// Reads what follows the series, up to the end of the line.
    #[inline]
    fn finish(&mut self, series_end: usize) -> Result<Reading, FaultAt> {
        if self.format == TextFormat::OpenMetrics {
            let (reading, end) = open_metrics::finish(self.page, series_end)?;
            self.end_line(end);
            return Ok(reading);
        }
        let (page, bytes) = (self.page, self.page.as_bytes());
        let (value, value_end) = read_value(page, skip_blanks(bytes, series_end))?;
        let mut end = skip_blanks(bytes, value_end);
        let mut timestamp_ms = None;
        if !matches!(bytes.get(end), None | Some(b'\n')) {
            let (ms, timestamp_end) = read_timestamp(page, end)?;
            timestamp_ms = Some(ms);
            end = skip_blanks(bytes, timestamp_end);
        }
        match bytes.get(end) {
            None | Some(b'\n') => self.end_line(end),
            _ => return Err(FaultAt::expected(page, end, "the end of the line")),
        }
        Ok(Reading { value, timestamp_ms })
    }

    /// Where the braces of a line that nobody wants close. It looks from the end of the line, as no value has a
    /// brace in it, and at what stands before the closing brace; not at what stands between.
    fn skip_braces(&self, open: usize) -> Result<usize, FaultAt> {
        let bytes = self.page.as_bytes();
        let line_end = line_end(bytes, open);
        if self.format == TextFormat::OpenMetrics
            && memchr::memchr2(b'#', b'{', &bytes[open + 1..line_end]).is_some()
        {
            // An exemplar or a native histogram may follow, with braces of its own.
            return labels::pass_braces(self.page, open + 1);
        }
        let close = bytes[open..line_end].iter().rposition(|b| *b == b'}').map(|at| open + at);
        let Some(close) = close else {
            return Err(FaultAt::expected(self.page, line_end, "the closing brace"));
        };
        let before = bytes[open..close].iter().rposition(|b| !matches!(b, b' ' | b'\t')).map(|at| open + at);
        match before.map(|at| bytes[at]) {
            Some(b'"' | b',' | b'{') => Ok(close + 1),
            _ => Err(FaultAt::expected(self.page, close, "the closing quote of a label value")),
        }
    }

    #[cold]
    fn no_name(&self, at: usize) -> FaultAt {
        if self.samples == 0 && self.page.as_bytes().get(at) == Some(&b'<') {
            return FaultAt::new(at, Fault::Html);
        }
        FaultAt::expected(self.page, at, "a metric name")
    }
}

/// Where the line that `at` is in ends: at its line feed, or at the page's end.
#[inline]
pub(super) fn line_end(page: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &page[at..]).map_or(page.len(), |length| at + length)
}
