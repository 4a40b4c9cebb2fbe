//! What Slack says of a tap on a button (interactivity, `block_actions`).
//!
//! In:   the headers and the body of a request.
//! Out:  whether Slack signed it, lately; which of our incidents the button acknowledges or resolves, and who tapped.
//! Not:  buttons of others are passed over. Nothing is written to Slack from here.

use std::time::Duration;

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::incidents::CommandKind;
use crate::model::{Secret, Timestamp};

use super::signature::{Unsigned, fits};
use super::{Heard, ours, person};

const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
/// An old request may be one that somebody kept and plays again.
const OFF_AT_MOST: Duration = Duration::from_secs(5 * 60);

/// Checks the signature of `v0:`, the timestamp, a colon and the body.
pub(super) fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unsigned> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let timestamp = header(TIMESTAMP).ok_or(Unsigned::Missing)?;
    let seconds: u32 = timestamp.parse().map_err(|_| Unsigned::Missing)?;
    let at = Timestamp::from_secs(i64::from(seconds));
    if OFF_AT_MOST < now.since(at) || OFF_AT_MOST < at.since(now) {
        return Err(Unsigned::Old);
    }
    let signature = header(SIGNATURE).and_then(|value| value.strip_prefix("v0="));
    fits(secret, &[b"v0:", timestamp.as_bytes(), b":", body], signature.into_iter())
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: Option<String>,
}

/// What the body says: a form whose field `payload` is JSON. `owner` stands before an incident's id in the values of
/// buttons.
pub(super) fn read(body: &[u8], owner: Option<&str>) -> Heard {
    let Some((_, payload)) = form_urlencoded::parse(body).find(|(name, _)| name == "payload") else {
        return Heard::Nothing("it has no `payload`".to_owned());
    };
    let payload: Payload = match serde_json::from_str(&payload) {
        Ok(payload) => payload,
        Err(error) => return Heard::Nothing(format!("its payload cannot be read: {error}")),
    };
    if payload.kind != "block_actions" {
        return Heard::Nothing(format!("`{}` is nothing that we act on", payload.kind));
    }
    let word = payload.actions.iter().find_map(|action| {
        let kind = match action.action_id.as_str() {
            "acknowledge" => CommandKind::Acknowledge,
            "resolve" => CommandKind::Resolve,
            _ => return None,
        };
        Some((ours(action.value.as_deref()?, owner)?, kind))
    });
    let Some((incident, kind)) = word else {
        return Heard::Nothing("no button of ours is among its actions".to_owned());
    };
    let user = payload.user.unwrap_or(User { name: None, username: None, id: None });
    let name = user.username.or(user.name).or(user.id);
    Heard::Word { incident, kind, by: person(name.as_deref(), "slack") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::IncidentId;

    fn form(payload: &Value) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &payload.to_string()).finish().into_bytes()
    }

    fn tap(action: &str, value: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": "U1", "username": "ana", "name": "ana", "team_id": "T1"},
            "actions": [
                {"type": "button", "action_id": "elsewhere", "value": "INC-9"},
                {"type": "button", "action_id": action, "block_id": "b", "value": value},
            ],
        })
    }

    #[test]
    fn a_tap_is_a_word_of_whoever_tapped() {
        let said = |kind| Heard::Word { incident: IncidentId(7), kind, by: "ana via slack".to_owned() };
        assert_eq!(
            read(&form(&tap("acknowledge", "shop/INC-7")), Some("shop")),
            said(CommandKind::Acknowledge)
        );
        assert_eq!(read(&form(&tap("resolve", "INC-7")), None), said(CommandKind::Resolve));
    }

    #[test]
    fn whatever_else_comes_is_passed_over() {
        let check = |body: &[u8], part: &str| match read(body, Some("shop")) {
            Heard::Nothing(why) => assert!(why.contains(part), "{why}"),
            word => panic!("{word:?}"),
        };
        check(&form(&tap("approve", "INC-7")), "no button of ours");
        check(&form(&tap("acknowledge", "7")), "no button of ours");
        check(&form(&json!({"type": "view_submission"})), "`view_submission`");
        check(b"payload=%7B", "cannot be read");
        check(b"ssl_check=1", "no `payload`");
        check(b"\xff\xfe", "no `payload`");
    }

    #[test]
    fn a_signature_is_good_for_five_minutes() {
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        // printf '%s' 'v0:1675260000:payload=x' | openssl dgst -sha256 -hmac 8f742231b10e8888abcd99yyyzzz85a5
        let signature = "v0=b5680f1a9f677edf7dcb4198c1e0cdcd3664093dd0105acc3632774c812e6b14";
        let check = |off: i64, timestamp: &str, signature: &str, expected| {
            let headers = [(TIMESTAMP, timestamp), (SIGNATURE, signature)].map(|(name, value)| {
                (axum::http::HeaderName::from_static(name), value.parse().expect("a value"))
            });
            let now = Timestamp::from_secs(1_675_260_000 + off);
            let told = verify(&secret, &headers.into_iter().collect(), b"payload=x", now);
            assert_eq!(told, expected, "{off} {timestamp} {signature}");
        };
        let at = "1675260000";
        for off in [-300, 0, 300] {
            check(off, at, signature, Ok(()));
        }
        for off in [-301, 301] {
            check(off, at, signature, Err(Unsigned::Old));
        }
        check(1, "1675260001", signature, Err(Unsigned::Wrong));
        check(0, at, &signature.replace("v0=", "v1="), Err(Unsigned::Missing));
        check(0, "soon", signature, Err(Unsigned::Missing));
        check(0, "-1", signature, Err(Unsigned::Missing));
    }
}
