//! What one writer writes in the three formats, all three readers read alike.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::page::{Reads, all, shown};
use super::*;
use crate::model::format_value;
use crate::scrape::Format;
use crate::scrape::formats::encoded::{self, Body, labelled};

/// What a metric says of itself.
#[derive(Debug, Clone)]
enum Said {
    Gauge(f64),
    Counter(f64),
    Untyped(f64),
    Summary { count: u64, sum: f64, quantiles: Vec<(f64, f64)> },
    Histogram { sum: f64, buckets: Vec<(f64, u64)>, beyond: u64 },
}

/// A sample of a text format: what comes behind the name, what beside the labels, and the value.
type Line = (&'static str, Option<(&'static str, f64)>, f64);

/// A metric: what tells it from others, and what it says.
type Metric = (Vec<(&'static str, String)>, Said);

impl Said {
    /// Its type in protobuf, in text and in OpenMetrics.
    fn kind(&self) -> (u64, &'static str, &'static str) {
        match self {
            Self::Counter(_) => (0, "counter", "counter"),
            Self::Gauge(_) => (1, "gauge", "gauge"),
            Self::Summary { .. } => (2, "summary", "summary"),
            Self::Untyped(_) => (3, "untyped", "unknown"),
            Self::Histogram { .. } => (4, "histogram", "histogram"),
        }
    }

    fn samples(&self) -> Vec<Line> {
        match self {
            Self::Gauge(value) | Self::Untyped(value) => vec![("", None, *value)],
            Self::Counter(value) => vec![("_total", None, *value)],
            Self::Summary { count, sum, quantiles } => {
                let quantile = |(quantile, value): &(f64, f64)| ("", Some(("quantile", *quantile)), *value);
                let ends = [("_count", None, *count as f64), ("_sum", None, *sum)];
                ends.into_iter().chain(quantiles.iter().map(quantile)).collect()
            }
            Self::Histogram { sum, buckets, beyond } => {
                let count = (buckets.last().map_or(0, |(_, count)| *count) + beyond) as f64;
                let bucket = |(bound, count): &(f64, u64)| ("_bucket", Some(("le", *bound)), *count as f64);
                let last = ("_bucket", Some(("le", f64::INFINITY)), count);
                let ends = [("_count", None, count), ("_sum", None, *sum)];
                buckets.iter().map(bucket).chain([last]).chain(ends).collect()
            }
        }
    }

    fn body(&self) -> Body {
        match self.clone() {
            Self::Gauge(value) => Body::Gauge(value),
            Self::Counter(value) => Body::Counter(value),
            Self::Untyped(value) => Body::Untyped(value),
            Self::Summary { count, sum, quantiles } => Body::Summary { count, sum, quantiles },
            Self::Histogram { sum, buckets, beyond } => {
                let count = buckets.last().map_or(0, |(_, count)| *count) + beyond;
                Body::Histogram(encoded::classic(count, sum, &buckets))
            }
        }
    }

    /// The same metric a while later.
    fn later(&self) -> Self {
        match self.clone() {
            Self::Gauge(value) => Self::Gauge(-value / 3.0),
            Self::Counter(value) => Self::Counter(value + 1.0),
            Self::Untyped(value) => Self::Untyped(value + 0.5),
            Self::Summary { count, sum, quantiles } => {
                Self::Summary { count: count + 1, sum: sum * 2.0, quantiles }
            }
            Self::Histogram { sum, buckets, beyond } => {
                Self::Histogram { sum: sum + 0.1, buckets, beyond: beyond + 7 }
            }
        }
    }
}

/// A page in the text format or in OpenMetrics. Families are `m0`, `m1`, …
fn text(families: &[Vec<Metric>], is_open: bool) -> String {
    let mut page = String::new();
    for (family, metrics) in families.iter().enumerate() {
        let (_, plain, open) = metrics[0].1.kind();
        let suffix = if plain == "counter" && !is_open { "_total" } else { "" };
        let _ = writeln!(page, "# TYPE m{family}{suffix} {}", if is_open { open } else { plain });
        for (labels, said) in metrics {
            for (ending, bound, value) in said.samples() {
                let bound = bound.map(|(name, bound)| (name, format_value(bound)));
                let all = labels.iter().map(|(name, value)| (*name, value.clone())).chain(bound);
                let escape =
                    |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let pairs: Vec<String> =
                    all.map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
                let _ = writeln!(page, "m{family}{ending}{{{}}} {}", pairs.join(","), format_value(value));
            }
        }
    }
    page + if is_open { "# EOF\n" } else { "" }
}

fn protobuf(families: &[Vec<Metric>]) -> Vec<u8> {
    let name = |(family, metrics): (usize, &Vec<Metric>)| {
        let suffix = if matches!(metrics[0].1, Said::Counter(_)) { "_total" } else { "" };
        format!("m{family}{suffix}")
    };
    let names: Vec<String> = families.iter().enumerate().map(name).collect();
    let metric = |(labels, said): &Metric| {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        labelled(&labels, said.body())
    };
    let mut written = Vec::new();
    for (name, metrics) in names.iter().zip(families) {
        let (kind, metrics) = (metrics[0].1.kind().0, metrics.iter().map(metric).collect());
        written.push(encoded::Family { name, kind, metrics });
    }
    encoded::page(&written)
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1000i32..1000).prop_map(f64::from),
        2 => any::<f64>(),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 0.1, 1e-7, 1e21]),
    ]
}

