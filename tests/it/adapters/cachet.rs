//! Cachet 2 and 3. The third is looked at after a lost answer; the second keeps nothing by which to know ours again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fogsignal::delivery::{Audience, Outcome};
use serde_json::{Value, json};

use super::journey::{Journey, TOKEN, adopted, delivered, given_up, posts, retried, sink};
use super::server::{Mood, Reply, Seen, Server};

#[derive(Default)]
struct Page {
    incidents: Vec<Value>,
    /// Of which incident, with status and text.
    updates: Vec<(String, Value)>,
    components: BTreeMap<String, i64>,
}

type Shared = Arc<Mutex<Page>>;

fn escaped(text: &Value) -> Result<(), String> {
    let text = text.as_str().filter(|text| !text.is_empty()).ok_or("no message")?;
    let bare = text.replace("\\\\", "");
    for markup in ["*", "[", "<", "`", "_"] {
        let bare = bare.replace(&format!("\\{markup}"), "");
        if bare.contains(markup) || bare.contains("@e") {
            return Err(format!("markup in {text}"));
        }
    }
    Ok(())
}

fn only(body: &Value, keys: &[&str]) -> Result<(), String> {
    let wrong = body.as_object().ok_or("no object")?.keys().find(|key| !keys.contains(&key.as_str()));
    wrong.map_or(Ok(()), |key| Err(format!("unknown field {key}")))
}

fn within(value: &Value, most: i64) -> Result<i64, String> {
    value.as_i64().filter(|status| (1..=most).contains(status)).ok_or(format!("status {value}"))
}

/// As Cachet 2.4 has its API v1.
fn second(page: Shared) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    move |seen| {
        let mut page = page.lock().expect("no test panics in here");
        let body = &seen.body;
        let path: Vec<&str> = seen.path.trim_start_matches("/api/v1/").split('/').collect();
        if path != ["ping"] && seen.header("x-cachet-token") != TOKEN {
            return Ok(Reply::json(401, &json!({"errors": [{"status": 401}]})));
        }
        match (seen.method.as_str(), path.as_slice()) {
            ("GET", ["ping"]) => Ok(Reply::json(200, &json!({"data": "Pong!"}))),
            ("PUT", ["components", id]) => {
                only(body, &["status"])?;
                page.components.insert((*id).to_owned(), within(&body["status"], 4)?);
                Ok(Reply::json(200, &json!({"data": {"id": id}})))
            }
            ("POST", ["incidents"]) => {
                only(body, &["name", "message", "status", "visible", "stickied", "notify", "occurred_at"])?;
                escaped(&body["message"])?;
                within(&body["status"], 4)?;
                if body["occurred_at"] != "2023-02-01 14:00:00" {
                    return Err("occurred_at".to_owned());
                }
                page.incidents.push(body.clone());
                Ok(Reply::json(200, &json!({"data": {"id": page.incidents.len()}})))
            }
            ("PUT", ["incidents", "1"]) => {
                only(body, &["name", "status", "visible", "notify"])?;
                page.incidents[0]["status"] = json!(within(&body["status"], 4)?);
                Ok(Reply::json(200, &json!({"data": {"id": 1}})))
            }
            ("POST", ["incidents", "1", "updates"]) => {
                only(body, &["message", "status"])?;
                escaped(&body["message"])?;
                within(&body["status"], 4)?;
                page.updates.push(("1".to_owned(), body.clone()));
                Ok(Reply::json(200, &json!({"data": {"id": page.updates.len()}})))
            }
            other => Err(format!("no such operation: {other:?}")),
        }
    }
}

