//! What PagerDuty's webhooks (version 3) say.
//!
//! In:   the headers and the body of a request.
//! Out:  whether PagerDuty signed it; which of our incidents a person acknowledged or resolved there.
//! Not:  what a service or an integration did there is left alone: that may be our own word coming back, late. An
//!       acknowledgement that runs out there is PagerDuty's own; ours has `ack_timeout`.

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::incidents::CommandKind;
use crate::model::Secret;

use super::signature::{Unsigned, fits};
use super::{Heard, ours, person};

const SIGNATURES: &str = "x-pagerduty-signature";

/// Checks the signature of the body: several `v1=…` with commas between them while a secret is being replaced.
pub(super) fn verify(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> Result<(), Unsigned> {
    let header = headers.get(SIGNATURES).and_then(|value| value.to_str().ok()).unwrap_or_default();
    fits(secret, &[body], header.split(',').filter_map(|one| one.trim().strip_prefix("v1=")))
}

#[derive(Deserialize)]
struct Request {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    event_type: String,
    #[serde(default)]
    agent: Option<Agent>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Agent {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    incident_key: Option<String>,
}

/// What the body says; `owner` stands before an incident's id in the keys of the sink.
pub(super) fn read(body: &[u8], owner: Option<&str>) -> Heard {
    let event = match serde_json::from_slice::<Request>(body) {
        Ok(Request { event }) => event,
        Err(error) => return Heard::Nothing(format!("it is no webhook of version 3: {error}")),
    };
    let kind = match event.event_type.as_str() {
        "incident.acknowledged" => CommandKind::Acknowledge,
        "incident.resolved" => CommandKind::Resolve,
        other => return Heard::Nothing(format!("`{other}` is nothing that we act on")),
    };
    let key = event.data.and_then(|data| data.incident_key).unwrap_or_default();
    let Some(incident) = ours(&key, owner) else {
        return Heard::Nothing(format!("`{key}` is no incident of ours"));
    };
    match event.agent {
        Some(agent) if agent.kind.as_deref() == Some("user_reference") => {
            Heard::Word { incident, kind, by: person(agent.summary.as_deref(), "pagerduty") }
        }
        _ => Heard::Nothing("it was not a person who did it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::IncidentId;

    fn event(kind: &str, key: &str, agent: &serde_json::Value) -> Vec<u8> {
        let data = json!({"id": "P1", "type": "incident", "incident_key": key, "status": "acknowledged"});
        let event = json!({"id": "5ac6", "event_type": kind, "agent": agent, "client": null, "data": data});
        json!({ "event": event }).to_string().into_bytes()
    }

    #[test]
    fn people_acknowledge_and_resolve() {
        let ana = json!({"type": "user_reference", "summary": "Ana Lima", "id": "PU1"});
        let said =
            |kind| Heard::Word { incident: IncidentId(7), kind, by: "Ana Lima via pagerduty".to_owned() };
        assert_eq!(
            read(&event("incident.acknowledged", "shop/INC-7", &ana), Some("shop")),
            said(CommandKind::Acknowledge)
        );
        assert_eq!(read(&event("incident.resolved", "INC-7", &ana), None), said(CommandKind::Resolve));
    }

    #[test]
    fn whatever_else_comes_is_passed_over() {
        let ana = json!({"type": "user_reference", "summary": "Ana"});
        let check = |body: &[u8], part: &str| match read(body, Some("shop")) {
            Heard::Nothing(why) => assert!(why.contains(part), "{why}"),
            word => panic!("{word:?}"),
        };
        check(&event("incident.annotated", "INC-7", &ana), "`incident.annotated`");
        check(&event("incident.resolved", "d3640fbd", &ana), "`d3640fbd` is no incident of ours");
        check(&event("incident.resolved", "other/INC-7", &ana), "`other/INC-7` is no incident of ours");
        check(&event("incident.resolved", "INC-7", &json!({"type": "service_reference"})), "not a person");
        check(&event("incident.resolved", "INC-7", &json!(null)), "not a person");
        check(br#"{"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}}"#, "`pagey.ping`");
        check(b"{}", "version 3");
        check(b"\xff", "version 3");
    }
}
