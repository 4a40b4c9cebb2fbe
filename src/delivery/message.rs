//! A message to one sink, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::incidents::{Page, Post};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

/// Whom a sink reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Customers: it gets posts.
    Customers,
    /// Responders: it gets pages.
    Responders,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// A public word.
    Post(Post),
    /// A call to responders, or a word to those who were called.
    Page(Page),
}

/// One message to one sink: committed with the event that caused it, before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number in the journal.
    pub id: DeliveryId,
    /// The idempotency key: the same on each attempt. Letters, digits, `-` and `_` only.
    pub key: String,
    /// To which sink.
    pub sink: SinkName,
    /// Of which incident; order is kept per incident and sink.
    pub incident: IncidentId,
    /// The event that caused it.
    pub event_seq: u64,
    /// What is sent.
    pub message: Message,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is no longer worth sending.
    pub expires_at: Timestamp,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink took it.
    Delivered {
        /// What it answered, bounded.
        answer: String,
    },
    /// It may work later.
    Retry {
        /// Why it did not work.
        why: String,
        /// How long the sink asks us to wait (`Retry-After`).
        wait: Option<Duration>,
    },
    /// It never will.
    GiveUp {
        /// Why.
        why: String,
    },
}

/// One attempt, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The how-manieth, from 1; 0 where none was made and only the fate is recorded (it expired).
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The answer or the reason, bounded.
    pub note: String,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// Not sent yet, or to be tried again.
    Waiting {
        /// When it is tried (again).
        next_attempt_at: Timestamp,
    },
    /// The sink took it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It never will be: given up, or no longer worth sending.
    Dead {
        /// When that was recorded.
        at: Timestamp,
        /// Why.
        why: String,
    },
}
