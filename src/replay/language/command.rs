//! `at T command …`: what an operator says, in words.

use crate::incidents::CommandKind;
use crate::model::Problem;

use super::words::Words;

/// The words that begin a command.
const KNOWN: &[&str] = &["ack", "note", "action"];

/// Reads a command up to its options.
///
/// # Errors
/// Where it is none.
pub fn read(words: &mut Words<'_>) -> Result<CommandKind, Problem> {
    let word = words.expect("a command, such as `ack`")?;
    Ok(match word.text.as_str() {
        "ack" => CommandKind::Acknowledge,
        "note" => CommandKind::Note { text: words.expect_text("the note")? },
        "action" => CommandKind::Action { text: words.expect_text("what was done")? },
        _ => return Err(words.unknown(&word, "command", KNOWN)),
    })
}
