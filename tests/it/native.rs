//! A native histogram from a target's page to a firing alert, with the same figures as in the real Prometheus.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client;
use crate::support::command::write;
use crate::support::daemon::Daemon;
use crate::support::metrics::{Answer, Target};
use crate::support::process::Program;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn signed(field: u64, value: i64) -> Vec<u8> {
    number(field, ((value << 1) ^ (value >> 63)).cast_unsigned())
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [varint(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    [varint(field << 3 | 2), varint(content.len() as u64), content].concat()
}

/// `seconds{code="200"}`: two below zero, one in the zero bucket, and 4, 9 and 1 in three buckets above it, the last apart.
fn page() -> Vec<u8> {
    let span = |field, offset, length| message(field, &[signed(1, offset), number(2, length)]);
    let head = [number(1, 17), double(2, 23.5), signed(5, 3), double(6, 0.001), number(7, 1)];
    let below = [span(9, 2, 1), signed(10, 2)];
    let above = [span(12, -4, 2), span(12, 6, 1), signed(13, 4), signed(13, 5), signed(13, -8)];
    let histogram = [&head[..], &below, &above].concat();
    let text = |field, text: &str| message(field, &[text.as_bytes().to_vec()]);
    let metric = message(4, &[message(1, &[text(1, "code"), text(2, "200")]), message(7, &histogram)]);
    let family = [text(1, "seconds"), text(2, "Any."), number(3, 4), metric].concat();
    [varint(family.len() as u64), family].concat()
}

/// The same with each number to twelve places: bounds are powers of 2, which two programs work out to the last bit but one.
fn rounded(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            text.parse().map_or(value.clone(), |number: f64| json!(format!("{number:.12}")))
        }
        Value::Array(all) => all.iter().map(rounded).collect(),
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        _ => value.clone(),
    }
}

/// What the server at `url` says of the series: labels, and the histogram without its time. `None` where it has none yet.
async fn histogram(url: &str) -> Option<(Value, Value)> {
    let answer = client().get(format!("{url}/api/v1/query?query=seconds")).send().await.ok()?;
    let answer: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    let series = answer["data"]["result"].get(0)?;
    Some((series["metric"].clone(), rounded(series["histogram"].get(1)?)))
}

async fn wait_for_histogram(url: &str) -> (Value, Value) {
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..400 {
        pause.tick().await;
        if let Some(found) = histogram(url).await {
            return found;
        }
    }
    panic!("{url} has no histogram within 20 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_histogram_is_that_of_prometheus_and_rules_watch_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let target = Target::answering(Answer::Typed(kind, page())).await;
    let jobs = format!(
        "scrape_configs: [{{job_name: shop, scrape_interval: 1s, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    );
    let rule = "{alert: Many, expr: 'histogram_fraction(0.5, 1, seconds) > 0.5'}";
    write(folder.path(), "rules.yml", &format!("groups: [{{name: g, interval: 1s, rules: [{rule}]}}]"));
    let ours = format!("global: {{scrape_native_histograms: true}}\nrule_files: [rules.yml]\n{jobs}");
    let daemon = Daemon::start(&write(folder.path(), "fogsignal.yml", &ours)).await;

    let config = write(folder.path(), "prometheus.yml", &jobs);
    let data = folder.path().join("data");
    let (_program, theirs) = Program::prometheus(&config, &data, &["--enable-feature=native-histograms"]);

    let found = wait_for_histogram(&daemon.url("")).await;
    assert_eq!(found, wait_for_histogram(&theirs).await);
    assert_eq!(found.1["buckets"][0], json!([1, "-1.189207115003", "-1.090507732665", "2.000000000000"]));
    daemon.wait_for_alert("firing", Duration::from_secs(10)).await;
}
