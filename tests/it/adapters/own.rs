//! A definition of a user's own, of a system that we never heard of: written by the manual, run without a line of Rust.

use std::sync::{Arc, Mutex};

use fogsignal::delivery::{Audience, Message, Outcome};
use serde_json::{Value, json};

use super::journey::{Journey, adopted, delivered, given_up, posts, retried, sink};
use super::server::{Mood, Reply, Seen, Server};

const DEFINITION: &str = include_str!("made-up.yml");
/// `fog:tok-3f9a1c77` in base64.
const BASIC: &str = "Zm9nOnRvay0zZjlhMWM3Nw==";

type Notices = Arc<Mutex<Vec<Value>>>;

fn board(notices: Notices) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    move |seen| {
        let mut notices = notices.lock().expect("no test panics in here");
        if seen.header("authorization") != format!("Basic {BASIC}") {
            return Err("who is that?".to_owned());
        }
        match seen.method.as_str() {
            "GET" if seen.path == "/notices" => {
                let found: Vec<&Value> =
                    notices.iter().filter(|notice| notice["label"] == seen.query("label")).collect();
                Ok(Reply::json(200, &json!({"notices": found})))
            }
            "POST" => {
                let mut notice = seen.body.clone();
                notice["number"] = json!(notices.len());
                notices.push(notice.clone());
                Ok(Reply::json(201, &notice))
            }
            "PUT" if seen.header("content-type") == "application/x-www-form-urlencoded" => {
                let form = seen.body.as_str().ok_or("no form")?;
                let url =
                    reqwest::Url::parse(&format!("http://x/?{form}")).map_err(|error| error.to_string())?;
                for (name, value) in url.query_pairs() {
                    notices[0][name.as_ref()] = json!(value);
                }
                Ok(Reply::text(200, ""))
            }
            "DELETE" => {
                let gone = notices.is_empty();
                notices.clear();
                Ok(Reply::text(if gone { 404 } else { 204 }, ""))
            }
            other => Err(format!("no such operation: {other}")),
        }
    }
}

async fn start() -> (Journey, Server, Notices) {
    let notices = Notices::default();
    let server = Server::start(board(notices.clone())).await;
    let settings = ["password: FILE:tok-3f9a1c77", &format!("url: {}", server.url())];
    (sink("board", Audience::Customers, &settings).defined_by(DEFINITION).build(), server, notices)
}

#[tokio::test]
async fn a_new_adapter_works_without_touching_the_program() {
    let (mut journey, server, notices) = start().await;
    let [first, second, last] = <[_; 3]>::try_from(posts()).expect("three");
    let Message::Post(words) = &second else { panic!("it is a post") };
    let words = words.body.clone();
    delivered(&journey.send(first).await);
    let notice = notices.lock().expect("no test panics in here")[0].clone();
    assert_eq!((&notice["columns"], &notice["until"]), (&json!(2), &json!(1_675_262_700)));
    let rows = json!([
        ["component", "state"],
        ["CRM", "degraded_performance"],
        ["Desk", "unknown"],
        ["Bots", "operational"]
    ]);
    assert_eq!((&notice["rows"], notice.get("mitigated")), (&rows, None));
    delivered(&journey.send(second).await);
    let notice = notices.lock().expect("no test panics in here")[0].clone();
    assert_eq!((&notice["light"], &notice["words"]), (&json!("amber"), &json!(words)));
    delivered(&journey.send(last.clone()).await);
    let outcome = journey.send(last).await;
    assert_eq!(outcome, Outcome::StandDown { what: "notice 0 was taken down".into() });
    server.assert_clean();
}

#[tokio::test]
async fn its_lost_answers_and_refusals_are_taken_as_it_says() {
    let (mut journey, server, notices) = start().await;
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(first.clone()).await);
    adopted(&journey.again(first).await, "notice 0");
    assert_eq!(notices.lock().expect("no test panics in here").len(), 1);
    server.moods([Mood::Say(423, json!({"reason": "somebody writes"}))]);
    assert_eq!(retried(journey.send(second.clone()).await).0, "answered 423: somebody writes");
    server.moods([Mood::Say(503, json!({"reason": "closed for good"}))]);
    assert_eq!(given_up(journey.send(second).await), "answered 503: closed for good");
}

#[tokio::test]
async fn no_secret_is_told_in_whatever_form_it_comes_back() {
    let (mut journey, server, _) = start().await;
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    delivered(&journey.send(first).await);
    // Taken, put off, refused.
    for status in [200, 500, 400] {
        server.moods([Mood::Echo(status)]);
        let told = format!("{:?}", journey.send(second.clone()).await);
        assert!(told.contains("****"), "it was not repeated: {told}");
        for secret in ["tok-3f9a1c77", BASIC] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_shortened_until_it_is_not() {
    let (mut journey, server, _) = start().await;
    let Message::Post(mut long) = posts().remove(0) else { panic!("it is a post") };
    long.body = "words without end ".repeat(500);
    // A look first, then the body that is too long: the look is not repeated.
    delivered(&journey.again(Message::Post(long)).await);
    let seen = server.seen();
    let lines: Vec<String> = seen.iter().map(Seen::line).collect();
    assert_eq!(lines, ["GET /notices", "POST /notices"]);
    assert!(seen[1].bytes.len() <= 3 * 1024, "{} bytes", seen[1].bytes.len());
    assert!(seen[1].body["words"].as_str().is_some_and(|words| words.ends_with('…')));
    let Message::Post(mut short) = posts().remove(0) else { panic!("it is a post") };
    short.title = "x".repeat(5000);
    journey.next_incident();
    delivered(&journey.send(Message::Post(short)).await);
    let tiny = DEFINITION.replace("most_bytes: 3KB", "most_bytes: 100B");
    let settings = ["password: FILE:tok-3f9a1c77", &format!("url: {}", server.url())];
    let mut tiny = sink("board", Audience::Customers, &settings).defined_by(&tiny).build();
    let why = given_up(tiny.send(posts().remove(0)).await);
    assert_eq!(why, "it has more than 100 bytes whatever is left out");
}
