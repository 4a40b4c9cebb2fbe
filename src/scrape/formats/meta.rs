//! Lines that begin with `#`: comments, `# HELP` and `# TYPE`.
//!
//! Their form is checked as the server does it. What they say changes no sample; who wants to know reads it with
//! `metadata`.

use std::borrow::Cow;

use super::fault::{Fault, FaultAt, shortened};
use super::labels::{Written, metric_name, skip_blanks, unescape};
use super::text::{Family, line_end};

/// The words of `# TYPE`. The server knows the first five; the others are those of the reference library.
const TYPES: [&str; 7] =
    ["counter", "gauge", "histogram", "summary", "untyped", "gaugehistogram", "gauge_histogram"];

/// What a page says of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metadata<'a> {
    /// `# TYPE name kind`
    Type {
        /// The metric's name.
        name: Cow<'a, str>,
        /// `counter`, `gauge`, …
        kind: &'a str,
    },
    /// `# HELP name text`
    Help {
        /// The metric's name.
        name: Cow<'a, str>,
        /// The text.
        text: Cow<'a, str>,
    },
}

/// Every `# TYPE` and `# HELP` of a page that was found to be good, in its order.
pub fn metadata(page: &str) -> impl Iterator<Item = Metadata<'_>> {
    page.split('\n').filter_map(|line| {
        let start = skip_blanks(line.as_bytes(), 0);
        if line.as_bytes().get(start) != Some(&b'#') {
            return None;
        }
        let Said { what, name, text } = read(line, start, line.len()).ok()??;
        let name = name.plain();
        Some(match what {
            Keyword::Type => Metadata::Type { name, kind: text },
            Keyword::Help if text.contains('\\') => Metadata::Help { name, text: unescape(text).into() },
            Keyword::Help => Metadata::Help { name, text: text.into() },
        })
    })
}

/// Checks the line whose `#` stands at `at`, and says where it ends: at its line end, or at the page's end; and how lines
/// are read from here on, where it is a `# TYPE`.
pub(super) fn check(page: &str, at: usize) -> Result<(usize, Option<Family>), FaultAt> {
    let end = line_end(page.as_bytes(), at);
    let said = read(page, at, end)?;
    Ok((end, said.filter(|said| said.what == Keyword::Type).map(|said| family(said.text))))
}

/// How lines are read after a `# TYPE` of this kind.
pub(super) fn family(kind: &str) -> Family {
    match kind {
        "histogram" => Family::Histogram,
        "summary" => Family::Summary,
        _ => Family::Plain,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Help,
    Type,
}

/// A line of metadata as it is written.
struct Said<'a> {
    what: Keyword,
    name: Written<'a>,
    text: &'a str,
}

/// Reads the line from its `#` at `at` up to `end`; `None` for a plain comment.
fn read(page: &str, at: usize, end: usize) -> Result<Option<Said<'_>>, FaultAt> {
    let bytes = page.as_bytes();
    let word = skip_blanks(bytes, at + 1);
    let what = match bytes.get(word..word + 5) {
        // `#HELP a` without a blank is a plain comment.
        _ if word == at + 1 => return Ok(None),
        Some([b'H', b'E', b'L', b'P', b' ' | b'\t']) => Keyword::Help,
        Some([b'T', b'Y', b'P', b'E', b' ' | b'\t']) => Keyword::Type,
        _ => return Ok(None),
    };
    let start = skip_blanks(bytes, word + 5);
    let (name, name_end) = metric_name(page, start)?;
    if name_end == start {
        return Err(FaultAt::expected(page, start, "a metric name"));
    }
    let rest = skip_blanks(bytes, name_end);
    let text = &page[rest..end];
    if what == Keyword::Help || (TYPES.contains(&text) && rest > name_end) {
        return Ok(Some(Said { what, name, text }));
    }
    Err(match text.find(['\r', '\0']) {
        Some(odd) => FaultAt::expected(page, rest + odd, "the end of the line"),
        None if end == page.len() => FaultAt::expected(page, end, "a metric type"),
        None => FaultAt::new(
            rest,
            Fault::Type { kind: shortened(text), known: "counter, gauge, histogram, summary and untyped" },
        ),
    })
}
