//! What stands in the braces of a line: labels, and in format 1.0.0 also the metric's name.

use std::borrow::Cow;

use super::fault::{Fault, FaultAt, shortened};
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
pub(super) fn metric_name_end(page: &[u8], at: usize) -> usize {
    name_end(page, at, METRIC_START, METRIC_PART)
}

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
pub(super) fn skip_blanks(page: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = page.get(at) {
        at += 1;
    }
    at
}

/// Where the quoted text that begins with the quote at `at` ends, behind its closing quote.
pub(super) fn quoted_end(page: &str, at: usize) -> Result<usize, FaultAt> {
    let bytes = page.as_bytes();
    let mut here = at + 1;
    loop {
        match bytes.get(here) {
            Some(b'"') => return Ok(here + 1),
            // What is escaped, a quote above all, ends nothing. A line end cannot be escaped by a backslash.
            Some(b'\\') if bytes.get(here + 1).is_some_and(|b| *b != b'\n') => here += 2,
            None | Some(b'\n') => return Err(FaultAt::expected(page, here, "the closing quote")),
            Some(_) => here += 1,
        }
    }
}

/// Reads `\"`, `\\` and `\n`; any other backslash stands for itself, as in the server.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('\\') else { return Cow::Borrowed(text) };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = text[first..].chars();
    while let Some(c) = rest.next() {
        let mut after = rest.clone();
        match (c, after.next()) {
            ('\\', Some(escaped @ ('"' | '\\'))) => plain.push(escaped),
            ('\\', Some('n')) => plain.push('\n'),
            _ => {
                plain.push(c);
                continue;
            }
        }
        rest = after;
    }
    Cow::Owned(plain)
}

/// The pieces of what stands in braces; names and values as they are written, without their quotes.
enum Piece<'a> {
    Name(&'a str),
    Label { at: usize, name: &'a str, value: &'a str },
    End,
}

/// Walks along what stands in braces, from behind the opening one.
struct Braces<'a> {
    page: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Braces<'a> {
    fn new(page: &'a str, at: usize) -> Self {
        Self { page, at, first: true }
    }

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
                at = quoted_end(self.page, at)?;
                &self.page[start + 1..at - 1]
            }
            _ => {
                at = name_end(bytes, at, LABEL_START, LABEL_PART);
                &self.page[start..at]
            }
        };
        if name.is_empty() {
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
        let value_start = at + 1;
        at = quoted_end(self.page, at)?;
        let value = &self.page[value_start..at - 1];
        at = skip_blanks(bytes, at);
        // The server does without the comma between two labels, so pages without it are about.
        self.at = at + usize::from(bytes.get(at) == Some(&b','));
        Ok(Piece::Label { at: start, name, value })
    }
}

/// What the check of braces found.
pub(super) struct Checked<'a> {
    /// Behind the closing brace.
    pub(super) end: usize,
    /// The metric's name as written, where it stands in the braces.
    pub(super) name: Option<&'a str>,
}

/// Checks what stands in the braces that open before `at`: their form, one metric name in all, no label twice.
/// `seen` is room to work in, lent so that a line needs none of its own.
pub(super) fn check<'a>(
    page: &'a str,
    at: usize,
    named_before: bool,
    seen: &mut Vec<(usize, usize)>,
) -> Result<Checked<'a>, FaultAt> {
    seen.clear();
    let mut braces = Braces::new(page, at);
    let mut found = None;
    loop {
        let start = braces.at;
        match braces.next()? {
            Piece::Name(name) if named_before || found.is_some() => {
                return Err(FaultAt::new(skip_blanks(page.as_bytes(), start), second_name(name)));
            }
            Piece::Name(name) => found = Some(name),
            Piece::Label { at, name, .. } => {
                let start = at + usize::from(page.as_bytes()[at] == b'"');
                if is_among(page, name, seen) || is_metric_name(name) {
                    return Err(FaultAt::new(at, duplicate(name)));
                }
                seen.push((start, start + name.len()));
            }
            Piece::End => return Ok(Checked { end: braces.at, name: found }),
        }
    }
}

fn is_metric_name(name: &str) -> bool {
    name.len() >= METRIC_NAME.len() && unescape(name) == METRIC_NAME
}

/// Whether one of the names at `seen` is `name`. Lines have few labels, so looking at each is the quick way; a
/// name with an escape may be written in two ways.
fn is_among(page: &str, name: &str, seen: &[(usize, usize)]) -> bool {
    if name.contains('\\') {
        let plain = unescape(name);
        return seen.iter().any(|(start, end)| unescape(&page[*start..*end]) == plain);
    }
    seen.iter().any(|(start, end)| end - start == name.len() && page[*start..*end] == *name)
}

#[cold]
fn duplicate(name: &str) -> Fault {
    Fault::DuplicateLabel(shortened(&unescape(name)))
}

#[cold]
fn second_name(name: &str) -> Fault {
    Fault::SecondName(shortened(&unescape(name)))
}

/// The labels of a line, in its order, read as they are asked for; without the metric's name.
#[derive(Debug, Clone, Copy)]
pub struct LabelPairs<'a> {
    page: &'a str,
    at: usize,
}

impl<'a> LabelPairs<'a> {
    /// The labels in the braces that open before `at`, which `check` has found to be good.
    pub(super) fn new(page: &'a str, at: usize) -> Self {
        Self { page, at }
    }

    /// No labels at all.
    pub(super) fn none() -> Self {
        Self { page: "}", at: 0 }
    }
}

impl<'a> Iterator for LabelPairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut braces = Braces::new(self.page, self.at);
        loop {
            match braces.next() {
                Ok(Piece::Label { name, value, .. }) => {
                    self.at = braces.at;
                    return Some((unescape(name), unescape(value)));
                }
                Ok(Piece::Name(_)) => {}
                Ok(Piece::End) | Err(_) => {
                    *self = Self::none();
                    return None;
                }
            }
        }
    }
}
