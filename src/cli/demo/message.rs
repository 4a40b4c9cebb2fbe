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
#[derive(Debug, Clone, PartialEq)]
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
    pub text: String,
    /// The components, as they are at that time.
    pub components: Vec<Component>,
    /// The affected line.
    pub affected: String,
    /// When the incident began.
    pub started_at: Timestamp,
    /// When the symptoms ended.
    pub mitigated_at: Option<Timestamp>,
    /// The promise.
    pub next_update_by: Option<Timestamp>,
    /// When the queue is expected to be drained: the likeliest time.
    pub etas: Vec<Timestamp>,
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
#[derive(Debug, Clone, PartialEq)]
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
    /// What probably caused it, the likeliest first, in words.
    pub suspects: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: serde_json::Value,
}

#[derive(Deserialize)]
struct PostData {
    incident: String,
    title: String,
    status: Status,
    impact: Impact,
    affected: String,
    components: Vec<Component>,
    post: PostPart,
    #[serde(default)]
    etas: Vec<EtaPart>,
    started_at: Time,
    mitigated_at: Option<Time>,
}

#[derive(Deserialize)]
struct PostPart {
    number: u32,
    body: String,
    next_update_by: Option<Time>,
}

#[derive(Deserialize)]
struct EtaPart {
    best: Time,
}

#[derive(Deserialize)]
struct PageData {
    incident: String,
    title: String,
    severity: Severity,
    page: PagePart,
    #[serde(default)]
    suspects: Vec<SuspectPart>,
}

#[derive(Deserialize)]
struct PagePart {
    reason: PageReason,
    summary: String,
}

#[derive(Deserialize)]
struct SuspectPart {
    summary: String,
}

/// A time as RFC 3339 writes it.
struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
        Ok(Self(Timestamp::from(at.to_utc())))
    }
}

impl Message {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is no JSON, or not of the shape of `docs/schema/webhook.schema.json`.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let Envelope { kind, data } = serde_json::from_slice(body)?;
        match kind.split_once('.') {
            Some(("incident", _)) => serde_json::from_value(data).map(|data| Self::Post(post(data))),
            Some(("page", _)) => serde_json::from_value(data).map(|data| Self::Page(page(data))),
            _ => Err(serde_json::Error::custom(format!("`{kind}` is no type of message that we know"))),
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

fn post(data: PostData) -> Post {
    let PostData { incident, title, status, impact, affected, components, post, .. } = data;
    let PostData { etas, started_at, mitigated_at, .. } = data;
    Post {
        incident,
        number: post.number,
        title,
        status,
        impact,
        text: post.body,
        components,
        affected,
        started_at: started_at.0,
        mitigated_at: mitigated_at.map(|Time(at)| at),
        next_update_by: post.next_update_by.map(|Time(at)| at),
        etas: etas.into_iter().map(|EtaPart { best: Time(at) }| at).collect(),
    }
}

fn page(data: PageData) -> Page {
    let PageData { incident, title, severity, page, suspects } = data;
    let suspects = suspects.into_iter().map(|suspect| suspect.summary).collect();
    Page { incident, reason: page.reason, title, severity, summary: page.summary, suspects }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A post's body on the wire.
    pub const POST: &str = r#"{"type": "incident.opened", "timestamp": "2023-02-01T14:10:45.000Z", "data": {
        "incident": "INC-1", "title": "CRM [Degradation]", "status": "investigating", "impact": "minor",
        "affected": "Blip Platform (CRM) and Desk", "components_omitted": 0,
        "components": [{"id": "crm", "name": "CRM", "group": "Blip Platform", "status": "degraded_performance"}],
        "post": {"number": 1, "body": "We are looking into it.", "next_update_by": "2023-02-01T14:25:00.000Z"},
        "etas": [{"component": "analytics", "low": "2023-02-01T22:45:00.000Z", "best": "2023-02-01T23:00:00.000Z",
                  "high": "2023-02-01T23:15:00.000Z"}],
        "started_at": "2023-02-01T14:10:00.000Z", "mitigated_at": null}}"#;

    const PAGE: &str = r#"{"type": "page.opened", "timestamp": "2023-02-01T14:10:45.000Z", "data": {
        "incident": "INC-1", "title": "CRM [Degradation]", "status": "investigating", "severity": "critical",
        "components": [], "components_omitted": 0, "started_at": "2023-02-01T14:10:00.000Z",
        "page": {"number": 1, "reason": "opened", "calls": true, "step": 0, "summary": "CPU at 97 %",
                 "details": "", "runbooks": []},
        "suspects": [{"kind": "config", "component": "crm-consumers", "summary": "batch size raised",
                      "at": "2023-02-01T01:00:00.000Z", "score": 0.48,
                      "parts": {"time": 0.68, "graph": 0.8, "kind": 1.0, "share": 0.87}}]}}"#;

    #[test]
    fn reads_a_post() {
        let Message::Post(post) = Message::read(POST.as_bytes()).expect("it is well formed") else {
            panic!("it is a post")
        };
        assert_eq!((post.number, post.status, post.mitigated_at), (1, Status::Investigating, None));
        assert_eq!(post.next_update_by, Some(Timestamp::from_secs(1_675_261_500)));
        assert_eq!(post.etas, [Timestamp::from_secs(1_675_292_400)]);
    }

    #[test]
    fn reads_a_page() {
        let Message::Page(page) = Message::read(PAGE.as_bytes()).expect("it is well formed") else {
            panic!("it is a page")
        };
        assert_eq!(
            (page.reason, page.severity, &*page.summary),
            (PageReason::Opened, Severity::Critical, "CPU at 97 %")
        );
        assert_eq!(page.suspects, ["batch size raised"]);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for body in
            ["", "[]", r#"{"type": "ping", "data": {}}"#, r#"{"type": "incident.opened", "data": {}}"#]
        {
            assert!(Message::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
