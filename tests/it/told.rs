//! What people tell a running daemon, as they do it: with the program itself, and over HTTP.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client;
use crate::support::command::{fogsignal, told, write};
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;
use crate::support::receiver::{Receiver, SECRET};

const SOON: Duration = Duration::from_secs(60);

async fn incident(daemon: &Daemon) -> Value {
    daemon.json("/api/fogsignal/v1/incidents/INC-1").await
}

/// A shop with one rule, whose posts a person approves, and its receivers.
async fn shop(folder: &Path, target: &Target, receiver: &Receiver) -> Daemon {
    write(folder, "secret", SECRET);
    write(folder, "post.j2", "{{ title }} ({{ status }}): {{ written or affected }}\n");
    write(
        folder,
        "rules.yml",
        "groups:
- name: g
  interval: 1s
  rules:
  - {detect: Errors, expr: errors, component: shop, above: {major: 10}, for: 0s}
",
    );
    let text = format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: shop, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
incidents: {{templates: {{post: post.j2}}, publish: {{mode: approve}}}}
sinks:
- {{name: page, adapter: webhook, audience: customers, url: '{url}', secret_file: secret}}
- {{name: ops, adapter: webhook, audience: responders, url: '{url}', secret_file: secret}}
",
        target.address(),
        url = receiver.url()
    );
    Daemon::start(&write(folder, "fogsignal.yml", &text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_take_an_incident_on_explain_it_and_approve_what_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start("errors 1\n").await;
    let mut receiver = Receiver::start().await;
    let daemon = shop(folder.path(), &target, &receiver).await;
    daemon.wait_for_scrapes(1).await;
    let said = told(&daemon, &["change", "v7 of the shop", "--component", "shop", "--version", "v7"]).await;
    assert!(said.starts_with("noted: deploy of shop v7 at "), "{said}");
    assert_eq!(told(&daemon, &["incident", "list"]).await, "no incidents\n");

    target.show("errors 20\n");
    let page = receiver.log_or_wait("page.opened", SOON).await;
    let suspect = &page.data["suspects"][0];
    assert_eq!(
        (&suspect["summary"], &suspect["kind"]),
        (&"v7 of the shop".into(), &"deploy".into()),
        "{page:?}"
    );
    receiver.log_or_wait("page.draft_waits", SOON).await;
    let shown = incident(&daemon).await;
    assert_eq!((&shown["posts"], &shown["acknowledged_by"]), (&json!([]), &Value::Null), "{shown}");
    assert!(shown["draft"]["post"]["body"].as_str().is_some_and(|body| body.ends_with("Shop")), "{shown}");

    let said = told(&daemon, &["incident", "ack", "INC-1"]).await;
    assert_eq!(said, "INC-1: acknowledged (ana said so)\n");
    assert_eq!(told(&daemon, &["incident", "ack", "1"]).await, "nothing to do: it is so already\n");
    let said = told(&daemon, &["incident", "cause", "INC-1", "a bad rollout", "--component", "shop"]).await;
    assert!(said.contains("INC-1: cause_named (ana said so)\n"), "{said}");
    told(&daemon, &["incident", "note", "INC-1", "looking at v7"]).await;
    let said = told(&daemon, &["incident", "approve", "INC-1", "We roll a change back."]).await;
    assert!(said.contains("INC-1: posted (ana said so)\n"), "{said}");
    let post = receiver.log_or_wait("incident.opened", SOON).await;
    assert_eq!(post.data["status"], "identified");
    let body = post.data["post"]["body"].as_str().expect("a text");
    assert!(body.ends_with("(identified): We roll a change back."), "the user's own template: {body}");

    let shown = incident(&daemon).await;
    assert_eq!((&shown["acknowledged_by"], &shown["status"]), (&"ana".into(), &"identified".into()));
    assert_eq!(
        (&shown["cause"]["text"], &shown["draft"]),
        (&"a bad rollout".into(), &Value::Null),
        "{shown}"
    );
    assert_eq!(shown["posts"][0]["by"], "ana");
    let said = told(&daemon, &["incident", "show", "INC-1"]).await;
    for part in
        ["acknowledged by: ana", "cause: a bad rollout (ana)", "looking at v7", "  deploy of shop at "]
    {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert!(told(&daemon, &["incident", "list"]).await.contains("acknowledged by ana"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), "fogsignal.yml", "components: [{id: shop}]\n");
    let daemon = Daemon::start(&config).await;
    let refused = async |arguments: &[&str], code: i32, part: &str| {
        let (ended, said, complained) = fogsignal(&daemon, arguments).await;
        assert_eq!((ended, said.as_str()), (Some(code), ""), "{complained}");
        assert!(complained.contains(part), "`{part}` is not in:\n{complained}");
    };
    refused(&["incident", "ack", "INC-1"], 1, "error: there is no incident `INC-1`").await;
    refused(&["incident", "ack", "one"], 2, "`one` is no incident's id").await;
    refused(&["change", "x", "--component", "shpo"], 1, "did you mean `shop`?").await;
    refused(&["change", "x", "--at", "2999-01-01T00:00:00Z"], 1, "more than an hour ahead").await;
    refused(&["change", "x", "--kind", "magic"], 2, "rollback").await;

    let post = |kind: &str, origin: Option<&str>, body: &str| {
        let request = client().post(daemon.url("/api/fogsignal/v1/changes")).header("content-type", kind);
        let request = origin.iter().fold(request, |request, origin| request.header("origin", *origin));
        request.body(body.to_owned()).send()
    };
    let status =
        async |kind, origin, body| post(kind, origin, body).await.expect("an answer").status().as_u16();
    let change = r#"{"summary": "x"}"#;
    assert_eq!(status("text/plain", None, change).await, 415);
    assert_eq!(status("application/json", Some("https://elsewhere.example"), change).await, 403);
    assert_eq!(status("application/json", None, "{").await, 400);
    assert_eq!(daemon.json("/api/fogsignal/v1/changes").await, json!({"changes": []}));
    assert_eq!(status("application/json", Some(&daemon.url("")), change).await, 200);

    drop(daemon);
    let mut command = Command::new(Daemon::binary());
    let output = command.args(["incident", "list", "--server", "http://127.0.0.1:1"]).output();
    let Output { status, stderr, .. } = output.expect("the program runs");
    let (code, complained) = (status.code(), String::from_utf8_lossy(&stderr).into_owned());
    assert_eq!(code, Some(1));
    assert!(complained.contains("no answer from the daemon at http://127.0.0.1:1"), "{complained}");
}
