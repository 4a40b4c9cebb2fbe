//! The pump: takes what is due from the journal, sends it through a sink, records what came of it.
//!
//! In:   deliveries from the journal; sinks; a wake-up when the pipeline has committed.
//! Out:  attempts and fates, to the journal; a wake-up for the pipeline when a delivery is dead.
//! Not:  what is said and to whom is decided elsewhere (`incidents`, `delivery`).

mod pace;
mod pump;
mod sink;
mod stats;
mod unserved;
mod view;

pub use pump::{End, pump};
pub use sink::{AtOnce, BoxFuture, Pace, Sending, Sink};
pub use stats::{OutboxStats, StatsNow};
pub use unserved::expire_unserved;
pub use view::{OutboxView, SinkView};

use crate::model::Timestamp;

/// Later than anything is due.
const END_OF_TIME: Timestamp = Timestamp::from_millis(i64::MAX);
