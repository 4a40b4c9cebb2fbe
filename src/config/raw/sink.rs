//! `sinks`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::config::tree::Node;
use crate::delivery::Audience;
use crate::model::{Secret, SinkName};

use super::read::{At, Read, Reader, allow, section};
use super::words::{AdapterWord, Length};

section! {
    /// Somewhere that messages go.
    pub struct RawSink as "a sink" with at {
        /// Its name.
        #[schemars(required)]
        name: At<SinkName>,
        /// How messages leave.
        #[schemars(required)]
        adapter: At<AdapterWord>,
        /// Whom it reaches: `customers` get posts, `responders` get pages.
        #[schemars(required)]
        audience: At<Audience>,
        /// Where to, for `webhook`.
        url: At<Secret>,
        /// The file that holds the URL; relative to this file, read at each use.
        url_file: At<String>,
        /// What messages are signed with, for `webhook`: `whsec_` and base64.
        secret: At<Secret>,
        /// The file that holds the secret; relative to this file, read at each use.
        secret_file: At<String>,
        /// How long an attempt may take, for `webhook`; 10s by default.
        timeout: At<Length>,
    }
    unused []
    later []
}

/// An entry of `sinks`.
#[derive(Clone)]
pub enum RawSinkEntry {
    /// Its adapter is known.
    Known(Box<RawSink>),
    /// Its adapter is not, which was noted; nothing else about it is worth saying, but its name is taken.
    OtherAdapter(Option<SinkName>),
}

impl Read for RawSinkEntry {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        if let Some(adapter) = node.get("adapter").filter(|adapter| adapter.text().is_some())
            && At::<AdapterWord>::read(adapter, reader).is_none()
        {
            let name = node.get("name").and_then(Node::text);
            return Some(Self::OtherAdapter(name.and_then(|name| SinkName::new(name).ok())));
        }
        RawSink::read(node, reader).map(|sink| Self::Known(Box::new(sink)))
    }
}

impl JsonSchema for RawSinkEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RawSinkEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<RawSink>()
    }
}
