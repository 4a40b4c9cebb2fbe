//! What responders answer from elsewhere: by the link of a page, in PagerDuty and in Slack.

use std::path::Path;
use std::time::Duration;

use fogsignal::daemon::SystemClock;
use fogsignal::model::Clock;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Response, header};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::client;
use crate::support::command::{told, write};
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;
use crate::support::receiver::{Receiver, SECRET};

const SOON: Duration = Duration::from_secs(60);
const OUTSIDE: &str = "https://fog.example/signal";
const SIGNING: &str = "8f742231b10e";

/// A shop whose incident is paged, with links that are valid for `valid_for`.
fn config(target: &Target, receiver: &Receiver, valid_for: &str, inbound: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s}}
server: {{external_url: '{OUTSIDE}', links_valid_for: {valid_for}}}
scrape_configs:
- {{job_name: shop, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
adapters: [pager.yml]
sinks:
- {{name: ops, adapter: webhook, audience: responders, url: '{url}', secret_file: secret}}
- {{name: pager, adapter: pager, audience: responders, settings: {{url: '{url}'}}{inbound}}}
",
        target.address(),
        url = receiver.url(),
    )
}

const INBOUND: &str = ", inbound_secret_file: signing";

async fn shop(folder: &Path, target: &Target, receiver: &Receiver, valid_for: &str) -> Daemon {
    write(folder, "secret", SECRET);
    write(folder, "signing", &format!("{SIGNING}\n"));
    write(
        folder,
        "pager.yml",
        "adapter: pager
settings: {url: {required: true}, owner: {default: shop}}
operations: {page: {url: '{{ settings.url }}', json: {incident: '{{ incident }}'}}}
",
    );
    let rule = "{detect: Errors, expr: errors, component: shop, above: {major: 10}, for: 0s, annotations: {summary: '<b>too many</b> errors'}}";
    write(folder, "rules.yml", &format!("groups:\n- {{name: g, interval: 1s, rules: [{rule}]}}\n"));
    let text = config(target, receiver, valid_for, INBOUND);
    Daemon::start(&write(folder, "fogsignal.yml", &text)).await
}

async fn acknowledged_by(daemon: &Daemon) -> Value {
    daemon.json("/api/fogsignal/v1/incidents/INC-1").await["acknowledged_by"].clone()
}

/// The links of the first page, as a reverse proxy leads them to the daemon.
async fn links(daemon: &Daemon, receiver: &mut Receiver) -> (String, String) {
    let page = receiver.log_or_wait("page.opened", SOON).await;
    let here = |name: &str| {
        let link = page.data["links"][name].as_str().unwrap_or_else(|| panic!("no link {name}: {page:?}"));
        daemon.url(link.strip_prefix(OUTSIDE).expect("it leads to `server.external_url`"))
    };
    (here("acknowledge"), here("open"))
}

async fn get(url: &str) -> (u16, String) {
    read(client().get(url).send().await.expect("an answer")).await
}

async fn tap(url: &str) -> (u16, String) {
    read(client().post(url).send().await.expect("an answer")).await
}

