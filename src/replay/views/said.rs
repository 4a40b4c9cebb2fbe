//! The views of what is said: posts, promises, pages, suspects, ETAs.

use crate::incidents::{Eta, Event, Post, Suspect, What};
use crate::replay::language::Calendar;

use super::words::plain;

/// A public word.
pub fn post(event: &Event, calendar: &Calendar) -> Option<String> {
    match &event.what {
        What::Posted { post } => Some(format!("{} {}", event.incident, of_post(post, calendar))),
        _ => None,
    }
}

fn of_post(post: &Post, calendar: &Calendar) -> String {
    let next = post.next_update_by.map(|by| format!(", next by {}", calendar.minute(by))).unwrap_or_default();
    // The texts that we ship begin with the status, under this word in every language.
    let body = post.body.strip_prefix("Status: ").unwrap_or(&post.body);
    format!("#{} {}{next}: {}", post.number, post.status, plain(body))
}

/// A post that waits for a person's word, and what came of it.
pub fn draft(event: &Event, calendar: &Calendar) -> Option<String> {
    let text = match &event.what {
        What::Drafted { post } => format!("waits: {}", of_post(post, calendar)),
        What::DraftEdited { by, text } => format!("edited by {}: {}", plain(by), plain(text)),
        What::DraftDropped { by: Some(by) } => format!("discarded by {}", plain(by)),
        What::DraftDropped { by: None } => "overtaken".to_owned(),
        _ => return None,
    };
    Some(format!("{} {text}", event.incident))
}

/// A promise, made or come due.
pub fn promise(event: &Event, calendar: &Calendar) -> Option<String> {
    let text = match &event.what {
        What::Posted { post } => {
            format!("made by #{}: next by {}", post.number, calendar.minute(post.next_update_by?))
        }
        What::PromiseKept { due } => format!("kept: next by {}", calendar.minute(*due)),
        What::PromiseMissed { due } => format!("missed: next by {}", calendar.minute(*due)),
        What::PromiseWithdrawn { due } => format!("withdrawn: next by {}", calendar.minute(*due)),
        What::PromiseTaken { due, from } => {
            format!("taken over from {from}: next by {}", calendar.minute(*due))
        }
        _ => return None,
    };
    Some(format!("{} {text}", event.incident))
}

/// A call to responders.
pub fn page(event: &Event) -> Option<String> {
    let What::Paged { page } = &event.what else { return None };
    let to: Vec<&str> = page.to.iter().map(|sink| sink.as_str()).collect();
    let step = if page.step == 0 { String::new() } else { format!(" step {}", page.step) };
    let suspect =
        page.suspects.first().map(|one| format!(" (suspect: {})", plain(&one.summary))).unwrap_or_default();
    let reason = reason(&serde_json::to_value(page.reason).unwrap_or_default());
    Some(format!(
        "{} #{} {reason}{step} {} to {}: {}{suspect}",
        event.incident,
        page.number,
        page.severity,
        to.join(", "),
        plain(&page.summary)
    ))
}

/// The word that the API uses, with spaces.
fn reason(word: &serde_json::Value) -> String {
    word.as_str().unwrap_or_default().replace('_', " ")
}

/// Probable causes, the likeliest first.
pub fn suspects(event: &Event, calendar: &Calendar) -> Option<String> {
    let What::Suspected { suspects } = &event.what else { return None };
    let listed: Vec<String> =
        suspects.iter().zip(1..).map(|(one, nth)| suspect(one, nth, calendar)).collect();
    Some(format!(
        "{} {}",
        event.incident,
        if listed.is_empty() { "none".to_owned() } else { listed.join("; ") }
    ))
}

fn suspect(suspect: &Suspect, nth: u32, calendar: &Calendar) -> String {
    let component = suspect.component.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
    let (kind, at) = (suspect.kind.as_str(), calendar.say(suspect.at));
    format!("{nth}. {kind}{component} at {at}: {} ({:.2})", plain(&suspect.summary), suspect.score)
}

/// When backlogs are said to be drained.
pub fn etas(event: &Event, calendar: &Calendar) -> Vec<String> {
    let What::Posted { post } = &event.what else { return Vec::new() };
    let line = |eta: &Eta| {
        let [low, best, high] = [eta.low, eta.best, eta.high].map(|at| calendar.say(at));
        format!("{} #{} {} drained at {best}, {low} to {high}", event.incident, post.number, eta.alert)
    };
    post.etas.iter().map(line).collect()
}
