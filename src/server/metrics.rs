//! `/metrics`: what Fogsignal says of itself.
//!
//! In:   the house, the pumps, the journal, the process, as they are at the moment of the request.
//! Out:  an OpenMetrics page; docs/metrics.md lists every family.
//! Not:  nothing is counted here: each room counts its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::incidents::Status;
use crate::journal::Journal;
use crate::model::{Clock, SinkName};
use crate::pipeline::House;
use crate::rules::StateName;
use crate::server::{Face, process, view};

/// The page.
pub async fn metrics<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    headers: HeaderMap,
) -> Response {
    let mut figures = Figures::default();
    of_the_process(&mut figures);
    of_the_house(&mut figures, &face);
    of_the_pumps(&mut figures, &face);
    of_the_journal(&mut figures, &face).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(figures));
    let mut page = String::new();
    match prometheus_client::encoding::text::encode(&mut page, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, content_type(&headers))], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The page is written as OpenMetrics and is a valid page of the text format 0.0.4 as well, so it is called what
/// the reader asked for.
fn content_type(headers: &HeaderMap) -> &'static str {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/openmetrics-text") {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    }
}

/// Families in the order in which they are shown.
#[derive(Debug, Default)]
struct Figures(Vec<Family>);

/// All values of one name.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    values: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Figures {
    fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, MetricType::Gauge)
    }

    /// `name` without `_total`, which the page adds.
    fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, MetricType::Counter)
    }

    fn family(&mut self, name: &'static str, help: &'static str, kind: MetricType) -> &mut Family {
        self.0.push(Family { name, help, kind, values: Vec::new() });
        self.0.last_mut().expect("one was pushed just now")
    }
}

impl Family {
    fn encode(&self, value: f64, to: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self.kind {
            MetricType::Counter => ConstCounter::new(value).encode(to),
            _ => ConstGauge::new(value).encode(to),
        }
    }

    fn value(&mut self, value: f64) {
        self.values.push((Vec::new(), value));
    }

