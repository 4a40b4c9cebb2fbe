//! Series in the notation of Prometheus's tests: `m{a="b"} 0+10x5 _ stale {{schema:0 count:2 buckets:[1 1]}}x3`.
//!
//! In:   a line.
//! Out:  labels, and samples a step apart from time 0 on.
//! Not:  no expectations and no commands, only series.

use std::time::Duration;

use crate::model::{Labels, MatchOp, STALE_NAN, Timestamp, parse_value};
use crate::promql::Sample;
use crate::promql::text::parse;
use crate::promql::tree::ast::Expr;
use crate::promql::value::{Amount, Histogram, Reset};

/// More values than this in one series are refused, so that `0x999999999` can't fill the memory.
const VALUES_MAX: usize = 1_000_000;
/// More buckets than this, on one side of zero, are none that anybody has.
const BUCKETS_MAX: usize = 10_000;

/// Reads `m{a="b"} 0+10x5 _ stale`: the labels, and a value each `step` from time 0 on. `axn` is the value a
/// n + 1 times, `a+bxn` goes on n times by b, `_` and `_xn` leave values out, `stale` marks an end.
///
/// # Errors
/// Where the text is none of that, or has histograms.
pub fn parse_series(text: &str, step: Duration) -> Result<(Labels, Vec<Sample>), String> {
    let (labels, samples) = read_series(text, step)?;
    let number = |(at, amount): (Timestamp, Amount)| match amount.float() {
        Some(value) => Ok(Sample { at, value }),
        None => Err("only numbers can be written here, no histograms".to_owned()),
    };
    Ok((labels, samples.into_iter().map(number).collect::<Result<_, _>>()?))
}

/// As `parse_series`, with native histograms.
///
/// # Errors
/// Where the text is no series.
pub fn read_series(text: &str, step: Duration) -> Result<(Labels, Vec<(Timestamp, Amount)>), String> {
    let (head, values) = split_series(text);
    let labels = parse_labels(head.trim())?;
    let step_ms = i64::try_from(step.as_millis()).map_err(|_| "the step is too long".to_owned())?;
    let mut samples = Vec::new();
    let mut place = 0i64;
    for item in words(values) {
        let values = if item.starts_with("{{") {
            histograms(item)?.into_iter().map(|value| Some(Amount::from(value))).collect()
        } else {
            parse_item(item)?.into_iter().map(|value| value.map(Amount::Float)).collect::<Vec<_>>()
        };
        for value in values {
            if let Some(value) = value {
                samples.push((Timestamp::from_millis(place.saturating_mul(step_ms)), value));
            }
            place += 1;
        }
    }
    Ok((labels, samples))
}

/// Words with space between them; a histogram with its braces is a part of one.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut depth) = (Vec::new(), None, 0u32);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match start {
            Some(from) if c.is_whitespace() && depth == 0 => {
                words.push(&text[from..at]);
                start = None;
            }
            None if !c.is_whitespace() => start = Some(at),
            _ => {}
        }
    }
    words.extend(start.map(|from| &text[from..]));
    words
}

/// Splits `m{a="b"} 1 2` into the series and its values, whatever they are.
pub fn split_series(text: &str) -> (&str, &str) {
    text.split_at(head_end(text))
}

/// Where the labels end: at the first space that is neither within braces nor before them.
fn head_end(text: &str) -> usize {
    let (mut quote, mut escaped, mut depth) = (None, false, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(q), '\\') if q != '`' => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => return at + 1,
            (None, c) if c.is_whitespace() && depth == 0 && !labels_follow(&text[at..]) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether `{…}` follows, and no histogram.
fn labels_follow(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{') && !text.starts_with("{{")
}

fn parse_labels(head: &str) -> Result<Labels, String> {
    if head
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|inner| inner.trim().is_empty())
    {
        return Ok(Labels::empty());
    }
    let selector = match parse(head) {
        Ok(Expr::Selector(selector)) if selector.is_plain() => selector,
        Ok(_) => return Err(format!("`{head}` is no series")),
        Err(error) => return Err(format!("`{head}` is no series: {error}")),
    };
    if let Some(other) = selector.matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("`{other}` names no value; a series has labels such as `a=\"b\"`"));
    }
    Ok(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value())).collect())
}

