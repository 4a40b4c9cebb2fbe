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

/// A text on one line, without what would mean something else in a scenario: a quote that is not closed, a comment.
pub fn plain(text: &str) -> String {
    let text = squeezed(text).replace(" # ", " #");
    if is_open(&text) { text.replace('"', "'") } else { text }
}

/// At most `most` characters of `text`, whole words and whole quotes, with ` …` for the rest.
pub fn shortened(text: &str, most: usize) -> String {
    let Some((cut, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let mut kept = &text[..text[..cut].rfind(' ').unwrap_or(cut)];
    if is_open(kept) {
        kept = &kept[..kept.rfind('"').unwrap_or_default()];
    }
    format!("{} …", kept.trim_end_matches(['…', ' ']))
}

/// Whether a quote begins in `text` and does not end in it.
fn is_open(text: &str) -> bool {
    text.matches('"').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_open_quote_and_no_comment() {
        assert_eq!(plain("5\" disk\n# full"), "5' disk #full");
        assert_eq!(plain("a \"b\" c"), "a \"b\" c");
    }

    #[test]
    fn what_is_long_is_cut_between_words_and_before_a_quote() {
        assert_eq!(shortened("one two three", 20), "one two three");
        assert_eq!(shortened("one two three", 9), "one two …");
        assert_eq!(shortened("one \"two three\" four", 12), "one …");
    }
}
