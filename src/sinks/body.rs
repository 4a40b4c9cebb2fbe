//! The JSON that the generic sinks send, as docs/schema/webhook.schema.json promises it.
//!
//! In:   a delivery.
//! Out:  its body: the same bytes on each attempt, below 20 KB.
//! Not:  our own types are never serialized here, so that they may change while receivers need not.

use serde::Serialize;

use crate::delivery::{ComponentNow, Delivery, Eta, Message, Page, PageReason, Post, Status, Suspect};
use crate::model::{ComponentId, Timestamp};

/// Standard Webhooks asks for bodies below 20 KB.
const BODY_MAX_BYTES: usize = 20_000;

/// What is allowed to be how long; halved until the body fits.
#[derive(Debug, Clone, Copy)]
struct Limits {
    text_bytes: usize,
    line_bytes: usize,
    components: usize,
    runbooks: usize,
    /// Suspects of a page, and ETAs of a post.
    few: usize,
}

const WIDEST: Limits = Limits { text_bytes: 8192, line_bytes: 1024, components: 128, runbooks: 16, few: 8 };

/// The body of `delivery` as JSON without a line end in it.
///
/// # Errors
/// Never in practice: texts and numbers have no form that JSON lacks.
pub(super) fn body(delivery: &Delivery) -> serde_json::Result<Vec<u8>> {
    let mut limits = WIDEST;
    loop {
        let body = serde_json::to_vec(&Body::new(delivery, &limits))?;
        // At the end nothing variable is left but the incident's number.
        if body.len() < BODY_MAX_BYTES || limits.text_bytes == 0 {
            return Ok(body);
        }
        limits = Limits {
            text_bytes: limits.text_bytes / 2,
            line_bytes: limits.line_bytes / 2,
            components: limits.components / 2,
            runbooks: limits.runbooks / 2,
            few: limits.few / 2,
        };
    }
}

#[derive(Serialize)]
struct Body {
    r#type: String,
    timestamp: String,
    data: Data,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Incident(IncidentData),
    Page(PageData),
}

#[derive(Serialize)]
struct IncidentData {
    incident: String,
    title: String,
    status: &'static str,
    impact: &'static str,
    affected: String,
    components: Vec<ComponentData>,
    components_omitted: usize,
    post: PostData,
    etas: Vec<EtaData>,
    started_at: String,
    mitigated_at: Option<String>,
}

#[derive(Serialize)]
struct PostData {
    number: u32,
    body: String,
    next_update_by: Option<String>,
}

#[derive(Serialize)]
struct PageData {
    incident: String,
    title: String,
    status: &'static str,
    severity: &'static str,
    components: Vec<ComponentData>,
    components_omitted: usize,
    page: PageText,
    suspects: Vec<SuspectData>,
    started_at: String,
}

#[derive(Serialize)]
struct PageText {
    number: u32,
    reason: &'static str,
    calls: bool,
    step: u32,
    summary: String,
    details: String,
    runbooks: Vec<String>,
}

#[derive(Serialize)]
struct EtaData {
    component: Option<String>,
    low: String,
    best: String,
    high: String,
}

#[derive(Serialize)]
struct SuspectData {
    kind: &'static str,
    component: Option<String>,
    summary: String,
    at: String,
    score: f64,
    parts: PartsData,
}

#[derive(Serialize)]
struct PartsData {
    time: f64,
    graph: f64,
    kind: f64,
    share: f64,
}

#[derive(Serialize)]
struct ComponentData {
    id: String,
    name: String,
    group: Option<String>,
    status: &'static str,
}

