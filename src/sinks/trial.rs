//! Messages that are about nothing: one of every kind, to try templates on, and one to try a sink with.
//!
//! In:   a sink's name and whom it reaches.
//! Out:  deliveries that say that they are a test.
//! Not:  they are in no journal and of no incident.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::delivery::{
    Audience, ComponentNow, Delivery, Impact, Message, Page, PageReason, Post, PostKind, Status,
};
use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};

const TITLE: &str = "Test of Fogsignal";

/// A message that is labelled as a test.
pub fn labelled(sink: &SinkName, audience: Audience, now: Timestamp) -> Delivery {
    let message = match audience {
        Audience::Customers => Message::Post(post(1, Status::Investigating, now)),
        Audience::Responders => Message::Page(page(PageReason::Opened, Status::Investigating, now)),
    };
    delivery(sink, message, format!("test_{}", now.as_millis()), now)
}

/// One message of every kind that a sink for `audience` may get.
pub(super) fn every_kind(sink: &SinkName, audience: Audience) -> Vec<Delivery> {
    let now = Timestamp::from_secs(1_675_260_600);
    let messages: Vec<Message> = match audience {
        Audience::Customers => {
            let statuses = [Status::Investigating, Status::Identified, Status::Monitoring, Status::Resolved];
            let posts = statuses.into_iter().zip(1..).map(|(status, number)| post(number, status, now));
            let bare = Post { components: Vec::new(), ..post(1, Status::Investigating, now) };
            posts.chain([bare]).map(Message::Post).collect()
        }
        Audience::Responders => {
            let reasons = [
                (PageReason::Opened, Status::Investigating),
                (PageReason::NotAcknowledged, Status::Identified),
                (PageReason::DeliveryFailed, Status::Monitoring),
                (PageReason::Monitoring, Status::Monitoring),
                (PageReason::Resolved, Status::Resolved),
            ];
            let pages = reasons.into_iter().map(|(reason, status)| page(reason, status, now));
            let bare = Page {
                components: Vec::new(),
                runbooks: Vec::new(),
                details: String::new(),
                ..page(PageReason::DaemonFailing, Status::Investigating, now)
            };
            let acknowledged = Message::Acknowledged { by: "ana".to_owned() };
            pages.chain([bare]).map(Message::Page).chain([acknowledged]).collect()
        }
    };
    let number = |(message, number): (Message, u32)| delivery(sink, message, format!("trial_{number}"), now);
    messages.into_iter().zip(1..).map(number).collect()
}

fn delivery(sink: &SinkName, message: Message, key: String, now: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId(0),
        key,
        sink: sink.clone(),
        incident: IncidentId(0),
        event_seq: 0,
        message,
        created_at: now,
        expires_at: now + Duration::from_secs(60),
    }
}

fn components() -> Vec<ComponentNow> {
    let component = |id: &str, group: Option<&str>, status| {
        let id = ComponentId::new(id).expect("a fixed text that is an id");
        ComponentNow { name: id.to_string(), id, group: group.map(str::to_owned), status }
    };
    vec![
        component("crm", Some("Platform"), ComponentStatus::PartialOutage),
        component("desk", None, ComponentStatus::Operational),
        component("analytics", None, ComponentStatus::Unknown),
    ]
}

fn post(number: u32, status: Status, now: Timestamp) -> Post {
    let is_over = status == Status::Resolved;
    Post {
        number,
        title: TITLE.to_owned(),
        status,
        impact: Impact::Minor,
        body: "This is a test: nothing has happened.".to_owned(),
        components: components(),
        affected: "nothing".to_owned(),
        started_at: now,
        mitigated_at: is_over.then_some(now),
        next_update_by: (!is_over).then(|| now + Duration::from_secs(900)),
        kind: PostKind::Update,
        etas: Vec::new(),
        except: BTreeSet::new(),
    }
}

fn page(reason: PageReason, status: Status, now: Timestamp) -> Page {
    Page {
        number: 1,
        reason,
        to: Vec::new(),
        step: 0,
        title: TITLE.to_owned(),
        status,
        severity: Severity::Minor,
        summary: "This is a test: nothing has happened, and nobody needs to come.".to_owned(),
        details: "It was sent by `fogsignal sink test`.".to_owned(),
        components: components(),
        runbooks: vec!["https://example.com/runbook".to_owned()],
        started_at: now,
        suspects: Vec::new(),
    }
}