/// As Cachet 3 has its API.
fn third(page: Shared) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    let shown = |id: usize, incident: &Value| {
        json!({"id": id.to_string(), "type": "incidents", "attributes": {
            "id": id, "name": incident["name"], "message": incident["message"],
            "status": {"value": incident["status"], "human": "…"},
            "occurred": {"string": incident["occurred_at"], "human": "a moment ago"},
        }})
    };
    move |seen| {
        let mut page = page.lock().expect("no test panics in here");
        let body = &seen.body;
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return Ok(Reply::json(401, &json!({"message": "Unauthenticated."})));
        }
        let path: Vec<&str> = seen.path.trim_start_matches("/api/").split('/').collect();
        match (seen.method.as_str(), path.as_slice()) {
            ("GET", ["ping"]) => Ok(Reply::json(200, &json!({"data": "Pong!"}))),
            ("GET", ["incidents"]) => {
                let all: Vec<Value> =
                    page.incidents.iter().enumerate().rev().map(|(at, known)| shown(at + 1, known)).collect();
                Ok(Reply::json(200, &json!({"data": all})))
            }
            ("PUT", ["components", id]) => {
                only(body, &["status"])?;
                page.components.insert((*id).to_owned(), within(&body["status"], 6)?);
                Ok(Reply::json(200, &json!({"data": {"id": id}})))
            }
            ("POST", ["incidents"]) => {
                let known = [
                    "name",
                    "message",
                    "status",
                    "visible",
                    "stickied",
                    "notifications",
                    "occurred_at",
                    "components",
                    "meta",
                ];
                only(body, &known)?;
                escaped(&body["message"])?;
                within(&body["status"], 4)?;
                for component in body["components"].as_array().ok_or("components")? {
                    component["id"].as_i64().ok_or("a component's id")?;
                    within(&component["status"], 6)?;
                }
                page.incidents.push(body.clone());
                let id = page.incidents.len();
                Ok(Reply::json(201, &json!({"data": shown(id, body)})))
            }
            ("PUT", ["incidents", id]) => {
                only(body, &["name", "status"])?;
                let status = within(&body["status"], 4)?;
                let at = id.parse::<usize>().map_err(|error| error.to_string())? - 1;
                match page.incidents.get_mut(at) {
                    None => Ok(Reply::json(404, &json!({"message": "No query results"}))),
                    Some(known) => {
                        known["status"] = json!(status);
                        Ok(Reply::json(200, &json!({"data": shown(at + 1, known)})))
                    }
                }
            }
            ("POST", ["incidents", id, "updates"]) => {
                only(body, &["message", "status"])?;
                escaped(&body["message"])?;
                page.updates.push(((*id).to_owned(), body.clone()));
                Ok(Reply::json(201, &json!({"data": {"id": page.updates.len()}})))
            }
            ("GET", ["incidents", id, "updates"]) => {
                if (seen.query("sort"), seen.query("per_page")) != ("-created_at", "1") {
                    return Err("only the newest is of interest".to_owned());
                }
                let newest = page.updates.iter().rev().find(|(of, _)| of == id);
                let shown = |update: &Value| json!({"attributes": {"message": update["message"], "status": {"value": update["status"]}}});
                Ok(Reply::json(
                    200,
                    &json!({"data": newest.iter().map(|(_, update)| shown(update)).collect::<Vec<_>>()}),
                ))
            }
            other => Err(format!("no such operation: {other:?}")),
        }
    }
}

/// The version that `adapter` is for.
async fn start(adapter: &str, page: &Shared) -> Server {
    match adapter {
        "cachet-v2" => Server::start(second(page.clone())).await,
        _ => Server::start(third(page.clone())).await,
    }
}

fn at(adapter: &str, url: &str) -> Journey {
    sink(adapter, Audience::Customers, &["token: FILE:tok-3f9a1c77", &format!("url: {url}")]).build()
}

