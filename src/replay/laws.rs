//! Laws that hold in every scenario, whatever it expects (`check`).
//!
//! In:   the record of a scenario.
//! Out:  each law that was broken, in words.
//! Not:  what a person muted, or what could not be done since the process was away, could not commit or had its clock
//!       changed, breaks no promise.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::delivery::Fate;
use crate::incidents::{Book, Status, What, Why};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

use super::language::Calendar;
use super::ledger::Entry;
use super::run::Record;
use super::views;

/// A promise may come due so long after a disturbance and suffer from it still.
const AFTERMATH: Duration = Duration::from_mins(1);

/// What was broken.
pub fn broken(record: &Record, calendar: &Calendar) -> Vec<String> {
    let end = record.ended_at;
    let mut broken = promises(record, calendar, end);
    broken.extend(order(record));
    broken.extend(lost(record, calendar, end));
    broken.extend(resolutions(record, calendar));
    broken
}

/// Every promise was kept.
fn promises(record: &Record, calendar: &Calendar, end: Timestamp) -> Vec<String> {
    let excused = |due: Timestamp| {
        record.disturbances.iter().any(|(from, until)| *from <= due && due <= *until + AFTERMATH)
    };
    let missed = views::events(&record.entries).filter_map(|(_, event)| match &event.what {
        What::PromiseMissed { due } if !excused(*due) => Some(format!(
            "{} promised an update by {}, which did not come in time",
            event.incident,
            calendar.say(*due)
        )),
        _ => None,
    });
    let open = record.incidents.iter().filter_map(|incident| {
        let due = incident.promise.filter(|due| *due < end && !excused(*due))?;
        Some(format!("{} promised an update by {}, which never came", incident.id, calendar.say(due)))
    });
    missed.chain(open).collect()
}

/// Posts of an incident are numbered through, and what a sink took of an incident it took in order.
fn order(record: &Record) -> Vec<String> {
    let mut broken = Vec::new();
    let mut posts: BTreeMap<IncidentId, u32> = BTreeMap::new();
    let mut deliveries: BTreeMap<DeliveryId, (&SinkName, IncidentId)> = BTreeMap::new();
    let mut taken: BTreeMap<(&SinkName, IncidentId), DeliveryId> = BTreeMap::new();
    for entry in &record.entries {
        match entry {
            Entry::Committed { batch, .. } => {
                deliveries.extend(batch.deliveries.iter().map(|one| (one.id, (&one.sink, one.incident))));
                for event in &batch.events {
                    let What::Posted { post } = &event.what else { continue };
                    let last = posts.entry(event.incident).or_default();
                    if post.number != *last + 1 {
                        broken.push(format!("{} has post #{} after #{last}", event.incident, post.number));
                    }
                    *last = post.number;
                }
            }
            Entry::Attempted(attempt, Fate::Delivered { .. }) => {
                let Some(to) = deliveries.get(&attempt.delivery) else { continue };
                let before = taken.insert(*to, attempt.delivery);
                if before.is_some_and(|before| attempt.delivery < before) {
                    broken.push(format!("sink `{}` took {} of {} too late", to.0, attempt.delivery, to.1));
                }
            }
            Entry::Requested { .. } | Entry::Attempted(..) | Entry::Refused { .. } => {}
        }
    }
    broken
}

/// Every message that was decided arrived, is dead and told so, or waits for its next attempt.
fn lost(record: &Record, calendar: &Calendar, end: Timestamp) -> Vec<String> {
    let mut waiting: BTreeMap<DeliveryId, (String, Timestamp)> = BTreeMap::new();
    for entry in &record.entries {
        match entry {
            Entry::Committed { batch, .. } => waiting.extend(
                batch
                    .deliveries
                    .iter()
                    .map(|one| (one.id, (format!("{} to `{}`", one.key, one.sink), one.created_at))),
            ),
            Entry::Attempted(attempt, Fate::Waiting { next_attempt_at }) => {
                waiting.entry(attempt.delivery).and_modify(|known| known.1 = *next_attempt_at);
            }
            Entry::Attempted(attempt, _) => drop(waiting.remove(&attempt.delivery)),
            Entry::Requested { .. } | Entry::Refused { .. } => {}
        }
    }
    let disturbed = record.disturbances.iter().any(|(from, until)| *from <= end && end <= *until);
    let behind_another = |id: &DeliveryId| waiting.range(..id).next().is_some();
    let lost = waiting.iter().filter(|(id, (_, due))| *due < end && !disturbed && !behind_another(id));
    lost.map(|(_, (what, due))| format!("{what} was due at {} and was never sent", calendar.say(*due)))
        .collect()
}

/// No incident ended by itself while a measurement was missing or a backlog not drained.
pub fn resolutions(record: &Record, calendar: &Calendar) -> Vec<String> {
    let rulebook = record.config.rulebook();
    let mut book = Book::new(rulebook.incidents, rulebook.graph, rulebook.escalation, rulebook.responders);
    let mut broken = Vec::new();
    for (_, event) in views::events(&record.entries) {
        book.apply(event);
        let by_itself = !matches!(event.why, Why::Operator { .. } | Why::Merging { .. });
        if !by_itself || !matches!(event.what, What::StatusChanged { to: Status::Resolved, .. }) {
            continue;
        }
        let held = book.get(event.incident).and_then(|incident| incident.active().next());
        if let Some(member) = held {
            let (id, at) = (event.incident, calendar.say(event.at));
            broken.push(format!(
                "{id} was resolved at {at} although {} was {}",
                member.key,
                member.state.name().as_str()
            ));
        }
    }
    broken
}
