//! What became of messages.

use serde::Serialize;

use super::{Time, time};
use crate::delivery::{Attempt, Fate, Message};
use crate::incidents::Undelivered;
use crate::journal::DeliveryStatus;

/// A message to a sink with what became of it.
#[derive(Debug, Serialize)]
pub struct DeliveryView {
    id: u64,
    key: String,
    sink: String,
    incident: String,
    /// `post`, `page` or `acknowledgement`.
    kind: &'static str,
    /// Of the post or the page within its incident.
    number: Option<u32>,
    fate: &'static str,
    /// Since when, or for one that waits: when it is tried next.
    fate_at: Time,
    because: Option<String>,
    attempts: u32,
    last_note: Option<String>,
    created_at: Time,
    expires_at: Time,
}

impl DeliveryView {
    /// The delivery as the journal has it.
    pub fn new(status: &DeliveryStatus) -> Self {
        let delivery = &status.delivery;
        let (fate_at, because) = match &status.fate {
            Fate::Waiting { next_attempt_at } => (*next_attempt_at, None),
            Fate::Delivered { at } => (*at, None),
            Fate::Superseded { at, by } => (*at, Some(format!("{by} says what is so now"))),
            Fate::Dead { at, why } => (*at, Some(why.clone())),
        };
        let (kind, number) = match &delivery.message {
            Message::Post(post) => ("post", Some(post.number)),
            Message::Page(page) => ("page", Some(page.number)),
            Message::Acknowledged { .. } => ("acknowledgement", None),
        };
        Self {
            id: delivery.id.0,
            key: delivery.key.clone(),
            sink: delivery.sink.to_string(),
            incident: delivery.incident.to_string(),
            kind,
            number,
            fate: status.fate.name(),
            fate_at: time(fate_at),
            because,
            attempts: status.attempts,
            last_note: status.last_note.clone(),
            created_at: time(delivery.created_at),
            expires_at: time(delivery.expires_at),
        }
    }
}

/// A message with all that was tried.
#[derive(Debug, Serialize)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// What it says.
    text: String,
    history: Vec<AttemptView>,
}

#[derive(Debug, Serialize)]
struct AttemptView {
    number: u32,
    at: Time,
    took_ms: u64,
    note: String,
}

impl DeliveryDetail {
    /// The delivery as the journal has it, with its attempts in order.
    pub fn new(status: &DeliveryStatus, attempts: &[Attempt]) -> Self {
        let attempt = |attempt: &Attempt| AttemptView {
            number: attempt.number,
            at: time(attempt.at),
            took_ms: attempt.took_ms,
            note: attempt.note.clone(),
        };
        Self {
            delivery: DeliveryView::new(status),
            text: match &status.delivery.message {
                Message::Post(post) => post.body.clone(),
                Message::Page(page) => page.summary.clone(),
                Message::Acknowledged { by } => format!("{by} acknowledged it"),
            },
            history: attempts.iter().map(attempt).collect(),
        }
    }
}

/// A message about an incident that will never arrive.
#[derive(Debug, Serialize)]
pub struct UndeliveredView {
    sink: String,
    because: String,
}

impl UndeliveredView {
    pub(super) fn new(undelivered: &Undelivered) -> Self {
        Self { sink: undelivered.sink.to_string(), because: undelivered.because.clone() }
    }
}
