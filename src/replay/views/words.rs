//! Words that several views share.

use crate::incidents::Why;

use crate::replay::language::{Calendar, squeezed};

/// The reason for an event, with its times in the scenario's zone.
pub fn why(why: &Why, calendar: &Calendar) -> String {
    let text = match why {
        Why::PromiseDue { due } => format!("an update was promised by {}", calendar.minute(*due)),
        Why::PromiseOverdue { due } => {
            format!("the update promised by {} did not come in time", calendar.minute(*due))
        }
        other => other.to_string(),
    };
    plain(&text)
}

/// A text on one line, without what would mean something in a scenario: quotes and comments.
pub fn plain(text: &str) -> String {
    squeezed(text).replace('"', "'").replace(" # ", " #")
}

/// At most `most` characters of `text`, whole words, with ` …` for the rest.
pub fn shortened(text: &str, most: usize) -> String {
    let Some((cut, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let end = text[..cut].rfind(' ').unwrap_or(cut);
    // An open quote would swallow what stands behind it on the line.
    let closes = if text[..end].matches('"').count() % 2 == 1 { "…\"" } else { "" };
    format!("{} …{closes}", &text[..end]).replace(" ……", " …")
}
