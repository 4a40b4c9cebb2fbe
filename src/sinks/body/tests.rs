use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::delivery::samples::{at, component, delivery, eta, page, post, suspect};
use crate::model::{ComponentStatus, IncidentId};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/webhook.schema.json")).expect("it is JSON")
}

/// The body for a sink that took every message before this one.
fn told(delivery: &Delivery) -> Vec<u8> {
    let opened = matches!(&delivery.message, Message::Post(post) if 1 < post.number);
    let remembered = Remembered { opened, ..Remembered::default() };
    body(delivery, &remembered, &Links::default()).expect("it is made")
}

fn sent(message: Message) -> Value {
    let body = told(&Delivery { message, ..delivery(1, 3, "hook") });
    serde_json::from_slice(&body).expect("it is JSON")
}

/// Holds `value` to the part of JSON Schema that ours uses; anything else in the schema is an error here, too.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, says) in schema.as_object().ok_or("a schema is an object")? {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" | "additionalProperties" => {}
            "$ref" => {
                let name = says.as_str().and_then(|to| to.strip_prefix('#')).ok_or("a reference is local")?;
                check(root, root.pointer(name).ok_or("a reference leads somewhere")?, value, at)?;
            }
            "oneOf" => {
                let all: Vec<_> =
                    says.as_array().into_iter().flatten().map(|one| check(root, one, value, at)).collect();
                if all.iter().filter(|one| one.is_ok()).count() != 1 {
                    return Err(format!("{at}: not exactly one fits: {all:?}"));
                }
            }
            "enum" if says.as_array().is_some_and(|all| all.contains(value)) => {}
            "type" if has_type(says, value) => {}
            "minimum" if says.as_f64() <= value.as_f64() => {}
            "maximum" if value.as_f64() <= says.as_f64() => {}
            "pattern" if pattern(says).is_match(value.as_str().unwrap_or_default()) => {}
            "required" => {
                for name in says.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    value.get(name).ok_or_else(|| format!("{at}.{name} is missing"))?;
                }
            }
            "properties" => {
                assert_eq!(schema["additionalProperties"], Value::Bool(false), "{at}");
                for (name, value) in value.as_object().into_iter().flatten() {
                    let says = says.get(name).ok_or_else(|| format!("{at}.{name} is unknown"))?;
                    check(root, says, value, &format!("{at}.{name}"))?;
                }
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(root, says, item, at))?;
            }
            "enum" | "type" | "minimum" | "maximum" | "pattern" => {
                return Err(format!("{at}: {value} is not {schema}"));
            }
            other => return Err(format!("{at}: the test does not know `{other}`")),
        }
    }
    Ok(())
}

fn has_type(says: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().expect("a type is a word") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the test does not know type `{other}`"),
    };
    says.as_array().map_or_else(|| is(says), |any| any.iter().any(is))
}

fn pattern(says: &Value) -> regex::Regex {
    regex::Regex::new(says.as_str().expect("a pattern is text")).expect("it is a pattern")
}

fn fits(body: &Value) {
    let schema = schema();
    if let Err(why) = check(&schema, &schema, body, "body") {
        panic!("{why}\n{body:#}");
    }
}

const REASONS: [PageReason; 14] = [
    PageReason::Opened,
    PageReason::NotAcknowledged,
    PageReason::SeverityRaised,
    PageReason::Reopened,
    PageReason::MeasurementLost,
    PageReason::DeliveryFailed,
    PageReason::AcknowledgementExpired,
    PageReason::DraftWaits,
    PageReason::StoodDown,
    PageReason::Merged,
    PageReason::JournalFailing,
    PageReason::DaemonFailing,
    PageReason::Monitoring,
    PageReason::Resolved,
];

#[test]
fn each_type_has_exactly_what_the_schema_says() {
    let mut types = Vec::new();
    for (number, status) in [(1, Status::Investigating), (2, Status::Monitoring), (3, Status::Resolved)] {
        let body = sent(Message::Post(post(number, status)));
        fits(&body);
        types.push(body["type"].as_str().unwrap().to_owned());
    }
    for reason in REASONS {
        let body = sent(Message::Page(Page { reason, ..page(&["ops"]) }));
        fits(&body);
        assert_eq!(body["type"], format!("page.{}", body["data"]["page"]["reason"].as_str().unwrap()));
        types.push(body["type"].as_str().unwrap().to_owned());
    }
    let schema = schema();
    let promised = ["incident_message", "page_message"]
        .iter()
        .flat_map(|name| schema["$defs"][*name]["properties"]["type"]["enum"].as_array().unwrap());
    assert_eq!(types, promised.map(|name| name.as_str().unwrap()).collect::<Vec<_>>());
}

#[test]
fn the_check_sees_what_is_missing_unknown_or_wrong() {
    let schema = schema();
    let good = sent(Message::Post(post(1, Status::Investigating)));
    let bad = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        assert!(check(&schema, &schema, &body, "body").is_err(), "{body:#}");
    };
    bad(&|body| body["type"] = "incident.closed".into());
    bad(&|body| body["data"]["impact"] = 3.into());
    bad(&|body| body["data"]["secret"] = "x".into());
    bad(&|body| body["data"]["started_at"] = "2023-02-01T11:10:00-03:00".into());
    bad(&|body| drop(body["data"].as_object_mut().unwrap().remove("mitigated_at")));
    bad(&|body| body["data"]["components"][0]["status"] = "down".into());
}

