//! The views of incidents, their components and what people did about them.

use std::collections::BTreeMap;

use crate::incidents::{Event, Exposure, Impact, Status, What};
use crate::model::IncidentId;
use crate::replay::language::Calendar;
use crate::replay::ledger::Entry;

use super::Line;
use super::words::{plain, why};

/// What the view shows of an incident.
#[derive(Clone, PartialEq)]
struct Shown {
    status: Status,
    impact: Impact,
    exposure: Exposure,
    title: String,
}

/// One line for each decision that changed what is shown of an incident, and one for each word of an operator about
/// who is on it.
pub fn lines(entries: &[Entry], calendar: &Calendar) -> Vec<Line> {
    let mut known: BTreeMap<IncidentId, Shown> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let Entry::Committed { batch, .. } = entry else { continue };
        let mut changed: BTreeMap<IncidentId, (Option<Shown>, &Event)> = BTreeMap::new();
        for event in &batch.events {
            let before = known.get(&event.incident).cloned();
            if learn(&mut known, event) {
                changed.entry(event.incident).or_insert((before, event));
            } else if let Some(text) = on_call(event) {
                lines.push((place, event.at, format!("{} {text}", event.incident)));
            }
        }
        for (id, (before, event)) in changed {
            let Some(now) = known.get(&id).filter(|now| before.as_ref() != Some(now)) else { continue };
            let internal = if now.exposure == Exposure::Internal { " internal" } else { "" };
            let reason = why(&event.why, calendar);
            let title = plain(&now.title);
            let text = format!("{id} {} {}{internal} \"{title}\" why: {reason}", now.status, now.impact);
            lines.push((place, event.at, text));
        }
    }
    lines
}

/// Takes an event in; whether it changed anything that is shown.
fn learn(known: &mut BTreeMap<IncidentId, Shown>, event: &Event) -> bool {
    if let What::Opened { title, exposure, .. } = &event.what {
        let (status, impact) = (Status::Investigating, Impact::None);
        known.insert(event.incident, Shown { status, impact, exposure: *exposure, title: title.clone() });
        return true;
    }
    let Some(shown) = known.get_mut(&event.incident) else { return false };
    match &event.what {
        What::StatusChanged { to, .. } => shown.status = *to,
        What::ImpactChanged { to, .. } => shown.impact = *to,
        What::Exposed => shown.exposure = Exposure::Public,
        What::Retitled { title } => shown.title.clone_from(title),
        _ => return false,
    }
    true
}

fn on_call(event: &Event) -> Option<String> {
    Some(match &event.what {
        What::Acknowledged { by } => format!("acknowledged by {}", plain(by)),
        What::Held { by } if !by.is_empty() => format!("held: {}", plain(&by.join("; "))),
        _ => return None,
    })
}

/// A component's change within an incident.
pub fn component(event: &Event) -> Option<String> {
    match &event.what {
        What::ComponentChanged { component, to, .. } => Some(format!("{} {component} {to}", event.incident)),
        _ => None,
    }
}

/// What people did.
pub fn action(event: &Event) -> Option<String> {
    match &event.what {
        What::Acted { by, text, .. } => Some(format!("{} {}: {}", event.incident, plain(by), plain(text))),
        What::Noted { by, text } => {
            Some(format!("{} note by {}: {}", event.incident, plain(by), plain(text)))
        }
        _ => None,
    }
}

/// Any event, by its name.
pub fn event(event: &Event, calendar: &Calendar) -> String {
    format!("{} {} why: {}", event.incident, event.what.name(), why(&event.why, calendar))
}
