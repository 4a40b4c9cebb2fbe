//! What did not arrive, and what people do about it: with the program, over a receiver that is moody.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::client;
use crate::support::command::{alone, fogsignal, told, write};
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;

/// A receiver that answers what it is told to.
struct Moody {
    url: String,
    mood: Arc<AtomicU16>,
}

impl Moody {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("a bound listener has an address"));
        let mood = Arc::new(AtomicU16::new(status));
        let router = Router::new().route("/hook", post(answer)).with_state(mood.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, mood }
    }

    fn answers(&self, status: u16) {
        self.mood.store(status, Ordering::SeqCst);
    }
}

async fn answer(State(mood): State<Arc<AtomicU16>>, headers: HeaderMap) -> (StatusCode, String) {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let status = StatusCode::from_u16(mood.load(Ordering::SeqCst)).expect("a status");
    (status, format!("{status} for {id}"))
}

/// A shop whose incident is told to one status page.
async fn shop(folder: &Path, target: &Target, receiver: &Moody) -> Daemon {
    let rule = "{detect: Errors, expr: errors, component: shop, above: {major: 10}, for: 0s}";
    write(folder, "rules.yml", &format!("groups:\n- {{name: g, interval: 1s, rules: [{rule}]}}\n"));
    let text = format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: shop, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
sinks: [{{name: page, adapter: webhook, audience: customers, url: '{}'}}]
",
        target.address(),
        receiver.url
    );
    Daemon::start(&write(folder, "fogsignal.yml", &text)).await
}

/// The delivery that fits, once there is one.
async fn delivery(daemon: &Daemon, query: &str, fate: &str) -> Value {
    let path = format!("/api/fogsignal/v1/deliveries?{query}");
    let fits = |answer: &Value| answer["deliveries"][0]["fate"] == fate;
    daemon.wait_for_json(&path, fits).await["deliveries"][0].clone()
}

