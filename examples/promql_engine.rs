//! Answers PromQL conformance cases line by line: series and queries in, results out, both as JSON.
//!
//! In:   requests on stdin, one a line.
//! Out:  answers on stdout, one a line.
//! Not:  no server; it exists so that a suite of cases can be run against the evaluator.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use fogsignal::model::{Labels, STALE_NAN, Timestamp, is_stale};
use fogsignal::promql::{
    Amount, CUSTOM_SCHEMA, Dialect, EvalError, Expr, Histogram, HistogramSample, Instants, Item, Loaded,
    Note, NoteKind, Options, Reset, Sample, Started, Track, Value, evaluate_range, evaluate_within, parse_as,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
struct Request {
    id: Json,
    series: Vec<Series>,
    queries: Vec<Query>,
}

#[derive(Deserialize)]
struct Series {
    labels: Labels,
    samples: Vec<(i64, Json)>,
    #[serde(default)]
    start_timestamps: Vec<(i64, i64)>,
}

#[derive(Deserialize)]
struct Query {
    id: Json,
    expr: String,
    #[serde(default)]
    time: i64,
    step: Option<i64>,
    #[serde(default)]
    start: i64,
    #[serde(default)]
    end: i64,
}

/// A histogram as cases write it.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    schema: i32,
    #[serde(default)]
    count: Json,
    #[serde(default)]
    sum: Json,
    #[serde(default)]
    zero_threshold: Json,
    #[serde(default)]
    zero_count: Json,
    #[serde(default)]
    positive: Vec<(i32, Json)>,
    #[serde(default)]
    negative: Vec<(i32, Json)>,
    #[serde(default)]
    custom_values: Vec<Json>,
    #[serde(default)]
    counter_reset_hint: String,
}

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let loaded = load(&request.series)?;
        let results: Vec<Json> = request.queries.iter().map(|query| answer(query, &loaded)).collect();
        writeln!(out, "{}", json!({"id": request.id, "results": results}))?;
        out.flush()?;
    }
    Ok(())
}

fn load(series: &[Series]) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded::new();
    for one in series {
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        for (at, value) in &one.samples {
            let at = Timestamp::from_millis(*at);
            match value {
                Json::Object(_) => {
                    let value = Arc::new(read_histogram(serde_json::from_value(value.clone())?));
                    histograms.push(HistogramSample { at, value });
                }
                value => floats.push(Sample { at, value: read_number(value) }),
            }
        }
        let started = |(at, since): &(i64, i64)| Started {
            at: Timestamp::from_millis(*at),
            since: Timestamp::from_millis(*since),
        };
        loaded.add(one.labels.clone(), floats);
        loaded.add_histograms(one.labels.clone(), histograms);
        loaded.add_starts(one.labels.clone(), one.start_timestamps.iter().map(started).collect());
    }
    Ok(loaded)
}

fn read_histogram(written: Written) -> Histogram {
    let buckets = |pairs: Vec<(i32, Json)>| {
        pairs.into_iter().map(|(index, count)| (index, read_number(&count))).collect()
    };
    Histogram {
        schema: written.schema,
        zero_threshold: read_number(&written.zero_threshold),
        zero_count: read_number(&written.zero_count),
        count: read_number(&written.count),
        sum: read_number(&written.sum),
        positive: buckets(written.positive),
        negative: buckets(written.negative),
        bounds: written.custom_values.iter().map(read_number).collect(),
        reset: match written.counter_reset_hint.as_str() {
            "reset" => Reset::Reset,
            "not_reset" => Reset::NotReset,
            "gauge" => Reset::Gauge,
            _ => Reset::Unknown,
        },
    }
}

