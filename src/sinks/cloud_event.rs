//! CloudEvents 1.0, in both modes of its HTTP binding.
//!
//! In:   a delivery, and the body that it has anyway.
//! Out:  headers beside that body (binary), or an envelope around its data (structured).
//! Not:  no batches: they are for those who ask for them.
//!
//! See <https://github.com/cloudevents/spec>, `spec.md` and `bindings/http-protocol-binding.md` of v1.0.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Remembered};

use super::body::message_type;

/// All events are of this source; the sink's name tells who sent them to whom.
fn source(delivery: &Delivery) -> String {
    format!("/fogsignal/{}", delivery.sink)
}

fn event_type(delivery: &Delivery, remembered: &Remembered) -> String {
    format!("io.fogsignal.{}.v1", message_type(&delivery.message, remembered))
}

/// Adds the attributes as headers. The content type is the body's.
pub(super) fn binary(
    delivery: &Delivery,
    remembered: &Remembered,
    headers: &mut HeaderMap,
) -> Result<(), String> {
    let attributes = [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", delivery.key.clone()),
        ("ce-source", source(delivery)),
        ("ce-type", event_type(delivery, remembered)),
        ("ce-subject", delivery.incident.to_string()),
        ("ce-time", delivery.created_at.to_rfc3339()),
    ];
    for (name, value) in attributes {
        let value = HeaderValue::from_str(&encoded(&value)).map_err(|error| format!("`{name}`: {error}"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

/// The event with `body` as its data.
pub(super) fn structured(
    delivery: &Delivery,
    remembered: &Remembered,
    body: &[u8],
) -> serde_json::Result<Vec<u8>> {
    let data: Value = serde_json::from_slice(body)?;
    serde_json::to_vec(&json!({
        "specversion": "1.0",
        "id": delivery.key,
        "source": source(delivery),
        "type": event_type(delivery, remembered),
        "subject": delivery.incident.to_string(),
        "time": delivery.created_at.to_rfc3339(),
        "datacontenttype": "application/json",
        "data": data,
    }))
}

/// As section 3.1.3.2 of the binding says it: a space, `"`, `%` and all beyond printable ASCII as UTF-8 in hexadecimal.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b' ' | b'"' | b'%' | ..=0x20 | 0x7f.. => text.push_str(&format!("%{byte:02X}")),
            plain => text.push(char::from(plain)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::delivery;

    #[test]
    fn both_modes_say_the_same() {
        let delivery = delivery(1, 7, "feed");
        let mut headers = HeaderMap::new();
        let remembered = Remembered::default();
        binary(&delivery, &remembered, &mut headers).expect("headers");
        let body = structured(&delivery, &remembered, br#"{"a": 1}"#).expect("JSON");
        let event: Value = serde_json::from_slice(&body).expect("JSON");
        for name in ["specversion", "id", "source", "type", "subject", "time"] {
            let header = headers[format!("ce-{name}")].to_str().expect("ASCII");
            assert_eq!(event[name].as_str().map(encoded).as_deref(), Some(header), "{name}");
        }
        assert_eq!(event["type"], "io.fogsignal.incident.opened.v1");
        assert_eq!(event["data"], json!({"a": 1}));
    }

    #[test]
    fn header_values_are_percent_encoded() {
        assert_eq!(encoded("a \"ü\" 100%"), "a%20%22%C3%BC%22%20100%25");
    }
}
