//! Slack: a webhook says each word anew; a bot keeps one message an incident and answers it in its thread.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fogsignal::delivery::{Audience, Outcome, PageReason};
use fogsignal::model::Severity;
use serde_json::{Value, json};

use super::journey::{Journey, TOKEN, adopted, delivered, given_up, page, pages, posts, retried, sink};
use super::server::{Mood, Reply, Seen, Server};

/// No text may be markup: in `text` three characters are escaped, in blocks everything is plain.
fn checked(body: &Value) -> Result<(), String> {
    let text = body["text"].as_str().ok_or("no text")?;
    let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    if bare.contains(['<', '>', '&']) {
        return Err(format!("markup in `text`: {text}"));
    }
    let blocks = body["blocks"].as_array().ok_or("no blocks")?;
    if blocks.is_empty() || 50 < blocks.len() {
        return Err("the number of blocks".to_owned());
    }
    for block in blocks {
        let plain = |text: &Value, most: usize| match (text["type"].as_str(), text["text"].as_str()) {
            (Some("plain_text"), Some(words)) if (1..=most).contains(&words.chars().count()) => Ok(()),
            _ => Err(format!("a text of a block: {text}")),
        };
        match block["type"].as_str() {
            Some("header") => plain(&block["text"], 150)?,
            Some("section") => plain(&block["text"], 3000)?,
            Some("context") => {
                block["elements"].as_array().ok_or("elements")?.iter().try_for_each(|e| plain(e, 300))?
            }
            Some("actions") => {
                let buttons =
                    block["elements"].as_array().filter(|all| !all.is_empty()).ok_or("no button")?;
                for button in buttons {
                    plain(&button["text"], 75)?;
                    button["url"]
                        .as_str()
                        .filter(|url| url.starts_with("https://fog.example/"))
                        .ok_or("a button's url")?;
                }
            }
            other => return Err(format!("a block of type {other:?}")),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_webhook_takes_posts_and_pages_and_leaks_no_part_of_its_address() {
    let server = Server::start(|seen: &Seen| {
        if seen.line() != "POST /services/T024/B077/s3cretpart" {
            return Err("no such path".to_owned());
        }
        checked(&seen.body).map(|()| Reply::text(200, "ok"))
    })
    .await;
    let url = format!("webhook_url: FILE:{}/services/T024/B077/s3cretpart", server.url());
    for (audience, messages) in [(Audience::Customers, posts()), (Audience::Responders, pages())] {
        let mut journey = sink("slack-webhook", audience, &[&url]).linked().build();
        for message in messages {
            delivered(&journey.send(message).await);
        }
    }
    server.assert_clean();
    let buttons: Vec<usize> = server
        .take_seen()
        .iter()
        .map(|seen| {
            let blocks = seen.body["blocks"].as_array().expect("blocks").clone();
            blocks.iter().filter(|block| block["type"] == "actions").count()
        })
        .collect();
    assert_eq!(buttons, [0, 0, 0, 1, 1, 1], "three posts and three pages; acknowledgements are not told");
    let mut journey = sink("slack-webhook", Audience::Customers, &[&url]).build();
    let post = posts().remove(0);
    server.moods([Mood::Refuse(429, Some("30"))]);
    assert_eq!(retried(journey.send(post.clone()).await).1, Some(Duration::from_secs(30)));
    server.moods([Mood::Refuse(500, None)]);
    retried(journey.send(post.clone()).await);
    for status in [400, 403, 404, 410] {
        server.moods([Mood::Echo(status)]);
        let why = given_up(journey.send(post.clone()).await);
        assert!(!why.contains("s3cretpart") && !why.contains("B077") && why.contains("****"), "{why}");
    }
}

#[derive(Default)]
struct Channel {
    /// Of the channel and its threads; `thread_ts` says of which.
    messages: Vec<Value>,
}

/// As the documentation of the Web API has it.
fn workspace(channel: Arc<Mutex<Channel>>) -> impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static {
    move |seen| {
        let mut channel = channel.lock().expect("no test panics in here");
        let say = |body: Value| Ok(Reply::json(200, &body));
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return say(json!({"ok": false, "error": "invalid_auth"}));
        }
        let body = &seen.body;
        let here = |named: &str| if named == "C024BE91L" { Ok(()) } else { Err(format!("channel {named}")) };
        match seen.line().as_str() {
            "POST /api/auth.test" => say(json!({"ok": true, "team": "T1", "user": "fog"})),
            "GET /api/conversations.history" => {
                here(seen.query("channel"))?;
                let top = channel.messages.iter().rev().filter(|message| message["thread_ts"].is_null());
                let with_metadata = seen.query("include_all_metadata") == "true";
                let shown = top.map(|message| {
                    let mut message = message.clone();
                    if !with_metadata {
                        message["metadata"] = Value::Null;
                    }
                    message
                });
                say(json!({"ok": true, "messages": shown.collect::<Vec<_>>()}))
            }
            "GET /api/conversations.replies" => {
                here(seen.query("channel"))?;
                let ts = seen.query("ts");
                let thread = channel.messages.iter().filter(|m| m["ts"] == ts || m["thread_ts"] == ts);
                say(json!({"ok": true, "messages": thread.collect::<Vec<_>>()}))
            }
            "POST /api/chat.postMessage" => {
                checked(body)?;
                here(body["channel"].as_str().unwrap_or_default())?;
                let payload = body["metadata"]["event_payload"].as_object().ok_or("metadata")?;
                if payload.values().any(|value| !value.is_string()) {
                    return Err("metadata".to_owned());
                }
                if !body["thread_ts"].is_null()
                    && !channel.messages.iter().any(|m| m["ts"] == body["thread_ts"])
                {
                    return say(json!({"ok": false, "error": "thread_not_found"}));
                }
                let mut message = body.clone();
                let ts = format!("1675260000.{:06}", channel.messages.len());
                message["ts"] = json!(ts);
                channel.messages.push(message);
                say(json!({"ok": true, "channel": "C024BE91L", "ts": ts}))
            }
            "POST /api/chat.update" => {
                checked(body)?;
                here(body["channel"].as_str().unwrap_or_default())?;
                match channel.messages.iter_mut().find(|message| message["ts"] == body["ts"]) {
                    None => say(json!({"ok": false, "error": "message_not_found"})),
                    Some(message) => {
                        let ts = message["ts"].clone();
                        *message = body.clone();
                        say(json!({"ok": true, "channel": "C024BE91L", "ts": ts}))
                    }
                }
            }
            other => Err(format!("no such method: {other}")),
        }
    }
}

async fn start(audience: Audience) -> (Journey, Server, Arc<Mutex<Channel>>) {
    let channel = Arc::<Mutex<Channel>>::default();
    let server = Server::start(workspace(channel.clone())).await;
    let url = format!("url: {}/api", server.url());
    let settings = ["token: FILE:tok-3f9a1c77", "channel: C024BE91L", &url];
    (sink("slack", audience, &settings).linked().build(), server, channel)
}

fn headers_and_words(channel: &Arc<Mutex<Channel>>) -> (Vec<String>, usize) {
    let channel = channel.lock().expect("no test panics in here");
    let (words, top): (Vec<&Value>, Vec<&Value>) =
        channel.messages.iter().partition(|message| !message["thread_ts"].is_null());
    let header =
        |message: &&Value| message["blocks"][0]["text"]["text"].as_str().unwrap_or_default().to_owned();
    (top.iter().map(header).collect(), words.len())
}

#[tokio::test]
async fn a_bot_keeps_one_message_and_a_thread() {
    let (mut journey, server, channel) = start(Audience::Customers).await;
    for (message, (mark, words)) in posts().into_iter().zip([("🔴", 0), ("🟠", 1), ("🟢", 2)]) {
        delivered(&journey.send(message).await);
        assert_eq!(headers_and_words(&channel), (vec![format!("{mark} CRM is slow")], words));
    }
    let (mut journey, _server, channel) = start(Audience::Responders).await;
    for (message, words) in pages().into_iter().zip([0, 1, 2, 3]) {
        delivered(&journey.send(message).await);
        let (headers, said) = headers_and_words(&channel);
        assert_eq!((headers.len(), said), (1, words));
        assert!(headers[0].ends_with("CRM is slow"), "{headers:?}");
    }
    delivered(&journey.test().await);
    server.assert_clean();
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_nothing_is_said_twice() {
    let (mut journey, server, channel) = start(Audience::Customers).await;
    let [first, second, last] = <[_; 3]>::try_from(posts()).expect("three");
    for mood in [Mood::LoseAnswer, Mood::HalfAnswer, Mood::WrongJson] {
        server.moods([mood]);
        retried(journey.send(first.clone()).await);
        adopted(&journey.again(first.clone()).await, &format!("message {}", journey.remembered.values["ts"]));
        // Of the update, of the word in the thread.
        for message in [&second, &last] {
            server.moods([Mood::LoseAnswer]);
            retried(journey.send(message.clone()).await);
            server.moods([Mood::Well, Mood::Well, Mood::LoseAnswer]);
            retried(journey.again(message.clone()).await);
            delivered(&journey.again(message.clone()).await);
        }
        let (headers, words) = headers_and_words(&channel);
        assert_eq!((headers.len(), words), (1, 2));
        channel.lock().expect("no test panics in here").messages.clear();
        journey.next_incident();
    }
    server.assert_clean();
}

#[tokio::test]
async fn the_message_of_another_installation_is_not_ours() {
    let (mut journey, _server, channel) = start(Audience::Customers).await;
    let first = posts().remove(0);
    delivered(&journey.send(first.clone()).await);
    channel.lock().expect("no test panics in here").messages[0]["metadata"]["event_payload"]["owner"] =
        json!("other");
    let foreign = channel.lock().expect("no test panics in here").messages[0].clone();
    journey.remembered = fogsignal::delivery::Remembered::default();
    delivered(&journey.again(first).await);
    let channel = channel.lock().expect("no test panics in here");
    assert_eq!((channel.messages.len(), &channel.messages[0]), (2, &foreign));
}

#[tokio::test]
async fn who_should_act_sees_it_in_the_channel_and_a_deleted_message_is_left_alone() {
    let (mut journey, _server, channel) = start(Audience::Responders).await;
    delivered(&journey.send(page(1, PageReason::Opened, Severity::Minor)).await);
    delivered(&journey.send(page(2, PageReason::SeverityRaised, Severity::Critical)).await);
    delivered(&journey.send(page(3, PageReason::Monitoring, Severity::Critical)).await);
    let loud: Vec<Value> = {
        let channel = channel.lock().expect("no test panics in here");
        channel.messages[1..].iter().map(|message| message["reply_broadcast"].clone()).collect()
    };
    assert_eq!(loud, [json!(true), json!(false)]);
    channel.lock().expect("no test panics in here").messages.clear();
    let outcome = journey.send(page(4, PageReason::Resolved, Severity::Critical)).await;
    assert!(matches!(&outcome, Outcome::StandDown { what } if what.ends_with("was deleted")), "{outcome:?}");
}

#[tokio::test]
async fn what_is_refused_with_200_is_refused() {
    let (mut journey, server, _) = start(Audience::Customers).await;
    let first = posts().remove(0);
    let refused = |error: &str| Mood::Say(200, json!({"ok": false, "error": error}));
    for error in ["ratelimited", "internal_error", "service_unavailable"] {
        server.moods([refused(error)]);
        assert_eq!(retried(journey.send(first.clone()).await).0, format!("answered 200: {error}"));
    }
    server.moods([Mood::Refuse(429, Some("3"))]);
    assert_eq!(retried(journey.send(first.clone()).await).1, Some(Duration::from_secs(3)));
    for error in ["invalid_auth", "channel_not_found", "is_archived", "not_in_channel"] {
        server.moods([refused(error)]);
        assert_eq!(given_up(journey.send(first.clone()).await), format!("answered 200: {error}"));
    }
}
