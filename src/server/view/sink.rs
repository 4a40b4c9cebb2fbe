//! A running sink.

use serde::Serialize;

use super::{Time, time};
use crate::delivery::Audience;
use crate::outbox::SinkView;

/// A running sink, and how the way to it is.
#[derive(Debug, Serialize)]
pub struct SinkState {
    name: String,
    audience: Audience,
    /// `closed`, or `open` while nothing comes through and it is only probed.
    circuit: &'static str,
    /// Since the process started, as the next one.
    last_success_at: Option<Time>,
    attempts: u64,
}

impl SinkState {
    /// The sink as its pump knows it.
    pub fn new(view: &SinkView) -> Self {
        let stats = view.stats.now();
        Self {
            name: view.sink.name().to_string(),
            audience: view.audience,
            circuit: if stats.circuit_open { "open" } else { "closed" },
            last_success_at: stats.last_success.map(time),
            attempts: stats.attempts,
        }
    }
}
