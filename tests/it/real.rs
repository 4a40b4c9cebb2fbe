//! The whole way on real programs: PostgreSQL under pgbench, its exporter and the node exporter as Debian packages
//! them, the daemon as a process, a receiver that verifies signatures, and a kill -9 in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fogsignal::model::{METRIC_NAME, MatchOp};
use fogsignal::rules::{self, Context};
use fogsignal::scrape::parse_text;

use crate::support::daemon::Daemon;
use crate::support::postgres::{Postgres, node_exporter, wait_for};
use crate::support::receiver::{Receiver, SECRET};

/// More than this many connections to the database are an incident in this test.
const THRESHOLD: usize = 20;
/// `up` is made by who scrapes; systemd's units show where systemd runs, and replication where there is a replica.
const NOT_ON_THIS_MACHINE: &[&str] = &[
    "up",
    "node_systemd_unit_state",
    "pg_replication_slots_active",
    "pg_replication_slots_pg_wal_lsn_diff",
    "pg_stat_replication_pg_wal_lsn_diff",
];
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_postgres_becomes_an_incident_that_survives_a_kill() {
    let postgres = Postgres::start();
    let (_exporter, database) = postgres.exporter();
    let (_node, node) = node_exporter();
    wait_for(&database, "pg_stat_activity_count{datname=\"bench\"").await;
    wait_for(&node, "node_cpu_seconds_total").await;
    let mut receiver = Receiver::start().await;
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    let config = write_config(folder.path(), &database, &node, &receiver.url());
    let mut daemon = Daemon::start(&config).await;

    println!("--- load: {} connections, the threshold is {THRESHOLD}", THRESHOLD * 2);
    let load = postgres.load(THRESHOLD * 2);
    let page = receiver.wait_for("page.opened", SOON).await;
    assert_eq!(page.data["page"]["calls"], true);
    let opened = receiver.log_or_wait("incident.opened", SOON).await;
    assert_eq!(opened.data["status"], "investigating");
    assert_eq!(opened.data["components"][0]["id"], "user-db");
    assert_eq!(opened.data["components"][0]["status"], "partial_outage");
    assert!(opened.data["post"]["next_update_by"].is_string(), "a post promises the next: {:?}", opened.data);

    println!("--- the load ends");
    drop(load);
    let monitoring = receiver.wait_for_status("monitoring", SOON).await;
    assert_eq!(monitoring.data["incident"], opened.data["incident"]);
    let resolved = receiver.wait_for("incident.resolved", SOON).await;
    assert_eq!(resolved.data["incident"], opened.data["incident"]);
    assert_eq!(resolved.data["components"][0]["status"], "operational");

    println!("--- load again, and kill -9 in the middle");
    let load = postgres.load(THRESHOLD * 2);
    let second = receiver.wait_for("incident.opened", SOON).await;
    assert_ne!(second.data["incident"], opened.data["incident"]);
    daemon.program.kill();
    let mut daemon = Daemon::start(&config).await;
    let said_before = receiver.log.len();
    let open = daemon.wait_for_alert("firing", SOON).await;
    assert_eq!(open["component"], "user-db");
    daemon.wait_for_scrapes(12).await;
    receiver.take_in();
    for message in &receiver.log[said_before..] {
        assert!(
            !["incident.opened", "incident.resolved"].contains(&message.kind.as_str())
                && message.data["status"] != "monitoring",
            "a false word after the restart: {message:?}"
        );
    }
    let incident = daemon.json(&format!("/api/fogsignal/v1/incidents/{}", second.incident())).await;
    assert_eq!(incident["status"], "investigating");

    println!("--- the load ends again");
    drop(load);
    receiver.wait_for_status("monitoring", SOON).await;
    let resolved = receiver.wait_for("incident.resolved", SOON).await;
    assert_eq!(resolved.data["incident"], second.data["incident"]);

    nothing_said_twice_and_all_in_order(&receiver);
    let metrics = daemon.get("/metrics").await;
    assert!(metrics.contains("fogsignal_promises{outcome=\"missed\"} 0"), "{metrics}");
    assert!(metrics.contains("fogsignal_rule_evaluation_failures_total 0"), "{metrics}");
    daemon.program.signal("TERM");
    assert_eq!(daemon.program.wait(), Some(0), "{}", daemon.program.said());
    println!("--- what the daemon logged after its restart\n{}", daemon.program.said());
}