impl Body {
    fn new(delivery: &Delivery, limits: &Limits) -> Self {
        let incident = delivery.incident.to_string();
        let (r#type, data) = match &delivery.message {
            Message::Post(post) => {
                (post_type(post).to_owned(), Data::Incident(IncidentData::new(incident, post, limits)))
            }
            Message::Page(page) => {
                let r#type = format!("page.{}", reason(page.reason));
                (r#type, Data::Page(PageData::new(incident, page, limits)))
            }
        };
        Self { r#type, timestamp: time(delivery.created_at), data }
    }
}

impl IncidentData {
    fn new(incident: String, post: &Post, limits: &Limits) -> Self {
        Self {
            incident,
            title: shortened(&post.title, limits.line_bytes),
            status: post.status.as_str(),
            impact: post.impact.as_str(),
            affected: shortened(&post.affected, limits.line_bytes),
            components: components(&post.components, limits),
            components_omitted: post.components.len().saturating_sub(limits.components),
            post: PostData {
                number: post.number,
                body: shortened(&post.body, limits.text_bytes),
                next_update_by: post.next_update_by.map(time),
            },
            etas: etas(post, limits),
            started_at: time(post.started_at),
            mitigated_at: post.mitigated_at.map(time),
        }
    }
}

impl PageData {
    fn new(incident: String, page: &Page, limits: &Limits) -> Self {
        let runbooks = page.runbooks.iter().take(limits.runbooks);
        Self {
            incident,
            title: shortened(&page.title, limits.line_bytes),
            status: page.status.as_str(),
            severity: page.severity.as_str(),
            components: components(&page.components, limits),
            components_omitted: page.components.len().saturating_sub(limits.components),
            page: PageText {
                number: page.number,
                reason: reason(page.reason),
                calls: page.reason.calls(),
                step: page.step,
                summary: shortened(&page.summary, limits.line_bytes),
                details: shortened(&page.details, limits.text_bytes),
                // An address that was cut leads nowhere: it is left out whole.
                runbooks: runbooks.filter(|url| url.len() <= limits.line_bytes).cloned().collect(),
            },
            suspects: page
                .suspects
                .iter()
                .take(limits.few)
                .map(|one| SuspectData::new(one, limits))
                .collect(),
            started_at: time(page.started_at),
        }
    }
}

impl SuspectData {
    fn new(suspect: &Suspect, limits: &Limits) -> Self {
        let parts = suspect.parts;
        Self {
            kind: suspect.kind.as_str(),
            component: suspect.component.as_ref().map(|id| id.as_str().to_owned()),
            summary: shortened(&suspect.summary, limits.line_bytes),
            at: time(suspect.at),
            score: suspect.score,
            parts: PartsData { time: parts.time, graph: parts.graph, kind: parts.kind, share: parts.share },
        }
    }
}

/// A component that customers do not know stays without a name.
fn etas(post: &Post, limits: &Limits) -> Vec<EtaData> {
    let public = |eta: &Eta| {
        let known = |id: &ComponentId| post.components.iter().any(|component| component.id == *id);
        eta.component.as_ref().filter(|id| known(id)).map(|id| id.as_str().to_owned())
    };
    let one = |eta: &Eta| EtaData {
        component: public(eta),
        low: time(eta.low),
        best: time(eta.best),
        high: time(eta.high),
    };
    post.etas.iter().take(limits.few).map(one).collect()
}

fn components(all: &[ComponentNow], limits: &Limits) -> Vec<ComponentData> {
    let one = |component: &ComponentNow| ComponentData {
        id: component.id.as_str().to_owned(),
        name: shortened(&component.name, limits.line_bytes),
        group: component.group.as_ref().map(|group| shortened(group, limits.line_bytes)),
        status: component.status.as_str(),
    };
    all.iter().take(limits.components).map(one).collect()
}

/// A first post that says 'resolved' at once is a resolution.
fn post_type(post: &Post) -> &'static str {
    match (post.status, post.number) {
        (Status::Resolved, _) => "incident.resolved",
        (_, 1) => "incident.opened",
        _ => "incident.updated",
    }
}

fn reason(reason: PageReason) -> &'static str {
    match reason {
        PageReason::Opened => "opened",
        PageReason::NotAcknowledged => "not_acknowledged",
        PageReason::SeverityRaised => "severity_raised",
        PageReason::Reopened => "reopened",
        PageReason::MeasurementLost => "measurement_lost",
        PageReason::DeliveryFailed => "delivery_failed",
        PageReason::AcknowledgementExpired => "acknowledgement_expired",
        PageReason::DraftWaits => "draft_waits",
        PageReason::StoodDown => "stood_down",
        PageReason::Merged => "merged",
        PageReason::JournalFailing => "journal_failing",
        PageReason::DaemonFailing => "daemon_failing",
        PageReason::Monitoring => "monitoring",
        PageReason::Resolved => "resolved",
    }
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339()
}

/// `text` in at most `max_bytes`, whole characters, with a sign that something is missing.
fn shortened(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let Some(room) = max_bytes.checked_sub('…'.len_utf8()) else { return String::new() };
    format!("{}…", &text[..text.floor_char_boundary(room)])
}

#[cfg(test)]
mod tests;