#[tokio::test]
async fn an_incident_lives_there_as_it_does_here() {
    for adapter in ["cachet-v2", "cachet-v3"] {
        let page = Shared::default();
        let server = start(adapter, &page).await;
        let mut journey = at(adapter, &server.url());
        for (message, (status, crm)) in posts().into_iter().zip([(1, 2), (2, 4), (4, 1)]) {
            delivered(&journey.send(message).await);
            let page = page.lock().expect("no test panics in here");
            assert_eq!(page.incidents.len(), 1);
            assert_eq!(
                (&page.incidents[0]["status"], page.components["11"]),
                (&json!(status), crm),
                "{adapter}"
            );
        }
        delivered(&journey.test().await);
        server.assert_clean();
        let page = page.lock().expect("no test panics in here");
        assert_eq!(page.updates.len(), 2);
        // What is unknown the second version cannot say.
        assert_eq!(page.components.get("12").copied(), (adapter == "cachet-v3").then_some(5));
    }
}

#[tokio::test]
async fn a_component_that_is_not_there_does_not_hold_up_the_message() {
    for adapter in ["cachet-v2", "cachet-v3"] {
        let page = Shared::default();
        let server = start(adapter, &page).await;
        let mut journey = at(adapter, &server.url());
        server.moods([Mood::Refuse(404, None)]);
        delivered(&journey.send(posts().remove(0)).await);
        assert_eq!(page.lock().expect("no test panics in here").incidents.len(), 1);
    }
}

#[tokio::test]
async fn the_third_is_asked_what_it_has_after_a_lost_answer() {
    for mood in [Mood::LoseAnswer, Mood::HalfAnswer, Mood::WrongJson] {
        let page = Shared::default();
        let server = Server::start(third(page.clone())).await;
        let mut journey = at("cachet-v3", &server.url());
        let [first, second, last] = <[_; 3]>::try_from(posts()).expect("three");
        // A foreign one of the same name.
        let foreign = json!({"name": "CRM is slow", "message": "by hand", "status": 1, "occurred_at": "2023-02-01 14:00:00"});
        page.lock().expect("no test panics in here").incidents.push(foreign.clone());
        // Two components, then the incident.
        server.moods([Mood::Well, Mood::Well, mood]);
        retried(journey.send(first.clone()).await);
        adopted(&journey.again(first).await, "incident 2");
        for message in [second, last] {
            server.moods([Mood::Well, Mood::Well, Mood::Well, Mood::LoseAnswer]);
            retried(journey.send(message.clone()).await);
            delivered(&journey.again(message).await);
        }
        server.assert_clean();
        let page = page.lock().expect("no test panics in here");
        assert_eq!((page.incidents.len(), page.updates.len()), (2, 2));
        assert_eq!(page.incidents[0], foreign);
    }
}

#[tokio::test]
async fn what_was_deleted_there_is_left_alone() {
    let page = Shared::default();
    let server = Server::start(third(page.clone())).await;
    let mut journey = at("cachet-v3", &server.url());
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    delivered(&journey.send(first).await);
    page.lock().expect("no test panics in here").incidents.clear();
    let outcome = journey.send(second).await;
    assert_eq!(outcome, Outcome::StandDown { what: "incident 1 was deleted there".into() });
}

#[tokio::test]
async fn each_refusal_means_what_the_documentation_says() {
    for adapter in ["cachet-v2", "cachet-v3"] {
        let server = Server::start(second(Shared::default())).await;
        let mut journey = at(adapter, &server.url());
        let first = posts().remove(0);
        for (status, after) in [(429, Some("20")), (500, None), (503, None)] {
            server.moods([Mood::Refuse(status, after)]);
            let (_, wait) = retried(journey.send(first.clone()).await);
            assert_eq!(wait, after.map(|_| Duration::from_secs(20)));
        }
        for status in [400, 401, 403, 422] {
            // A refused component is passed over; the incident's refusal is not.
            server.moods(
                [404, 404, status]
                    .map(|status| Mood::Refuse(status, None))
                    .into_iter()
                    .skip(usize::from(adapter == "cachet-v2")),
            );
            assert!(given_up(journey.send(first.clone()).await).contains(&status.to_string()));
        }
    }
}
