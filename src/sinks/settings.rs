//! One entry of `sinks:`, checked.

use std::time::Duration;

use crate::delivery::Audience;
use crate::model::{SecretSource, SinkName};

/// A sink as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its name.
    pub name: SinkName,
    /// Whom it reaches.
    pub audience: Audience,
    /// How.
    pub adapter: Adapter,
}

/// The adapters that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adapter {
    /// A signed JSON request (Standard Webhooks).
    Webhook(WebhookSettings),
    /// A line of JSON on standard output.
    Stdout,
}

/// A generic webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where to; secret, since many carry a token in their path.
    pub url: SecretSource,
    /// The signing secret (`whsec_…`), or the file that holds it, read at each use.
    pub secret: Option<SecretSource>,
    /// How long an attempt may take.
    pub timeout: Duration,
}