/// The values of one word.
fn parse_item(item: &str) -> Result<Vec<Option<f64>>, String> {
    let wrong =
        || format!("`{item}` is no value; write for example `5`, `5x3`, `0+10x5`, `_`, `_x3` or `stale`");
    let (base, times) = match item.rsplit_once('x') {
        Some((base, times)) if !base.is_empty() => (base, Some(times.parse::<usize>().map_err(|_| wrong())?)),
        _ => (item, None),
    };
    if times.is_some_and(|times| VALUES_MAX < times) {
        return Err(format!("`{item}` is more than {VALUES_MAX} values"));
    }
    if base == "_" {
        return Ok(vec![None; times.unwrap_or(1)]);
    }
    let count = times.map_or(1, |times| times + 1);
    if base == "stale" {
        return Ok(vec![Some(f64::from_bits(STALE_NAN)); count]);
    }
    // The sign between start and slope is the one that neither begins the word nor belongs to an exponent.
    let sign = base
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !base[..*at].ends_with(['e', 'E']) && times.is_some());
    let (start, slope) = match sign {
        Some((at, _)) => (&base[..at], parse_value(&base[at..]).ok_or_else(wrong)?),
        None => (base, 0.0),
    };
    let start = parse_value(start).ok_or_else(wrong)?;
    let mut value = start;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(Some(value));
        value += slope;
    }
    Ok(values)
}

/// The histograms of `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3` or `{{…}}-{{…}}x3`.
fn histograms(item: &str) -> Result<Vec<Histogram>, String> {
    let wrong =
        || format!("`{item}` is no histogram; write for example `{{{{schema:0 count:2 buckets:[1 1]}}}}x3`");
    let (first, rest) = item.strip_prefix("{{").and_then(|rest| rest.split_once("}}")).ok_or_else(wrong)?;
    let mut value = histogram(first)?;
    let (sign, slope, times) = match rest.split_at_checked(1) {
        None => return Ok(vec![value]),
        Some(("x", times)) => (1.0, None, times),
        Some((sign @ ("+" | "-"), rest)) => {
            let (slope, rest) =
                rest.strip_prefix("{{").and_then(|rest| rest.split_once("}}")).ok_or_else(wrong)?;
            let times = rest.strip_prefix('x').ok_or_else(wrong)?;
            (if sign == "-" { -1.0 } else { 1.0 }, Some(histogram(slope)?), times)
        }
        Some(_) => return Err(wrong()),
    };
    let times: usize = times.parse().map_err(|_| wrong())?;
    if VALUES_MAX < times {
        return Err(format!("`{item}` is more than {VALUES_MAX} values"));
    }
    let mut values = vec![value.clone()];
    for _ in 0..times {
        if let Some(slope) = &slope {
            let added = if sign < 0.0 { value.subtract(slope) } else { value.add(slope) };
            added.map_err(|_| format!("`{item}` adds histograms whose buckets can't be added"))?;
        }
        values.push(value.clone());
    }
    Ok(values)
}

