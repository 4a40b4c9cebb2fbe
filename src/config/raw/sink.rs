//! `sinks`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use crate::config::tree::{Content, Node, Where};
use crate::delivery::Audience;
use crate::model::{Secret, SinkName};

use super::read::{At, Entries, OneOrMany, Read, Reader, allow, section};
use super::words::{Bytes, Count, EventFormatWord, Length, MailTlsWord};

section! {
    /// Somewhere that messages go.
    pub struct RawSink as "a sink" with at {
        /// Its name.
        #[schemars(required)]
        name: At<SinkName>,
        /// How messages leave: `webhook`, `stdout`, `command`, `file`, `email`, or the name of a definition.
        #[schemars(required)]
        adapter: At<String>,
        /// Whom it reaches: `customers` get posts, `responders` get pages.
        #[schemars(required)]
        audience: At<Audience>,
        /// How long a message to it is worth sending; `incidents.expires_after` by default, and 5m with a `fallback`.
        expires_after: At<Length>,
        /// The sink that gets a page that this one did not take.
        fallback: At<SinkName>,
        /// How long an attempt may take; 10s by default.
        timeout: At<Length>,
        /// Where to, for `webhook`.
        url: At<Secret>,
        /// The file that holds the URL; relative to this file, read at each use.
        url_file: At<String>,
        /// The variable of the environment that holds the URL.
        url_env: At<String>,
        /// What messages are signed with, for `webhook`: `whsec_` and base64.
        secret: At<Secret>,
        /// The file that holds the secret; relative to this file, read at each use.
        secret_file: At<String>,
        /// The variable of the environment that holds the secret.
        secret_env: At<String>,
        /// The form of events, for `webhook`; `plain` by default.
        format: At<EventFormatWord>,
        /// What the definition asks for, for an adapter that a definition describes.
        settings: Entries<RawSetting>,
        /// What components are called there, by our ids, for an adapter that a definition describes.
        components: Entries<At<String>>,
        /// How fast it may be asked, where that is not what the definition says.
        rate: RawRate,
        /// The file that holds what the foreign system signs its own webhooks to us with.
        inbound_secret_file: At<String>,
        /// The variable of the environment that holds the same.
        inbound_secret_env: At<String>,
        /// The program and its arguments, for `command`.
        command: Vec<At<String>>,
        /// The file, for `file`; relative to this file.
        path: At<String>,
        /// The file is renamed when it would grow beyond this, for `file`; 10MB by default, 0 for never.
        rotate_at: At<Bytes>,
        /// So many renamed files are kept, for `file`; 5 by default.
        keep: At<Count>,
        /// The mail server, for `email`: `mail.example.com:587`.
        server: At<String>,
        /// How the way to the mail server is kept secret, for `email`; `starttls` by default.
        tls: At<MailTlsWord>,
        /// Who we are to the mail server, for `email`.
        username: At<String>,
        /// The file that holds the password, for `email`; relative to this file, read at each use.
        password_file: At<String>,
        /// The variable of the environment that holds the password.
        password_env: At<String>,
        /// Whom mail is from, for `email`.
        from: At<String>,
        /// Whom mail is to, for `email`.
        to: OneOrMany<At<String>>,
    }
    unused []
    later []
}

section! {
    /// How fast a foreign system may be asked.
    pub struct RawRate as "a rate" with at {
        /// So many requests.
        #[schemars(required)]
        requests: At<Count>,
        /// In so long.
        #[schemars(required)]
        per: At<Length>,
    }
    unused []
    later []
}

/// The value of a setting: itself, or where a secret is.
#[derive(Clone)]
pub enum RawSetting {
    /// As written.
    Plain(RawTree),
    /// `{file: …}`
    File(At<String>),
    /// `{env: …}`
    Environment(At<String>),
}

impl Read for RawSetting {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        if let Content::Map(entries) = &node.content
            && let [(key, value)] = entries.as_slice()
        {
            match key.value.as_str() {
                "file" => return At::read(value, reader).map(Self::File),
                "env" => return At::read(value, reader).map(Self::Environment),
                _ => {}
            }
        }
        Some(Self::Plain(RawTree(node.clone())))
    }
}

impl JsonSchema for RawSetting {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RawSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let schema = json!({"description": "The value; for a secret `{file: …}` or `{env: …}`."});
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// A piece of the file as it is.
#[derive(Clone)]
pub struct RawTree(pub Node);

impl RawTree {
    /// Where it stands.
    pub fn at(&self) -> &Where {
        &self.0.at
    }
}

impl Read for RawTree {
    fn read(node: &Node, _: &Reader) -> Option<Self> {
        Some(Self(node.clone()))
    }
}

impl JsonSchema for RawTree {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RawTree".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }
}
