//! A message to one sink, and what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::incidents::{Page, Post, SinkNews};
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
    /// Somebody is on it: for paging systems that keep a state of their own.
    Acknowledged {
        /// Who.
        by: String,
    },
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

/// What a sink is told of an earlier life of one incident there: what answers gave, such as the number that the foreign
/// system knows it by. Kept for each sink and incident, changed together with the fate of the delivery that changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Whether a message of this incident was ever taken: else the next one opens it there.
    #[serde(default)]
    pub opened: bool,
    /// Named values from answers.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// Whether an earlier attempt may have reached the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It certainly did not: the delivery was committed while this pump ran, and it made no attempt.
    Never,
    /// One may have been taken and its answer lost.
    Perhaps,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink took it.
    Delivered {
        /// What it answered, bounded.
        answer: String,
        /// What is to be remembered from now on; `None` where nothing changes but that it was taken.
        remember: Option<Remembered>,
        /// What the book should know: that it was there already.
        news: Option<SinkNews>,
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
    /// A person changed there what we had written: it is theirs from here on.
    StandDown {
        /// What they did.
        what: String,
    },
}

impl Outcome {
    /// Taken, with nothing to remember.
    pub fn delivered(answer: impl Into<String>) -> Self {
        Self::Delivered { answer: answer.into(), remember: None, news: None }
    }

    /// It may work later, whenever that is.
    pub fn retry(why: impl Into<String>) -> Self {
        Self::Retry { why: why.into(), wait: None }
    }
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
    /// It was not sent, since a later word says what is so now.
    Superseded {
        /// When that was recorded.
        at: Timestamp,
        /// By which delivery.
        by: DeliveryId,
    },
    /// It never will be: given up, dropped, or no longer worth sending.
    Dead {
        /// When that was recorded.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

impl Fate {
    /// When it is tried again; `None` once it has ended.
    pub const fn next_attempt_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { next_attempt_at } => Some(*next_attempt_at),
            Self::Delivered { .. } | Self::Superseded { .. } | Self::Dead { .. } => None,
        }
    }

    /// Its name, as people and the journal know it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Delivered { .. } => "delivered",
            Self::Superseded { .. } => "superseded",
            Self::Dead { .. } => "dead",
        }
    }
}

/// What an attempt leaves behind: recorded in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The attempt.
    pub attempt: Attempt,
    /// Where the delivery stands after it.
    pub fate: Fate,
    /// What is remembered of its incident at its sink from now on.
    pub remember: Option<Remembered>,
    /// What the book is told.
    pub news: Option<SinkNews>,
}

impl Record {
    /// The record of an attempt after which a delivery stands at `fate`. The book hears of every death.
    pub fn new(attempt: Attempt, fate: Fate) -> Self {
        let news = match &fate {
            Fate::Dead { why, .. } => Some(SinkNews::Dead { because: why.clone() }),
            _ => None,
        };
        Self { attempt, fate, remember: None, news }
    }

    /// The record of a fate without an attempt.
    pub fn of_fate(delivery: DeliveryId, at: Timestamp, note: impl Into<String>, fate: Fate) -> Self {
        let note = note.into();
        Self::new(Attempt { delivery, number: 0, at, took_ms: 0, note }, fate)
    }
}