async fn read(answer: Response) -> (u16, String) {
    let said = |name: header::HeaderName| answer.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(said(header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(said(header::REFERRER_POLICY), Some("no-referrer"));
    assert_eq!(said(header::HeaderName::from_static("x-robots-tag")), Some("noindex"));
    assert!(
        said(header::CONTENT_SECURITY_POLICY).is_some_and(|policy| policy.starts_with("default-src 'none';"))
    );
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_page_acknowledges_with_one_tap() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, mut receiver) = (Target::start("errors 20\n").await, Receiver::start().await);
    let daemon = shop(folder.path(), &target, &receiver, "1h").await;
    let (acknowledge, open) = links(&daemon, &mut receiver).await;

    let (status, page) = get(&open).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("INC-1") && page.contains("major") && page.contains("nobody yet"), "{page}");
    assert!(
        page.contains("&lt;b&gt;too many") && !page.contains("<b>") && !page.contains("<button"),
        "{page}"
    );
    // As the preview of a chat program does.
    let (status, page) = get(&acknowledge).await;
    assert!(status == 200 && page.contains("<button"), "{status} {page}");
    assert_eq!(acknowledged_by(&daemon).await, Value::Null, "a GET changes nothing");

    let (status, page) = tap(&acknowledge).await;
    assert!(status == 200 && page.contains("You acknowledged INC-1."), "{status} {page}");
    assert_eq!(acknowledged_by(&daemon).await, "link of ops");
    let (status, page) = tap(&acknowledge).await;
    assert!(status == 200 && page.contains("INC-1 was acknowledged by link of ops."), "{status} {page}");
    let (_, page) = get(&acknowledge).await;
    assert!(page.contains("acknowledged by link of ops") && !page.contains("<button"), "{page}");

    for (wrong, url) in [
        ("another incident", acknowledge.replace("/1~", "/2~")),
        ("a part is missing", acknowledge[..acknowledge.len() - 3].to_owned()),
        ("nothing", daemon.url("/go/acknowledge/x")),
    ] {
        for (status, page) in [get(&url).await, tap(&url).await] {
            assert!(status == 403 && page.contains("not one of ours"), "{wrong}: {status} {page}");
        }
    }
    told(&daemon, &["incident", "resolve", "INC-1"]).await;
    let (status, page) = tap(&acknowledge).await;
    assert!(status == 409 && page.contains("INC-1 is resolved"), "{status} {page}");
    let foreign = client().post(daemon.url("/-/reload")).header("origin", "https://elsewhere.example");
    assert_eq!(foreign.send().await.expect("an answer").status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_has_expired_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, mut receiver) = (Target::start("errors 20\n").await, Receiver::start().await);
    let daemon = shop(folder.path(), &target, &receiver, "1ms").await;
    let (acknowledge, open) = links(&daemon, &mut receiver).await;
    for (status, page) in [get(&open).await, get(&acknowledge).await, tap(&acknowledge).await] {
        assert!(status == 403 && page.contains("has expired"), "{status} {page}");
    }
    assert_eq!(acknowledged_by(&daemon).await, Value::Null);
}

