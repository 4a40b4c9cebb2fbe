//! What became of messages.

use serde::Serialize;

use super::{Time, time};
use crate::delivery::{Fate, Message};
use crate::incidents::Undelivered;
use crate::journal::DeliveryStatus;

/// A message to a sink with what became of it.
#[derive(Debug, Serialize)]
pub struct DeliveryView {
    id: u64,
    key: String,
    sink: String,
    incident: String,
    kind: &'static str,
    fate: &'static str,
    fate_at: Time,
    because: Option<String>,
    attempts: u32,
    last_note: Option<String>,
    created_at: Time,
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
        Self {
            id: delivery.id.0,
            key: delivery.key.clone(),
            sink: delivery.sink.to_string(),
            incident: delivery.incident.to_string(),
            kind: match delivery.message {
                Message::Post(_) => "post",
                Message::Page(_) => "page",
                Message::Acknowledged { .. } => "acknowledgement",
            },
            fate: status.fate.name(),
            fate_at: time(fate_at),
            because,
            attempts: status.attempts,
            last_note: status.last_note.clone(),
            created_at: time(delivery.created_at),
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
