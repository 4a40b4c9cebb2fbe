//! The plan: from events to who is told what.
//!
//! In:   events that are about to be committed, the routes, and what is still pending.
//! Out:  deliveries, to be committed with the events; when a failed one is tried again, what is superseded, and
//!       the fate of each; whether a sink may be sent to at all.
//! Not:  nothing is sent here and nothing stored.

mod flow;
mod message;
mod plan;
mod rate;
mod retry;
#[cfg(test)]
pub(crate) mod samples;
mod supersede;

/// What messages carry, for those who send them.
pub use crate::incidents::{
    ComponentNow, Eta, Impact, Page, PageReason, Post, PostKind, SinkNews, SinkReport, Status, Suspect,
};

pub use flow::{Begin, Flow};
pub use message::{Attempt, Audience, Delivery, Fate, Message, Outcome, Record, Remembered, Tried};
pub use plan::{Route, Routes};
pub use rate::{Bucket, Rate};
pub use retry::{fate_after, jitter, next_attempt};
pub use supersede::{is_held_up, superseded_by};
