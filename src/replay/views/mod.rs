//! What changed, one line a change, as a responder would tell it.
//!
//! In:   the entries of a replay's journal.
//! Out:  for each view all changes of its kind, in order.
//! Not:  nothing is judged here, and nothing is read that was not committed.

mod alerts;
mod deliveries;
mod incidents;
mod said;
mod words;

use crate::incidents::Event;
use crate::model::Timestamp;

use super::language::{Calendar, View};
use super::ledger::Entry;

pub use words::why;

/// A shown line is no longer than this, in characters; what is cut off is `…`.
const SHOWN_MAX: usize = 140;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where in the journal it is: the order in which things became so.
    pub place: usize,
    /// When.
    pub at: Timestamp,
    /// Of which view.
    pub view: View,
    /// What, whole, on one line.
    pub text: String,
}

impl Told {
    /// The text as it is written into a file: with `…` for the rest where it is long.
    pub fn shown(&self) -> String {
        words::shortened(&self.text, SHOWN_MAX)
    }
}

/// All changes of `views`, in the order in which they became so.
pub fn tell(entries: &[Entry], calendar: &Calendar, views: &[View]) -> Vec<Told> {
    let mut told: Vec<Told> = views
        .iter()
        .flat_map(|view| {
            let lines = lines_of(*view, entries, calendar);
            lines.into_iter().map(|(place, at, text)| Told { place, at, view: *view, text })
        })
        .collect();
    told.sort_by_key(|told| (told.place, told.view));
    told
}

/// A change of a view: its place in the journal, when it was, and what.
type Line = (usize, Timestamp, String);

fn lines_of(view: View, entries: &[Entry], calendar: &Calendar) -> Vec<Line> {
    match view {
        View::Alerts => alerts::lines(entries, calendar),
        View::Incidents => incidents::lines(entries, calendar),
        View::Components => of_each(entries, incidents::component),
        View::Posts => of_each(entries, |event| said::post(event, calendar)),
        View::Drafts => of_each(entries, |event| said::draft(event, calendar)),
        View::Promises => of_each(entries, |event| said::promise(event, calendar)),
        View::Pages => of_each(entries, said::page),
        View::Suspects => of_each(entries, |event| said::suspects(event, calendar)),
        View::Eta => of_all(entries, |event| said::etas(event, calendar)),
        View::Actions => of_each(entries, incidents::action),
        View::Deliveries => deliveries::lines(entries),
        View::Requests => deliveries::requests(entries),
        View::Refusals => incidents::refusals(entries),
        View::Events => of_each(entries, |event| Some(incidents::event(event, calendar))),
    }
}

/// The events, each with its place.
pub fn events(entries: &[Entry]) -> impl Iterator<Item = (usize, &Event)> {
    entries.iter().enumerate().flat_map(|(place, entry)| {
        let events = match entry {
            Entry::Committed { batch, .. } => batch.events.as_slice(),
            Entry::Requested { .. } | Entry::Attempted(..) | Entry::Refused { .. } => &[],
        };
        events.iter().map(move |event| (place, event))
    })
}

fn of_each(entries: &[Entry], line: impl Fn(&Event) -> Option<String>) -> Vec<Line> {
    events(entries).filter_map(|(place, event)| Some((place, event.at, line(event)?))).collect()
}

fn of_all(entries: &[Entry], lines: impl Fn(&Event) -> Vec<String>) -> Vec<Line> {
    events(entries)
        .flat_map(|(place, event)| lines(event).into_iter().map(move |line| (place, event.at, line)))
        .collect()
}
