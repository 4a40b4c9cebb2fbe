//! `/metrics`: what Fogsignal says of itself.
//!
//! In:   the house, the pumps, the journal, the process, as they are at the moment of the request.
//! Out:  a page of the text format or of OpenMetrics; docs/operating.md lists every family.
//! Not:  nothing is counted here: each room counts its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::incidents::{Promises, Status};
use crate::journal::Journal;
use crate::model::{Clock, SinkName};
use crate::pipeline::House;
use crate::rules::StateName;
use crate::server::figures::Figures;
use crate::server::{Face, process, view};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page, in the format that the reader asks for.
pub async fn metrics<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    headers: HeaderMap,
) -> Response {
    let figures = figures(&face).await;
    let (kind, page) = if wants_open_metrics(&headers) {
        (OPEN_METRICS, figures.open_metrics())
    } else {
        (TEXT, figures.text())
    };
    match page {
        Ok(page) => ([(header::CONTENT_TYPE, kind)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/openmetrics-text")
}

async fn figures<J: Journal, C: Clock>(face: &Face<J, C>) -> Figures {
    let mut figures = Figures::default();
    of_the_process(&mut figures);
    of_the_house(&mut figures, face);
    of_discovery(&mut figures, face);
    of_the_pumps(&mut figures, face);
    of_the_journal(&mut figures, face).await;
    figures
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
    let off = house.window.targets().filter(|target| target.report.clock_is_off()).count();
    figures
        .gauge("fogsignal_targets_clock_off", "Targets whose clock is more than 5 s away from ours")
        .value(off as f64);
}

fn of_discovery<J: Journal, C: Clock>(figures: &mut Figures, face: &Face<J, C>) {
    let found = face.discovery.figures();
    let family = figures.gauge("fogsignal_discovery_targets", "Targets that providers found, by mechanism");
    for (mechanism, of) in &found.mechanisms {
        family.labelled([("mechanism", mechanism)], of.found as f64);
    }
    let family = figures.counter("fogsignal_discovery_failures", "Attempts to find targets that failed");
    for (mechanism, of) in &found.mechanisms {
        family.labelled([("mechanism", mechanism)], of.failures as f64);
    }
    let family =
        figures.gauge("fogsignal_discovery_waiting", "Providers of targets that have not answered once yet");
    for (mechanism, of) in &found.mechanisms {
        family.labelled([("mechanism", mechanism)], of.waiting as f64);
    }
    let family = figures.gauge(
        "fogsignal_discovery_left_out_targets",
        "Targets that were found and are not scraped, by reason",
    );
    for (job, of) in &found.jobs {
        for (reason, count) in [("dropped", of.dropped), ("bad", of.bad)] {
            family.labelled([("job", job.as_str()), ("reason", reason)], count as f64);
        }
    }
    let family = figures
        .gauge("fogsignal_target_limit_exceeded", "Whether a job has more targets than its target_limit");
    for (job, of) in &found.jobs {
        family.labelled([("job", job)], f64::from(u8::from(of.over_limit)));
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
    let interval =
        figures.gauge("fogsignal_rule_group_interval_seconds", "How often a group is to be evaluated");
    for (group, _) in house.groups() {
        interval.labelled([("file", &*group.file), ("group", &*group.name)], group.interval.as_secs_f64());
    }
    let failing = figures
        .gauge("fogsignal_rule_group_failing_rules", "Rules that failed in the last evaluation of a group");
    for (group, report) in house.groups() {
        failing.labelled([("file", &*group.file), ("group", &*group.name)], report.failures.len() as f64);
    }
    let alerts = figures.gauge("fogsignal_alerts", "Alerts by state");
    for state in StateName::ALL {
        let count = house.alerts.rows().filter(|row| row.state.name() == state).count();
        alerts.labelled([("state", state.as_str())], count as f64);
    }
}

/// Gauges, since the book forgets the oldest of many incidents, and what they counted with them.
fn incidents(figures: &mut Figures, house: &House) {
    let family = figures.gauge("fogsignal_incidents", "Incidents that are remembered, by status");
    for status in [Status::Investigating, Status::Identified, Status::Monitoring, Status::Resolved] {
        let count = house.book.incidents().filter(|incident| incident.status == status).count();
        family.labelled([("status", status.as_str())], count as f64);
    }
    let promises = house.book.incidents().map(|incident| incident.promises);
    let total = promises.fold(Promises::default(), |total, one| Promises {
        made: total.made + one.made,
        kept: total.kept + one.kept,
        missed: total.missed + one.missed,
        withdrawn: total.withdrawn + one.withdrawn,
    });
    let family = figures.gauge(
        "fogsignal_promises",
        "Promised updates of the incidents that are remembered, by what became of them",
    );
    for (outcome, count) in
        [("made", total.made), ("kept", total.kept), ("missed", total.missed), ("withdrawn", total.withdrawn)]
    {
        family.labelled([("outcome", outcome)], f64::from(count));
    }
    let waiting = house.book.incidents().filter(|incident| incident.draft.is_some()).count();
    figures.gauge("fogsignal_drafts_waiting", "Posts that wait for a person's word").value(waiting as f64);
    figures
        .gauge("fogsignal_changes", "Changes that are remembered, told or seen in metrics")
        .value(house.book.changes().len() as f64);
}

fn of_the_pumps<J: Journal, C: Clock>(figures: &mut Figures, face: &Face<J, C>) {
    let running = face.outbox.load();
    let sinks: Vec<_> = running.iter().map(|view| (view.sink.name().as_str(), view.stats.now())).collect();
    let family =
        figures.counter("fogsignal_deliveries", "Attempts to deliver a message, by what came of them");
    for (sink, stats) in &sinks {
        for (outcome, count) in [
            ("delivered", stats.delivered),
            ("failed", stats.failed),
            ("dead", stats.dead),
            ("superseded", stats.superseded),
        ] {
            family.labelled([("sink", sink), ("outcome", outcome)], count as f64);
        }
    }
    let family = figures.counter("fogsignal_delivery_attempt_seconds", "How long all attempts took together");
    for (sink, stats) in &sinks {
        family.labelled([("sink", sink)], stats.attempts_took.as_secs_f64());
    }
    let family = figures.counter(
        "fogsignal_delivery_wait_seconds",
        "How long all messages that were taken had waited together since they were decided",
    );
    for (sink, stats) in &sinks {
        family.labelled([("sink", sink)], stats.waited.as_secs_f64());
    }
    let family =
        figures.gauge("fogsignal_delivery_last_success_timestamp_seconds", "When a sink last took something");
    for (sink, stats) in &sinks {
        if let Some(at) = stats.last_success {
            family.labelled([("sink", sink)], at.as_secs_f64());
        }
    }
    let family = figures.gauge(
        "fogsignal_sink_circuit_open",
        "Whether nothing comes through to a sink, so that it is only probed",
    );
    for (sink, stats) in &sinks {
        family.labelled([("sink", sink)], f64::from(u8::from(stats.circuit_open)));
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
