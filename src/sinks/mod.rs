//! How a delivery leaves: one file an adapter.
//!
//! In:   a delivery.
//! Out:  a request to somewhere else, and what came of it.
//! Not:  no retries and no order: that is the pump's.

mod settings;

pub use settings::{Adapter, SinkSettings, WebhookSettings};
