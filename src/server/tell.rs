//! Telling the house something, and waiting for what comes of it.
//!
//! In:   a command or a change, and how long whoever asks will wait.
//! Out:  what came of it, once that is committed; or nothing, and then it was not done and will not be done later.
//! Not:  nothing is decided here: the pipeline asks the book.

use std::time::Duration;

use crate::journal::Journal;
use crate::model::Clock;
use crate::pipeline::{Answer, Asker, Inbound, ask};
use crate::server::Face;

/// What people read where nothing came of it.
pub(super) const NOT_IN_TIME: &str =
    "the journal did not take it in time; it was not done, and will not be done later: try again";

/// Tells the house, and waits for what comes of it, for no longer than `patience` and a commit that is under way then.
pub(super) async fn tell<J: Journal, C: Clock>(
    face: &Face<J, C>,
    patience: Duration,
    inbound: impl FnOnce(Asker) -> Inbound,
) -> Option<Answer> {
    let until = face.clock.now() + patience;
    let (asker, asked) = ask();
    let arrived = tokio::select! {
        sent = face.inbox.send(inbound(asker)) => sent.is_ok(),
        () = face.clock.sleep_until(until) => false,
    };
    match arrived {
        true => asked.answer(face.clock.sleep_until(until)).await,
        false => None,
    }
}
