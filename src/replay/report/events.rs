//! What the events of a record say beside what an incident remembers.
//!
//! In:   the events, in order.
//! Out:  the event behind each post and page, and from when to when each alert fired, as often as it did.

use std::collections::BTreeMap;

use crate::delivery::Delivery;
use crate::incidents::{Event, What};
use crate::model::{DeliveryId, IncidentId, Timestamp};
use crate::replay::ledger::Entry;
use crate::replay::run::Record;
use crate::replay::views;
use crate::rules::{AlertKey, AlertState};
use crate::sinks::http::Rendered;

/// The events, by what they are of.
pub(super) struct Events<'a> {
    posts: BTreeMap<(IncidentId, u32), &'a Event>,
    pages: BTreeMap<(IncidentId, u32), &'a Event>,
    firings: BTreeMap<IncidentId, BTreeMap<&'a AlertKey, Vec<Firing>>>,
    requests: BTreeMap<IncidentId, Vec<Sent<'a>>>,
}

/// A request that was made for a delivery.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    /// When.
    pub at: Timestamp,
    /// For which delivery.
    pub delivery: &'a Delivery,
    /// The request.
    pub request: &'a Rendered,
}

/// One time that an alert of an incident fired.
#[derive(Debug, Clone, Copy)]
pub(super) struct Firing {
    /// When it fired.
    pub fired_at: Timestamp,
    /// When it was over; `None` while it lasts.
    pub resolved_at: Option<Timestamp>,
}

impl<'a> Events<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let mut events = Self {
            posts: BTreeMap::new(),
            pages: BTreeMap::new(),
            firings: BTreeMap::new(),
            requests: requests(record),
        };
        for (_, event) in views::events(&record.entries) {
            match &event.what {
                What::Posted { post } => drop(events.posts.insert((event.incident, post.number), event)),
                What::Paged { page } => drop(events.pages.insert((event.incident, page.number), event)),
                What::Joined { member } => events.moved(event, &member.key, &member.state),
                What::Moved { key, state, .. } => events.moved(event, key, state),
                _ => {}
            }
        }
        events
    }

    fn moved(&mut self, event: &Event, key: &'a AlertKey, state: &AlertState) {
        let firings = self.firings.entry(event.incident).or_default().entry(key).or_default();
        let last = firings.last_mut().filter(|last| last.resolved_at.is_none());
        match (state, last) {
            (
                AlertState::Firing { fired_at, .. }
                | AlertState::Clearing { fired_at, .. }
                | AlertState::Lost { fired_at, .. },
                None,
            ) => firings.push(Firing { fired_at: *fired_at, resolved_at: None }),
            (AlertState::Resolved { .. }, Some(last)) => last.resolved_at = Some(event.at),
            _ => {}
        }
    }

    /// The event that said this post.
    pub(super) fn of_post(&self, incident: IncidentId, number: u32) -> Option<&'a Event> {
        self.posts.get(&(incident, number)).copied()
    }

    /// The event that sent this page.
    pub(super) fn of_page(&self, incident: IncidentId, number: u32) -> Option<&'a Event> {
        self.pages.get(&(incident, number)).copied()
    }

    /// What was sent about the incident, in order.
    pub(super) fn requests(&self, incident: IncidentId) -> &[Sent<'a>] {
        self.requests.get(&incident).map_or(&[], Vec::as_slice)
    }

    /// From when to when the alert fired as a part of the incident, in order.
    pub(super) fn firings(&self, incident: IncidentId, alert: &AlertKey) -> &[Firing] {
        self.firings.get(&incident).and_then(|alerts| alerts.get(alert)).map_or(&[], Vec::as_slice)
    }
}

fn requests(record: &Record) -> BTreeMap<IncidentId, Vec<Sent<'_>>> {
    let mut deliveries: BTreeMap<DeliveryId, &Delivery> = BTreeMap::new();
    let mut sent: BTreeMap<IncidentId, Vec<Sent<'_>>> = BTreeMap::new();
    for entry in &record.entries {
        match entry {
            Entry::Committed { batch, .. } => {
                deliveries.extend(batch.deliveries.iter().map(|delivery| (delivery.id, delivery)));
            }
            Entry::Requested { at, delivery, requests } => {
                let Some(delivery) = deliveries.get(delivery).copied() else { continue };
                let of = sent.entry(delivery.incident).or_default();
                of.extend(requests.iter().map(|request| Sent { at: *at, delivery, request }));
            }
            Entry::Attempted(..) | Entry::Refused { .. } => {}
        }
    }
    sent
}
