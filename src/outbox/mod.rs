//! The pump: takes what is due from the journal, sends it through a sink, records what came of it.
//!
//! In:   deliveries from the journal; sinks.
//! Out:  attempts and fates, to the journal.
//! Not:  what is said and to whom is decided elsewhere (`incidents`, `delivery`).

mod sink;

pub use sink::{BoxFuture, Sink};
