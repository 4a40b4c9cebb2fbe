//! `sinks` → settings of sinks.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::raw::{AdapterWord, RawSink, RawSinkEntry, Wrong};
use crate::config::tree::Where;
use crate::model::{SecretSource, SinkName};
use crate::sinks::{Adapter, SinkSettings, WebhookSettings};

use super::Context;

/// How long an attempt may take where nobody says it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The sinks that can be used, and the names of all.
pub(super) struct Sinks {
    /// Those without a problem.
    pub checked: Vec<SinkSettings>,
    /// Names that are taken, also by sinks with a problem, so that a problem is not told twice.
    pub names: Vec<SinkName>,
}

pub(super) fn sinks(raw: Vec<RawSinkEntry>, cx: &Context<'_>) -> Sinks {
    let mut sinks = Sinks { checked: Vec::new(), names: Vec::new() };
    for entry in raw {
        let raw = match entry {
            RawSinkEntry::Known(raw) => *raw,
            RawSinkEntry::OtherAdapter(name) => {
                sinks.names.extend(name);
                continue;
            }
        };
        if let Some(name) = &raw.name {
            if sinks.names.contains(&name.value) {
                cx.error(&name.at, format!("there are two sinks called `{}`", name.value));
            }
            sinks.names.push(name.value.clone());
        }
        sinks.checked.extend(sink(raw, cx));
    }
    sinks
}

fn sink(mut raw: RawSink, cx: &Context<'_>) -> Option<SinkSettings> {
    let at = raw.at.clone();
    let name = cx.reader.required(raw.name.take(), &at, "name", "a sink");
    let audience = cx.reader.required(raw.audience.take(), &at, "audience", "a sink");
    let adapter = match cx.reader.required(raw.adapter.take(), &at, "adapter", "a sink")?.value {
        AdapterWord::Webhook => webhook(raw, cx),
        AdapterWord::Stdout => stdout(raw, cx),
    };
    Some(SinkSettings { name: name?.value, audience: audience?.value, adapter: adapter? })
}

fn webhook(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let unreadable = ["url", "url_file"].iter().any(|key| cx.reader.is_unreadable(&raw.at, key));
    let given = unreadable || raw.url.is_some() || raw.url_file.is_some();
    if let Some(url) = &raw.url
        && let Err(wrong) = check_url(url.value.expose())
    {
        cx.error(&url.at, wrong);
    }
    if let Some(secret) = &raw.secret
        && let Err(wrong) = check_signing_secret(secret.value.expose())
    {
        cx.error(&secret.at, wrong);
    }
    let url: Option<SecretSource> = cx.secret("url", raw.url, raw.url_file);
    if !given {
        cx.error(&raw.at, Wrong::new("a webhook needs `url` or `url_file`"));
    }
    let timeout = raw.timeout.and_then(|timeout| cx.positive(&timeout, "timeout")).unwrap_or(TIMEOUT);
    let secret = cx.secret("secret", raw.secret, raw.secret_file);
    Some(Adapter::Webhook(WebhookSettings { url: url?, secret, timeout }))
}

fn stdout(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let places: [(&str, Option<Where>); 5] = [
        ("url", raw.url.map(|url| url.at)),
        ("url_file", raw.url_file.map(|file| file.at)),
        ("secret", raw.secret.map(|secret| secret.at)),
        ("secret_file", raw.secret_file.map(|file| file.at)),
        ("timeout", raw.timeout.map(|timeout| timeout.at)),
    ];
    for (key, at) in places {
        if let Some(at) = at {
            cx.error(&at, format!("the adapter `stdout` has no use for `{key}`"));
        }
    }
    Some(Adapter::Stdout)
}

/// Says nothing of the URL itself, since many carry a token.
fn check_url(url: &str) -> Result<(), Wrong> {
    let whole =
        reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if whole { Ok(()) } else { Err(Wrong::new("this is not a URL of `http` or `https`")) }
}

/// As Standard Webhooks writes secrets: `whsec_` and base64.
fn check_signing_secret(secret: &str) -> Result<(), Wrong> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) if STANDARD.decode(encoded).is_ok_and(|key| !key.is_empty()) => Ok(()),
        Some(_) => Err(Wrong::new("what follows `whsec_` is not base64")),
        None => Err(Wrong::new("a signing secret begins with `whsec_`")
            .hint("make one with: echo whsec_$(head -c 32 /dev/urandom | base64 -w0)")),
    }
}
