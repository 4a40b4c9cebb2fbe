//! The figures of a moment, and the two formats in which a page of them is written.
//!
//! In:   families with their values, in the order in which they are shown.
//! Out:  a page of OpenMetrics, or of the text format 0.0.4. A counter is the difference: OpenMetrics declares it
//!       without `_total`, 0.0.4 by the name that its samples have, and a reader of the one takes the other for
//!       untyped.
//! Not:  nothing is counted here.

use std::borrow::Cow;
use std::fmt::{self, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::model::format_value;

/// Families in the order in which they are shown.
#[derive(Debug, Default)]
pub struct Figures(Vec<Family>);

/// All values of one name.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    values: Vec<(Vec<(&'static str, String)>, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    Counter,
}

impl Figures {
    /// A new family of gauges.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Gauge)
    }

    /// A new family of counters; `name` without `_total`, which the page adds.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Counter)
    }

    fn family(&mut self, name: &'static str, help: &'static str, kind: Kind) -> &mut Family {
        self.0.push(Family { name, help, kind, values: Vec::new() });
        self.0.last_mut().expect("one was pushed just now")
    }

    /// A page of OpenMetrics 1.0.0.
    ///
    /// # Errors
    /// Where the encoder refuses what it is given.
    pub fn open_metrics(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry)?;
        Ok(page)
    }

    /// A page of the text format 0.0.4.
    ///
    /// # Errors
    /// Never in practice: a text takes all that is written to it.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        for family in &self.0 {
            let name = family.sample_name();
            writeln!(page, "# HELP {name} {}", escape(family.help, false))?;
            writeln!(page, "# TYPE {name} {}", family.kind.metric_type().as_str())?;
            for (labels, value) in &family.values {
                page.push_str(&name);
                for (place, (label, value)) in labels.iter().enumerate() {
                    let before = if place == 0 { '{' } else { ',' };
                    write!(page, "{before}{label}=\"{}\"", escape(value, true))?;
                }
                if !labels.is_empty() {
                    page.push('}');
                }
                writeln!(page, " {}", format_value(*value))?;
            }
        }
        Ok(page)
    }
}

impl Kind {
    fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
        }
    }
}

impl Family {
    /// Its only value.
    pub fn value(&mut self, value: f64) {
        self.values.push((Vec::new(), value));
    }

    /// One of its values, told apart by `labels`.
    pub fn labelled<const N: usize>(&mut self, labels: [(&'static str, &str); N], value: f64) {
        let labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        self.values.push((labels, value));
    }

    /// The name that its samples have.
    fn sample_name(&self) -> Cow<'static, str> {
        match self.kind {
            Kind::Gauge => self.name.into(),
            Kind::Counter => format!("{}_total", self.name).into(),
        }
    }

    fn encode(&self, value: f64, to: MetricEncoder<'_>) -> fmt::Result {
        match self.kind {
            Kind::Gauge => ConstGauge::new(value).encode(to),
            Kind::Counter => ConstCounter::new(value).encode(to),
        }
    }
}

/// As the text format wants it: a double quote is escaped in values of labels only.
fn escape(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', r"\\").replace('\n', r"\n");
    if quoted { text.replace('"', "\\\"") } else { text }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for family in &self.0 {
            let kind = family.kind.metric_type();
            // The encoder writes the text as it is given.
            let help = escape(family.help, false);
            let mut of_family = encoder.encode_descriptor(family.name, &help, None, kind)?;
            for (labels, value) in family.values.iter().filter(|(labels, _)| !labels.is_empty()) {
                let labels = labels.as_slice();
                family.encode(*value, of_family.encode_family(&labels)?)?;
            }
            if let Some((_, value)) = family.values.iter().find(|(labels, _)| labels.is_empty()) {
                family.encode(*value, of_family)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::scrape::{Metadata, metadata, parse_text};

    fn figures() -> Figures {
        let mut figures = Figures::default();
        figures.gauge("a", "Any \\ text\nof two \"lines\"").value(1.5);
        let counter = figures.counter("b", "Counted");
        counter.labelled([("x", "a\\b\n\"c\""), ("y", "")], 7.0);
        counter.labelled([("x", "d"), ("y", "e")], 1e300);
        figures.gauge("c", "Without a value today");
        figures
    }

    type Read = (String, BTreeMap<String, String>, f64);

    fn read(page: &str) -> Vec<Read> {
        let mut read = Vec::new();
        let keep = |line: crate::scrape::Line<'_>| {
            let labels = line.labels.map(|(name, value)| (name.into_owned(), value.into_owned()));
            read.push((line.name.into_owned(), labels.collect(), line.value));
        };
        parse_text(page.as_bytes(), |_| true, keep).unwrap_or_else(|error| panic!("{error}:\n{page}"));
        read
    }

    fn kinds(page: &str) -> BTreeMap<String, String> {
        let kind = |said| match said {
            Metadata::Type { name, kind } => Some((name.into_owned(), kind.to_owned())),
            Metadata::Help { .. } => None,
        };
        metadata(page).filter_map(kind).collect()
    }

    #[test]
    fn both_pages_say_the_same_samples() {
        let text = figures().text().expect("it is written");
        let open = figures().open_metrics().expect("it is written");
        let samples = read(&text);
        assert_eq!(samples, read(&open));
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[1].0, "b_total");
        assert_eq!(samples[1].1["x"], "a\\b\n\"c\"");
        assert!(open.ends_with("# EOF\n") && !text.contains("EOF"));
    }

    #[test]
    fn the_text_page_declares_counters_by_the_name_of_their_samples() {
        let text = figures().text().expect("it is written");
        let declared = kinds(&text);
        assert_eq!(declared["b_total"], "counter");
        assert_eq!(declared["a"], "gauge");
        for name in read(&text).into_iter().map(|(name, ..)| name).collect::<BTreeSet<_>>() {
            assert!(declared.contains_key(&name), "`{name}` is untyped:\n{text}");
        }
        let help = metadata(&text).find_map(|said| match said {
            Metadata::Help { text, .. } => Some(text.into_owned()),
            Metadata::Type { .. } => None,
        });
        assert_eq!(help.as_deref(), Some("Any \\ text\nof two \"lines\""));
        let open = figures().open_metrics().expect("it is written");
        assert_eq!(kinds(&open)["b"], "counter");
    }
}
