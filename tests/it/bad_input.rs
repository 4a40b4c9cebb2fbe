//! What users get wrong and what machines do to us, seen from outside: a clear error, and nothing known is lost.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::metrics::{Answer, Target};
use crate::support::receiver::{Receiver, SECRET};

const SOON: Duration = Duration::from_secs(60);

/// Runs the daemon on `config`, which it refuses; what it says, and its exit code.
fn refused(config: &Path, flags: &[&str]) -> (String, Option<i32>) {
    let data = config.parent().expect("a file is in a folder").join("data");
    let mut command = Command::new(Daemon::binary());
    command.arg("run").arg("--config").arg(config).args(["--server.listen", "127.0.0.1:0"]);
    if !flags.contains(&"--data-dir") {
        command.arg("--data-dir").arg(data);
    }
    let Output { status, stderr, .. } = command.args(flags).output().expect("the program runs");
    (String::from_utf8_lossy(&stderr).into_owned(), status.code())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("the file can be written");
    path
}

fn assert_all_in(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

#[test]
fn every_mistake_in_the_files_is_named_with_its_place_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        "rules.yml",
        "groups:\n- name: g\n  rules:\n  - alert: Broken\n    expr: sum(rate(a[5m])\n    lables: {severity: major}\n",
    );
    let config = write(
        folder.path(),
        "fogsignal.yml",
        "rule_files: [rules.yml]
components:
- {id: a, name: A, depends_on: [b]}
- {id: b, name: B, depends_on: [a]}
sinks:
- {name: page, adapter: carrier-pigeon, audience: customers}
escalation:
- {steps: [{page: [nobody]}]}
",
    );
    let (said, code) = refused(&config, &[]);
    assert_eq!(code, Some(2), "{said}");
    let parts = [
        "rules.yml:5:",
        "expr: sum(rate(a[5m])",
        "rules.yml:6:",
        "lables",
        "labels",
        "cycle",
        "carrier-pigeon",
    ];
    assert_all_in(&said, &parts);
    assert_all_in(&said, &["nobody", "nothing was started"]);
    assert!(!folder.path().join("data").exists(), "nothing is touched before the configuration is right");
}

#[test]
fn a_missing_configuration_is_named() {
    let (said, code) = refused(Path::new("/nowhere/fogsignal.yml"), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert_all_in(&said, &["/nowhere/fogsignal.yml"]);
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), "fogsignal.yml", "scrape_configs: []\n");
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("a bound listener has an address").to_string();
    let data = folder.path().join("data");
    let output = Command::new(Daemon::binary())
        .args(["run", "--config"])
        .arg(&config)
        .args(["--server.listen", &address, "--data-dir"])
        .arg(data)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_all_in(&said, &[&address, "server.listen"]);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), "fogsignal.yml", "scrape_configs: []\n");
    // Also root cannot make a folder there.
    let (said, code) = refused(&config, &["--data-dir", "/proc/fogsignal"]);
    assert_eq!(code, Some(1), "{said}");
    assert_all_in(&said, &["/proc/fogsignal", "data_dir"]);
}

