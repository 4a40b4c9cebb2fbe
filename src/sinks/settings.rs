//! One entry of `sinks:`, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Audience, Rate};
use crate::model::{ComponentId, SecretSource, SinkName};

use super::http::{Definition, OperationName};

/// A sink as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkSettings {
    /// Its name.
    pub name: SinkName,
    /// Whom it reaches.
    pub audience: Audience,
    /// How.
    pub adapter: Adapter,
    /// How long a message to it is worth sending, where that is not what holds for all.
    pub expires_after: Option<Duration>,
    /// Who gets what it did not take.
    pub fallback: Option<SinkName>,
    /// What its own webhooks to us are signed with, where it has any.
    pub inbound: Option<SecretSource>,
}

/// The adapters that exist.
#[derive(Debug, Clone, PartialEq)]
pub enum Adapter {
    /// A signed JSON request (Standard Webhooks).
    Webhook(WebhookSettings),
    /// A line of JSON on standard output.
    Stdout,
    /// A foreign system that a definition describes.
    Http(HttpSettings),
    /// A program that reads the message.
    Command(CommandSettings),
    /// A file with a line for each message.
    File(FileSettings),
    /// E-mail.
    Email(EmailSettings),
}

impl SinkSettings {
    /// A sink that says no more than it must.
    pub fn new(name: SinkName, audience: Audience, adapter: Adapter) -> Self {
        Self { name, audience, adapter, expires_after: None, fallback: None, inbound: None }
    }
}

impl Adapter {
    /// The word for it in the configuration.
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Stdout => "stdout",
            Self::Http(http) => &http.definition.name,
            Self::Command(_) => "command",
            Self::File(_) => "file",
            Self::Email(_) => "email",
        }
    }

    /// Whether it wants to know that somebody acknowledged.
    pub fn acknowledges(&self) -> bool {
        match self {
            Self::Http(http) => http.definition.operations.contains_key(&OperationName::Acknowledge),
            _ => false,
        }
    }
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
    /// In which form events come.
    pub format: EventFormat,
}

/// In which form a webhook's events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventFormat {
    /// As docs/webhook.md says.
    #[default]
    Plain,
    /// The same, with the headers of CloudEvents.
    CloudEventsBinary,
    /// Within an envelope of CloudEvents.
    CloudEventsStructured,
}

/// A sink of an adapter that a definition describes.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSettings {
    /// The definition.
    pub definition: Arc<Definition>,
    /// What the definition asks for, with its defaults.
    pub values: BTreeMap<String, SettingValue>,
    /// What our components are called there.
    pub components: BTreeMap<ComponentId, String>,
    /// How long a request may take.
    pub timeout: Duration,
    /// How fast it may be asked.
    pub rate: Option<Rate>,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingValue {
    /// As written.
    Plain(serde_json::Value),
    /// Read at each use.
    Secret(SecretSource),
}

/// A program that reads the message on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program and its arguments; no shell is in between.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A file of JSON Lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// It is renamed when it has grown to this; 0 for never.
    pub most_bytes: u64,
    /// So many renamed files are kept.
    pub keep: usize,
}

/// E-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSettings {
    /// The server that takes mail, and its port.
    pub server: (String, u16),
    /// How the way there is kept secret.
    pub tls: MailTls,
    /// Who we are to the server.
    pub login: Option<(String, SecretSource)>,
    /// Whom mail is from.
    pub from: String,
    /// Whom it is to.
    pub to: Vec<String>,
    /// How long an attempt may take.
    pub timeout: Duration,
}

/// How the way to a mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte (port 465).
    Implicit,
    /// The connection becomes TLS, or is given up (port 587).
    StartTls,
    /// Not at all: for a server on this machine.
    None,
}
