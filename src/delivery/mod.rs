//! The plan: from events to who is told what.
//!
//! In:   events that are about to be committed, the routes, and what is still pending.
//! Out:  deliveries, to be committed with the events; when a failed one is tried again, and its fate.
//! Not:  nothing is sent here and nothing stored.

mod message;
mod plan;
mod retry;
#[cfg(test)]
pub(crate) mod samples;

/// What messages carry, for those who send them.
pub use crate::incidents::{ComponentNow, Eta, Page, PageReason, Post, SinkNews, Status, Suspect};

pub use message::{Attempt, Audience, Delivery, Fate, Message, Outcome};
pub use plan::Routes;
pub use retry::{fate_after, jitter, next_attempt};
