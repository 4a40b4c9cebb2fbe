//! The plan: from events to who is told what.
//!
//! In:   events that are about to be committed, the routes, and what is still pending.
//! Out:  deliveries, to be committed with the events; when a failed one is tried again, and its fate.
//! Not:  nothing is sent here and nothing stored.

mod message;

pub use message::{Attempt, Audience, Delivery, Fate, Message, Outcome};
