//! Statuspage: one incident for each of ours, found again by its metadata after a lost answer; foreign ones untouched.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fogsignal::delivery::{Audience, Outcome, Status};
use fogsignal::model::ComponentStatus;
use serde_json::{Value, json};

use super::journey::{HOSTILE, Journey, TOKEN, adopted, delivered, given_up, post, posts, retried, sink};
use super::server::{Mood, Reply, Seen, Server, nobody};

type Incidents = Arc<Mutex<Vec<Value>>>;

/// As the OpenAPI document of the REST API has it.
fn page(incidents: Incidents) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    move |seen| {
        let mut incidents = incidents.lock().expect("no test panics in here");
        if seen.header("authorization") != format!("OAuth {TOKEN}") {
            return Ok(Reply::json(401, &json!({"error": "Could not authenticate"})));
        }
        let path: Vec<&str> = seen.path.trim_start_matches("/v1/pages/p1").split('/').skip(1).collect();
        match (seen.method.as_str(), path.as_slice()) {
            ("GET", []) => Ok(Reply::json(200, &json!({"id": "p1", "name": "Blip"}))),
            ("GET", ["incidents"]) => {
                let newest: Vec<&Value> = incidents.iter().rev().take(20).collect();
                Ok(Reply::json(200, &json!(newest)))
            }
            ("POST", ["incidents"]) => {
                let mut incident = checked(&seen.body)?;
                incident["id"] = json!(format!("sp{}", incidents.len()));
                incident["updates"] = json!([{"status": incident["status"], "body": incident["body"]}]);
                incidents.push(incident.clone());
                Ok(Reply::json(201, &incident))
            }
            (method, ["incidents", id]) => {
                let Some(known) = incidents.iter_mut().find(|known| known["id"] == *id) else {
                    return Ok(Reply::json(404, &json!({"error": "Not found"})));
                };
                if method == "PATCH" {
                    let change = checked(&seen.body)?;
                    for (key, value) in change.as_object().ok_or("not an object")? {
                        known[key] = value.clone();
                    }
                    let update = json!({"status": change["status"], "body": change["body"]});
                    known["updates"].as_array_mut().ok_or("no updates")?.push(update);
                }
                Ok(Reply::json(200, known))
            }
            other => Err(format!("no such operation: {other:?}")),
        }
    }
}

fn checked(body: &Value) -> Result<Value, String> {
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let incident = &body["incident"];
    ensure(body.as_object().is_some_and(|body| body.len() == 1), "only `incident` stands in a body")?;
    let known = [
        "name",
        "status",
        "impact_override",
        "body",
        "components",
        "deliver_notifications",
        "reminder_intervals",
        "metadata",
    ];
    for key in incident.as_object().ok_or("`incident` is no object")?.keys() {
        ensure(known.contains(&key.as_str()), key)?;
    }
    let text = |key: &str| incident[key].as_str().ok_or(format!("`{key}` is no text"));
    ensure((1..=255).contains(&text("name")?.chars().count()), "the name is too long")?;
    ensure((1..=25_000).contains(&text("body")?.chars().count()), "the body is too long")?;
    ensure(!text("body")?.contains(['<', '>']), "the body has HTML")?;
    ensure(["investigating", "identified", "monitoring", "resolved"].contains(&text("status")?), "status")?;
    ensure(["none", "minor", "major", "critical"].contains(&text("impact_override")?), "impact_override")?;
    ensure(text("reminder_intervals")? == "[]", "reminder_intervals")?;
    ensure(incident["deliver_notifications"].is_boolean(), "deliver_notifications")?;
    let statuses =
        ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];
    for (id, status) in incident["components"].as_object().ok_or("`components` is no map")? {
        ensure(["11", "12"].contains(&id.as_str()), "a component that is not on the page")?;
        ensure(status.as_str().is_some_and(|status| statuses.contains(&status)), "a component's status")?;
    }
    let metadata = incident["metadata"].as_object().ok_or("`metadata` is no map")?;
    ensure(metadata.values().all(Value::is_object), "a value of metadata is no object")?;
    Ok(incident.clone())
}