/// The packs that we ship, on the exporters that they are for: every metric that a rule names is there.
#[tokio::test(flavor = "multi_thread")]
async fn shipped_rules_name_what_real_exporters_show() {
    let postgres = Postgres::start();
    let (_exporter, database) = postgres.exporter();
    let (_node, node) = node_exporter();
    wait_for(&database, "pg_up 1").await;
    wait_for(&node, "node_cpu_seconds_total").await;
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    for pack in ["database", "node"] {
        // Evaluated each second here, so that the test need not wait for their own interval.
        let text: String = pack_text(pack)
            .lines()
            .filter(|line| !line.trim_start().starts_with("interval:"))
            .fold(String::new(), |text, line| text + line + "\n");
        fs::write(folder.path().join(format!("{pack}.yml")), text).expect("the pack can be written");
    }
    let config = folder.path().join("fogsignal.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         scrape_configs:\n\
         - {{job_name: postgres, static_configs: [{{targets: ['{database}']}}]}}\n\
         - {{job_name: node, static_configs: [{{targets: ['{node}']}}]}}\n\
         rule_files: [database.yml, node.yml]\n\
         sinks: [{{name: ops, adapter: stdout, audience: responders}}]\n"
    );
    fs::write(&config, text).expect("the configuration can be written");
    let daemon = Daemon::start(&config).await;
    daemon.wait_for_scrapes(5).await;
    let own = daemon.get("/metrics").await;
    assert!(own.contains("fogsignal_rule_evaluation_failures_total 0"), "{own}");
    let shown = [
        names_on(&wait_for(&database, "pg_up").await),
        names_on(&wait_for(&node, "node_").await),
        names_on(&own),
    ];
    let mut missing: BTreeSet<String> =
        ["database", "node", "fogsignal"].into_iter().flat_map(names_in_pack).collect();
    missing.retain(|name| !shown.iter().any(|page| page.contains(name)));
    missing.retain(|name| !NOT_ON_THIS_MACHINE.contains(&name.as_str()));
    assert!(missing.is_empty(), "rules name what nothing shows: {missing:?}");
    let targets = daemon.json("/api/fogsignal/v1/targets").await;
    for target in targets["targets"].as_array().expect("a list of targets") {
        assert_eq!(target["health"], "up", "{target}");
        assert!(target["series_kept"].as_u64() > Some(5), "hardly anything is kept: {target}");
    }
}

/// The metrics that the rules of a shipped pack name.
fn names_in_pack(pack: &str) -> Vec<String> {
    let (groups, problems) = rules::load(&pack.into(), &pack_text(pack), &Context::default());
    assert!(problems.is_empty(), "{problems}");
    let demands = groups.iter().flat_map(|group| group.demands());
    let names = demands.filter_map(|demand| {
        let name = demand.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME)?;
        (name.op() == MatchOp::Equal).then(|| name.value().to_owned())
    });
    names.collect()
}

fn pack_text(pack: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(format!("{pack}.yml"));
    fs::read_to_string(path).expect("the pack can be read")
}

/// The metrics that a page shows, read as the daemon reads it.
fn names_on(page: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    parse_text(
        page.as_bytes(),
        |_| true,
        |line| {
            names.insert(line.name.to_string());
        },
    )
    .expect("the page is well formed");
    names
}

fn write_config(folder: &Path, database: &str, node: &str, hook: &str) -> PathBuf {
    fs::write(folder.join("secret"), format!("{SECRET}\n")).expect("the secret can be written");
    let rules = format!(
        "groups:
- name: database
  interval: 1s
  rules:
  - detect: PostgresConnections
    expr: sum(pg_stat_activity_count{{datname=\"bench\"}})
    component: user-db
    above: {{major: {THRESHOLD}}}
    for: 2s
    clear_for: 2s
    annotations: {{summary: '{{{{ $value | humanize }}}} connections'}}
  - detect: PostgresTransactions
    expr: sum(rate(pg_stat_database_xact_commit{{datname=\"bench\"}}[10s]))
    component: user-db
    above: {{minor: 100}}
    for: 2s
  - alert: PostgresDown
    expr: pg_up == 0
    labels: {{severity: critical, component: user-db}}
  - alert: NodeDown
    expr: up{{job=\"node\"}} == 0
    labels: {{severity: major, component: user-db}}
"
    );
    fs::write(folder.join("rules.yml"), rules).expect("the rules can be written");
    let config = folder.join("fogsignal.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
- {{job_name: postgres, static_configs: [{{targets: ['{database}']}}]}}
- {{job_name: node, static_configs: [{{targets: ['{node}']}}]}}
rule_files: [rules.yml]
components:
- {{id: user-db, name: User database}}
incidents: {{watch: 5s, correlate_within: 1s, reopen_within: 1s, min_gap: 1s}}
sinks:
- {{name: status-page, adapter: webhook, audience: customers, url: '{hook}', secret_file: secret}}
- {{name: ops, adapter: webhook, audience: responders, url: '{hook}', secret_file: secret}}
"
    );
    fs::write(&config, text).expect("the configuration can be written");
    config
}

/// No two messages say the same, and the posts of each incident are numbered 1, 2, 3 … in the order in which they
/// came.
fn nothing_said_twice_and_all_in_order(receiver: &Receiver) {
    let mut posts: BTreeMap<String, u64> = BTreeMap::new();
    for message in receiver.log.iter().filter(|message| message.data["post"].is_object()) {
        let last = posts.entry(message.incident()).or_insert(0);
        *last += 1;
        assert_eq!(message.data["post"]["number"], *last, "{:#?}", receiver.log);
    }
    println!(
        "--- {} messages, posts by incident: {posts:?}, again: {:?}",
        receiver.log.len(),
        receiver.again
    );
}
