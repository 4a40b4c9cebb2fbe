//! What stands in the braces of a line: labels, and in format 1.0.0 also the metric's name.

use std::borrow::Cow;

use super::fault::{Fault, FaultAt, shortened};
use super::text::TextFormat;
use crate::model::METRIC_NAME;

/// May begin a label's name; 1 in `NAME_BYTES`.
const LABEL_START: u8 = 1;
/// May stand in a label's name.
const LABEL_PART: u8 = 2;
/// May begin a metric's name.
const METRIC_START: u8 = 4;
/// May stand in a metric's name.
const METRIC_PART: u8 = 8;

const NAME_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LABEL_START | LABEL_PART | METRIC_START | METRIC_PART,
            b'0'..=b'9' => LABEL_PART | METRIC_PART,
            b':' => METRIC_START | METRIC_PART,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Where the name that begins at `at` ends; `at` itself where none begins there.
#[inline]
pub(super) fn metric_name_end(page: &[u8], at: usize) -> usize {
    name_end(page, at, METRIC_START, METRIC_PART)
}

#[inline]
fn name_end(page: &[u8], at: usize, start: u8, part: u8) -> usize {
    match page.get(at) {
        Some(first) if NAME_BYTES[usize::from(*first)] & start != 0 => {}
        _ => return at,
    }
    let rest = &page[at + 1..];
    let length = rest.iter().position(|b| NAME_BYTES[usize::from(*b)] & part == 0);
    at + 1 + length.unwrap_or(rest.len())
}

/// Where the blanks at `at` end.
#[inline]
pub(super) fn skip_blanks(page: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = page.get(at) {
        at += 1;
    }
    at
}

/// A name or a value as it is written, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    text: &'a str,
    /// Whether a backslash is in it. Most have none, and then there is nothing to copy.
    escaped: bool,
}

impl<'a> Written<'a> {
    /// What it means.
    #[inline]
    pub(super) fn plain(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.text)) } else { Cow::Borrowed(self.text) }
    }

    #[inline]
    fn is(self, other: Written<'_>) -> bool {
        if self.escaped || other.escaped { self.plain() == other.plain() } else { self.text == other.text }
    }
}

/// A label as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'a> {
    name: Written<'a>,
    value: Written<'a>,
}

/// Reads the quoted text whose opening quote stands at `at`, and says where it ends, behind its closing quote.
#[inline]
pub(super) fn quoted(page: &str, at: usize) -> Result<(Written<'_>, usize), FaultAt> {
    let bytes = page.as_bytes();
    let (mut here, mut escaped) = (at + 1, false);
    loop {
        match bytes.get(here) {
            Some(b'"') => return Ok((Written { text: &page[at + 1..here], escaped }, here + 1)),
            // What is escaped, a quote above all, ends nothing. A line end cannot be escaped by a backslash.
            Some(b'\\') if bytes.get(here + 1).is_some_and(|b| *b != b'\n') => {
                escaped = true;
                here += 2;
            }
            None | Some(b'\n') => return Err(FaultAt::expected(page, here, "the closing quote")),
            Some(_) => here += 1,
        }
    }
}

/// Reads the metric name at `at`, with or without quotes, and says where it ends: at `at` where none is there.
pub(super) fn metric_name(page: &str, at: usize) -> Result<(Written<'_>, usize), FaultAt> {
    if page.as_bytes().get(at) == Some(&b'"') {
        return quoted(page, at);
    }
    let end = metric_name_end(page.as_bytes(), at);
    Ok((Written { text: &page[at..end], escaped: false }, end))
}

/// Reads `\"`, `\\` and `\n`; any other backslash stands for itself, as in the server.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let (meant, length) = match rest.as_bytes().get(at + 1) {
            Some(b'"') => ('"', 2),
            Some(b'n') => ('\n', 2),
            Some(b'\\') => ('\\', 2),
            _ => ('\\', 1),
        };
        plain.push(meant);
        rest = &rest[at + length..];
    }
    plain.push_str(rest);
    plain
}

