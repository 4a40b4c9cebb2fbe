//! Answers PromQL conformance cases line by line: series and queries in, results out, both as JSON.
//!
//! In:   requests on stdin, one a line.
//! Out:  answers on stdout, one a line.
//! Not:  no server; it exists so that a suite of cases can be run against the evaluator.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use fogsignal::model::{Labels, STALE_NAN, Timestamp, is_stale};
use fogsignal::promql::{
    Element, EvalError, Expr, Function, Loaded, Note, Options, Sample, Track, Value, evaluate_noting, parse,
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

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let loaded = load(&request.series);
        let results: Vec<Json> = request.queries.iter().map(|query| answer(query, &loaded)).collect();
        writeln!(out, "{}", json!({"id": request.id, "results": results}))?;
        out.flush()?;
    }
    Ok(())
}

/// The series, less the samples that are histograms, which the evaluator does not know yet.
fn load(series: &[Series]) -> Loaded {
    let mut loaded = Loaded::new();
    for one in series {
        let sample = |(at, value): &(i64, Json)| {
            Some(Sample { at: Timestamp::from_millis(*at), value: read_number(value)? })
        };
        loaded.add(one.labels.clone(), one.samples.iter().filter_map(sample).collect());
    }
    loaded
}

fn answer(query: &Query, loaded: &Loaded) -> Json {
    let error =
        |stage: &str, what: String| json!({"id": query.id, "type": "error", "stage": stage, "error": what});
    let expr = match parse(&query.expr) {
        Ok(expr) => expr,
        Err(e) if e.what.contains("not supported yet") => return error("unsupported", e.what),
        Err(e) => return error("parse", e.what),
    };
    let value = match query.step {
        None => at(&expr, loaded, query.time).map(|(value, notes)| write_value(value, &notes)),
        Some(step) => over_steps(&expr, loaded, query, step),
    };
    match value {
        Ok(mut value) => {
            value["id"] = query.id.clone();
            value
        }
        Err(e) => error("eval", e.what),
    }
}

fn at(expr: &Expr, loaded: &Loaded, time: i64) -> Result<(Value, Vec<Note>), EvalError> {
    evaluate_noting(expr, loaded, Timestamp::from_millis(time), &Options::default())
}

fn over_steps(expr: &Expr, loaded: &Loaded, query: &Query, step: i64) -> Result<Json, EvalError> {
    let mut rows: BTreeMap<Labels, Vec<Json>> = BTreeMap::new();
    let mut warnings = sort_warnings(expr);
    let mut time = query.start;
    while time <= query.end {
        let (value, notes) = at(expr, loaded, time)?;
        warnings.extend(notes.into_iter().map(|note| note.what));
        match value {
            Value::Scalar(value) => {
                rows.entry(Labels::empty()).or_default().push(json!([time, write_number(value)]));
            }
            Value::Vector(elements) => {
                for element in elements {
                    rows.entry(element.labels).or_default().push(json!([time, write_number(element.value)]));
                }
            }
            Value::Matrix(_) | Value::Text(_) => {}
        }
        time += step.max(1);
    }
    let series: Vec<Json> =
        rows.into_iter().map(|(labels, values)| json!({"labels": labels, "values": values})).collect();
    Ok(json!({"type": "matrix", "series": series, "warnings": warnings}))
}

/// Sorting means nothing where every series is a row.
fn sort_warnings(expr: &Expr) -> Vec<String> {
    let mut warnings = Vec::new();
    expr.walk(&mut |expr| {
        if let Expr::Call(call) = expr
            && matches!(call.function, Function::Sort | Function::SortDesc)
        {
            warnings.push("sort is ineffective for range queries".to_owned());
        }
    });
    warnings
}

fn write_value(value: Value, notes: &[Note]) -> Json {
    let mut answer = match value {
        Value::Scalar(value) => json!({"type": "scalar", "value": write_number(value)}),
        Value::Text(value) => json!({"type": "string", "value": value}),
        Value::Vector(elements) => {
            let write = |e: Element| json!({"labels": e.labels, "value": write_number(e.value)});
            json!({"type": "vector", "series": elements.into_iter().map(write).collect::<Vec<_>>()})
        }
        Value::Matrix(tracks) => {
            let point = |sample: &Sample| json!([sample.at.as_millis(), write_number(sample.value)]);
            let write = |track: &Track| json!({"labels": track.labels, "values": track.samples.iter().map(point).collect::<Vec<_>>()});
            json!({"type": "matrix", "series": tracks.iter().map(write).collect::<Vec<_>>()})
        }
    };
    answer["warnings"] = notes.iter().map(|note| note.what.clone()).collect();
    answer
}

fn read_number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) if text == "stale" => Some(f64::from_bits(STALE_NAN)),
        Json::String(text) => text.parse().ok(),
        _ => None,
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
