//! How a delivery leaves: one file an adapter.
//!
//! In:   a delivery.
//! Out:  a request to somewhere else, and what came of it.
//! Not:  no retries and no order: that is the pump's.

mod body;
mod retry_after;
mod settings;
mod signature;
mod stdout;
mod webhook;

use std::sync::Arc;

use crate::outbox::Sink;

pub use settings::{Adapter, SinkSettings, WebhookSettings};

/// Makes the sink that `settings` describe.
///
/// # Errors
/// Where it can never work: an address that is none, a signing secret of another form. The text shows neither.
pub fn build(settings: &SinkSettings) -> Result<Arc<dyn Sink>, String> {
    match &settings.adapter {
        Adapter::Webhook(webhook) => {
            Ok(Arc::new(webhook::WebhookSink::new(settings.name.clone(), webhook.clone())?))
        }
        Adapter::Stdout => Ok(Arc::new(stdout::StdoutSink::new(settings.name.clone(), std::io::stdout()))),
    }
}