fn any_said() -> impl Strategy<Value = Said> {
    let count = 0..1u64 << 40;
    let quantiles = prop::sample::subsequence(vec![0.0, 0.5, 0.9, 0.99, 1.0], 0..4);
    let summary =
        (count.clone(), 0.0..1e9, quantiles, any_value()).prop_map(|(count, sum, quantiles, value)| {
            Said::Summary {
                count,
                sum,
                quantiles: quantiles.into_iter().map(|quantile| (quantile, value)).collect(),
            }
        });
    let bounds = prop::sample::subsequence(vec![0.005, 0.1, 1.0, 2.5, 10.0, 1e6], 0..5);
    let histogram = (bounds, 0..1000u64, 0.0..1e9, count).prop_map(|(bounds, step, sum, beyond)| {
        let counts = (1..).map(|n: u64| n * step);
        Said::Histogram { sum, buckets: bounds.into_iter().zip(counts).collect(), beyond }
    });
    prop_oneof![
        any_value().prop_map(Said::Gauge),
        (0.0..1e15).prop_map(|value: f64| Said::Counter(value.floor())),
        any_value().prop_map(Said::Untyped),
        summary,
        histogram,
    ]
}

/// Families of one metric or of two that say alike.
fn any_families() -> impl Strategy<Value = Vec<Vec<Metric>>> {
    let family =
        (any_said(), ".*", "[ a-z\\\\\"\n{}=,#é]*", any::<bool>()).prop_map(|(said, one, other, twice)| {
            let metric = |n: &str, said: Said| {
                (vec![("n", n.to_owned()), ("x", one.clone()), ("y", other.clone())], said)
            };
            let second = twice.then(|| metric("2", said.later()));
            std::iter::once(metric("1", said)).chain(second).collect()
        });
    prop::collection::vec(family, 1..6)
}

proptest! {
    #[test]
    fn what_is_written_in_three_formats_is_read_alike(families in any_families()) {
        let mut readers = [Format::Text, Format::OpenMetrics, Format::Protobuf]
            .map(|format| (format, Reads::of(job("j", &["h:1"]))));
        let later: Vec<Vec<Metric>> = families
            .iter()
            .map(|family| family.iter().map(|(labels, said)| (labels.clone(), said.later())).collect())
            .collect();
        // The second page is read by the memory of the first, and so is the third, which is the first again.
        for families in [&families, &later, &families] {
            let [by_text, by_open_metrics, by_protobuf] = readers.each_mut().map(|(format, reads)| {
                let page = match format {
                    Format::Protobuf => protobuf(families),
                    Format::OpenMetrics => text(families, true).into_bytes(),
                    Format::Text => text(families, false).into_bytes(),
                };
                let read = reads.page_as(*format, &page, &all).expect("a good page");
                let mut lines = shown(&read);
                lines.sort_unstable();
                lines
            });
            prop_assert_eq!(&by_text, &by_open_metrics);
            prop_assert_eq!(&by_text, &by_protobuf);
        }
    }
}