/// What stands within the braces of one histogram.
fn histogram(text: &str) -> Result<Histogram, String> {
    let mut histogram = Histogram::default();
    let (mut positive, mut negative) = ((0, Vec::new()), (0, Vec::new()));
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(|| format!("`{rest}` has no value"))?;
        let list = after.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let (value, after) =
            list.unwrap_or_else(|| after.split_once(char::is_whitespace).unwrap_or((after, "")));
        rest = after.trim_start();
        let number = || parse_value(value).ok_or_else(|| format!("`{value}` is no number"));
        let numbers = || {
            let numbers: Option<Vec<f64>> = value.split_whitespace().map(parse_value).collect();
            numbers.filter(|all| all.len() <= BUCKETS_MAX).ok_or_else(|| format!("`{value}` are no numbers"))
        };
        let whole = || value.parse::<i32>().map_err(|_| format!("`{value}` is no whole number"));
        match key.trim() {
            "schema" => histogram.schema = whole()?,
            "count" => histogram.count = number()?,
            "sum" => histogram.sum = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "buckets" => positive.1 = numbers()?,
            "offset" => positive.0 = whole()?,
            "n_buckets" => negative.1 = numbers()?,
            "n_offset" => negative.0 = whole()?,
            "custom_values" => histogram.bounds = numbers()?,
            "counter_reset_hint" => {
                histogram.reset = match value {
                    "unknown" => Reset::Unknown,
                    "reset" => Reset::Reset,
                    "not_reset" => Reset::NotReset,
                    "gauge" => Reset::Gauge,
                    _ => return Err(format!("`{value}` says nothing of a reset")),
                };
            }
            key => return Err(format!("a histogram has no `{key}`")),
        }
    }
    let index = |offset: i32, at: usize| offset.saturating_add(i32::try_from(at).unwrap_or(i32::MAX));
    let placed = |(offset, counts): (i32, Vec<f64>)| {
        counts.into_iter().enumerate().map(|(at, count)| (index(offset, at), count)).collect()
    };
    histogram.positive = placed(positive);
    histogram.negative = placed(negative);
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(i64, f64)]) {
        let (_, samples) = parse_series(&format!("m {text}"), Duration::from_secs(1)).unwrap();
        let found: Vec<(i64, f64)> = samples.iter().map(|s| (s.at.as_millis() / 1000, s.value)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_are_read_as_in_prometheus_tests() {
        check("1 2", &[(0, 1.0), (1, 2.0)]);
        check("0+10x2", &[(0, 0.0), (1, 10.0), (2, 20.0)]);
        check("1-1x1", &[(0, 1.0), (1, 0.0)]);
        check("-1+2x1", &[(0, -1.0), (1, 1.0)]);
        check("5x1 _ 6", &[(0, 5.0), (1, 5.0), (3, 6.0)]);
        check("_x3 1e-1", &[(3, 0.1)]);
        check("1e-1+1e-1x1", &[(0, 0.1), (1, 0.2)]);
        check("-Inf", &[(0, f64::NEG_INFINITY)]);
    }

    #[test]
    fn labels_may_hold_anything() {
        let (labels, samples) = parse_series(r#"m {a="} b\"", c="d"} 1"#, Duration::from_secs(1)).unwrap();
        assert_eq!(labels.to_string(), r#"m{a="} b\"", c="d"}"#);
        assert_eq!(samples.len(), 1);
    }

    #[test]
    fn histograms_are_read_as_in_prometheus_tests() {
        let check = |text: &str, expected: &[&str]| {
            let (_, samples) = read_series(&format!("m{{a=\"b\"}} {text}"), Duration::from_secs(1)).unwrap();
            let shown = |amount: &Amount| match amount {
                Amount::Float(value) => value.to_string(),
                Amount::Histogram(histogram) => histogram.to_string(),
            };
            let found: Vec<String> = samples.iter().map(|(_, amount)| shown(amount)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("{{}} 5", &["{count:0, sum:0}", "5"]);
        check("{{schema:0 count:3 sum:5 buckets:[1 2] offset:1}}", &["{count:3, sum:5, (1,2]:1, (2,4]:2}"]);
        check(
            "{{count:1 buckets:[1]}}+{{count:2 buckets:[0 2]}}x1",
            &["{count:1, sum:0, (0.5,1]:1}", "{count:3, sum:0, (0.5,1]:1, (1,2]:2}"],
        );
        check(
            "{{count:1 n_buckets:[1] z_bucket:1 z_bucket_w:0.5}}x1",
            &["{count:1, sum:0, [-1,-0.5):1, [-0.5,0.5]:1}", "{count:1, sum:0, [-1,-0.5):1, [-0.5,0.5]:1}"],
        );
        check(
            "{{schema:-53 custom_values:[1] buckets:[1 2]}}",
            &["{count:0, sum:0, [-Inf,1]:1, (1,+Inf]:2}"],
        );
        for bad in
            ["{{", "{{count}}", "{{count:a}}", "{{x:1}}", "{{}}y", "{{}}+1x3", "{{}}x", "{{buckets:[a]}}"]
        {
            assert!(read_series(&format!("m {bad}"), Duration::from_secs(1)).is_err(), "{bad}");
        }
        assert!(parse_series("m {{}}", Duration::from_secs(1)).is_err());
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in ["m 1x", "m x", "m a", "m{a=~\"b\"} 1", "sum(m) 1", "m 1+", "m 0x99999999"] {
            assert!(parse_series(text, Duration::from_secs(1)).is_err(), "{text}");
        }
    }
}