#[test]
fn a_post_reads_as_the_manual_shows_it() {
    let body = sent(Message::Post(post(2, Status::Investigating)));
    let manual = include_str!("../../../docs/webhook.md");
    let shown =
        manual.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert_eq!(serde_json::from_str::<Value>(shown).expect("it is JSON"), body);
}

#[test]
fn a_page_reads_as_the_manual_shows_it() {
    let body = sent(Message::Page(page(&["ops"])));
    let manual = include_str!("../../../docs/webhook.md");
    let shown =
        manual.split("```json\n").nth(2).and_then(|rest| rest.split("```").next()).expect("an example");
    assert_eq!(serde_json::from_str::<Value>(shown).expect("it is JSON"), body);
}

#[test]
fn the_body_is_the_same_on_each_attempt() {
    let delivery = delivery(1, 3, "hook");
    assert_eq!(told(&delivery), told(&delivery.clone()));
}

#[test]
fn a_first_post_that_says_resolved_is_a_resolution() {
    assert_eq!(sent(Message::Post(post(1, Status::Resolved)))["type"], "incident.resolved");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let mut long = post(1, Status::Investigating);
    long.body = "ü".repeat(50_000);
    long.components = (0..500).map(|n| component(&format!("c{n}"), ComponentStatus::MajorOutage)).collect();
    let body = sent(Message::Post(long));
    fits(&body);
    let text = body["data"]["post"]["body"].as_str().unwrap();
    assert!(text.ends_with("ü…") && text.len() > 1000, "{} bytes", text.len());
    let shown = body["data"]["components"].as_array().unwrap().len() as u64;
    assert!(shown > 10);
    assert_eq!(body["data"]["components_omitted"], 500 - shown);
}

#[test]
fn suspects_and_etas_are_told_as_far_as_they_fit() {
    let page = Page { suspects: vec![suspect(); 20], ..page(&["ops"]) };
    let body = sent(Message::Page(page));
    fits(&body);
    let suspects = body["data"]["suspects"].as_array().unwrap();
    assert_eq!((suspects.len(), &suspects[0]["kind"]), (8, &"config".into()));
    assert_eq!(suspects[0]["parts"]["share"], 0.87);
    let mut post = post(1, Status::Monitoring);
    post.etas = vec![eta("crm"), eta("hidden")];
    let body = sent(Message::Post(post));
    fits(&body);
    let etas = &body["data"]["etas"];
    assert_eq!((&etas[0]["component"], &etas[1]["component"]), (&"crm".into(), &Value::Null));
    assert!(!body.to_string().contains("Backlog"), "a post says nothing of rules: {body}");
}

#[test]
fn shortens_at_whole_characters() {
    let check = |text: &str, max, expected: &str| assert_eq!(shortened(text, max), expected, "{text} {max}");
    check("hello", 5, "hello");
    check("hello!", 5, "he…");
    check("üüü", 5, "ü…");
    check("üüü", 4, "…");
    check("hello", 2, "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_body_is_below_20_kb(
        text in "\\PC{0,60}|[\\x00-\\x1f\"\\\\]{0,60}", times in 0usize..200, many in 0usize..200, incident in any::<u64>(),
    ) {
        let text = text.repeat(times);
        let mut one = component("c", ComponentStatus::PartialOutage);
        one.name = text.clone();
        one.group = Some(text.clone());
        let post = Post {
            title: text.clone(), body: text.clone(), affected: text.clone(), components: vec![one.clone(); many],
            etas: vec![eta("c"); many], ..post(7, Status::Identified)
        };
        let page = Page {
            title: text.clone(), summary: text.clone(), details: text.clone(), components: vec![one; many],
            suspects: vec![Suspect { summary: text.clone(), ..suspect() }; many], runbooks: vec![text; many], ..page(&["ops"])
        };
        for message in [Message::Post(post), Message::Page(page)] {
            let sample = delivery(1, 3, "hook");
            let body = told(&Delivery { message, incident: IncidentId(incident), ..sample });
            prop_assert!(body.len() < 20_000, "{} bytes", body.len());
            prop_assert!(!body.contains(&b'\n'));
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
        }
    }
}

#[test]
fn times_are_utc() {
    assert_eq!(sent(Message::Post(post(1, Status::Investigating)))["timestamp"], at(0).to_rfc3339());
}

#[test]
fn the_first_post_that_is_taken_opens_whatever_its_number() {
    let late = Delivery { message: Message::Post(post(4, Status::Investigating)), ..delivery(4, 3, "hook") };
    let body = body(&late, &Remembered::default(), &Links::default()).expect("it is made");
    let body: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!((&body["type"], &body["data"]["post"]["number"]), (&"incident.opened".into(), &4.into()));
    fits(&body);
}

#[test]
fn a_page_has_the_links_that_there_are() {
    let links = Links::new(|delivery| PageLinks {
        acknowledge: Some(format!("https://f.example/go/acknowledge/{}", delivery.incident)),
        open: None,
    });
    let page = Delivery { message: Message::Page(page(&["ops"])), ..delivery(4, 3, "ops") };
    let body = body(&page, &Remembered::default(), &links).expect("it is made");
    let body: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(body["data"]["links"]["acknowledge"], "https://f.example/go/acknowledge/INC-3");
    fits(&body);
}
