//! The views of incidents, their components and what people did about them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::incidents::{Event, Exposure, Fixed, Holdable, Impact, Status, What};
use crate::model::{IncidentId, format_duration, format_value};
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
                let (_, reason) = changed.entry(event.incident).or_insert((before, event));
                // Why its status changed says more than why its title did.
                if matches!(event.what, What::StatusChanged { .. }) {
                    *reason = event;
                }
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
    let name = |by: &Option<String>| by.as_deref().map_or_else(|| "it expired".to_owned(), plain);
    Some(match &event.what {
        What::Acknowledged { by } => format!("acknowledged by {}", plain(by)),
        What::Unacknowledged { by } => format!("no longer acknowledged: {}", name(by)),
        What::Muted { by } => format!("muted by {}", plain(by)),
        What::Unmuted { by } => format!("unmuted by {}", plain(by)),
        What::CauseNamed { by, text, public, .. } => {
            let internal = if *public { "" } else { " internal" };
            format!("cause by {}{internal}: {}", plain(by), plain(text))
        }
        What::CauseWithdrawn { by } => format!("cause withdrawn by {}", plain(by)),
        What::Fixed { fixed: Fixed::Status { status }, by } => {
            format!("status held at {status} by {}", plain(by))
        }
        What::Fixed { fixed: Fixed::Impact { impact }, by } => {
            format!("impact held at {impact} by {}", plain(by))
        }
        What::Fixed { fixed: Fixed::Resolved, by } => format!("held resolved by {}", plain(by)),
        What::Released { what, by } => format!("{} released by {}", held(what), plain(by)),
        What::Merged { into } => format!("merged into {into}"),
        What::Left { key, to, .. } => format!("{key} left for {to}"),
        What::Dismissed { key, by } => format!("{key} dismissed by {}", plain(by)),
        What::Reinstated { key, by } => format!("{key} reinstated by {}", plain(by)),
        What::SeverityRaised { to, .. } => format!("severity raised to {to}"),
        What::StoodDown { sink, what } => format!("stood down on {sink}: {}", plain(what)),
        What::Held { by } if !by.is_empty() => format!("held open: {}", plain(&by.join("; "))),
        _ => return None,
    })
}

fn held(what: &Holdable) -> String {
    match what {
        Holdable::Status => "status".to_owned(),
        Holdable::Impact => "impact".to_owned(),
        Holdable::Sink(sink) => format!("sink {sink}"),
    }
}

/// A component's change within an incident.
pub fn component(event: &Event) -> Option<String> {
    match &event.what {
        What::ComponentChanged { component, to, .. } => Some(format!("{} {component} {to}", event.incident)),
        _ => None,
    }
}

/// What people did and noted, and what it changed.
pub fn action(event: &Event) -> Option<String> {
    let text = match &event.what {
        What::Acted { by, text, .. } => format!("action by {}: {}", plain(by), plain(text)),
        What::ActionRetracted { number, by } => format!("action {number} retracted by {}", plain(by)),
        What::EffectMeasured { number, effect: None } => {
            format!("action {number} changed nothing that was measured")
        }
        What::EffectMeasured { number, effect: Some(effect) } => {
            let (from, to) = (rounded(effect.from), rounded(effect.to));
            let within = format_duration(Duration::from_millis(effect.within_ms));
            format!("action {number}: {} from {from} to {to} within {within}", plain(&effect.what))
        }
        What::Noted { by, text } => format!("note by {}: {}", plain(by), plain(text)),
        What::NoteRetracted { number, by } => format!("note {number} retracted by {}", plain(by)),
        _ => return None,
    };
    Some(format!("{} {text}", event.incident))
}

/// Two digits behind the point are enough to see what changed.
fn rounded(value: f64) -> String {
    format_value((value * 100.0).round() / 100.0)
}

/// Commands that were refused, and why.
pub fn refusals(entries: &[Entry]) -> Vec<Line> {
    let line = |(place, entry): (usize, &Entry)| match entry {
        Entry::Refused { at, command, why } => {
            let name = serde_json::to_value(&command.kind).unwrap_or_default();
            let name = name["command"].as_str().unwrap_or_default().replace('_', " ");
            Some((
                place,
                *at,
                format!("{} {name} by {}: {}", command.incident, plain(&command.by), plain(why)),
            ))
        }
        Entry::Committed { .. } | Entry::Requested { .. } | Entry::Attempted(..) => None,
    };
    entries.iter().enumerate().filter_map(line).collect()
}

/// Any event, by its name.
pub fn event(event: &Event, calendar: &Calendar) -> String {
    let of = if event.incident == IncidentId::NONE { String::new() } else { format!("{} ", event.incident) };
    format!("{of}{} why: {}", event.what.name().replace('_', " "), why(&event.why, calendar))
}
