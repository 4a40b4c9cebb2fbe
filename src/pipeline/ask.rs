//! Waiting for what becomes of a command or a change.
//!
//! In:   an answer, given after the commit; or the end of somebody's patience.
//! Out:  that answer; or none, and then what was asked for was not done and will not be done later, so that it can be
//!       asked for again.
//! Not:  no clock: whoever asks says when their patience ends.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::incidents::{Event, Refused};
use crate::model::IncidentId;

/// What became of a command or a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It was done, and this came of it; nothing where it was so already.
    Done(Vec<Event>),
    /// There is no such incident.
    Unknown(IncidentId),
    /// It makes no sense now.
    Refused(Refused),
}

/// The pipeline's end.
#[derive(Debug)]
pub struct Asker {
    answer: oneshot::Sender<Answer>,
    /// Held while a commit is under way, so that nobody goes away in the middle of it.
    in_hand: Arc<Mutex<()>>,
}

/// The end of whoever asks.
#[derive(Debug)]
pub struct Asked {
    answer: oneshot::Receiver<Answer>,
    in_hand: Arc<Mutex<()>>,
}

/// Two ends.
pub fn ask() -> (Asker, Asked) {
    let (asker, asked) = oneshot::channel();
    let in_hand = Arc::new(Mutex::new(()));
    (Asker { answer: asker, in_hand: in_hand.clone() }, Asked { answer: asked, in_hand })
}

impl Asker {
    /// Begins to do what was asked for; `None` where nobody waits for it any more.
    pub(super) async fn begin(&self) -> Option<OwnedMutexGuard<()>> {
        let in_hand = self.in_hand.clone().lock_owned().await;
        (!self.is_gone()).then_some(in_hand)
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// Tells what became of it.
    pub(super) fn answer(self, answer: Answer) {
        // A connection may break at any time; what was done stays done.
        let _ = self.answer.send(answer);
    }
}

impl Asked {
    /// Waits until `patience` ends. What is being committed at that moment is waited for all the same, since it can
    /// not be taken back.
    pub async fn answer(mut self, patience: impl Future<Output = ()>) -> Option<Answer> {
        tokio::select! {
            biased;
            answer = &mut self.answer => return answer.ok(),
            () = patience => {}
        }
        let _in_hand = self.in_hand.lock().await;
        self.answer.close();
        self.answer.try_recv().ok()
    }
}
