//! What a target is asked for, and what its answer is read as.
//!
//! In:   `scrape_protocols` in their order; the `Content-Type` of an answer.
//! Out:  the `Accept` header; the format of the answer.
//! Not:  no request is made here, and nothing of the body is looked at.

/// A format as `scrape_protocols` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `PrometheusProto`
    PrometheusProto,
    /// `OpenMetricsText1.0.0`
    OpenMetricsText1,
    /// `OpenMetricsText0.0.1`
    OpenMetricsText0,
    /// `PrometheusText1.0.0`
    PrometheusText1,
    /// `PrometheusText0.0.4`
    PrometheusText0,
}

/// How a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The Prometheus text formats.
    Text,
    /// OpenMetrics.
    OpenMetrics,
    /// Protobuf messages with their lengths.
    Protobuf,
}

impl Protocol {
    /// What is asked for where nothing else is said, the best first (see `DefaultScrapeProtocols` in Prometheus 3).
    pub const DEFAULT: [Self; 4] =
        [Self::OpenMetricsText1, Self::OpenMetricsText0, Self::PrometheusText1, Self::PrometheusText0];
    /// The same where native histograms are scraped, which come in protobuf alone.
    pub const DEFAULT_WITH_NATIVE: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1,
        Self::OpenMetricsText0,
        Self::PrometheusText1,
        Self::PrometheusText0,
    ];

    /// How a page of it is read.
    pub fn format(self) -> Format {
        match self {
            Self::PrometheusProto => Format::Protobuf,
            Self::OpenMetricsText1 | Self::OpenMetricsText0 => Format::OpenMetrics,
            Self::PrometheusText1 | Self::PrometheusText0 => Format::Text,
        }
    }

    /// Formats that know names beyond letters, digits and `_` are asked not to escape them.
    fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::OpenMetricsText1 => "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
            Self::OpenMetricsText0 => "application/openmetrics-text;version=0.0.1",
            Self::PrometheusText1 => "text/plain;version=1.0.0;escaping=allow-utf-8",
            Self::PrometheusText0 => "text/plain;version=0.0.4",
        }
    }
}

/// The `Accept` header for these, of which the first is liked best; anything else is better than nothing.
pub fn accept(protocols: &[Protocol]) -> String {
    // One weight for each format that there is, and one for anything: the same numbers as in Prometheus.
    let weights = (1..=Protocol::DEFAULT_WITH_NATIVE.len() + 1).rev();
    let types = protocols.iter().map(|protocol| protocol.media_type()).chain(["*/*"]);
    let parts: Vec<_> =
        types.zip(weights).map(|(media_type, weight)| format!("{media_type};q=0.{weight}")).collect();
    parts.join(",")
}

impl Format {
    /// The format that a `Content-Type` names; `None` where it is blank, malformed or of another kind.
    pub fn named(content_type: &str) -> Option<Self> {
        match media_type(content_type).as_str() {
            "text/plain" => Some(Self::Text),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }
}

/// A `Content-Type` without its parameters.
pub(in crate::scrape) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_format_has_the_highest_weight() {
        assert_eq!(
            accept(&Protocol::DEFAULT),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        assert_eq!(accept(&[Protocol::PrometheusText0]), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
        assert!(
            accept(&Protocol::DEFAULT_WITH_NATIVE).ends_with(",text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
        );
    }

    #[test]
    fn the_content_type_names_the_format() {
        let check = |text: &str, expected| assert_eq!(Format::named(text), expected, "{text}");
        check("text/plain; version=0.0.4; charset=utf-8", Some(Format::Text));
        check("Text/Plain", Some(Format::Text));
        check("application/openmetrics-text; version=1.0.0", Some(Format::OpenMetrics));
        check(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily",
            Some(Format::Protobuf),
        );
        check("application/json", None);
        check("", None);
    }
}
