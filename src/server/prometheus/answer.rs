//! Values as Prometheus's API writes them.
//!
//! In:   the value of an expression, and what was odd on the way.
//! Out:  `{"status": "success", "data": {"resultType", "result"}, "warnings", "infos"}`.

use serde_json::{Value as Json, json};

use crate::model::{Labels, Timestamp, format_value};
use crate::promql::{
    Amount, Bucket, EvalError, Expr, Histogram, Note, NoteKind, Options, Source, Track, Value,
    evaluate_within,
};

/// What an answer says beside its data.
#[derive(Debug, Default)]
pub struct Said {
    /// Something is probably wrong, and was left out.
    pub warnings: Vec<String>,
    /// The result may not be what was meant.
    pub infos: Vec<String>,
}

impl Said {
    /// Adds what was odd in the evaluation of `text`.
    pub fn extend(&mut self, notes: &[Note], text: &str) {
        for note in notes {
            let told = match note.kind {
                NoteKind::Warning => &mut self.warnings,
                NoteKind::Info => &mut self.infos,
            };
            told.push(note.in_text(text));
        }
    }

    /// The answer with `data`; of more than `limit` results, the first only.
    pub fn with(mut self, mut data: Json, limit: Option<usize>) -> Json {
        let several = matches!(data["resultType"].as_str(), Some("vector" | "matrix"));
        if let (true, Some(limit), Some(results)) = (several, limit, data["result"].as_array_mut())
            && limit < results.len()
        {
            results.truncate(limit);
            self.warnings.push("results truncated due to limit".to_owned());
        }
        let mut answer = json!({ "status": "success", "data": data });
        for (name, told) in [("warnings", self.warnings), ("infos", self.infos)] {
            if !told.is_empty() {
                answer[name] = json!(told);
            }
        }
        answer
    }
}

/// The answer to `expr`, read from `text`, over `source` at `at`: as the daemon gives it, for those who have none.
///
/// # Errors
/// Where the expression has no value.
pub fn instant(text: &str, expr: &Expr, source: &dyn Source, at: Timestamp) -> Result<Json, EvalError> {
    let (value, notes) = evaluate_within(expr, source, at, &Options::default(), &|| false)?;
    let mut said = Said::default();
    said.extend(&notes, text);
    Ok(said.with(data(&value, at), None))
}

/// A value at an instant.
pub fn data(value: &Value, at: Timestamp) -> Json {
    let (kind, result) = match value {
        Value::Scalar(number) => ("scalar", json!([time(at), format_value(*number)])),
        Value::Text(text) => ("string", json!([time(at), text])),
        Value::Matrix(all) => return tracks(all),
        Value::Vector(items) => {
            let write = |labels: &Labels, amount: &Amount| json!({ "metric": labels, amount_name(amount, false): point(at, amount) });
            ("vector", items.iter().map(|item| write(&item.labels, &item.amount)).collect())
        }
    };
    json!({ "resultType": kind, "result": result })
}

/// Values over time.
pub fn tracks(all: &[Track]) -> Json {
    let write = |track: &Track| {
        let mut written = json!({ "metric": track.labels });
        for (at, amount) in &track.samples {
            let list = &mut written[amount_name(amount, true)];
            match list.as_array_mut() {
                Some(list) => list.push(point(*at, amount)),
                None => *list = json!([point(*at, amount)]),
            }
        }
        written
    };
    json!({ "resultType": "matrix", "result": all.iter().map(write).collect::<Vec<_>>() })
}

fn amount_name(amount: &Amount, several: bool) -> &'static str {
    match (amount, several) {
        (Amount::Float(_), false) => "value",
        (Amount::Float(_), true) => "values",
        (Amount::Histogram(_), false) => "histogram",
        (Amount::Histogram(_), true) => "histograms",
    }
}

fn point(at: Timestamp, amount: &Amount) -> Json {
    match amount {
        Amount::Float(value) => json!([time(at), format_value(*value)]),
        Amount::Histogram(histogram) => json!([time(at), buckets(histogram)]),
    }
}

/// A native histogram as in Prometheus's API: of each bucket with something in it which bounds it takes in, both bounds,
/// and its count.
fn buckets(histogram: &Histogram) -> Json {
    let write = |bucket: Bucket| {
        let rule = match (bucket.takes_lower, bucket.takes_upper) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        };
        let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(format_value);
        json!([rule, lower, upper, count])
    };
    let buckets: Vec<Json> =
        histogram.own_buckets().filter(|bucket| bucket.count != 0.0).map(write).collect();
    let mut written = json!({ "count": format_value(histogram.count), "sum": format_value(histogram.sum) });
    if !buckets.is_empty() {
        written["buckets"] = Json::Array(buckets);
    }
    written
}

/// Seconds since 1970.
pub fn time(at: Timestamp) -> Json {
    match at.as_millis() {
        ms if ms % 1000 == 0 => json!(ms / 1000),
        _ => json!(at.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::promql::{Loaded, parse};

    fn check(text: &str, data: &Json) {
        let loaded = Loaded::from_text("a{x=\"1\"} 1 2.5\nb 1 NaN", Duration::from_millis(1500)).unwrap();
        let answer = instant(text, &parse(text).unwrap(), &loaded, Timestamp::from_millis(1500)).unwrap();
        assert_eq!(answer["data"], *data, "{text}");
    }

    #[test]
    fn each_kind_of_value_has_its_shape() {
        check(
            "a",
            &json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "a", "x": "1"}, "value": [1.5, "2.5"]}]}),
        );
        check(
            "b",
            &json!({"resultType": "vector", "result": [{"metric": {"__name__": "b"}, "value": [1.5, "NaN"]}]}),
        );
        check("1 / 0", &json!({"resultType": "scalar", "result": [1.5, "+Inf"]}));
        check("\"a\"", &json!({"resultType": "string", "result": [1.5, "a"]}));
        check(
            "a[2s]",
            &json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "a", "x": "1"}, "values": [[0, "1"], [1.5, "2.5"]]}]}),
        );
        check("nothing", &json!({"resultType": "vector", "result": []}));
    }

    #[test]
    fn a_native_histogram_has_its_buckets() {
        let text = "h {{schema:0 count:9 sum:7.5 z_bucket:2 z_bucket_w:0.001 buckets:[1 0 4] n_buckets:[2]}}";
        let loaded = Loaded::from_text(text, Duration::from_secs(1)).unwrap();
        let answer = |text| instant(text, &parse(text).unwrap(), &loaded, Timestamp::from_secs(0)).unwrap();
        let buckets = json!([
            [1, "-1", "-0.5", "2"],
            [3, "-0.001", "0.001", "2"],
            [0, "0.5", "1", "1"],
            [0, "2", "4", "4"]
        ]);
        assert_eq!(
            answer("h")["data"]["result"],
            json!([{"metric": {"__name__": "h"}, "histogram": [0, {"count": "9", "sum": "7.5", "buckets": buckets}]}])
        );
        let empty = answer("h - h");
        assert_eq!(empty["data"]["result"][0]["histogram"], json!([0, {"count": "0", "sum": "0"}]));
    }

    #[test]
    fn a_limit_says_that_there_was_more() {
        let said = || Said::default();
        let all = json!({"resultType": "vector", "result": [1, 2, 3]});
        assert_eq!(said().with(all.clone(), Some(3)), json!({"status": "success", "data": all}));
        let cut = said().with(all, Some(2));
        assert_eq!(cut["data"]["result"], json!([1, 2]));
        assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    }
}
