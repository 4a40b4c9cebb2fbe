//! A step as the request that it makes.
//!
//! In:   a step of a definition; facts.
//! Out:  method, address, headers and body, whole.
//! Not:  nothing is sent.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde_json::Value as Json;

use crate::model::Secret;
use crate::sinks::wire::{Request, address};

use super::definition::{Body, Definition, Step};
use super::facts::Facts;

/// A request in words, for people and for reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rendered {
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to.
    pub url: String,
    /// Its headers, lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body: JSON where it is that, else a text.
    pub body: Json,
}

impl Rendered {
    /// The request of `step`.
    ///
    /// # Errors
    /// Where a template fails, in words.
    pub(super) fn new(definition: &Definition, step: &Step, facts: &Facts) -> Result<Self, String> {
        let url = step.url.text(facts).map_err(|error| format!("`url`: {error}"))?;
        let mut headers = BTreeMap::new();
        let (kind, body) = match &step.body {
            Body::None => (None, Json::Null),
            Body::Json(tree) => (Some("application/json"), tree.json(facts)?.unwrap_or_default()),
            Body::Form(tree) => {
                (Some("application/x-www-form-urlencoded"), tree.json(facts)?.unwrap_or_default())
            }
            Body::Text(template) => (Some("text/plain; charset=utf-8"), Json::String(template.text(facts)?)),
        };
        headers.extend(kind.map(|kind| (CONTENT_TYPE.as_str().to_owned(), kind.to_owned())));
        for (name, template) in definition.headers.iter().chain(&step.headers) {
            let value = template.value(facts).map_err(|error| format!("header `{name}`: {error}"))?;
            if let Some(value) = value {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                headers.insert(name.to_ascii_lowercase(), text);
            }
        }
        Ok(Self { method: step.method.clone(), url, headers, body })
    }

    /// The values of headers that a template made: they may hold a secret in another form.
    pub(super) fn computed_headers<'a>(
        &'a self,
        definition: &'a Definition,
        step: &'a Step,
    ) -> impl Iterator<Item = &'a str> {
        let made = definition.headers.iter().chain(&step.headers);
        let made = made.filter(|(_, template)| template.source().contains("{{"));
        made.filter_map(|(name, _)| self.headers.get(&name.to_ascii_lowercase())).map(String::as_str)
    }

    /// How long its body is, in bytes.
    pub(super) fn body_bytes(&self) -> usize {
        self.body_text().map_or(0, |text| text.len())
    }

    /// The body as it goes over the wire.
    fn body_text(&self) -> Option<String> {
        let kind = self.headers.get(CONTENT_TYPE.as_str()).map(String::as_str).unwrap_or_default();
        match &self.body {
            Json::Null => None,
            Json::String(text) if !kind.contains("json") => Some(text.clone()),
            Json::Object(fields) if kind.starts_with("application/x-www-form-urlencoded") => {
                let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let mut form = url_form();
                for (name, value) in fields {
                    form.query_pairs_mut().append_pair(name, &text(value));
                }
                Some(form.query().unwrap_or_default().to_owned())
            }
            json => Some(json.to_string()),
        }
    }

    /// As the client takes it. Errors do not repeat the address, which may hold a secret.
    pub(super) fn request(&self) -> Result<Request, String> {
        let url = address(&Secret::new(self.url.clone()))?;
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("`{}` is no method of HTTP", self.method))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let wrong = |error: String| format!("header `{name}`: {error}");
            let value = HeaderValue::from_str(value).map_err(|_| wrong("it cannot be sent".to_owned()))?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| wrong(error.to_string()))?;
            headers.insert(name, value);
        }
        Ok(Request { method, url, headers, body: self.body_text().map(String::into_bytes) })
    }
}

/// Fields are encoded as forms do, by the URL library's own writer of queries.
fn url_form() -> Url {
    Url::parse("http://form/").expect("a fixed text that is a URL")
}
