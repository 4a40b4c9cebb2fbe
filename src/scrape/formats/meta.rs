//! Lines that begin with `#`: comments, `# HELP` and `# TYPE`.
//!
//! Their form is checked as the server does it. What they say changes no sample; who wants to know reads it with
//! `metadata`.

use std::borrow::Cow;

use super::fault::{Fault, FaultAt, shortened};
use super::labels::{metric_name_end, quoted_end, skip_blanks, unescape};

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
        if line.as_bytes().get(start) == Some(&b'#') { read(line, start).ok()?.1 } else { None }
    })
}

/// Checks the line whose `#` stands at `at`, and says where it ends: at its line end, or at the page's end.
pub(super) fn check(page: &str, at: usize) -> Result<usize, FaultAt> {
    Ok(read(page, at)?.0)
}

fn read(page: &str, at: usize) -> Result<(usize, Option<Metadata<'_>>), FaultAt> {
    let bytes = page.as_bytes();
    let end = page[at..].find('\n').map_or(page.len(), |length| at + length);
    let word = skip_blanks(bytes, at + 1);
    let kind = match bytes.get(word..word + 5) {
        Some([b'H', b'E', b'L', b'P', b' ' | b'\t']) => "HELP",
        Some([b'T', b'Y', b'P', b'E', b' ' | b'\t']) => "TYPE",
        _ => return Ok((end, None)),
    };
    // `#HELP a` without a blank is a plain comment.
    if word == at + 1 {
        return Ok((end, None));
    }
    let start = skip_blanks(bytes, word + kind.len());
    let quoted = bytes.get(start) == Some(&b'"');
    let name_end = if quoted { quoted_end(page, start)? } else { metric_name_end(bytes, start) };
    if name_end == start {
        return Err(FaultAt::expected(page, start, "a metric name"));
    }
    let quote = usize::from(quoted);
    let name = unescape(&page[start + quote..name_end - quote]);
    let rest = skip_blanks(bytes, name_end);
    let text = &page[rest..end];
    if kind == "HELP" {
        return Ok((end, Some(Metadata::Help { name, text: unescape(text) })));
    }
    if TYPES.contains(&text) && rest > name_end {
        return Ok((end, Some(Metadata::Type { name, kind: text })));
    }
    Err(match text.find(['\r', '\0']) {
        Some(odd) => FaultAt::expected(page, rest + odd, "the end of the line"),
        None if end == page.len() => FaultAt::expected(page, end, "a metric type"),
        None => FaultAt::new(rest, Fault::Type(shortened(text))),
    })
}
