//! The view of alerts.

use std::collections::BTreeMap;

use crate::replay::language::Calendar;
use crate::replay::ledger::Entry;
use crate::rules::{AlertKey, AlertState, Ending, StateName};

use super::Line;

/// Each alert's moves, a change of its severity among them.
pub fn lines(entries: &[Entry], calendar: &Calendar) -> Vec<Line> {
    let mut known: BTreeMap<&AlertKey, (StateName, String)> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let Entry::Committed { at, batch } = entry else { continue };
        for row in &batch.alerts {
            let (name, text) = (row.state.name(), state(&row.state, calendar));
            let before = known.insert(&row.key, (name, text.clone()));
            if before.is_none_or(|(_, before)| before != text) {
                lines.push((place, *at, format!("{} {text}", row.key)));
            }
        }
        for key in &batch.forgotten {
            // What is resolved is forgotten some time later, which is no news.
            if let Some((StateName::Pending, _)) = known.remove(key) {
                lines.push((place, *at, format!("{key} over before it fired")));
            }
        }
    }
    lines
}

fn state(state: &AlertState, calendar: &Calendar) -> String {
    match state {
        AlertState::Pending { .. } => "pending".to_owned(),
        AlertState::Firing { severity, .. } => format!("firing {severity}"),
        AlertState::Clearing { .. } => "clearing".to_owned(),
        AlertState::Lost { missing_since, .. } => {
            format!("lost, no data since {}", calendar.minute(*missing_since))
        }
        AlertState::Resolved { why: Ending::Recovered, .. } => "resolved".to_owned(),
        AlertState::Resolved { why, .. } => format!("resolved: {}", ending(*why)),
    }
}

const fn ending(why: Ending) -> &'static str {
    match why {
        Ending::Recovered => "it recovered",
        Ending::Ended => "what it measured is gone",
        Ending::NoData => "no data",
        Ending::Dismissed => "dismissed",
        Ending::RuleRemoved => "its rule is gone",
    }
}