fn at(url: &str) -> Journey {
    let url = format!("url: {url}/v1");
    sink("statuspage", Audience::Customers, &["token: FILE:tok-3f9a1c77", "page: p1", &url]).build()
}

async fn start() -> (Journey, Server, Incidents) {
    let incidents = Incidents::default();
    let server = Server::start(page(incidents.clone())).await;
    (at(&server.url()), server, incidents)
}

fn all(incidents: &Incidents) -> Vec<Value> {
    incidents.lock().expect("no test panics in here").clone()
}

fn set(incidents: &Incidents, number: usize, key: &str, value: Value) {
    incidents.lock().expect("no test panics in here")[number][key] = value;
}

#[tokio::test]
async fn an_incident_lives_there_as_it_does_here() {
    let (mut journey, server, incidents) = start().await;
    for message in posts() {
        delivered(&journey.send(message).await);
    }
    server.assert_clean();
    let lines: Vec<String> = server.seen().iter().map(Seen::line).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/pages/p1/incidents",
            "PATCH /v1/pages/p1/incidents/sp0",
            "PATCH /v1/pages/p1/incidents/sp0"
        ]
    );
    let components: Vec<Value> =
        server.seen().iter().map(|seen| seen.body["incident"]["components"].clone()).collect();
    // What is unknown is left out, and so is what is not mapped.
    assert_eq!(
        components,
        [json!({"11": "degraded_performance"}), json!({"11": "major_outage"}), json!({"11": "operational"})]
    );
    let known = &all(&incidents)[0];
    assert_eq!((&known["status"], &known["impact_override"]), (&json!("resolved"), &json!("none")));
    let fogsignal = json!({
        "owner": "fogsignal", "key": "INC-7", "started_at": "2023-02-01T14:00:00.000Z", "status": "resolved", "rev": "3",
    });
    assert_eq!(known["metadata"]["fogsignal"], fogsignal);
    assert_eq!(known["updates"].as_array().map(Vec::len), Some(3));
    let shown = HOSTILE.replace('<', "‹").replace('>', "›");
    assert_eq!(known["updates"][0]["body"], json!(format!("Post 1: {shown}")));
    delivered(&journey.test().await);
    assert_eq!(
        server.seen().last().map(Seen::line).as_deref(),
        Some("GET /v1/pages/p1"),
        "a trial changes nothing"
    );
}

#[tokio::test]
async fn a_lost_answer_leads_to_no_second_incident_and_no_second_update() {
    for mood in [Mood::LoseAnswer, Mood::HalfAnswer, Mood::WrongJson] {
        let (mut journey, server, incidents) = start().await;
        let [first, second, last] = <[_; 3]>::try_from(posts()).expect("three");
        server.moods([mood.clone()]);
        retried(journey.send(first.clone()).await);
        adopted(&journey.again(first).await, "incident sp0");
        server.moods([Mood::LoseAnswer]);
        retried(journey.send(second.clone()).await);
        delivered(&journey.again(second).await);
        server.moods([Mood::LoseAnswer]);
        retried(journey.send(last.clone()).await);
        delivered(&journey.again(last).await);
        server.assert_clean();
        let known = all(&incidents);
        assert_eq!((known.len(), known[0]["updates"].as_array().map(Vec::len)), (1, Some(3)), "{mood:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_back_is_not_said_again() {
    let (mut journey, server, incidents) = start().await;
    let first = posts().remove(0);
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(first.clone()).await);
    let moods = [Mood::LoseAnswer, Mood::WrongJson, Mood::HalfAnswer, Mood::Refuse(500, None), Mood::Reset];
    for mood in moods {
        server.moods([mood]);
        retried(journey.again(first.clone()).await);
        assert_eq!(all(&incidents).len(), 1);
    }
    adopted(&journey.again(first).await, "incident sp0");
    assert_eq!(all(&incidents).len(), 1);
}

#[tokio::test]
async fn a_post_whose_fate_was_never_learnt_is_carried_on() {
    let (mut journey, server, incidents) = start().await;
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(first).await);
    // It expired; the next one finds what it left behind.
    delivered(&journey.send(second).await);
    let known = all(&incidents);
    assert_eq!((known.len(), &known[0]["status"]), (1, &json!("identified")));
    server.assert_clean();
}

