//! Targets that are found, by a running daemon: they come, they go, and a restart takes nobody for gone who is only
//! not found yet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::command::write;
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;

fn list(folder: &Path, text: &str) {
    let new = write(folder, "new", text);
    fs::rename(new, folder.join("targets.json")).expect("it is ours");
}

async fn count(daemon: &Daemon, expected: usize) {
    let path = "/api/fogsignal/v1/targets";
    let is = |answer: &Value| answer["targets"].as_array().is_some_and(|targets| targets.len() == expected);
    daemon.wait_for_json(path, is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_outlives_a_restart_during_which_its_target_is_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let target = Target::start("errors 20\n").await;
    let found = format!("[{{\"targets\": [\"{}\"], \"labels\": {{\"zone\": \"a\"}}}}]", target.address());
    write(
        folder,
        "rules.yml",
        "groups:
- name: g
  interval: 1s
  rules:
  - {detect: Errors, expr: 'errors{zone=\"a\"}', component: shop, above: {major: 10}, for: 0s}
",
    );
    let config = write(
        folder,
        "fogsignal.yml",
        "global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs: [{job_name: shop, file_sd_configs: [{files: ['*.json']}]}]
rule_files: [rules.yml]
components: [{id: shop, name: Shop}]
",
    );
    list(folder, &found);
    let daemon = Daemon::start(&config).await;
    daemon.wait_for_alert("firing", Duration::from_secs(20)).await;
    daemon.wait_for_metric("fogsignal_discovery_targets{mechanism=\"file\"} 1").await;
    drop(daemon);

    // The list is broken while it starts again: the alert is neither confirmed nor over.
    list(folder, "[{\"targets\": [");
    let daemon = Daemon::start(&config).await;
    daemon.wait_for_metric("fogsignal_discovery_waiting{mechanism=\"file\"} 1").await;
    daemon.wait_for_metric("fogsignal_discovery_failures_total{mechanism=\"file\"} 1").await;
    // Long enough for several evaluations.
    daemon
        .wait_for_json("/api/v1/rules", |rules| {
            let at = &rules["data"]["groups"][0]["lastEvaluation"];
            at.as_str().is_some_and(|at| !at.starts_with("0001"))
        })
        .await;
    for _ in 0..3 {
        let before = daemon.json("/api/v1/rules").await["data"]["groups"][0]["lastEvaluation"].clone();
        daemon
            .wait_for_json("/api/v1/rules", |rules| rules["data"]["groups"][0]["lastEvaluation"] != before)
            .await;
        let alerts = daemon.json("/api/fogsignal/v1/alerts").await;
        let states: Vec<&Value> =
            alerts["alerts"].as_array().into_iter().flatten().map(|alert| &alert["state"]).collect();
        assert!(matches!(states[..], [state] if state == "firing" || state == "lost"), "{alerts:#}");
    }

    // It is found again, and then it is really gone.
    list(folder, &found);
    count(&daemon, 1).await;
    daemon.wait_for_alert("firing", Duration::from_secs(20)).await;
    list(folder, "[]");
    count(&daemon, 0).await;
}