#[test]
fn a_damaged_journal_is_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), "fogsignal.yml", "scrape_configs: []\n");
    fs::create_dir(folder.path().join("data")).expect("a folder can be made");
    let journal = write(&folder.path().join("data"), "journal.db", &"no journal at all ".repeat(500));
    let before = fs::read(&journal).expect("it was written just now");
    let (said, code) = refused(&config, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert_all_in(&said, &["journal.db", "damaged"]);
    assert_eq!(fs::read(&journal).expect("it is still there"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_reload_keeps_the_old_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start("value 1\n").await;
    let good = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- {{job_name: a, static_configs: [{{targets: ['{}']}}]}}\n",
        target.address()
    );
    let config = write(folder.path(), "fogsignal.yml", &good);
    let daemon = Daemon::start(&config).await;
    write(folder.path(), "fogsignal.yml", &good.replace("job_name", "job_nome"));
    let (status, said) = daemon.post("/-/reload").await;
    assert_eq!(status, 500);
    assert_all_in(&said, &["fogsignal.yml:3:", "job_nome", "old configuration stays"]);
    assert_all_in(&daemon.get("/metrics").await, &["fogsignal_config_last_reload_successful 0"]);
    daemon.wait_for_scrapes(2).await;

    write(folder.path(), "fogsignal.yml", &good.replace("job_name: a", "job_name: b"));
    assert_eq!(daemon.post("/-/reload").await, (200, String::new()));
    let targets = daemon.json("/api/fogsignal/v1/targets").await;
    assert_eq!(targets["targets"][0]["labels"]["job"], "b", "{targets}");

    // A signal does the same as the request.
    write(folder.path(), "fogsignal.yml", "no: configuration\n");
    daemon.program.signal("HUP");
    daemon.wait_for_metric("fogsignal_config_last_reload_successful 0").await;
    write(folder.path(), "fogsignal.yml", &good);
    daemon.program.signal("HUP");
    daemon.wait_for_metric("fogsignal_config_last_reload_successful 1").await;
    daemon.wait_for_scrapes(1).await;
}

/// What a target can do to us, with what must be said of it.
fn misbehaviour() -> Vec<(&'static str, Answer, &'static str)> {
    vec![
        ("html", page("<!doctype html>\n<html><body>Login</body></html>\n"), "HTML"),
        ("truncated", page("a 1\nb{x=\"1\n"), "line 2"),
        ("status", Answer::Status(500), "500"),
        ("endless", Answer::Endless, "larger than 1048576 bytes"),
        ("bomb", Answer::GzipBomb, "larger than 1048576 bytes"),
        ("bytes", page(b"value 1\nvalue{x=\"\xff\"} 1\n"), "UTF-8"),
    ]
}

fn page(bytes: impl Into<Vec<u8>>) -> Answer {
    Answer::Page(bytes.into())
}

fn job(name: &str, address: &str) -> String {
    format!("- {{job_name: {name}, static_configs: [{{targets: ['{address}']}}]}}\n")
}

/// The target of a job, in an answer that lists targets.
fn target_of(targets: &Value, job: &str) -> Value {
    let list = targets["targets"].as_array().expect("a list");
    list.iter().find(|target| target["labels"]["job"] == job).expect("every job has its target").clone()
}

const SMALL_AND_QUICK: &str = "global: {scrape_interval: 1s, body_size_limit: 1MB}\nscrape_configs:\n";

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_misbehave_are_told_apart_and_the_daemon_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = Target::start("value 1\n").await;
    let twice = Target::start("value 1\nvalue 2\n").await;
    let mut config = SMALL_AND_QUICK.to_owned();
    let mut bad = Vec::new();
    for (name, answer, said) in misbehaviour() {
        let target = Target::answering(answer).await;
        config += &job(name, &target.address());
        bad.push((name, target, said));
    }
    config += &job("nobody", "127.0.0.1:1");
    config += &job("twice", &twice.address());
    config += &job("good", &good.address());
    let daemon = Daemon::start(&write(folder.path(), "fogsignal.yml", &config)).await;
    daemon.wait_for_scrapes(2).await;
    let targets = daemon.json("/api/fogsignal/v1/targets").await;
    let told = bad.iter().map(|(name, _, said)| (*name, *said)).chain([("nobody", "refused")]);
    for (name, said) in told {
        let target = target_of(&targets, name);
        assert_eq!(target["health"], "down", "{target}");
        assert!(target["last_error"].as_str().is_some_and(|error| error.contains(said)), "{said}: {target}");
    }
    for name in ["good", "twice"] {
        assert_eq!(target_of(&targets, name)["health"], "up", "{}", target_of(&targets, name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_on_a_target_that_turns_bad_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start("value 20\n").await;
    let rule = "- {detect: TooHigh, expr: value, above: {major: 10}, for: 0s}\n";
    write(folder.path(), "rules.yml", &format!("groups:\n- name: g\n  interval: 1s\n  rules:\n  {rule}"));
    let config = format!("{SMALL_AND_QUICK}{}rule_files: [rules.yml]\n", job("a", &target.address()));
    let daemon = Daemon::start(&write(folder.path(), "fogsignal.yml", &config)).await;
    let before = daemon.wait_for_alert("firing", SOON).await;
    for (name, answer, said) in misbehaviour() {
        target.answer(answer);
        let is_told = |targets: &Value| {
            let error = target_of(targets, "a")["last_error"].clone();
            error.as_str().is_some_and(|error| error.contains(said))
        };
        daemon.wait_for_json("/api/fogsignal/v1/targets", is_told).await;
        let alerts = daemon.json("/api/fogsignal/v1/alerts").await;
        let now = &alerts["alerts"][0];
        for what in ["fingerprint", "severity", "fired_at"] {
            assert_eq!(now[what], before[what], "{name}: {now}");
        }
        // Which of the two depends on how long the tests before took.
        assert!(["firing", "lost"].contains(&now["state"].as_str().unwrap_or_default()), "{name}: {now}");
    }
    // The same series twice in a page is no reason to lose the page.
    target.show("value 20\nvalue 30\n");
    let is_up = |targets: &Value| target_of(targets, "a")["health"] == "up";
    daemon.wait_for_json("/api/fogsignal/v1/targets", is_up).await;
    let now = daemon.wait_for_alert("firing", SOON).await;
    assert_eq!(now["fired_at"], before["fired_at"], "{now}");
    target.show("value 1\n");
    daemon.wait_for_alert("resolved", SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fails_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start("a{x=\"1\"} 1\na{x=\"2\"} 1\nb 1\n").await;
    let rules = "- {record: sum, expr: a + on () b}\n  - {record: fine, expr: b}\n";
    write(folder.path(), "rules.yml", &format!("groups:\n- name: g\n  interval: 1s\n  rules:\n  {rules}"));
    let config = format!("{SMALL_AND_QUICK}{}rule_files: [rules.yml]\n", job("a", &target.address()));
    let daemon = Daemon::start(&write(folder.path(), "fogsignal.yml", &config)).await;
    let fails = |said: &Value| said["groups"][0]["rules"][0]["health"] == "failing";
    let said = daemon.wait_for_json("/api/fogsignal/v1/rules", fails).await;
    let rules = &said["groups"][0]["rules"];
    assert!(rules[0]["last_error"].as_str().is_some_and(|error| error.len() > 10), "{said}");
    assert_eq!((&rules[1]["health"], &rules[1]["last_error"]), (&"ok".into(), &Value::Null), "{said}");
    let page = daemon.get("/metrics").await;
    let failing = page.lines().find(|line| line.starts_with("fogsignal_rule_group_failing_rules{"));
    assert!(failing.is_some_and(|line| line.contains("group=\"g\"") && line.ends_with(" 1")), "{page}");
}

/// A limit on the size of files stands in for a full disk: writes fail, the process goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_grow_pages_responders_and_readiness_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = |value: u32| (0..300).map(|i| format!("value{{i=\"{i}\"}} {value}\n")).collect::<String>();
    let target = Target::start(&page(1)).await;
    let mut receiver = Receiver::start().await;
    write(folder.path(), "secret", SECRET);
    let rule = "- {detect: TooHigh, expr: value, component: shop, above: {major: 10}, for: 0s}\n";
    write(folder.path(), "rules.yml", &format!("groups:\n- name: g\n  interval: 1s\n  rules:\n  {rule}"));
    let config = format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: a, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
sinks: [{{name: ops, adapter: webhook, audience: responders, url: '{}', secret_file: secret}}]
",
        target.address(),
        receiver.url()
    );
    let config = write(folder.path(), "fogsignal.yml", &config);
    // Enough to begin a journal, and by far too little for 300 alerts at once.
    let daemon = Daemon::start_with_files_at_most(&config, 160).await;
    target.show(&page(20));
    let page = receiver.wait_for("page.journal_failing", SOON).await;
    assert_eq!(page.data["page"]["calls"], true);
    assert!(daemon.get("/-/ready").await.contains("cannot be written"));
    assert!(daemon.get("/-/healthy").await.contains("healthy"));
    drop(daemon);

    // With room again, the incident that could not be written is opened.
    let daemon = Daemon::start(&config).await;
    receiver.wait_for("page.opened", SOON).await;
    let incidents = daemon.json("/api/fogsignal/v1/incidents").await;
    assert_eq!(incidents["incidents"].as_array().map(Vec::len), Some(1), "{incidents}");
}
