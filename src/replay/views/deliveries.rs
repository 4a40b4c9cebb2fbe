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
                    Fate::Dead { at, why } => (*at, format!("; dead: {}", plain(why))),
                };
                lines.push((place, at, format!("{} {}{end}", message(delivery), listed(made))));
            }
            Entry::Refused { .. } => {}
        }
    }
    lines
}

fn message(delivery: &Delivery) -> String {
    let (sink, incident) = (&delivery.sink, delivery.incident);
    match &delivery.message {
        Message::Post(post) => format!("{sink} {incident} #{}", post.number),
        Message::Page(page) => format!("{sink} {incident} page #{}", page.number),
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
