//! The JSON that the generic sinks send, as docs/schema/webhook.schema.json promises it.
//!
//! In:   a delivery.
//! Out:  its body: the same bytes on each attempt, below 20 KB.
//! Not:  our own types are never serialized here, so that they may change while receivers need not.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::delivery::{
    ComponentNow, Delivery, Eta, Message, Page, PageReason, Post, Remembered, Status, Suspect,
};
use crate::model::{ComponentId, Timestamp};

/// Standard Webhooks asks for bodies below 20 KB.
const BODY_MAX_BYTES: usize = 20_000;

/// What is allowed to be how long; halved until the body fits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    text_bytes: usize,
    line_bytes: usize,
    components: usize,
    runbooks: usize,
    /// Suspects of a page, and ETAs of a post.
    few: usize,
}

impl Limits {
    pub(super) const WIDEST: Self =
        Self { text_bytes: 8192, line_bytes: 1024, components: 128, runbooks: 16, few: 8 };

    /// Half of all; `None` where nothing variable is left but the incident's number.
    pub(super) fn halved(self) -> Option<Self> {
        (0 < self.text_bytes).then_some(Self {
            text_bytes: self.text_bytes / 2,
            line_bytes: self.line_bytes / 2,
            components: self.components / 2,
            runbooks: self.runbooks / 2,
            few: self.few / 2,
        })
    }
}

/// Where the links of a page lead: nowhere, unless the configuration says under which address people reach us.
#[derive(Clone, Default)]
pub struct Links(Option<Arc<Make>>);

type Make = dyn Fn(&Delivery) -> PageLinks + Send + Sync;

/// The links of one page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PageLinks {
    /// Where one tap acknowledges the incident, for as long as the link is valid.
    pub acknowledge: Option<String>,
    /// Where the incident can be read.
    pub open: Option<String>,
}

impl Links {
    /// Links that `make` gives; the same for the same delivery.
    pub fn new(make: impl Fn(&Delivery) -> PageLinks + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(make)))
    }

    /// The links of `delivery`, where it is a page.
    pub(super) fn of(&self, delivery: &Delivery) -> PageLinks {
        match (&self.0, &delivery.message) {
            (Some(make), Message::Page(_)) => make(delivery),
            _ => PageLinks::default(),
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Links(..)" } else { "Links(none)" })
    }
}

/// The body of `delivery` as JSON without a line end in it.
///
/// # Errors
/// Never in practice: texts and numbers have no form that JSON lacks.
pub(super) fn body(
    delivery: &Delivery,
    remembered: &Remembered,
    links: &Links,
) -> serde_json::Result<Vec<u8>> {
    let mut limits = Limits::WIDEST;
    loop {
        let body = serde_json::to_vec(&Body::new(delivery, remembered, links, &limits))?;
        match limits.halved() {
            Some(narrower) if BODY_MAX_BYTES <= body.len() => limits = narrower,
            _ => return Ok(body),
        }
    }
}

/// The same as a value, within `limits`.
///
/// # Errors
/// As `body`.
pub(super) fn body_value(
    delivery: &Delivery,
    remembered: &Remembered,
    links: &Links,
    limits: &Limits,
) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(Body::new(delivery, remembered, links, limits))
}

/// What sort of message it is: `incident.updated`. The first post that a sink takes opens the incident there.
pub(super) fn message_type(message: &Message, remembered: &Remembered) -> String {
    match message {
        Message::Post(post) => post_type(post, remembered).to_owned(),
        Message::Page(page) => format!("page.{}", reason(page.reason)),
        Message::Acknowledged { .. } => "page.acknowledged".to_owned(),
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
    Acknowledged { incident: String, by: String },
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
    links: PageLinks,
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
    fn new(delivery: &Delivery, remembered: &Remembered, links: &Links, limits: &Limits) -> Self {
        let incident = delivery.incident.to_string();
        let data = match &delivery.message {
            Message::Post(post) => Data::Incident(IncidentData::new(incident, post, limits)),
            Message::Page(page) => Data::Page(PageData::new(incident, page, links.of(delivery), limits)),
            Message::Acknowledged { by } => Data::Acknowledged { incident, by: by.clone() },
        };
        Self {
            r#type: message_type(&delivery.message, remembered),
            timestamp: time(delivery.created_at),
            data,
        }
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
    fn new(incident: String, page: &Page, links: PageLinks, limits: &Limits) -> Self {
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
            links,
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
fn post_type(post: &Post, remembered: &Remembered) -> &'static str {
    match (post.status, remembered.opened) {
        (Status::Resolved, _) => "incident.resolved",
        (_, false) => "incident.opened",
        (_, true) => "incident.updated",
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

pub(super) fn time(at: Timestamp) -> String {
    at.to_rfc3339()
}

/// `text` in at most `max_bytes`, whole characters, with a sign that something is missing.
pub(super) fn shortened(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let Some(room) = max_bytes.checked_sub('…'.len_utf8()) else { return String::new() };
    format!("{}…", &text[..text.floor_char_boundary(room)])
}

#[cfg(test)]
mod tests;
