//! What is different in the lines of OpenMetrics 1.0.
//!
//! In:   a page and a place in it.
//! Out:  what stands behind a series; how lines that begin with `#` end.
//! Not:  `text` walks along the lines. Lines are not grouped into families, so that what the specification says of them
//!       (`_total` for counters, buckets that grow, each name once) is not enforced, as in the Prometheus server;
//!       `_created` is a series like any other, as it is there unless told otherwise.
//!
//! One blank stands before a value and before a timestamp, which is in seconds; an exemplar may follow and is checked in
//! its form. A native histogram, which the reference library writes in braces of its own, is passed. Nothing is indented, there are no blank lines and no comments but those that say something. Blanks within
//! braces are taken, as the reference reader does (the server refuses them).

use super::fault::{Fault, FaultAt, shortened};
use super::labels::{self, metric_name};
use super::meta;
use super::text::{Family, Reading, TextFormat, line_end};
use super::value::{read_value, token};

/// The words of `# TYPE`.
const TYPES: [&str; 8] =
    ["counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"];
const TYPES_SHOWN: &str = "counter, gauge, histogram, gaugehistogram, summary, info, stateset and unknown";

/// Checks the line whose `#` stands at `at`: where it ends, and how lines are read after it where it is a `# TYPE`;
/// `None` for the end of the page.
pub(super) fn check_comment(page: &str, at: usize) -> Result<Option<(usize, Option<Family>)>, FaultAt> {
    let (bytes, end) = (page.as_bytes(), line_end(page.as_bytes(), at));
    let line = &page[at..end];
    if line == "# EOF" {
        return if bytes.len() <= end + 1 { Ok(None) } else { Err(FaultAt::new(end + 1, Fault::AfterEnd)) };
    }
    let keyword = line.get(..7).unwrap_or_default();
    if !matches!(keyword, "# TYPE " | "# HELP " | "# UNIT ") {
        return Err(odd_comment(page, at, end));
    }
    let start = at + keyword.len();
    let (name, name_end) = metric_name(page, start)?;
    if name_end == start {
        return Err(FaultAt::expected(page, start, "a metric name"));
    }
    if bytes.get(name_end) != Some(&b' ') {
        return Err(FaultAt::expected(page, name_end, "a blank behind the metric name"));
    }
    if end == bytes.len() {
        return Err(FaultAt::new(end, Fault::NoEnd));
    }
    let text = &page[name_end + 1..end];
    match keyword {
        "# TYPE " if TYPES.contains(&text) => Ok(Some((end, Some(meta::family(text))))),
        "# TYPE " => {
            Err(FaultAt::new(name_end + 1, Fault::Type { kind: shortened(text), known: TYPES_SHOWN }))
        }
        "# UNIT " if !ends_in_unit(&name.plain(), text) => {
            let (name, unit) = (shortened(&name.plain()), shortened(text));
            Err(FaultAt::new(name_end + 1, Fault::Unit { name, unit }))
        }
        _ => Ok(Some((end, None))),
    }
}

fn ends_in_unit(name: &str, unit: &str) -> bool {
    unit.is_empty() || name.strip_suffix(unit).is_some_and(|before| before.ends_with('_'))
}

#[cold]
fn odd_comment(page: &str, at: usize, end: usize) -> FaultAt {
    match page[at..end].find(['\r', '\0']) {
        Some(odd) => FaultAt::expected(page, at + odd, "the end of the line"),
        None => FaultAt::new(at, Fault::Comment),
    }
}

/// Reads what follows the series, and says where the line ends.
#[inline]
pub(super) fn finish(page: &str, series_end: usize) -> Result<(Reading, usize), FaultAt> {
    let (value, end) = number(page, series_end)?;
    let (timestamp_ms, end) = finish_line(page, end)?;
    Ok((Reading { value, timestamp_ms }, end))
}

/// Reads what follows the value: a timestamp and an exemplar, each where there is one.
#[inline]
fn finish_line(page: &str, mut end: usize) -> Result<(Option<i64>, usize), FaultAt> {
    let bytes = page.as_bytes();
    let mut timestamp_ms = None;
    if bytes.get(end) != Some(&b'\n') {
        if bytes.get(end..end + 3) != Some(b" # ") {
            let (ms, timestamp_end) = seconds(page, end)?;
            timestamp_ms = Some(ms);
            end = timestamp_end;
        }
        if bytes.get(end..end + 3) == Some(b" # ") {
            end = pass_exemplar(page, end + 3)?;
        }
    }
    match bytes.get(end) {
        Some(b'\n') => Ok((timestamp_ms, end)),
        None => Err(FaultAt::new(end, Fault::NoEnd)),
        Some(_) => Err(FaultAt::expected(page, end, "the end of the line")),
    }
}

