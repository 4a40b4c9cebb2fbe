//! The other adapters, row by row: which requests a life there makes, and what answers mean.

use std::time::Duration;

use fogsignal::delivery::{Audience, Message, Outcome, PageReason, Remembered};
use fogsignal::model::Severity;
use serde_json::{Value, json};

use super::journey::{HOSTILE, Journey, TOKEN, delivered, given_up, page, pages, posts, retried, sink};
use super::server::{Mood, Reply, Seen, Server};

/// An adapter with what its documentation promises.
struct Row {
    adapter: &'static str,
    audiences: &'static [Audience],
    /// `URL` stands for the address of the server.
    settings: &'static [&'static str],
    /// What it answers to what it takes.
    taken: fn() -> Reply,
    /// What is against the documentation.
    check: fn(&Seen) -> Result<(), String>,
    /// Refusals that may heal, beside 429 and 500, and that never do.
    heals: &'static [u16],
    never: &'static [u16],
}

const BOTH: &[Audience] = &[Audience::Customers, Audience::Responders];
const POSTS: &[Audience] = &[Audience::Customers];
const PAGES: &[Audience] = &[Audience::Responders];

fn rows() -> Vec<Row> {
    vec![
        Row {
            adapter: "incident-io",
            audiences: POSTS,
            settings: &["token: FILE:tok-3f9a1c77", "page: sp1", "url: URL"],
            taken: || Reply::json(201, &json!({"status_page_incident": {"id": "i1", "updates": []}})),
            check: incident_io,
            heals: &[],
            never: &[400, 401, 403, 422],
        },
        Row {
            adapter: "incident-io-alerts",
            audiences: PAGES,
            settings: &["token: FILE:tok-3f9a1c77", "source: src1", "url: URL"],
            taken: || {
                Reply::json(202, &json!({"status": "accepted", "message": "", "deduplication_key": "k"}))
            },
            check: incident_io_alerts,
            heals: &[],
            never: &[400, 401, 404, 422],
        },
        Row {
            adapter: "opsgenie",
            audiences: PAGES,
            settings: &["api_key: FILE:tok-3f9a1c77", "responders: [{type: team, name: ops}]", "url: URL"],
            taken: || {
                Reply::json(
                    202,
                    &json!({"result": "Request will be processed", "took": 0.3, "requestId": "r"}),
                )
            },
            check: opsgenie,
            heals: &[503],
            never: &[400, 401, 403, 422],
        },
        Row {
            adapter: "teams",
            audiences: BOTH,
            settings: &["webhook_url: FILE:URL/workflows/tok-3f9a1c77"],
            taken: || Reply::text(202, ""),
            check: teams,
            heals: &[502],
            never: &[400, 401, 404, 413],
        },
        Row {
            adapter: "discord",
            audiences: BOTH,
            settings: &["webhook_url: FILE:URL/api/webhooks/1/tok-3f9a1c77"],
            taken: || Reply::json(200, &json!({"id": "m1"})),
            check: discord,
            heals: &[502],
            never: &[400, 401, 404],
        },
        Row {
            adapter: "mattermost",
            audiences: BOTH,
            settings: &["webhook_url: FILE:URL/hooks/tok-3f9a1c77", "username: fog"],
            taken: || Reply::text(200, "ok"),
            check: mattermost,
            heals: &[502],
            never: &[400, 403, 404],
        },
        Row {
            adapter: "telegram",
            audiences: BOTH,
            settings: &["token: FILE:tok-3f9a1c77", "chat_id: -100123", "url: URL"],
            taken: || Reply::json(200, &json!({"ok": true, "result": {"message_id": 17}})),
            check: telegram,
            heals: &[502],
            never: &[400, 401, 403],
        },
        Row {
            adapter: "google-chat",
            audiences: BOTH,
            settings: &["webhook_url: FILE:URL/v1/spaces/A/messages?key=k1234567&token=tok-3f9a1c77"],
            taken: || Reply::json(200, &json!({"name": "spaces/A/messages/1"})),
            check: google_chat,
            heals: &[503],
            never: &[400, 401, 403, 404],
        },
        Row {
            adapter: "alertmanager",
            audiences: PAGES,
            settings: &["authorization: FILE:Bearer tok-3f9a1c77", "labels: {team: crm}", "url: URL"],
            taken: || Reply::text(200, ""),
            check: alertmanager,
            heals: &[503],
            never: &[400, 401],
        },
        Row {
            adapter: "goalert",
            audiences: PAGES,
            settings: &["token: FILE:tok-3f9a1c77", "url: URL"],
            taken: || Reply::text(204, ""),
            check: goalert,
            heals: &[503],
            never: &[400, 401],
        },
        Row {
            adapter: "ntfy",
            audiences: BOTH,
            settings: &["topic: fog", "token: FILE:tok-3f9a1c77", "url: URL"],
            taken: || Reply::json(200, &json!({"id": "n1", "event": "message"})),
            check: ntfy,
            heals: &[507],
            never: &[400, 401, 403, 413],
        },
    ]
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn text(value: &Value, most: usize) -> Result<&str, String> {
    let text = value.as_str().ok_or(format!("{value} is no text"))?;
    ensure((1..=most).contains(&text.chars().count()), &format!("the length of {text}"))?;
    Ok(text)
}

/// Nothing that Markdown or a mention begins with stands bare.
fn no_markdown(text: &str) -> Result<(), String> {
    let mut bare = text.replace("\\\\", "");
    for markup in ["*", "[", "]", "<", ">", "`", "_"] {
        bare = bare.replace(&format!("\\{markup}"), "");
    }
    ensure(!bare.contains(['*', '[', '<', '`']) && !bare.contains("@e"), &format!("markup in {text}"))
}

/// Neither `<` nor `>`, and `&` only where it begins an entity.
fn no_html(text: &str) -> Result<(), String> {
    let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    ensure(!bare.contains(['<', '>', '&']), &format!("markup in {text}"))
}

fn bearer(seen: &Seen) -> Result<(), String> {
    ensure(seen.header("authorization") == format!("Bearer {TOKEN}"), "authorization")
}

fn incident_io(seen: &Seen) -> Result<(), String> {
    bearer(seen)?;
    let body = &seen.body;
    match seen.line().as_str() {
        "GET /v2/status_pages" => return Ok(()),
        "POST /v2/status_page_incidents" => {
            text(&body["idempotency_key"], 255)?;
            text(&body["name"], 200)?;
            ensure(body["status_page_id"] == "sp1", "status_page_id")?;
        }
        "POST /v2/status_page_incident_updates" => {
            ensure(body["status_page_incident_id"] == "i1", "which incident")?
        }
        other => return Err(other.to_owned()),
    }
    no_markdown(text(&body["message"], 4096)?)?;
    let status = text(&body["incident_status"], 20)?;
    ensure(["investigating", "identified", "monitoring", "resolved"].contains(&status), "incident_status")?;
    ensure(body["notify_subscribers"].is_boolean(), "notify_subscribers")?;
    match status {
        "resolved" => ensure(body.get("component_statuses").is_none(), "components of a resolution"),
        _ => {
            let components = body["component_statuses"].as_array().ok_or("component_statuses")?;
            let known = ["operational", "degraded_performance", "partial_outage", "full_outage"];
            let fits = |one: &Value| {
                one["component_id"] == "11"
                    && one["component_status"].as_str().is_some_and(|word| known.contains(&word))
            };
            ensure(components.len() == 1 && components.iter().all(fits), "component_statuses")
        }
    }
}

fn incident_io_alerts(seen: &Seen) -> Result<(), String> {
    bearer(seen)?;
    ensure(seen.line() == "POST /v2/alert_events/http/src1", &seen.line())?;
    text(&seen.body["title"], 200)?;
    ensure(seen.body["deduplication_key"] == "fogsignal-INC-7", "deduplication_key")?;
    ensure(["firing", "resolved"].contains(&text(&seen.body["status"], 10)?), "status")
}

fn opsgenie(seen: &Seen) -> Result<(), String> {
    ensure(seen.header("authorization") == format!("GenieKey {TOKEN}"), "authorization")?;
    let (body, alias) = (&seen.body, "fogsignal-INC-7");
    if seen.line() == "POST /v2/alerts" {
        text(&body["message"], 130)?;
        ensure(body["alias"] == alias, "alias")?;
        text(&body["description"], 15_000)?;
        ensure(["P1", "P2", "P3", "P4", "P5"].contains(&text(&body["priority"], 2)?), "priority")?;
        ensure(body["details"].as_object().is_some_and(|all| all.values().all(Value::is_string)), "details")?;
        return ensure(body["responders"] == json!([{"type": "team", "name": "ops"}]), "responders");
    }
    ensure(seen.query("identifierType") == "alias", "identifierType")?;
    let rest = seen.path.strip_prefix(&format!("/v2/alerts/{alias}/")).ok_or("another alert")?;
    match (seen.method.as_str(), rest) {
        ("PUT", "description") => text(&body["description"], 15_000).map(drop),
        ("PUT", "priority") => text(&body["priority"], 2).map(drop),
        ("POST", "acknowledge") => ensure(body["user"] == "ana", "user"),
        ("POST", "close") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn teams(seen: &Seen) -> Result<(), String> {
    ensure(seen.line() == format!("POST /workflows/{TOKEN}"), &seen.line())?;
    ensure(seen.bytes.len() <= 28 * 1024, "the size")?;
    ensure(seen.body["type"] == "message", "type")?;
    let attachment = &seen.body["attachments"][0];
    ensure(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "contentType")?;
    ensure(attachment["content"]["type"] == "AdaptiveCard", "no card")?;
    for block in attachment["content"]["body"].as_array().ok_or("body")? {
        // A `TextBlock` would read Markdown.
        ensure(block["type"] == "RichTextBlock", "a block that knows markup")?;
        for run in block["inlines"].as_array().ok_or("inlines")? {
            ensure(run["type"] == "TextRun", "a run")?;
            text(&run["text"], 10_000)?;
        }
    }
    let actions = attachment["content"]["actions"].as_array().ok_or("actions")?;
    ensure(
        actions.iter().all(|action| action["type"] == "Action.OpenUrl" && action["url"].is_string()),
        "an action",
    )
}

fn discord(seen: &Seen) -> Result<(), String> {
    ensure(
        seen.line() == format!("POST /api/webhooks/1/{TOKEN}") && seen.query("wait") == "true",
        &seen.line(),
    )?;
    ensure(seen.body["allowed_mentions"] == json!({"parse": []}), "a mention could call somebody")?;
    let embed = &seen.body["embeds"][0];
    no_markdown(text(&embed["title"], 256)?)?;
    no_markdown(text(&embed["description"], 4096)?)?;
    ensure(embed["color"].is_u64(), "color")?;
    for field in embed["fields"].as_array().ok_or("fields")? {
        text(&field["name"], 256)?;
        text(&field["value"], 1024)?;
    }
    Ok(())
}

fn mattermost(seen: &Seen) -> Result<(), String> {
    ensure(seen.line() == format!("POST /hooks/{TOKEN}") && seen.body["username"] == "fog", &seen.line())?;
    ensure(seen.body.get("channel").is_none(), "a channel that nobody named")?;
    let said = text(&seen.body["text"], 16_383)?;
    // Our own links are Markdown.
    no_markdown(
        &said.replace("[Acknowledge](<https://fog", "").replace("[Open](<https://fog", "").replace(">)", ""),
    )
}

fn telegram(seen: &Seen) -> Result<(), String> {
    ensure(seen.line() == format!("POST /bot{TOKEN}/sendMessage"), &seen.line())?;
    ensure(!text(&seen.body["text"], 4096)?.contains("@e"), "a mention")?;
    ensure(seen.body.get("parse_mode").is_none() && seen.body["chat_id"] == -100_123, "chat_id")?;
    let answers = seen.body.get("reply_parameters");
    ensure(answers.is_none_or(|to| to["message_id"] == 17), "what it answers")
}

fn google_chat(seen: &Seen) -> Result<(), String> {
    ensure(seen.line() == "POST /v1/spaces/A/messages" && seen.query("token") == TOKEN, &seen.line())?;
    ensure(seen.query("messageReplyOption") == "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", "a thread")?;
    ensure(seen.bytes.len() <= 32_000 && seen.body["thread"]["threadKey"] == "there-INC-7", "a thread")?;
    let card = &seen.body["cardsV2"][0]["card"];
    no_html(text(&card["header"]["title"], 300)?)?;
    no_html(text(&card["sections"][0]["widgets"][0]["textParagraph"]["text"], 30_000)?)
}

fn alertmanager(seen: &Seen) -> Result<(), String> {
    bearer(seen)?;
    ensure(seen.line() == "POST /api/v2/alerts", &seen.line())?;
    for alert in seen.body.as_array().ok_or("no list")? {
        for map in [&alert["labels"], &alert["annotations"]] {
            ensure(
                map.as_object().is_some_and(|map| map.values().all(Value::is_string)),
                "a value is no text",
            )?;
        }
        let expected = [
            ("team", "crm"),
            ("installation", "fogsignal"),
            ("incident", "INC-7"),
            ("alertname", "FogsignalIncident"),
        ];
        ensure(expected.iter().all(|(label, value)| alert["labels"][label] == *value), "labels")?;
        // A start after the end is refused with 400.
        ensure(text(&alert["startsAt"], 30)? <= text(&alert["endsAt"], 30)?, "it ends before it starts")?;
    }
    Ok(())
}

fn goalert(seen: &Seen) -> Result<(), String> {
    ensure(seen.line() == "POST /api/v2/generic/incoming" && seen.query("token") == TOKEN, &seen.line())?;
    ensure(
        text(&seen.body["summary"], 1024)?.len() <= 1024 && seen.body["dedup"] == "fogsignal-INC-7",
        "dedup",
    )?;
    match seen.body.get("action") {
        None => ensure(text(&seen.body["details"], 6144)?.len() <= 6144, "details"),
        Some(action) => ensure(action == "close", "action"),
    }
}

fn ntfy(seen: &Seen) -> Result<(), String> {
    bearer(seen)?;
    ensure(seen.line() == "POST /" && seen.body["topic"] == "fog", &seen.line())?;
    ensure(text(&seen.body["message"], 4096)?.len() <= 4096, "a message that becomes an attachment")?;
    ensure(seen.body["priority"].as_u64().is_some_and(|priority| (1..=5).contains(&priority)), "priority")?;
    ensure(seen.body["actions"].as_array().is_some_and(|actions| actions.len() <= 3), "actions")
}

fn at(row: &Row, audience: Audience, url: &str) -> Journey {
    let settings: Vec<String> = row.settings.iter().map(|line| line.replace("URL", url)).collect();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    sink(row.adapter, audience, &settings).linked().build()
}

async fn start(row: &Row) -> Server {
    let (check, taken) = (row.check, row.taken);
    Server::start(move |seen: &Seen| check(seen).map(|()| taken())).await
}

fn life(audience: Audience) -> Vec<Message> {
    match audience {
        Audience::Customers => posts(),
        Audience::Responders => pages(),
    }
}

#[tokio::test]
async fn every_adapter_says_the_whole_life_of_an_incident() {
    for row in rows() {
        for audience in row.audiences {
            let server = start(&row).await;
            let mut journey = at(&row, *audience, &server.url());
            for message in life(*audience) {
                let outcome = journey.send(message).await;
                assert!(matches!(outcome, Outcome::Delivered { .. }), "{}: {outcome:?}", row.adapter);
            }
            server.assert_clean();
            assert!(2 <= server.seen().len(), "{}", row.adapter);
        }
    }
}

#[tokio::test]
async fn the_longest_texts_fit() {
    for row in rows() {
        for audience in row.audiences {
            let server = start(&row).await;
            let mut journey = at(&row, *audience, &server.url());
            let mut first = life(*audience).remove(0);
            let long = format!("{HOSTILE} ").repeat(2000);
            match &mut first {
                Message::Post(post) => (post.title, post.body) = (long.clone(), long),
                Message::Page(page) => {
                    (page.title, page.summary, page.details) = (long.clone(), long.clone(), long)
                }
                Message::Acknowledged { .. } => unreachable!("a life does not begin with it"),
            }
            let outcome = journey.send(first).await;
            assert!(matches!(outcome, Outcome::Delivered { .. }), "{}: {outcome:?}", row.adapter);
            server.assert_clean();
        }
    }
}

#[tokio::test]
async fn each_refusal_means_what_the_documentation_says() {
    for row in rows() {
        let server = start(&row).await;
        let mut journey = at(&row, row.audiences[0], &server.url());
        let first = life(row.audiences[0]).remove(0);
        server.moods([Mood::Refuse(429, Some("11"))]);
        assert_eq!(
            retried(journey.send(first.clone()).await).1,
            Some(Duration::from_secs(11)),
            "{}",
            row.adapter
        );
        for status in row.heals.iter().chain(&[500]) {
            server.moods([Mood::Refuse(*status, None)]);
            retried(journey.send(first.clone()).await);
        }
        for status in row.never {
            server.moods([Mood::Echo(*status)]);
            let why = given_up(journey.send(first.clone()).await);
            assert!(!why.contains(TOKEN), "{} told its secret: {why}", row.adapter);
        }
        server.moods([Mood::Redirect("https://elsewhere.example/".into())]);
        assert!(given_up(journey.send(first.clone()).await).contains("redirects are not followed"));
        server.moods([Mood::LoseAnswer]);
        retried(journey.send(first.clone()).await);
        journey.remembered = Remembered::default();
        let outcome = journey.again(first).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{}: {outcome:?}", row.adapter);
        server.assert_clean();
    }
}

#[tokio::test]
async fn the_first_post_at_incident_io_has_one_key_on_all_attempts_and_updates_are_looked_for() {
    let update = |message: &Value, status: &Value| json!({"message": message, "incident_status": status, "published_at": "2023-02-01T14:20:00Z"});
    let mut updates = vec![
        json!({"message": "older", "incident_status": "identified", "published_at": "2023-02-01T14:10:00Z"}),
    ];
    let server = Server::start(move |seen: &Seen| {
        if seen.line() == "GET /v2/status_page_incidents/i1" {
            return Ok(Reply::json(200, &json!({"status_page_incident": {"id": "i1", "updates": updates}})));
        }
        incident_io(seen)?;
        if seen.path.ends_with("updates") {
            updates.push(update(&seen.body["message"], &seen.body["incident_status"]));
        }
        Ok(Reply::json(201, &json!({"status_page_incident": {"id": "i1"}})))
    })
    .await;
    let row = rows().remove(0);
    let mut journey = at(&row, Audience::Customers, &server.url());
    let [first, second, _] = <[_; 3]>::try_from(posts()).expect("three");
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(first.clone()).await);
    delivered(&journey.again(first).await);
    let keys: Vec<Value> =
        server.take_seen().iter().map(|seen| seen.body["idempotency_key"].clone()).collect();
    assert_eq!(keys, ["fogsignal-INC-7_e1_there", "fogsignal-INC-7_e1_there"]);
    server.moods([Mood::LoseAnswer]);
    retried(journey.send(second.clone()).await);
    delivered(&journey.again(second).await);
    let lines: Vec<String> = server.seen().iter().map(Seen::line).collect();
    assert_eq!(lines, ["POST /v2/status_page_incident_updates", "GET /v2/status_page_incidents/i1"]);
    server.assert_clean();
}

#[tokio::test]
async fn a_new_severity_ends_the_alert_of_the_old_one_at_alertmanager() {
    let row = rows().into_iter().find(|row| row.adapter == "alertmanager").expect("a row");
    let server = start(&row).await;
    let mut journey = at(&row, Audience::Responders, &server.url());
    for (reason, severity) in [
        (PageReason::Opened, Severity::Minor),
        (PageReason::SeverityRaised, Severity::Critical),
        (PageReason::Resolved, Severity::Critical),
    ] {
        delivered(&journey.send(page(1, reason, severity)).await);
    }
    let told: Vec<Vec<(String, bool)>> = server
        .seen()
        .iter()
        .map(|seen| {
            let alerts = seen.body.as_array().expect("a list").iter();
            let one = |alert: &Value| {
                let over = alert["startsAt"] == alert["endsAt"];
                (alert["labels"]["severity"].as_str().expect("a text").to_owned(), over)
            };
            alerts.map(one).collect()
        })
        .collect();
    let row =
        |all: &[(&str, bool)]| all.iter().map(|(word, over)| ((*word).to_owned(), *over)).collect::<Vec<_>>();
    assert_eq!(
        told,
        [row(&[("minor", false)]), row(&[("critical", false), ("minor", true)]), row(&[("critical", true)])]
    );
    server.assert_clean();
}

#[tokio::test]
async fn what_asks_for_time_in_its_body_gets_it() {
    for (adapter, body) in [
        (
            "telegram",
            json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 35}}),
        ),
        ("discord", json!({"message": "You are being rate limited.", "retry_after": 35.0, "global": false})),
    ] {
        let row = rows().into_iter().find(|row| row.adapter == adapter).expect("a row");
        let server = start(&row).await;
        let mut journey = at(&row, Audience::Customers, &server.url());
        server.moods([Mood::Say(429, body)]);
        assert_eq!(
            retried(journey.send(posts().remove(0)).await).1,
            Some(Duration::from_secs(35)),
            "{adapter}"
        );
    }
}

#[tokio::test]
async fn trials_mislead_nobody_where_the_system_can_be_asked() {
    for (adapter, line, answer) in [
        ("incident-io", "GET /v2/status_pages".to_owned(), json!({"status_pages": []})),
        ("telegram", format!("GET /bot{TOKEN}/getMe"), json!({"ok": true, "result": {"id": 1}})),
        ("discord", format!("GET /api/webhooks/1/{TOKEN}"), json!({"id": "1"})),
        ("alertmanager", "GET /api/v2/status".to_owned(), json!({"cluster": {}})),
        ("ntfy", "GET /v1/health".to_owned(), json!({"healthy": true})),
    ] {
        let row = rows().into_iter().find(|row| row.adapter == adapter).expect("a row");
        let server = Server::start(move |_: &Seen| Ok(Reply::json(200, &answer))).await;
        let journey = at(&row, row.audiences[0], &server.url());
        delivered(&journey.test().await);
        let lines: Vec<String> = server.seen().iter().map(Seen::line).collect();
        assert_eq!(lines, [line]);
    }
}
