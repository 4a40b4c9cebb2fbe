//! What templates may name. docs/adapters.md lists it; names are added to, never changed.
//!
//! In:   a delivery with what is remembered of its incident; what a sink says about itself.
//! Out:  one map of names and values.
//! Not:  nothing that the generic webhook would not say too.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use serde_json::{Map, Value as Json, json};

use crate::delivery::{Delivery, Message, Remembered, Tried};
use crate::model::ComponentId;
use crate::sinks::body::{Limits, Links, body_value, time};

/// Names and values.
#[derive(Debug, Clone)]
pub(in crate::sinks) struct Facts(BTreeMap<String, Value>);

/// What a sink says about itself, with its secrets as they are now.
pub(in crate::sinks) struct Values<'a> {
    /// Its settings.
    pub(in crate::sinks) settings: Map<String, Json>,
    /// What the components are called there.
    pub(in crate::sinks) components: &'a BTreeMap<ComponentId, String>,
    /// The words of the definition.
    pub(in crate::sinks) maps: &'a BTreeMap<String, BTreeMap<String, Json>>,
    /// Where links lead.
    pub(in crate::sinks) links: &'a Links,
}

impl Facts {
    /// The facts of a message within `limits`.
    ///
    /// # Errors
    /// Never in practice: texts and numbers have no form that JSON lacks.
    pub(super) fn new(
        delivery: &Delivery,
        remembered: &Remembered,
        tried: Tried,
        values: &Values<'_>,
        limits: &Limits,
    ) -> Result<Self, String> {
        let message = body_value(delivery, remembered, values.links, limits)
            .map_err(|error| format!("no JSON can be made of it: {error}"))?;
        // What a message of another kind has is there too, so that a template may ask for it.
        let mut facts = json!({
            "impact": null, "severity": null, "affected": "", "post": null, "page": null, "etas": [],
            "suspects": [], "links": {"acknowledge": null, "open": null}, "by": null, "mitigated_at": null,
            "components": [], "components_omitted": 0, "title": "", "status": "investigating", "started_at": null,
        });
        let (kind, text, next_update_by) = match &delivery.message {
            Message::Post(post) => ("post", message["data"]["post"]["body"].clone(), post.next_update_by),
            Message::Page(_) => ("page", page_text(&message["data"]["page"]), None),
            Message::Acknowledged { by } => ("acknowledgement", json!(format!("acknowledged by {by}")), None),
        };
        let more = json!({
            "type": message["type"], "at": message["timestamp"], "key": delivery.key,
            "sink": delivery.sink.as_str(), "kind": kind, "text": text,
            "next_update_by": next_update_by.map(time), "first": !remembered.opened,
            "tried": tried == Tried::Perhaps, "captured": remembered.values, "settings": values.settings,
            "maps": values.maps, "answer": null, "status_code": null, "found": null, "item": null, "message": message,
        });
        for part in [message["data"].clone(), more] {
            if let (Json::Object(facts), Json::Object(part)) = (&mut facts, part) {
                facts.extend(part);
            }
        }
        if let Some(components) = facts["components"].as_array_mut() {
            for component in components {
                let id = component["id"].as_str().and_then(|id| ComponentId::new(id).ok());
                component["target"] = json!(id.and_then(|id| values.components.get(&id)));
            }
        }
        Ok(Self::of_json(facts))
    }

    /// The same message within narrower limits; what was found out on the way stays.
    pub(super) fn narrowed(&self, mut narrower: Self) -> Self {
        for name in ["answer", "status_code", "found", "item", "captured"] {
            narrower.0.extend(self.0.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        narrower
    }

    /// The entries of an object.
    pub(super) fn of_json(facts: Json) -> Self {
        match facts {
            Json::Object(map) => Self(map.into_iter().map(|(name, value)| (name, of(value))).collect()),
            _ => Self(BTreeMap::new()),
        }
    }

    /// The same with one more.
    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        let mut facts = self.clone();
        facts.0.insert(name.to_owned(), value);
        facts
    }

    /// The same with one more, given as JSON.
    pub(super) fn with_json(&self, name: &str, value: Json) -> Self {
        self.with(name, of(value))
    }

    /// As templates take them.
    pub(super) fn values(&self) -> Value {
        Value::from(self.0.clone())
    }
}

fn of(value: Json) -> Value {
    Value::from(Serde(value))
}

/// One text of a page: its line, and what is below it.
fn page_text(page: &Json) -> Json {
    let [summary, details] = ["summary", "details"].map(|key| page[key].as_str().unwrap_or_default());
    json!(format!("{summary}\n{details}").trim())
}