/// Passes the native histogram whose brace stands at `at` and the rest of its line: `{count:2,positive_spans:[0:1],…}`.
/// The reference library writes it; the server reads native histograms from protobuf alone.
pub(super) fn pass_composite(page: &str, at: usize) -> Result<usize, FaultAt> {
    let bytes = page.as_bytes();
    let mut here = at;
    while bytes.get(here) != Some(&b'}') {
        let start = here + 1;
        here = start;
        while let Some(b'a'..=b'z' | b'_') = bytes.get(here) {
            here += 1;
        }
        if here == start || bytes.get(here) != Some(&b':') {
            return Err(FaultAt::expected(page, here, "a field of a native histogram"));
        }
        here = if bytes.get(here + 1) == Some(&b'[') {
            let list = bytes[here + 2..]
                .iter()
                .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b':' | b','));
            let end = here + 2 + list.unwrap_or(bytes.len() - here - 2);
            if bytes.get(end) != Some(&b']') {
                return Err(FaultAt::expected(page, end, "numbers and a closing bracket"));
            }
            end + 1
        } else {
            let rest = &page[here + 1..];
            let length = rest.find([',', '}', ' ', '\n']).unwrap_or(rest.len());
            match read_value(&rest[..length], 0) {
                Ok((_, end)) if end == length => here + 1 + length,
                _ => return Err(FaultAt::new(here + 1, Fault::Value(shortened(&rest[..length])))),
            }
        };
        if !matches!(bytes.get(here), Some(b',' | b'}')) {
            return Err(FaultAt::expected(page, here, "a comma or the closing brace"));
        }
    }
    finish_line(page, here + 1).map(|(_, end)| end)
}

/// The number behind the one blank at `at`, and where it ends.
#[inline]
fn number(page: &str, at: usize) -> Result<(f64, usize), FaultAt> {
    match page.as_bytes().get(at..at + 2) {
        Some([b' ', second]) if !matches!(second, b' ' | b'\t') => read_value(page, at + 1),
        Some([b' ', _]) => Err(FaultAt::expected(page, at + 1, "a value")),
        _ => Err(FaultAt::expected(page, at, "one blank before the value")),
    }
}

/// The timestamp behind the one blank at `at` in milliseconds, and where it ends.
fn seconds(page: &str, at: usize) -> Result<(i64, usize), FaultAt> {
    match page.as_bytes().get(at) {
        Some(b' ') => {}
        None => return Err(FaultAt::new(at, Fault::NoEnd)),
        Some(_) => return Err(FaultAt::expected(page, at, "the end of the line")),
    }
    let (text, end) = token(page, at + 1);
    match read_value(page, at + 1) {
        // Cut, not rounded, as the server does; what is too large stays at the end of the numbers.
        Ok((seconds, _)) if seconds.is_finite() => Ok(((seconds * 1000.0) as i64, end)),
        _ if text.is_empty() => Err(FaultAt::expected(page, end, "a timestamp")),
        _ => Err(match text.find(['\r', '\0']) {
            Some(odd) => FaultAt::expected(page, at + 1 + odd, "the end of the line"),
            None => FaultAt::new(at + 1, Fault::Seconds(shortened(text))),
        }),
    }
}

