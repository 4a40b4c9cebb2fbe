//! The generic webhook: signed, named and of the shape that its schema promises.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fogsignal::delivery::{Audience, Message};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::journey::{delivered, given_up, pages, posts, retried};
use super::server::{Mood, Reply, Seen, Server};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// As docs/webhook.md and docs/schema/webhook.schema.json have it.
fn checked(seen: &Seen) -> Result<Reply, String> {
    let signed = [seen.header("webhook-id"), seen.header("webhook-timestamp"), ""].join(".");
    let key =
        BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).map_err(|error| error.to_string())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(signed.as_bytes());
    mac.update(&seen.bytes);
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    if seen.header("webhook-signature") != expected || seen.header("webhook-id").contains('.') {
        return Err("the signature does not fit".to_owned());
    }
    if seen.header("content-type") != "application/json" || 20_000 <= seen.bytes.len() {
        return Err("the body".to_owned());
    }
    let schema = include_str!("../../../docs/schema/webhook.schema.json");
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    fits(&seen.body, &schema, &schema, "body").map(|()| Reply::text(204, ""))
}

/// As much of JSON Schema as the schema of our webhooks uses; what it does not know is an error.
fn fits(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Ok(()) };
    for (rule, wanted) in rules {
        let ok = match rule.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "examples" | "format" | "$comment"
            | "default" => true,
            "$ref" => {
                let pointer =
                    wanted.as_str().and_then(|name| name.strip_prefix('#')).ok_or("a reference elsewhere")?;
                let target = root.pointer(pointer).ok_or(format!("no {pointer}"))?;
                fits(value, target, root, at)?;
                true
            }
            "type" => {
                let is = |kind: &str| match kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    _ => false,
                };
                let kinds: Vec<&str> = match wanted {
                    Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                    kind => kind.as_str().into_iter().collect(),
                };
                kinds.into_iter().any(is)
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
            "required" => wanted
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .all(|key| value.get(key).is_some()),
            "properties" => {
                for (key, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(key) {
                        fits(value, schema, root, &format!("{at}.{key}"))?;
                    }
                }
                true
            }
            "additionalProperties" => true,
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(item, wanted, root, &format!("{at}[{number}]"))?;
                }
                true
            }
            "oneOf" | "anyOf" => {
                let all = wanted.as_array().ok_or("no list")?;
                let told: Vec<String> =
                    all.iter().filter_map(|one| fits(value, one, root, at).err()).collect();
                if told.len() == all.len() {
                    return Err(told.join("\n"));
                }
                true
            }
            "allOf" => {
                wanted.as_array().into_iter().flatten().try_for_each(|one| fits(value, one, root, at))?;
                true
            }
            "if" => {
                let branch = if fits(value, wanted, root, at).is_ok() { "then" } else { "else" };
                fits(value, rules.get(branch).unwrap_or(&Value::Null), root, at)?;
                true
            }
            "then" | "else" => true,
            "minimum" => wanted.as_f64() <= value.as_f64().or(wanted.as_f64()),
            "maximum" => value.as_f64().or(wanted.as_f64()) <= wanted.as_f64(),
            "pattern" => value.as_str().is_none_or(|text| {
                regex::Regex::new(wanted.as_str().unwrap_or_default())
                    .is_ok_and(|pattern| pattern.is_match(text))
            }),
            other => return Err(format!("this test does not know the rule `{other}`")),
        };
        if !ok {
            return Err(format!("{at}: `{rule}` {wanted} does not hold of {value}"));
        }
    }
    Ok(())
}

fn at(audience: Audience, url: &str) -> super::journey::Journey {
    super::journey::webhook(audience, url, SECRET)
}

#[tokio::test]
async fn every_message_is_signed_and_fits_the_schema() {
    let server = Server::start(checked).await;
    for (audience, messages) in [(Audience::Customers, posts()), (Audience::Responders, pages())] {
        let mut journey = at(audience, &server.url());
        // Acknowledgements go to systems that keep a state of their own.
        for message in messages.into_iter().filter(|message| !matches!(message, Message::Acknowledged { .. }))
        {
            delivered(&journey.send(message).await);
        }
    }
    server.assert_clean();
    let kinds: Vec<Value> = server.seen().iter().map(|seen| seen.body["type"].clone()).collect();
    assert_eq!(kinds[..3], ["incident.opened", "incident.updated", "incident.resolved"]);
}

#[tokio::test]
async fn the_same_message_has_the_same_name_and_body_on_each_attempt() {
    let server = Server::start(checked).await;
    let mut journey = at(Audience::Customers, &server.url());
    let message = posts().remove(0);
    server.moods([Mood::LoseAnswer, Mood::Refuse(503, None), Mood::Reset]);
    retried(journey.send(message.clone()).await);
    retried(journey.again(message.clone()).await);
    retried(journey.again(message.clone()).await);
    delivered(&journey.again(message).await);
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert!(
        seen.iter().all(|one| one.header("webhook-id") == "INC-7_e1_there" && one.bytes == seen[0].bytes)
    );
    server.moods([Mood::Refuse(410, None)]);
    given_up(journey.send(posts().remove(1)).await);
}