fn sign(parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING.as_bytes()).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn hook(daemon: &Daemon, path: &str, headers: &[(&str, String)], body: &str) -> (u16, String) {
    let request = client().post(daemon.url(path)).body(body.to_owned());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

async fn pagerduty(daemon: &Daemon, event: &str, key: &str) -> (u16, String) {
    let agent = json!({"type": "user_reference", "summary": "Ana Lima"});
    let event =
        json!({"event_type": event, "agent": agent, "data": {"type": "incident", "incident_key": key}});
    let body = json!({ "event": event }).to_string();
    let signatures = format!("v1={},v1={}", "0".repeat(64), sign(&[body.as_bytes()]));
    hook(daemon, "/hooks/pagerduty/pager", &[("x-pagerduty-signature", signatures)], &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_acknowledge_and_resolve_in_pagerduty() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, mut receiver) = (Target::start("errors 20\n").await, Receiver::start().await);
    let daemon = shop(folder.path(), &target, &receiver, "1h").await;
    receiver.log_or_wait("page.opened", SOON).await;

    let body = "{}";
    for (wrong, headers) in [
        ("missing", vec![]),
        ("wrong", vec![("x-pagerduty-signature", format!("v1={}", "0".repeat(64)))]),
        ("of another body", vec![("x-pagerduty-signature", format!("v1={}", sign(&[b"{ }"])))]),
        ("of another version", vec![("x-pagerduty-signature", format!("v0={}", sign(&[body.as_bytes()])))]),
    ] {
        let (status, said) = hook(&daemon, "/hooks/pagerduty/pager", &headers, body).await;
        assert_eq!(status, 401, "{wrong}: {said}");
    }
    for unknown in ["/hooks/pagerduty/nobody", "/hooks/pagerduty/ops", "/hooks/pagerduty/a%20b"] {
        assert_eq!(hook(&daemon, unknown, &[], body).await.0, 404, "{unknown}");
    }
    for (event, key, part) in [
        ("pagey.ping", "", "ignored"),
        ("incident.annotated", "INC-1", "ignored"),
        ("incident.acknowledged", "d3640fbd", "no incident of ours"),
        ("incident.acknowledged", "other/INC-1", "no incident of ours"),
        ("incident.acknowledged", "INC-99", "there is no incident `INC-99`"),
    ] {
        let (status, said) = pagerduty(&daemon, event, key).await;
        assert!(status == 200 && said.contains(part), "{event} {key}: {status} {said}");
    }
    assert_eq!(acknowledged_by(&daemon).await, Value::Null);

    assert_eq!(
        pagerduty(&daemon, "incident.acknowledged", "shop/INC-1").await,
        (200, "done: INC-1\n".to_owned())
    );
    assert_eq!(acknowledged_by(&daemon).await, "Ana Lima via pagerduty");
    let (status, said) = pagerduty(&daemon, "incident.acknowledged", "INC-1").await;
    assert!(status == 200 && said.starts_with("nothing to do"), "{status} {said}");
    assert_eq!(pagerduty(&daemon, "incident.resolved", "INC-1").await.0, 200);
    let incident = daemon.json("/api/fogsignal/v1/incidents/INC-1").await;
    assert_eq!(incident["status"], "resolved", "{incident}");
    let (status, said) = pagerduty(&daemon, "incident.acknowledged", "INC-1").await;
    assert!(status == 200 && said.starts_with("not done: INC-1 is resolved"), "{status} {said}");
}

async fn slack(daemon: &Daemon, action: &str, late: Duration, key: &str) -> (u16, String) {
    let payload = json!({
        "type": "block_actions",
        "user": {"id": "U1", "username": "ana"},
        "actions": [{"type": "button", "action_id": action, "value": "INC-1"}],
    });
    let mut form = form_urlencoded::Serializer::new(String::new());
    let body = form.append_pair("payload", &payload.to_string()).finish();
    let timestamp = ((SystemClock.now().as_millis() - i64::try_from(late.as_millis()).expect("short"))
        / 1000)
        .to_string();
    let signed = sign(&[format!("{key}{timestamp}:").as_bytes(), body.as_bytes()]);
    let headers = [("x-slack-request-timestamp", timestamp), ("x-slack-signature", format!("v0={signed}"))];
    hook(daemon, "/hooks/slack/pager", &headers, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_acknowledge_and_resolve_in_slack() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, mut receiver) = (Target::start("errors 20\n").await, Receiver::start().await);
    let daemon = shop(folder.path(), &target, &receiver, "1h").await;
    receiver.log_or_wait("page.opened", SOON).await;

    assert_eq!(hook(&daemon, "/hooks/slack/pager", &[], "payload=%7B%7D").await.0, 401, "no signature");
    let (status, said) = slack(&daemon, "acknowledge", Duration::from_secs(600), "v0:").await;
    assert!(status == 401 && said.contains("five minutes"), "an old one: {status} {said}");
    let (status, said) = slack(&daemon, "acknowledge", Duration::ZERO, "v1:").await;
    assert!(status == 401 && said.contains("does not fit"), "a wrong one: {status} {said}");
    assert_eq!(acknowledged_by(&daemon).await, Value::Null);

    let (status, said) = slack(&daemon, "elsewhere", Duration::ZERO, "v0:").await;
    assert!(status == 200 && said.starts_with("ignored"), "{status} {said}");
    assert_eq!(slack(&daemon, "acknowledge", Duration::ZERO, "v0:").await, (200, "done: INC-1\n".to_owned()));
    assert_eq!(acknowledged_by(&daemon).await, "ana via slack");
    assert_eq!(slack(&daemon, "resolve", Duration::ZERO, "v0:").await.0, 200);
    let incident = daemon.json("/api/fogsignal/v1/incidents/INC-1").await;
    assert_eq!(incident["status"], "resolved", "{incident}");

    // A reload takes the secret away, and webhooks with it; an empty file lets nobody in.
    write(folder.path(), "signing", "\n");
    let (status, said) = slack(&daemon, "acknowledge", Duration::ZERO, "v0:").await;
    assert!(status == 503 && said.contains("cannot be read"), "{status} {said}");
    write(folder.path(), "fogsignal.yml", &config(&target, &receiver, "1h", ""));
    let (status, said) = daemon.post("/-/reload").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(slack(&daemon, "acknowledge", Duration::ZERO, "v0:").await.0, 404);
}
