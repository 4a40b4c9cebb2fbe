//! Where 2.42 is known to say something else than the language does today, each with the reason.

use super::{Question, Rows};

/// Why the two may disagree on this; `None` where nobody knows.
pub fn reason(
    question: &Question,
    ours: &Result<Rows, String>,
    theirs: &Result<Rows, String>,
) -> Option<&'static str> {
    let _ = (question, ours, theirs);
    None
}
