//! PagerDuty: one alert for each of our incidents, whatever arrives twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fogsignal::delivery::{Audience, PageReason};
use fogsignal::model::Severity;
use serde_json::{Value, json};

use super::journey::{Journey, acknowledged, delivered, given_up, page, pages, retried, sink};
use super::server::{Mood, Reply, Seen, Server};

/// Alerts by their key: how each stands, and how often one was opened.
#[derive(Default)]
struct Alerts {
    by_key: BTreeMap<String, &'static str>,
    opened: usize,
}

/// As the documentation of the Events API v2 has it.
fn events(alerts: Arc<Mutex<Alerts>>) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    move |seen| {
        let mut alerts = alerts.lock().expect("no test panics in here");
        if seen.line() != "POST /v2/enqueue" {
            return Err("no such path".to_owned());
        }
        let body = &seen.body;
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let key = text("dedup_key");
        if text("routing_key") != "r0123456789abcdef0123456789abcdef" {
            return Ok(Reply::json(
                400,
                &json!({"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]}),
            ));
        }
        if !(1..=255).contains(&key.len()) {
            return Err("dedup_key".to_owned());
        }
        let known = alerts.by_key.get(&key).copied();
        match text("event_action").as_str() {
            "trigger" => {
                let payload = &body["payload"];
                let summary = payload["summary"].as_str().unwrap_or_default().chars().count();
                let severity = payload["severity"].as_str().unwrap_or_default();
                let well = (1..=1024).contains(&summary)
                    && payload["source"].as_str().is_some_and(|source| !source.is_empty())
                    && ["critical", "error", "warning", "info"].contains(&severity)
                    && payload["custom_details"].is_object();
                if !well {
                    return Err("payload".to_owned());
                }
                for link in body["links"].as_array().ok_or("links")? {
                    link["href"]
                        .as_str()
                        .filter(|href| href.starts_with("https://"))
                        .ok_or("a link without an address")?;
                }
                if known.is_none_or(|state| state == "resolved") {
                    alerts.opened += 1;
                    alerts.by_key.insert(key.clone(), "triggered");
                }
            }
            // Dropped where nothing is open.
            action @ ("acknowledge" | "resolve") => {
                let keys: Vec<&str> =
                    body.as_object().ok_or("no object")?.keys().map(String::as_str).collect();
                if keys != ["dedup_key", "event_action", "routing_key"] {
                    return Err(format!("{keys:?}"));
                }
                if known.is_some_and(|state| state != "resolved") {
                    alerts
                        .by_key
                        .insert(key.clone(), if action == "resolve" { "resolved" } else { "acknowledged" });
                }
            }
            other => return Err(format!("event_action {other}")),
        }
        Ok(Reply::json(202, &json!({"status": "success", "message": "Event processed", "dedup_key": key})))
    }
}

async fn start(key: &str) -> (Journey, Server, Arc<Mutex<Alerts>>) {
    let alerts = Arc::<Mutex<Alerts>>::default();
    let server = Server::start(events(alerts.clone())).await;
    let settings = [&format!("routing_key: FILE:{key}"), "owner: eu", &format!("url: {}", server.url())];
    (sink("pagerduty", Audience::Responders, &settings.map(|s: &str| s)).linked().build(), server, alerts)
}

const KEY: &str = "r0123456789abcdef0123456789abcdef";

fn stands(alerts: &Arc<Mutex<Alerts>>) -> (Option<&'static str>, usize) {
    let alerts = alerts.lock().expect("no test panics in here");
    (alerts.by_key.get("eu/INC-7").copied(), alerts.opened)
}

#[tokio::test]
async fn a_page_is_opened_acknowledged_and_resolved_there() {
    let (mut journey, server, alerts) = start(KEY).await;
    let expected = ["triggered", "acknowledged", "acknowledged", "resolved"];
    for (message, expected) in pages().into_iter().zip(expected) {
        delivered(&journey.send(message).await);
        assert_eq!(stands(&alerts), (Some(expected), 1));
    }
    server.assert_clean();
    let first = &server.seen()[0].body;
    assert_eq!(first["payload"]["severity"], "error");
    assert_eq!(first["payload"]["summary"], "CRM is slow: Page 1: CrmErrors is firing");
    assert_eq!(first["payload"]["source"], "crm, desk, bots");
    assert_eq!(first["client_url"], "https://fog.example/incidents/1");
    let links: Vec<&Value> =
        first["links"].as_array().expect("links").iter().map(|link| &link["text"]).collect();
    assert_eq!(links, ["Acknowledge in Fogsignal", "Runbook"]);
}

#[tokio::test]
async fn whatever_arrives_twice_is_one_alert() {
    let (mut journey, server, alerts) = start(KEY).await;
    // That it is being watched is not told there at all.
    let told = pages().into_iter().enumerate().filter(|(at, _)| *at != 2);
    for (_, message) in told {
        server.moods([Mood::LoseAnswer]);
        retried(journey.send(message.clone()).await);
        delivered(&journey.again(message).await);
    }
    server.assert_clean();
    assert_eq!(stands(&alerts), (Some("resolved"), 1));
}

#[tokio::test]
async fn an_incident_that_goes_on_in_another_one_is_over_there() {
    let (mut journey, _server, alerts) = start(KEY).await;
    delivered(&journey.send(page(1, PageReason::Opened, Severity::Critical)).await);
    delivered(&journey.send(page(2, PageReason::Merged, Severity::Critical)).await);
    assert_eq!(stands(&alerts), (Some("resolved"), 1));
}

#[tokio::test]
async fn each_refusal_means_what_the_documentation_says() {
    let (mut journey, server, _) = start(KEY).await;
    let first = page(1, PageReason::Opened, Severity::Minor);
    for (status, after) in [(429, Some("30")), (500, None), (502, None)] {
        server.moods([Mood::Refuse(status, after)]);
        let (_, wait) = retried(journey.send(first.clone()).await);
        assert_eq!(wait, after.map(|_| Duration::from_secs(30)));
    }
    server.moods([Mood::Reset]);
    retried(journey.send(acknowledged()).await);
    let (mut wrong, _, _) = start("another").await;
    let why = given_up(wrong.send(first).await);
    assert_eq!(why, "answered 400: Event object is invalid Invalid routing key");
}
