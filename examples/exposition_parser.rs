//! Reads exposition pages, a JSON request on each line of standard input, and answers each with its samples or
//! the reason why it is refused: `{"id", "format", "text"}` → `{"id", "samples"}` or `{"id", "error"}`.
//!
//! The answer names counters as OpenMetrics does, with `_total`, where the page declares a counter without it:
//! that is how the readers that it is compared with show them. The daemon itself keeps the names of the page, as
//! the Prometheus server does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use fogsignal::model::format_value;
use fogsignal::scrape::{Metadata, ParseError, TextFormat, metadata, parse_text_as};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Request {
    id: String,
    format: String,
    text: String,
}

#[derive(Serialize)]
struct Answer {
    id: String,
    #[serde(flatten)]
    result: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Samples(Vec<Sample>),
    Error(String),
}

#[derive(Serialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
    timestamp_ms: Option<i64>,
}

fn samples(format: TextFormat, text: &str) -> Result<Vec<Sample>, ParseError> {
    let mut samples = Vec::new();
    let everything = |_: &str| true;
    parse_text_as(format, text.as_bytes(), everything, |line| {
        samples.push(Sample {
            name: line.name.into_owned(),
            labels: line
                .labels
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
            value: format_value(line.value),
            timestamp_ms: line.timestamp_ms,
        });
    })?;
    if format == TextFormat::OpenMetrics {
        return Ok(samples);
    }
    let counters: BTreeSet<_> = metadata(text).filter_map(counter_without_total).collect();
    for sample in samples.iter_mut().filter(|sample| counters.contains(&sample.name)) {
        sample.name.push_str("_total");
    }
    Ok(samples)
}

fn outcome(format: TextFormat, text: &str) -> Outcome {
    samples(format, text).map_or_else(|error| Outcome::Error(error.to_string()), Outcome::Samples)
}

fn counter_without_total(said: Metadata<'_>) -> Option<String> {
    match said {
        Metadata::Type { name, kind: "counter" } if !name.ends_with("_total") => Some(name.into_owned()),
        _ => None,
    }
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let result = match &*request.format {
            "text" => outcome(TextFormat::Prometheus, &request.text),
            "openmetrics" => outcome(TextFormat::OpenMetrics, &request.text),
            other => Outcome::Error(format!("there is no format `{other}`")),
        };
        serde_json::to_writer(&mut out, &Answer { id: request.id, result })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