/// Passes the exemplar whose brace stands at `at`: labels, a value and perhaps a timestamp.
fn pass_exemplar(page: &str, at: usize) -> Result<usize, FaultAt> {
    if page.as_bytes().get(at) != Some(&b'{') {
        return Err(FaultAt::expected(page, at, "the labels of an exemplar"));
    }
    let mut found = Vec::new();
    // A name among them is as wrong as a second one of the metric.
    let labels = labels::check(TextFormat::OpenMetrics, page, at + 1, true, &mut found)?;
    let (_, end) = number(page, labels.end)?;
    match page.as_bytes().get(end) {
        Some(b' ') => seconds(page, end).map(|(_, end)| end),
        _ => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scrape::{Lines, Step, parse_text_as};

    /// A page's samples as `name{label="value"} value @ms`, in its order.
    fn read(page: &str) -> Result<Vec<String>, String> {
        let mut samples = Vec::new();
        let show = |line: crate::scrape::Line<'_>| {
            let labels: Vec<_> = line.labels.map(|(name, value)| format!("{name}={value:?}")).collect();
            let at = line.timestamp_ms.map(|at| format!(" @{at}")).unwrap_or_default();
            samples.push(format!("{}{{{}}} {}{at}", line.name, labels.join(","), line.value));
        };
        match parse_text_as(TextFormat::OpenMetrics, page.as_bytes(), |_| true, show) {
            Ok(_) => Ok(samples),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn lines_are_read_with_seconds_and_without_exemplars() {
        let check = |line: &str, expected: &str| {
            assert_eq!(read(&format!("{line}\n# EOF\n")), Ok(vec![expected.to_owned()]), "{line}");
        };
        check("a 1", "a{} 1");
        check("a_total{b=\"c\"} 1.5e3 12.3456", "a_total{b=\"c\"} 1500 @12345");
        check("a 1 -0.5", "a{} 1 @-500");
        check("a{b=\"c # {\",d=\"}\"} 1 # {trace=\"}\"} 0.5", "a{b=\"c # {\",d=\"}\"} 1");
        check("a 1 2 # {} 0.5 3.25", "a{} 1 @2000");
        check("a_created 1.5", "a_created{} 1.5");
        check("{\"a.b\", \"c d\"=\"\\\"\"} NaN", "a.b{c d=\"\\\"\"} NaN");
        check("a{b=\"c\",} +Inf", "a{b=\"c\"} inf");
    }

    #[test]
    fn what_is_said_of_metrics_is_checked_and_the_end_is_needed() {
        let good = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds any \\n text\n# UNIT b \n\
                    a_seconds_total 1\n# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE \"x.y\" stateset\n# EOF";
        assert_eq!(read(good).map(|samples| samples.len()), Ok(2));
        let check = |page: &str, said: &str| assert_eq!(read(page), Err(said.to_owned()), "{page:?}");
        check("", "line 1, column 1: the page does not end with `# EOF`");
        check("a 1\n", "line 2, column 1: the page does not end with `# EOF`");
        check("a 1", "line 1, column 4: the page does not end with `# EOF`");
        check("# EOF\na 1\n", "line 1, column 7: the page goes on after `# EOF`");
        check("# EOF\n\n", "line 1, column 7: the page goes on after `# EOF`");
        check(
            "# EOF \n",
            "line 1, column 1: a comment; OpenMetrics has only `# TYPE`, `# HELP`, `# UNIT` and `# EOF`",
        );
        check(
            "# a\n# EOF\n",
            "line 1, column 1: a comment; OpenMetrics has only `# TYPE`, `# HELP`, `# UNIT` and `# EOF`",
        );
        check("# EOF\r\n", "line 1, column 6: a carriage return; lines must end in a line feed alone");
        check(
            "# TYPE a untyped\n# EOF\n",
            &format!("line 1, column 10: `untyped` is not a metric type; there are {TYPES_SHOWN}"),
        );
        check(
            "# UNIT a_s seconds\n# EOF\n",
            "line 1, column 12: the name `a_s` does not end in its unit `_seconds`",
        );
        check(
            "# HELP a\n# EOF\n",
            "line 1, column 9: expected a blank behind the metric name, found the end of the line",
        );
        check("# HELP \n# EOF\n", "line 1, column 8: expected a metric name, found the end of the line");
    }

    #[test]
    fn each_fault_of_a_line_is_named_with_its_place() {
        let check = |line: &str, said: &str| {
            assert_eq!(read(&format!("{line}\n# EOF\n")), Err(format!("line 1, {said}")), "{line:?}");
        };
        check("", "column 1: expected a metric name, found the end of the line");
        check(" a 1", "column 1: expected a metric name, found ` `");
        check("a  1", "column 3: expected a value, found ` `");
        check("a\t1", "column 2: expected one blank before the value, found `\\t`");
        check("a", "column 2: expected one blank before the value, found the end of the line");
        check("a{b=\"c\"}1", "column 9: expected one blank before the value, found `1`");
        check("a{b=\"c\"d=\"e\"} 1", "column 8: expected a comma or the closing brace, found `d`");
        check("a 1 ", "column 5: expected a timestamp, found the end of the line");
        check("a 1 x", "column 5: `x` is not a timestamp in seconds");
        check("a 1 NaN", "column 5: `NaN` is not a timestamp in seconds");
        check("a 1 2 3", "column 6: expected the end of the line, found ` `");
        check("a 1 #", "column 5: `#` is not a timestamp in seconds");
        check("a 1 # x", "column 7: expected the labels of an exemplar, found `x`");
        check("a 1 # {\"b\"} 1", "column 8: a second metric name `b`; a line has one");
        check("a 1 # {b=\"c\"}", "column 14: expected one blank before the value, found the end of the line");
        check("a 1 # {} 1 NaN", "column 12: `NaN` is not a timestamp in seconds");
        check("a 1\r", "column 4: a carriage return; lines must end in a line feed alone");
    }

    #[test]
    fn native_histograms_are_counted_and_passed() {
        let page = |value: &str| format!("h {value}\nh_count{{a=\"b\"}} 24\n# EOF\n");
        let good = "{count:24,sum:-1.5e3,schema:0,positive_spans:[0:2,1:2],positive_deltas:[2,1,-3,3]}";
        for value in [good, "{count:1} 12.5 # {} 1"] {
            let passed = parse_text_as(TextFormat::OpenMetrics, page(value).as_bytes(), |_| true, |_| ());
            let counted = passed.unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!((counted.samples, counted.wanted), (2, 1), "{value}");
            // One with labels that nobody wants is passed in the same way.
            let labelled = format!("h{{a=\"b\"}} {value}\n# EOF\n");
            let passed = parse_text_as(TextFormat::OpenMetrics, labelled.as_bytes(), |_| false, |_| ());
            assert_eq!(passed.map(|counted| counted.samples), Ok(1), "{value}");
        }
        for value in [
            "{}",
            "{",
            "{count}",
            "{count:}",
            "{count:x}",
            "{count:1",
            "{a:[1}",
            "{a:[1,b]}",
            "{count:1}x",
            "{count:1 }",
        ] {
            assert!(read(&page(value)).is_err(), "{value}");
        }
    }

    fn any_line() -> impl Strategy<Value = String> {
        let braces = "|\\{\\}|\\{a=\"[a-c{}# \\\\n]{0,6}\"\\}|\\{\"a b\"=\"x\",c=\"#\"\\}";
        let rest = "( [0-9]{1,3}(\\.[0-9]{1,4})?)?( # \\{(t=\"[a-f}]{0,3}\")?\\} [0-9]( [0-9])?)?";
        ("[a-c]{1,2}(_total|_created)?", braces, "-?[0-9]{1,4}(\\.[0-9]{1,3})?|NaN|\\+Inf", rest)
            .prop_map(|(name, braces, value, rest)| format!("{name}{braces} {value}{rest}\n"))
    }

    proptest! {
        #[test]
        fn all_ways_to_read_a_page_agree(lines in proptest::collection::vec(any_line(), 0..8)) {
            let page = format!("# TYPE a gauge\n{}# EOF\n", lines.concat());
            let whole = read(&page);
            let Ok(samples) = whole else { return Ok(()) };
            prop_assert_eq!(samples.len(), lines.len());
            let skipped = parse_text_as(TextFormat::OpenMetrics, page.as_bytes(), |_| false, |_| ());
            prop_assert_eq!(skipped.map(|counted| counted.samples), Ok(lines.len() as u64));
            let mut series = Vec::new();
            let mut cold = Vec::new();
            let keep = |line: crate::scrape::Line<'_>| {
                series.push((line.series.to_owned(), line.family));
                cold.push((line.value.to_bits(), line.timestamp_ms));
            };
            prop_assert!(parse_text_as(TextFormat::OpenMetrics, page.as_bytes(), |_| true, keep).is_ok());
            let mut by_memory = Lines::new(TextFormat::OpenMetrics, &page);
            for ((series, family), (bits, at)) in series.iter().zip(cold) {
                let reading = by_memory.take_known(series.as_bytes(), *family);
                prop_assert_eq!(reading.map(|reading| reading.map(|r| (r.value.to_bits(), r.timestamp_ms))), Ok(Some((bits, at))));
            }
            prop_assert!(matches!(by_memory.next_line(|_| true), Ok(None)));
        }

        #[test]
        fn no_page_that_is_nearly_good_makes_it_panic(page in "([a#{}\"\\\\ ,=\n\0\ré1.e:-]|\\[|\\]|# HELP |# TYPE a |# UNIT |# EOF\n|a\\{b=\"|\"\\} 1\n){0,30}") {
            let full = read(&page);
            let skipped = parse_text_as(TextFormat::OpenMetrics, page.as_bytes(), |_| false, |_| ());
            if full.is_ok() {
                prop_assert!(skipped.is_ok());
            }
            let mut lines = Lines::new(TextFormat::OpenMetrics, &page);
            let _ = lines.take_known(b"a", Family::Plain);
            while let Ok(Some(Step::Skipped | Step::Wanted(_))) = lines.next_line(|_| true) {}
        }
    }
}
