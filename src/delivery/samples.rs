//! Events, messages and deliveries for the tests of the rooms that carry them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Delivery, Message};
use crate::incidents::{
    ChangeKind, ComponentNow, Eta, Event, Impact, Page, PageReason, Post, PostKind, ScoreParts, Status,
    Suspect, SuspectKind, What, Why,
};
use crate::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_675_260_000 + seconds)
}

pub(crate) fn sink(name: &str) -> SinkName {
    SinkName::new(name).expect("a valid name")
}

pub(crate) fn component(id: &str, status: ComponentStatus) -> ComponentNow {
    let group = Some("Blip Platform".to_owned());
    ComponentNow { id: ComponentId::new(id).expect("a valid id"), name: id.to_uppercase(), group, status }
}

pub(crate) fn post(number: u32, status: Status) -> Post {
    let over = !status.is_happening();
    Post {
        number,
        title: "CRM is slow".into(),
        status,
        impact: Impact::Minor,
        body: format!("Post {number}: requests to CRM take longer than usual."),
        components: vec![component("crm", ComponentStatus::DegradedPerformance)],
        affected: "Blip Platform (CRM)".into(),
        started_at: at(0),
        mitigated_at: over.then(|| at(600)),
        next_update_by: (status != Status::Resolved).then(|| at(900)),
        kind: PostKind::Update,
        etas: Vec::new(),
        except: BTreeSet::new(),
    }
}

pub(crate) fn page(to: &[&str]) -> Page {
    Page {
        number: 1,
        reason: PageReason::Opened,
        to: to.iter().map(|name| sink(name)).collect(),
        step: 0,
        title: "CRM is slow".into(),
        status: Status::Investigating,
        severity: Severity::Major,
        summary: "CrmErrors is firing".into(),
        details: "5.2 % of requests fail\nabove 5 for 1m".into(),
        components: vec![component("crm", ComponentStatus::PartialOutage)],
        runbooks: vec!["https://runbooks.example/crm".into()],
        started_at: at(0),
        suspects: vec![suspect()],
    }
}

pub(crate) fn suspect() -> Suspect {
    Suspect {
        kind: SuspectKind::Change(ChangeKind::Config),
        component: Some(ComponentId::new("crm-consumers").expect("a valid id")),
        summary: "batch size raised".into(),
        at: at(-3600),
        score: 0.47,
        parts: ScoreParts { time: 0.68, graph: 0.8, kind: 1.0, share: 0.87 },
    }
}

/// Through JSON, since the alert that it names belongs to a room that this one does not know.
pub(crate) fn eta(component: &str) -> Eta {
    let eta = serde_json::json!({
        "alert": {"rule": "g/Backlog", "labels": {}},
        "component": component,
        "low": at(3600),
        "best": at(4200),
        "high": at(5400),
    });
    serde_json::from_value(eta).expect("an ETA")
}

pub(crate) fn event(seq: u64, incident: u64, what: What) -> Event {
    Event { seq, at: at(seq as i64), incident: IncidentId(incident), what, why: Why::WatchPassed }
}

/// An event that is told to nobody.
pub(crate) fn quiet(seq: u64, incident: u64) -> Event {
    event(seq, incident, What::Exposed)
}

/// The event that posts message `number`, and its delivery to `to`.
pub(crate) fn posted(number: u64, incident: u64, to: &str) -> (Event, Delivery) {
    let delivery = delivery(number, incident, to);
    let Message::Post(post) = delivery.message.clone() else { unreachable!("a sample delivery is a post") };
    (event(number, incident, What::Posted { post }), delivery)
}

pub(crate) fn delivery(number: u64, incident: u64, to: &str) -> Delivery {
    Delivery {
        id: DeliveryId(number),
        key: format!("INC-{incident}_e{number}_{to}"),
        sink: sink(to),
        incident: IncidentId(incident),
        event_seq: number,
        message: Message::Post(post(number as u32, Status::Investigating)),
        created_at: at(0),
        expires_at: at(0) + Duration::from_secs(24 * 3600),
    }
}
