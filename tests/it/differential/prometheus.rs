//! The real one, with series of ours, on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use fogsignal::model::{format_value, parse_value};
use serde_json::Value;

use super::series::Series;
use super::{Question, Rows};
use crate::support::process::{Program, run};

/// A running Prometheus; its folder goes with it.
pub struct Prometheus {
    _program: Program,
    _folder: tempfile::TempDir,
    client: reqwest::Client,
    url: String,
}

impl Prometheus {
    pub async fn start(all: &[Series]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (page, data) = (folder.path().join("page"), folder.path().join("data"));
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&page, open_metrics(all)).expect("the page can be written");
        std::fs::write(&config, "").expect("the configuration can be written");
        run(Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&page)
            .arg(&data));
        let (program, url) = Program::prometheus(&config, &data, &["--storage.tsdb.retention.time=100y"]);
        let client = crate::support::client();
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..400 {
            pause.tick().await;
            let ready = client.get(format!("{url}/-/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Self { _program: program, _folder: folder, client, url };
            }
        }
        panic!("prometheus is not ready within 20 s: {}", program.said());
    }

    pub async fn answer(&self, question: &Question) -> Result<Rows, String> {
        let seconds = |ms: i64| format_value(ms as f64 / 1000.0);
        let (start, end) = (question.instants.start.as_millis(), question.instants.end.as_millis());
        let step = question.instants.step;
        let (path, times) = match step.is_zero() {
            true => ("query", vec![("time", seconds(start))]),
            false => {
                let step = format_value(step.as_secs_f64());
                ("query_range", vec![("start", seconds(start)), ("end", seconds(end)), ("step", step)])
            }
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", &question.expr);
        times.iter().for_each(|(name, value)| {
            form.append_pair(name, value);
        });
        let request = self.client.post(format!("{}/api/v1/{path}", self.url)).body(form.finish());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let text = request.send().await.expect("an answer").text().await.expect("it has a body");
        let answer: Value = serde_json::from_str(&text).expect("it is JSON");
        match answer["status"].as_str() {
            Some("success") => Ok(rows(&answer["data"])),
            _ => Err(answer["error"].to_string()),
        }
    }
}

/// The page that promtool makes blocks of.
fn open_metrics(all: &[Series]) -> String {
    let mut page = String::new();
    let mut ordered: Vec<&Series> = all.iter().collect();
    ordered.sort_by_key(|series| series.labels.metric_name());
    for series in ordered {
        let labels: Vec<String> = series
            .labels
            .iter()
            .filter(|(name, _)| *name != "__name__")
            .map(|(n, v)| format!("{n}=\"{v}\""))
            .collect();
        for sample in &series.samples {
            let (value, at) = (format_value(sample.value), sample.at.as_secs_f64());
            let name = series.labels.metric_name();
            writeln!(page, "{name}{{{}}} {value} {at}", labels.join(",")).expect("a text takes all");
        }
    }
    page.push_str("# EOF\n");
    page
}

fn rows(data: &Value) -> Rows {
    let point = |pair: &Value| {
        let at = pair[0].as_f64().expect("a time") * 1000.0;
        (at.round() as i64, parse_value(pair[1].as_str().expect("a text")).expect("a number"))
    };
    if data["resultType"] == "scalar" {
        return [(BTreeMap::new(), vec![point(&data["result"])])].into();
    }
    let row = |one: &Value| {
        let labels = serde_json::from_value(one["metric"].clone()).expect("labels");
        let points = match one["values"].as_array() {
            Some(values) => values.iter().map(point).collect(),
            None => vec![point(&one["value"])],
        };
        (labels, points)
    };
    data["result"].as_array().expect("a list").iter().map(row).collect()
}
