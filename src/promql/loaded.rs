//! A source that holds what it was given, for tests of rules and expressions.
//!
//! In:   series, as samples or in the notation of Prometheus's tests: `m{a="b"} 0+10x5 _ stale`.
//! Out:  answers to selectors; every series is whole, since nothing stands behind it that could fail.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, MatchOp, Matcher, STALE_NAN, Timestamp, parse_value};
use crate::promql::text::parse;
use crate::promql::tree::ast::Expr;
use crate::promql::value::{Histogram, Reset};
use crate::promql::{Feed, HistogramSample, Origin, Presence, Sample, Samples, SeriesId, Source, Started};

/// More values than this in one series are refused, so that `0x999999999` can't fill the memory.
const VALUES_MAX: usize = 1_000_000;

/// Series in memory.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// In the order of labels.
    series: Vec<Series>,
}

#[derive(Debug, Clone)]
struct Series {
    /// That of loading.
    id: SeriesId,
    labels: Labels,
    floats: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<Started>,
}

impl Series {
    fn samples(&self) -> Samples<'_> {
        Samples { floats: &self.floats, histograms: &self.histograms, starts: &self.starts }
    }
}

impl Loaded {
    /// No series.
    pub fn new() -> Self {
        Self::default()
    }

    /// The series of `text`, one a line, from time 0 on, a value each `step`.
    ///
    /// # Errors
    /// Where a line is no series.
    pub fn from_text(text: &str, step: Duration) -> Result<Self, String> {
        let mut loaded = Self::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (labels, samples) = parse_series(line, step)?;
            loaded.add(labels, samples);
        }
        Ok(loaded)
    }

    /// Adds samples in time order; those of a series that is there already go on behind its own.
    pub fn add(&mut self, labels: Labels, samples: Vec<Sample>) {
        self.series(labels).floats.extend(samples);
    }

    /// As `add`, for native histograms. Where it is not known whether one was reset since the one before it, and no
    /// number lies between, it is found out, as a store does when it takes samples in.
    pub fn add_histograms(&mut self, labels: Labels, samples: Vec<HistogramSample>) {
        let series = self.series(labels);
        for mut sample in samples {
            if let Some(before) = series.histograms.last()
                && sample.value.reset == Reset::Unknown
                && before.value.reset != Reset::Gauge
                && before.value.bounds == sample.value.bounds
                && !series.floats.iter().any(|float| before.at < float.at && float.at < sample.at)
                && !sample.value.was_reset_since(&before.value)
            {
                sample.value = Arc::new(Histogram { reset: Reset::NotReset, ..(*sample.value).clone() });
            }
            series.histograms.push(sample);
        }
    }

    /// Says when the counters behind samples began, in the order of the samples' times.
    pub fn add_starts(&mut self, labels: Labels, starts: Vec<Started>) {
        self.series(labels).starts.extend(starts);
    }

    fn series(&mut self, labels: Labels) -> &mut Series {
        let at = match self.series.binary_search_by(|series| series.labels.cmp(&labels)) {
            Ok(at) => at,
            Err(at) => {
                let id = SeriesId(self.series.len() as u64);
                let (floats, histograms, starts) = (Vec::new(), Vec::new(), Vec::new());
                self.series.insert(at, Series { id, labels, floats, histograms, starts });
                at
            }
        };
        &mut self.series[at]
    }
}

impl Source for Loaded {
    fn select(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, &[Sample]),
    ) {
        self.select_samples(matchers, after, until, &mut |id, labels, samples| {
            if !samples.floats.is_empty() {
                visit(id, labels, samples.floats);
            }
        });
    }

    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        for series in &self.series {
            if matchers.iter().all(|matcher| matcher.matches(&series.labels)) {
                let samples = series.samples().within(after, until);
                if !samples.is_empty() {
                    visit(series.id, &series.labels, samples);
                }
            }
        }
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        let found = self.series.iter().find(|have| have.id == series);
        found.map(|have| Feed { labels: have.labels.clone(), origin: Origin::Loaded }).into_iter().collect()
    }

    fn presence(&self, _: &Feed, _: Duration, _: Timestamp) -> Presence {
        Presence::Whole
    }
}

/// Reads `m{a="b"} 0+10x5 _ stale`: the labels, and a value each `step` from time 0 on. `axn` is the value a
/// n + 1 times, `a+bxn` goes on n times by b, `_` and `_xn` leave values out, `stale` marks an end.
///
/// # Errors
/// Where the text is none of that.
pub fn parse_series(text: &str, step: Duration) -> Result<(Labels, Vec<Sample>), String> {
    let (head, values) = split_series(text);
    let labels = parse_labels(head.trim())?;
    let step_ms = i64::try_from(step.as_millis()).map_err(|_| "the step is too long".to_owned())?;
    let mut samples = Vec::new();
    let mut place = 0i64;
    for item in values.split_whitespace() {
        for value in parse_item(item)? {
            if let Some(value) = value {
                samples.push(Sample { at: Timestamp::from_millis(place.saturating_mul(step_ms)), value });
            }
            place += 1;
        }
    }
    Ok((labels, samples))
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
            (None, c) if c.is_whitespace() && depth == 0 && !text[at..].trim_start().starts_with('{') => {
                return at;
            }
            _ => {}
        }
    }
    text.len()
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
    fn what_is_no_series_is_refused() {
        for text in ["m 1x", "m x", "m a", "m{a=~\"b\"} 1", "sum(m) 1", "m 1+", "m 0x99999999"] {
            assert!(parse_series(text, Duration::from_secs(1)).is_err(), "{text}");
        }
    }
}
