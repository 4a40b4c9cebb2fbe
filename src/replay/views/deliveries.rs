//! The view of deliveries: each when it has ended, with its attempts.

use std::collections::BTreeMap;

use crate::delivery::{Attempt, Delivery, Fate, Message};
use crate::model::DeliveryId;
use crate::replay::ledger::Entry;

use super::Line;
use super::words::plain;

/// So many attempts are listed; of more, the first and the last.
const LISTED: usize = 4;

/// One line for each delivery that arrived or is dead.
pub fn lines(entries: &[Entry]) -> Vec<Line> {
    let mut deliveries: BTreeMap<DeliveryId, &Delivery> = BTreeMap::new();
    let mut attempts: BTreeMap<DeliveryId, Vec<&Attempt>> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Committed { batch, .. } => {
                deliveries.extend(batch.deliveries.iter().map(|delivery| (delivery.id, delivery)));
            }
            Entry::Attempted(attempt, fate) => {
                let made = attempts.entry(attempt.delivery).or_default();
                if attempt.number > 0 {
                    made.push(attempt);
                }
                let Some(delivery) = deliveries.get(&attempt.delivery) else { continue };
                let (at, end) = match fate {
                    Fate::Waiting { .. } => continue,
                    Fate::Delivered { at } => (*at, String::new()),
                    Fate::Superseded { at, by } => {
                        (*at, format!("; superseded by {}", named(&deliveries, *by)))
                    }
                    Fate::Dead { at, why } => (*at, format!("; dead: {}", plain(why))),
                };
                lines.push((place, at, format!("{} {}{end}", message(delivery), listed(made))));
            }
            Entry::Requested { .. } | Entry::Refused { .. } => {}
        }
    }
    lines
}

/// One line for each request, with its body as it was sent.
pub fn requests(entries: &[Entry]) -> Vec<Line> {
    let mut deliveries: BTreeMap<DeliveryId, &Delivery> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Committed { batch, .. } => {
                deliveries.extend(batch.deliveries.iter().map(|delivery| (delivery.id, delivery)));
            }
            Entry::Requested { at, delivery, requests } => {
                let Some(delivery) = deliveries.get(delivery) else { continue };
                lines.extend(requests.iter().map(|request| {
                    let body = match &request.body {
                        serde_json::Value::Null => String::new(),
                        body => format!(" {body}"),
                    };
                    let line = format!("{} {} {}{body}", message(delivery), request.method, request.url);
                    (place, *at, plain(&line))
                }));
            }
            Entry::Attempted(..) | Entry::Refused { .. } => {}
        }
    }
    lines
}

/// The message that stands for another, by its number within the incident.
fn named(deliveries: &BTreeMap<DeliveryId, &Delivery>, id: DeliveryId) -> String {
    match deliveries.get(&id).map(|delivery| &delivery.message) {
        Some(Message::Post(post)) => format!("#{}", post.number),
        Some(Message::Page(page)) => format!("page #{}", page.number),
        Some(Message::Acknowledged { .. }) | None => id.to_string(),
    }
}

fn message(delivery: &Delivery) -> String {
    let (sink, incident) = (&delivery.sink, delivery.incident);
    match &delivery.message {
        Message::Post(post) => format!("{sink} {incident} #{}", post.number),
        Message::Page(page) => format!("{sink} {incident} page #{}", page.number),
        Message::Acknowledged { by } => format!("{sink} {incident} acknowledged by {by}"),
    }
}

fn listed(attempts: &[&Attempt]) -> String {
    let one = |attempt: &&Attempt| {
        let note = attempt.note.strip_prefix("answered ").unwrap_or(&attempt.note);
        format!("attempt {}: {}", attempt.number, plain(note))
    };
    match attempts {
        [] => "no attempt".to_owned(),
        [first, .., last] if LISTED < attempts.len() => format!("{}; … ; {}", one(first), one(last)),
        _ => attempts.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}
