//! The views of what is said: posts, promises, pages, suspects, ETAs.

use crate::incidents::{Event, Post, What};
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
    format!("#{} {}{next}: {}", post.number, post.status, plain(&post.body))
}

/// A post that waits for a person's word, and what came of it.
pub fn draft(_: &Event, _: &Calendar) -> Option<String> {
    None
}

/// A promise, made or come due.
pub fn promise(event: &Event, calendar: &Calendar) -> Option<String> {
    let text = match &event.what {
        What::Posted { post } => {
            format!("made by #{}: next by {}", post.number, calendar.minute(post.next_update_by?))
        }
        What::PromiseKept { due } => format!("kept: next by {}", calendar.minute(*due)),
        What::PromiseMissed { due } => format!("missed: next by {}", calendar.minute(*due)),
        _ => return None,
    };
    Some(format!("{} {text}", event.incident))
}

/// A call to responders.
pub fn page(event: &Event) -> Option<String> {
    let What::Paged { page } = &event.what else { return None };
    let to: Vec<&str> = page.to.iter().map(|sink| sink.as_str()).collect();
    let step = if page.step == 0 { String::new() } else { format!(" step {}", page.step) };
    let reason = reason(&serde_json::to_value(page.reason).unwrap_or_default());
    Some(format!(
        "{} #{} {reason}{step} {} to {}: {}",
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
pub fn suspects(_: &Event, _: &Calendar) -> Option<String> {
    None
}

/// When backlogs are said to be drained.
pub fn etas(_: &Event, _: &Calendar) -> Vec<String> {
    Vec::new()
}