    fn labelled<const N: usize>(&mut self, labels: [(&'static str, &str); N], value: f64) {
        let labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        self.values.push((labels, value));
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        for family in &self.0 {
            let mut of_family = encoder.encode_descriptor(family.name, family.help, None, family.kind)?;
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

fn of_the_process(figures: &mut Figures) {
    figures
        .gauge("fogsignal_build_info", "Always 1; the label says which version this is")
        .labelled([("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let Some(process) = process::read() else { return };
    figures.counter("process_cpu_seconds", "User and system time in seconds").value(process.cpu_seconds);
    figures.gauge("process_resident_memory_bytes", "Resident memory").value(process.resident_bytes as f64);
    figures.gauge("process_open_fds", "Open file descriptors").value(process.open_fds as f64);
    figures
        .gauge("process_start_time_seconds", "When the process started, since the epoch")
        .value(process.start_time_seconds);
}

fn of_the_house<J: Journal, C: Clock>(figures: &mut Figures, face: &Face<J, C>) {
    let reload = face.reload.state();
    figures
        .gauge("fogsignal_config_last_reload_successful", "Whether the last reload worked")
        .value(f64::from(u8::from(reload.successful)));
    figures
        .gauge("fogsignal_config_last_reload_success_timestamp_seconds", "When a reload last worked")
        .value(reload.succeeded_at.as_secs_f64());
    let house = face.house.read();
    targets(figures, &house);
    rules(figures, &house);
    incidents(figures, &house);
    let window = house.window.stats();
    figures.gauge("fogsignal_series", "Series in the window").value(window.series as f64);
    figures.gauge("fogsignal_series_samples", "Samples in the window").value(window.samples as f64);
    figures
        .gauge("fogsignal_series_bytes", "About how much memory the window takes")
        .value(window.bytes as f64);
    let dropped = figures.counter("fogsignal_samples_dropped", "Samples that were not kept, by reason");
    for (reason, count) in [
        ("unwanted", window.dropped.unwanted),
        ("out_of_order", window.dropped.out_of_order),
        ("duplicate", window.dropped.duplicate),
        ("too_new", window.dropped.too_new),
        ("series_limit", window.dropped.series_limit),
        ("samples_limit", window.dropped.samples_limit),
    ] {
        dropped.labelled([("reason", reason)], count as f64);
    }
}

fn targets(figures: &mut Figures, house: &House) {
    let family = figures.gauge("fogsignal_targets", "Targets by how their last scrape went");
    for health in ["up", "down", "unknown"] {
        let count = house.window.targets().filter(|target| view::health(target) == health).count();
        family.labelled([("health", health)], count as f64);
    }
}

fn rules(figures: &mut Figures, house: &House) {
    figures
        .counter("fogsignal_rule_evaluation_failures", "Evaluations of a rule that failed")
        .value(house.health.evaluation_failures as f64);
    figures
        .counter("fogsignal_rule_group_missed_evaluations", "Evaluations of groups that were left out")
        .value(house.health.missed_evaluations as f64);
    let last = figures.gauge(
        "fogsignal_rule_group_last_evaluation_timestamp_seconds",
        "The instant at which a group was last evaluated",
    );
    for (group, report) in house.groups() {
        if let Some(at) = report.evaluated_at {
            last.labelled([("file", &*group.file), ("group", &*group.name)], at.as_secs_f64());
        }
    }
    let took = figures
        .gauge("fogsignal_rule_group_last_duration_seconds", "How long the last evaluation of a group took");
    for (group, report) in house.groups() {
        took.labelled([("file", &*group.file), ("group", &*group.name)], report.took.as_secs_f64());
    }
    let alerts = figures.gauge("fogsignal_alerts", "Alerts by state");
    for state in StateName::ALL {
        let count = house.alerts.rows().filter(|row| row.state.name() == state).count();
        alerts.labelled([("state", state.as_str())], count as f64);
    }
}

fn incidents(figures: &mut Figures, house: &House) {
    let open = figures.gauge("fogsignal_incidents_open", "Incidents that are not resolved, by status");
    for status in [Status::Investigating, Status::Identified, Status::Monitoring] {
        let count = house.book.incidents().filter(|incident| incident.status == status).count();
        open.labelled([("status", status.as_str())], count as f64);
    }
    figures
        .counter("fogsignal_incidents", "Incidents that were opened")
        .value(house.book.incidents().count() as f64);
    let promises = house.book.incidents().map(|incident| incident.promises);
    let (made, kept, missed) = promises.fold((0, 0, 0), |(made, kept, missed), promises| {
        (made + promises.made, kept + promises.kept, missed + promises.missed)
    });
    let family = figures.counter("fogsignal_promises", "Promised updates, by what became of them");
    for (outcome, count) in [("made", made), ("kept", kept), ("missed", missed)] {
        family.labelled([("outcome", outcome)], f64::from(count));
    }
}

fn of_the_pumps<J: Journal, C: Clock>(figures: &mut Figures, face: &Face<J, C>) {
    let sinks = face.outbox.load_full();
    let attempts =
        figures.counter("fogsignal_deliveries", "Attempts to deliver a message, by what came of them");
    for view in sinks.iter() {
        let (sink, stats) = (view.sink.name().as_str(), view.stats.now());
        for (outcome, count) in
            [("delivered", stats.delivered), ("failed", stats.failed), ("dead", stats.dead)]
        {
            attempts.labelled([("sink", sink), ("outcome", outcome)], count as f64);
        }
    }
    let last =
        figures.gauge("fogsignal_delivery_last_success_timestamp_seconds", "When a sink last took something");
    for view in sinks.iter() {
        if let Some(at) = view.stats.now().last_success {
            last.labelled([("sink", view.sink.name().as_str())], at.as_secs_f64());
        }
    }
}

async fn of_the_journal<J: Journal, C: Clock>(figures: &mut Figures, face: &Face<J, C>) {
    let health = face.house.read().health.clone();
    figures.counter("fogsignal_journal_commits", "Commits that worked").value(health.commits as f64);
    figures
        .counter("fogsignal_journal_commit_failures", "Commits that failed")
        .value(health.commit_failures as f64);
    // A journal that cannot answer shows in the two families above.
    let Ok(waiting) = face.journal.waiting().await else { return };
    let family = figures.gauge("fogsignal_deliveries_waiting", "Deliveries that are not done yet");
    // A sink where nothing waits says so; one that left the configuration shows as long as something waits for it.
    let running = face.outbox.load_full();
    let names: BTreeSet<&SinkName> =
        running.iter().map(|view| view.sink.name()).chain(waiting.keys()).collect();
    for sink in names {
        let count = waiting.get(sink).copied().unwrap_or(0);
        family.labelled([("sink", sink.as_str())], count as f64);
    }
}
