//! What a webhook's body says, read as somebody who knows only its JSON Schema reads it.
//!
//! In:   the bytes of a body.
//! Out:  a post or a page.
//! Not:  fields that the demo does not need are not looked at, so that new ones break nothing.

use chrono::DateTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::incidents::{Impact, PageReason, Status};
use crate::model::{ComponentStatus, Severity, Timestamp};

/// A delivery's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A word to customers.
    Post(Post),
    /// A word to responders.
    Page(Page),
}

/// A word to customers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Post {
    /// Of which incident.
    pub incident: String,
    /// Its number within the incident.
    pub number: u32,
    /// The incident's title.
    pub title: String,
    /// The status it says.
    pub status: Status,
    /// The impact it says.
    pub impact: Impact,
    /// Its text.
    #[serde(rename = "body")]
    pub text: String,
    /// The components, as they are at that time.
    pub components: Vec<Component>,
    /// The affected line.
    pub affected: String,
    /// When the incident began.
    #[serde(deserialize_with = "time")]
    pub started_at: Timestamp,
    /// When the symptoms ended.
    #[serde(default, deserialize_with = "time_or_none")]
    pub mitigated_at: Option<Timestamp>,
    /// The promise.
    #[serde(default, deserialize_with = "time_or_none")]
    pub next_update_by: Option<Timestamp>,
}

/// A component within a post.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Component {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it shows.
    pub status: ComponentStatus,
}

/// A word to responders.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    /// Of which incident.
    pub incident: String,
    /// Why they are told.
    pub reason: PageReason,
    /// The incident's title.
    pub title: String,
    /// The incident's severity.
    pub severity: Severity,
    /// One line.
    pub summary: String,
}

impl Message {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is no JSON, or not of the shape of `docs/schema/webhook.schema.json`.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(rename = "type")]
            kind: String,
            data: serde_json::Value,
        }
        let Envelope { kind, data } = serde_json::from_slice(body)?;
        match kind.as_str() {
            "incident.post" => serde_json::from_value(data).map(Self::Post),
            "incident.page" => serde_json::from_value(data).map(Self::Page),
            other => Err(serde_json::Error::custom(format!("`{other}` is no type of message that we know"))),
        }
    }

    /// The incident that it is about.
    pub fn incident(&self) -> &str {
        match self {
            Self::Post(post) => &post.incident,
            Self::Page(page) => &page.incident,
        }
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let at = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
    Ok(Timestamp::from(at.to_utc()))
}

fn time_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Time(#[serde(deserialize_with = "time")] Timestamp);
    Ok(Option::<Time>::deserialize(from)?.map(|Time(at)| at))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A post's body on the wire.
    pub const POST: &str = r#"{"type": "incident.post", "timestamp": "2023-02-01T14:10:45.000Z", "data": {
        "incident": "INC-1", "number": 1, "title": "CRM [Degradation]", "status": "investigating",
        "impact": "minor", "body": "We are looking into it.", "affected": "Blip Platform (CRM) and Desk",
        "components": [{"id": "crm", "name": "CRM", "group": "Blip Platform", "status": "degraded_performance"}],
        "started_at": "2023-02-01T14:10:00.000Z", "mitigated_at": null,
        "next_update_by": "2023-02-01T14:25:00.000Z"}}"#;

    #[test]
    fn reads_a_post() {
        let Message::Post(post) = Message::read(POST.as_bytes()).expect("it is well formed") else {
            panic!("it is a post")
        };
        assert_eq!((post.number, post.status, post.mitigated_at), (1, Status::Investigating, None));
        assert_eq!(post.next_update_by, Some(Timestamp::from_secs(1_675_261_500)));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for body in ["", "[]", r#"{"type": "ping", "data": {}}"#, r#"{"type": "incident.post", "data": {}}"#]
        {
            assert!(Message::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
