//! `components`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::tree::{Content, Node};
use crate::model::{ComponentId, ComponentStatus};

use super::read::{At, Read, Reader, allow, section};
use super::words::Selector;

section! {
    /// A thing that customers or operators know by name.
    pub struct RawComponent as "a component" with at {
        /// What rules and other components call it.
        #[schemars(required)]
        id: At<ComponentId>,
        /// What people call it; the id by default.
        name: At<String>,
        /// The group that it is shown in.
        group: At<String>,
        /// Whether customers see it; true by default.
        public: At<bool>,
        /// What it needs in order to work.
        depends_on: Vec<RawDependency>,
        /// Its own targets' series, as a selector such as `{job="x"}`, which are watched for changes.
        r#match: At<Selector>,
    }
    unused []
    later []
}

section! {
    /// A component that is needed, and what its trouble means in public.
    pub struct RawEdge as "an entry of `depends_on`" with at {
        /// The component that is needed.
        #[schemars(required)]
        on: At<ComponentId>,
        /// The status shown in public while that one is affected; without it, operators see 'at risk'.
        propagates: At<ComponentStatus>,
    }
    unused []
    later []
}

/// The id of a component that is needed, or more about it.
#[derive(Clone)]
pub enum RawDependency {
    /// Only the id.
    Id(At<ComponentId>),
    /// `{on: …, propagates: …}`
    Edge(RawEdge),
}

impl Read for RawDependency {
    fn read(node: &Node, reader: &Reader) -> Option<Self> {
        match node.content {
            Content::Map(_) => RawEdge::read(node, reader).map(Self::Edge),
            _ => At::read(node, reader).map(Self::Id),
        }
    }
}

impl JsonSchema for RawDependency {
    fn schema_name() -> Cow<'static, str> {
        "RawDependency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<At<ComponentId>>();
        let edge = generator.subschema_for::<RawEdge>();
        json_schema!({"anyOf": [id, edge]})
    }
}