/// The pieces of what stands in braces.
enum Piece<'a> {
    Name(Written<'a>),
    Label(usize, Label<'a>),
    End,
}

/// Walks along what stands in braces, from behind the opening one.
struct Braces<'a> {
    format: TextFormat,
    page: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Braces<'a> {
    fn new(format: TextFormat, page: &'a str, at: usize) -> Self {
        Self { format, page, at, first: true }
    }

    #[inline]
    fn next(&mut self) -> Result<Piece<'a>, FaultAt> {
        let bytes = self.page.as_bytes();
        let mut at = skip_blanks(bytes, self.at);
        // `{,}` is written by some clients and means `{}`.
        if self.first && bytes.get(at) == Some(&b',') {
            at = skip_blanks(bytes, at + 1);
            if bytes.get(at) != Some(&b'}') {
                return Err(FaultAt::expected(self.page, at, "the closing brace"));
            }
        }
        self.first = false;
        let start = at;
        let name = match bytes.get(at) {
            Some(b'}') => {
                self.at = at + 1;
                return Ok(Piece::End);
            }
            Some(b'"') => {
                let (name, end) = quoted(self.page, at)?;
                at = end;
                name
            }
            _ => {
                at = name_end(bytes, at, LABEL_START, LABEL_PART);
                Written { text: &self.page[start..at], escaped: false }
            }
        };
        if name.text.is_empty() {
            return Err(FaultAt::expected(self.page, start, "a label name or the closing brace"));
        }
        at = skip_blanks(bytes, at);
        match bytes.get(at) {
            Some(b',' | b'}') if bytes[start] == b'"' => {
                self.at = at + usize::from(bytes[at] == b',');
                return Ok(Piece::Name(name));
            }
            Some(b'=') => {}
            _ => return Err(FaultAt::expected(self.page, at, "`=` behind the label name")),
        }
        at = skip_blanks(bytes, at + 1);
        if bytes.get(at) != Some(&b'"') {
            return Err(FaultAt::expected(self.page, at, "a label value in double quotes"));
        }
        let (value, end) = quoted(self.page, at)?;
        at = skip_blanks(bytes, end);
        // In its own format the server does without the comma between two labels, so pages without it are about.
        if self.format == TextFormat::OpenMetrics && !matches!(bytes.get(at), Some(b',' | b'}')) {
            return Err(FaultAt::expected(self.page, at, "a comma or the closing brace"));
        }
        self.at = at + usize::from(bytes.get(at) == Some(&b','));
        Ok(Piece::Label(start, Label { name, value }))
    }
}

/// What the check of braces found.
pub(super) struct Checked<'a> {
    /// Behind the closing brace.
    pub(super) end: usize,
    /// The metric's name, where it stands in the braces.
    pub(super) name: Option<Written<'a>>,
}

/// Checks what stands in the braces that open before `at`: their form, one metric name in all, no label twice.
/// The labels go to `found`, which is lent so that a line needs no room of its own.
#[inline]
pub(super) fn check<'a>(
    format: TextFormat,
    page: &'a str,
    at: usize,
    named_before: bool,
    found: &mut Vec<Label<'a>>,
) -> Result<Checked<'a>, FaultAt> {
    found.clear();
    let mut braces = Braces::new(format, page, at);
    let mut metric = None;
    loop {
        let start = braces.at;
        match braces.next()? {
            Piece::Name(name) if named_before || metric.is_some() => {
                return Err(FaultAt::new(skip_blanks(page.as_bytes(), start), second_name(name)));
            }
            Piece::Name(name) => metric = Some(name),
            Piece::Label(at, label) => {
                let is_among = found.len() < MANY_LABELS && found.iter().any(|have| have.name.is(label.name));
                if label.name.is(THE_NAME) || is_among {
                    return Err(FaultAt::new(at, duplicate(label.name)));
                }
                found.push(label);
            }
            Piece::End => {
                if let Some(twice) = twice_among_many(found) {
                    return Err(FaultAt::new(start, duplicate(twice)));
                }
                return Ok(Checked { end: braces.at, name: metric });
            }
        }
    }
}

/// Where the braces of an OpenMetrics line close that nobody wants, from behind the opening one. What is quoted is passed,
/// nothing else is looked at.
pub(super) fn pass_braces(page: &str, at: usize) -> Result<usize, FaultAt> {
    let (bytes, mut here) = (page.as_bytes(), at);
    loop {
        match bytes.get(here) {
            Some(b'"') => here = quoted(page, here)?.1,
            Some(b'}') => return Ok(here + 1),
            None | Some(b'\n') => return Err(FaultAt::expected(page, here, "the closing brace")),
            Some(_) => here += 1,
        }
    }
}

/// Up to here each label is compared with those before it, which is the quick way for the few that lines have. A
/// line with a million of them must not take the square of that.
const MANY_LABELS: usize = 32;

fn twice_among_many<'a>(found: &[Label<'a>]) -> Option<Written<'a>> {
    if found.len() <= MANY_LABELS {
        return None;
    }
    let mut names: Vec<_> = found.iter().map(|label| (label.name.plain(), label.name)).collect();
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    names.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1)
}

/// The label that the metric's name becomes.
const THE_NAME: Written<'static> = Written { text: METRIC_NAME, escaped: false };

#[cold]
fn duplicate(name: Written<'_>) -> Fault {
    Fault::DuplicateLabel(shortened(&name.plain()))
}

#[cold]
fn second_name(name: Written<'_>) -> Fault {
    Fault::SecondName(shortened(&name.plain()))
}

/// The labels of a line, in its order; without the metric's name. What is escaped is read as it is asked for.
#[derive(Debug, Clone)]
pub struct LabelPairs<'a>(std::slice::Iter<'a, Label<'a>>);

impl<'a> LabelPairs<'a> {
    pub(super) fn new(found: &'a [Label<'a>]) -> Self {
        Self(found.iter())
    }
}

impl<'a> Iterator for LabelPairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|label| (label.name.plain(), label.value.plain()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for LabelPairs<'_> {}