fn answer(query: &Query, loaded: &Loaded) -> Json {
    let error =
        |stage: &str, what: String| json!({"id": query.id, "type": "error", "stage": stage, "error": what});
    let expr = match parse_as(&query.expr, &Dialect::EVERYTHING) {
        Ok(expr) => expr,
        Err(e) => return error("parse", e.what),
    };
    match evaluated(&expr, loaded, query) {
        Ok((mut answer, notes)) => {
            let texts = |kind: NoteKind| -> Vec<String> {
                let kind = notes.iter().filter(|note| note.kind == kind);
                kind.map(|note| note.in_text(&query.expr)).collect()
            };
            answer["id"] = query.id.clone();
            answer["warnings"] = json!(texts(NoteKind::Warning));
            answer["infos"] = json!(texts(NoteKind::Info));
            answer
        }
        Err(e) => error("eval", e.what),
    }
}

fn evaluated(expr: &Expr, loaded: &Loaded, query: &Query) -> Result<(Json, Vec<Note>), EvalError> {
    let options = Options::default();
    match query.step {
        None => {
            let at = Timestamp::from_millis(query.time);
            let (value, notes) = evaluate_within(expr, loaded, at, &options, &|| false)?;
            Ok((write_value(value), notes))
        }
        Some(step) => {
            let instants = Instants {
                start: Timestamp::from_millis(query.start),
                end: Timestamp::from_millis(query.end),
                step: Duration::from_millis(step.unsigned_abs().max(1)),
            };
            let (tracks, notes) = evaluate_range(expr, loaded, &instants, &options, &|| false)?;
            Ok((write_tracks(&tracks), notes))
        }
    }
}

fn write_value(value: Value) -> Json {
    match value {
        Value::Scalar(value) => json!({"type": "scalar", "value": write_number(value)}),
        Value::Text(value) => json!({"type": "string", "value": value}),
        Value::Vector(items) => {
            let write = |item: Item| json!({"labels": item.labels, "value": write_amount(&item.amount)});
            json!({"type": "vector", "series": items.into_iter().map(write).collect::<Vec<_>>()})
        }
        Value::Matrix(tracks) => write_tracks(&tracks),
    }
}

fn write_tracks(tracks: &[Track]) -> Json {
    let point = |(at, amount): &(Timestamp, Amount)| json!([at.as_millis(), write_amount(amount)]);
    let write = |track: &Track| json!({"labels": track.labels, "values": track.samples.iter().map(point).collect::<Vec<_>>()});
    json!({"type": "matrix", "series": tracks.iter().map(write).collect::<Vec<_>>()})
}

fn write_amount(amount: &Amount) -> Json {
    let histogram = match amount {
        Amount::Float(value) => return write_number(*value),
        Amount::Histogram(histogram) => histogram,
    };
    let buckets = |pairs: &[(i32, f64)]| -> Vec<Json> {
        pairs.iter().map(|(index, count)| json!([index, write_number(*count)])).collect()
    };
    let mut written = json!({
        "schema": histogram.schema,
        "count": write_number(histogram.count),
        "sum": write_number(histogram.sum),
        "zero_threshold": write_number(histogram.zero_threshold),
        "zero_count": write_number(histogram.zero_count),
        "positive": buckets(&histogram.positive),
        "negative": buckets(&histogram.negative),
        "counter_reset_hint": match histogram.reset {
            Reset::Unknown => "unknown",
            Reset::Reset => "reset",
            Reset::NotReset => "not_reset",
            Reset::Gauge => "gauge",
        },
    });
    if histogram.schema == CUSTOM_SCHEMA {
        written["custom_values"] = histogram.bounds.iter().map(|bound| write_number(*bound)).collect();
    }
    written
}

fn read_number(value: &Json) -> f64 {
    match value {
        Json::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Json::String(text) if text == "stale" => f64::from_bits(STALE_NAN),
        Json::String(text) => text.parse().unwrap_or(f64::NAN),
        _ => 0.0,
    }
}

fn write_number(value: f64) -> Json {
    match value {
        value if is_stale(value) => json!("stale"),
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("+Inf"),
        f64::NEG_INFINITY => json!("-Inf"),
        value => json!(value),
    }
}