#[tokio::test]
async fn foreign_incidents_are_never_touched() {
    let (mut journey, server, incidents) = start().await;
    let ours = json!({"owner": "fogsignal", "key": "INC-7", "started_at": "2023-02-01T14:00:00.000Z", "rev": "1", "status": "investigating"});
    let with = |key: &str, value: &str| {
        let mut metadata = ours.clone();
        metadata[key] = json!(value);
        json!({"fogsignal": metadata})
    };
    let foreign = [
        json!({"id": "f0", "name": "CRM is slow", "status": "investigating", "metadata": {}}),
        json!({"id": "f1", "name": "CRM is slow", "status": "investigating", "metadata": null}),
        json!({"id": "f2", "name": "CRM is slow", "status": "investigating"}),
        json!({"id": "f3", "metadata": with("owner", "staging"), "status": "investigating"}),
        json!({"id": "f4", "metadata": with("key", "INC-8"), "status": "investigating"}),
        json!({"id": "f5", "metadata": with("started_at", "2022-02-01T14:00:00.000Z"), "status": "investigating"}),
    ];
    incidents.lock().expect("no test panics in here").extend(foreign.clone());
    let first = posts().remove(0);
    delivered(&journey.again(first).await);
    let known = all(&incidents);
    assert_eq!(known[..6], foreign, "they are as they were");
    assert_eq!((known.len(), journey.remembered.values["incident"].as_str()), (7, "sp6"));
    server.assert_clean();
}

#[tokio::test]
async fn what_a_person_resolved_or_deleted_there_is_left_alone() {
    let (mut journey, _server, incidents) = start().await;
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    delivered(&journey.send(first).await);
    set(&incidents, 0, "status", json!("resolved"));
    let before = all(&incidents);
    let outcome = journey.again(second.clone()).await;
    assert_eq!(outcome, Outcome::StandDown { what: "incident sp0 was resolved on the page".into() });
    assert_eq!(all(&incidents), before);
    incidents.lock().expect("no test panics in here").clear();
    let outcome = journey.send(second).await;
    assert_eq!(outcome, Outcome::StandDown { what: "incident sp0 was deleted on the page".into() });
}

#[tokio::test]
async fn a_relapse_opens_the_same_incident_again() {
    let (mut journey, server, incidents) = start().await;
    for message in posts() {
        delivered(&journey.send(message).await);
    }
    let relapse = post(4, Status::Investigating, ComponentStatus::PartialOutage);
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(relapse.clone()).await);
    delivered(&journey.again(relapse).await);
    let known = all(&incidents);
    assert_eq!(
        (known.len(), &known[0]["status"], known[0]["updates"].as_array().map(Vec::len)),
        (1, &json!("investigating"), Some(4))
    );
}

#[tokio::test]
async fn each_refusal_means_what_the_documentation_says() {
    let (mut journey, server, incidents) = start().await;
    let first = posts().remove(0);
    for (status, after, wait) in
        [(420, Some("7"), Some(7)), (429, Some("60"), Some(60)), (500, None, None), (503, None, None)]
    {
        server.moods([Mood::Refuse(status, after)]);
        let (why, waits) = retried(journey.send(first.clone()).await);
        assert!(why.contains(&status.to_string()), "{why}");
        assert_eq!(waits, wait.map(Duration::from_secs), "{status}");
    }
    for status in [400, 403, 404, 422] {
        server.moods([Mood::Refuse(status, None)]);
        assert!(given_up(journey.send(first.clone()).await).contains(&status.to_string()));
    }
    server.moods([Mood::Redirect(format!("{}/v1/elsewhere", server.url()))]);
    assert!(given_up(journey.send(first.clone()).await).contains("redirects are not followed"));
    server.moods([Mood::Trickle]);
    assert!(retried(journey.send(first.clone()).await).0.contains("no answer within 2s"));
    assert!(all(&incidents).is_empty());
    retried(at(&nobody().await).send(first).await);
}
