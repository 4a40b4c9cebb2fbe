//! How a delivery leaves: one file an adapter.
//!
//! In:   a delivery.
//! Out:  a request to somewhere else, and what came of it.
//! Not:  no retries and no order: that is the pump's.

mod body;
mod cloud_event;
mod command;
mod email;
mod file;
pub mod http;
mod retry_after;
mod settings;
mod signature;
mod stdout;
mod trial;
mod webhook;
mod wire;

use std::sync::Arc;

use crate::delivery::{Delivery, Remembered};
use crate::outbox::Sink;

pub use body::{Links, PageLinks};
pub(crate) use email::mailbox;
pub use settings::{
    Adapter, CommandSettings, EmailSettings, EventFormat, FileSettings, HttpSettings, MailTls, SettingValue,
    SinkSettings, WebhookSettings,
};
pub use trial::labelled as trial;

/// Makes the sink that `settings` describe. `links` are for the pages that it carries.
///
/// # Errors
/// Where it can never work: an address that is none, a signing secret of another form. The text shows neither.
pub fn build(settings: &SinkSettings, links: &Links) -> Result<Arc<dyn Sink>, String> {
    let (name, links) = (settings.name.clone(), links.clone());
    Ok(match settings.adapter.clone() {
        Adapter::Webhook(webhook) => Arc::new(webhook::WebhookSink::new(name, webhook, links)?),
        Adapter::Stdout => Arc::new(stdout::StdoutSink::new(name, links, std::io::stdout())),
        Adapter::Http(http) => Arc::new(http::HttpSink::new(name, settings.audience, http, links)?),
        Adapter::Command(command) => Arc::new(command::CommandSink::new(name, command, links)),
        Adapter::File(file) => Arc::new(file::FileSink::new(name, file, links)),
        Adapter::Email(email) => Arc::new(email::EmailSink::new(name, email, links)?),
    })
}

/// What a sink would send for `delivery` over HTTP, whole but for its secrets; `remembered` learns what would be
/// remembered. Nothing for sinks that send otherwise.
///
/// # Errors
/// Where a template fails, in words.
pub fn simulate(
    settings: &SinkSettings,
    delivery: &Delivery,
    remembered: &mut Remembered,
    links: &Links,
) -> Result<Vec<http::Rendered>, String> {
    match &settings.adapter {
        Adapter::Http(http) => http::simulate(http, settings.audience, delivery, remembered, links),
        _ => Ok(Vec::new()),
    }
}