async fn refused(daemon: &Daemon, arguments: &[&str], part: &str) {
    let (code, said, complained) = fogsignal(daemon, arguments).await;
    assert_eq!((code, said.as_str()), (Some(1), ""), "{arguments:?}: {complained}");
    assert!(complained.contains(part), "`{part}` is not in:\n{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_found_sent_again_and_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, receiver) = (Target::start("errors 1\n").await, Moody::start(410).await);
    let daemon = shop(folder.path(), &target, &receiver).await;
    daemon.wait_for_scrapes(1).await;
    assert_eq!(told(&daemon, &["deliveries", "list"]).await, "no deliveries\n");

    target.show("errors 20\n");
    let dead = delivery(&daemon, "incident=INC-1&sink=page&limit=1", "dead").await;
    let id = format!("D-{}", dead["id"]);
    let said = told(&daemon, &["deliveries", "list", "--dead", "--sink", "page"]).await;
    assert!(said.starts_with(&id) && said.contains("post 1 → page: dead ") && said.contains("410"), "{said}");
    assert_eq!(told(&daemon, &["deliveries", "list", "--fate", "delivered"]).await, "no deliveries\n");
    let said = told(&daemon, &["deliveries", "show", &id]).await;
    assert!(said.contains("attempts:\n  1. ") && said.contains("answered 410"), "{said}");
    refused(&daemon, &["deliveries", "drop", &id], "only what waits is dropped").await;
    refused(&daemon, &["deliveries", "show", "D-999"], "there is no delivery `D-999`").await;

    receiver.answers(200);
    let said = told(&daemon, &["deliveries", "retry", &id]).await;
    assert!(said.contains("post 1 → page: "), "{said}");
    let delivered = delivery(&daemon, "limit=1", "delivered").await;
    assert_eq!((&delivered["id"], &delivered["attempts"]), (&dead["id"], &json!(2)), "{delivered}");
    refused(&daemon, &["deliveries", "retry", &id], "is delivered; only what is dead is retried").await;
    let detail = daemon.json(&format!("/api/fogsignal/v1/deliveries/{id}")).await;
    let notes: Vec<&str> =
        detail["history"].as_array().into_iter().flatten().filter_map(|one| one["note"].as_str()).collect();
    assert_eq!(notes.len(), 2, "{detail}");
    let answered = format!("200 OK for {}", dead["key"].as_str().expect("a key"));
    assert_eq!(notes[1], answered, "the same key on each attempt");

    let incident = daemon.json("/api/fogsignal/v1/incidents/INC-1").await;
    assert_eq!(incident["deliveries"][0]["key"], dead["key"], "{incident}");
    let said = told(&daemon, &["incident", "show", "INC-1"]).await;
    assert!(said.contains("who was told:\n") && said.contains("post 1 → page: delivered "), "{said}");
    daemon.wait_for_metric("fogsignal_deliveries_total{sink=\"page\",outcome=\"delivered\"} 1").await;
    daemon.wait_for_metric("fogsignal_deliveries_total{sink=\"page\",outcome=\"superseded\"} 0").await;
    daemon.wait_for_metric("fogsignal_sink_circuit_open{sink=\"page\"} 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_no_longer_so_is_not_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, receiver) = (Target::start("errors 20\n").await, Moody::start(410).await);
    let daemon = shop(folder.path(), &target, &receiver).await;
    let first = delivery(&daemon, "limit=1", "dead").await;
    told(&daemon, &["incident", "post", "INC-1", "We look."]).await;
    let two = |answer: &Value| answer["deliveries"].as_array().map(Vec::len) == Some(2);
    let dead = daemon.wait_for_json("/api/fogsignal/v1/deliveries?fate=dead", two).await;
    let second = &dead["deliveries"][0];
    let (first, second) = (format!("D-{}", first["id"]), format!("D-{}", second["id"]));

    receiver.answers(200);
    let said = told(&daemon, &["deliveries", "retry", "--all-dead", "--sink", "page"]).await;
    assert!(
        said.starts_with(&format!("{first} is left: ")) && said.contains(&format!("\n{second}")),
        "{said}"
    );
    delivery(&daemon, "limit=1", "delivered").await;
    refused(&daemon, &["deliveries", "retry", &first], "would be out of order").await;
    let said = told(&daemon, &["deliveries", "retry", "--all-dead"]).await;
    assert!(said.starts_with(&format!("left: {first} would be out of order: {second}")), "{said}");
    let (code, _, complained) = fogsignal(&daemon, &["deliveries", "retry"]).await;
    assert_eq!(code, Some(2), "{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_can_be_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, receiver) = (Target::start("errors 20\n").await, Moody::start(503).await);
    let daemon = shop(folder.path(), &target, &receiver).await;
    let fits =
        |answer: &Value| answer["deliveries"][0]["attempts"].as_u64().is_some_and(|attempts| 0 < attempts);
    let waiting = daemon.wait_for_json("/api/fogsignal/v1/deliveries?fate=waiting", fits).await;
    let id = format!("D-{}", waiting["deliveries"][0]["id"]);
    let said = told(&daemon, &["deliveries", "list", "--waiting"]).await;
    assert!(said.contains("waiting until ") && said.contains("answered 503"), "{said}");
    daemon.wait_for_metric("fogsignal_sink_circuit_open{sink=\"page\"} 1").await;
    let config = folder.path().join("fogsignal.yml");
    let config = config.to_str().expect("a path in UTF-8");
    let (_, listed, _) = alone(&["sink", "list", "--config", config, "--server", &daemon.url("")]).await;
    assert_eq!(listed, "page                 webhook      customers  circuit open\n");

    let said = told(&daemon, &["deliveries", "drop", &id]).await;
    assert!(said.contains(": dropped by ana"), "{said}");
    let dropped = daemon.json("/api/fogsignal/v1/deliveries?limit=1").await["deliveries"][0].clone();
    assert_eq!((&dropped["fate"], &dropped["because"]), (&"dead".into(), &"dropped by ana".into()));
    let incident = daemon.json("/api/fogsignal/v1/incidents/INC-1").await;
    assert_eq!(incident["undelivered"], json!([]), "whoever dropped it knows: {incident}");

    let post = client().post(daemon.url(&format!("/api/fogsignal/v1/deliveries/{id}/retry")));
    let answer =
        post.header("content-type", "text/plain").body("{\"by\": \"ana\"}").send().await.expect("an answer");
    assert_eq!(answer.status(), 415, "no simple request of a web page changes anything");
    let wrong =
        client().get(daemon.url("/api/fogsignal/v1/deliveries?fate=ded")).send().await.expect("an answer");
    assert_eq!(wrong.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_tried_without_an_incident() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Moody::start(200).await;
    let text =
        format!("sinks: [{{name: page, adapter: webhook, audience: customers, url: '{}'}}]\n", receiver.url);
    let config = write(folder.path(), "fogsignal.yml", &text);
    let config = config.to_str().expect("a path in UTF-8");
    let (code, said, complained) = alone(&["sink", "test", "page", "--config", config]).await;
    assert_eq!(code, Some(0), "{said}{complained}");
    assert!(said.starts_with("page took it: 200 OK for test_"), "{said}");
    receiver.answers(410);
    let (code, _, complained) = alone(&["sink", "test", "page", "--config", config]).await;
    assert!(code == Some(1) && complained.contains("answered 410"), "{code:?} {complained}");
    let (code, _, complained) = alone(&["sink", "test", "pgae", "--config", config]).await;
    assert!(code == Some(2) && complained.contains("did you mean `page`?"), "{code:?} {complained}");
    let nobody = ["sink", "list", "--config", config, "--server", "http://127.0.0.1:1"];
    let (code, said, _) = alone(&nobody).await;
    assert_eq!((code, said.as_str()), (Some(0), "page                 webhook      customers\n"));
}
