//! `sinks` → settings of sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::raw::{At, EventFormatWord, MailTlsWord, RawSetting, RawSink, Wrong};
use crate::config::tree::Where;
use crate::delivery::Audience;
use crate::model::{ComponentId, Graph, SinkName, suggest};
use crate::sinks::http::Setting;
use crate::sinks::{
    Adapter, CommandSettings, EmailSettings, EventFormat, FileSettings, HttpSettings, MailTls, SettingValue,
    SinkSettings, WebhookSettings, mailbox,
};

use super::Context;
use super::adapters::{self, Definitions};

/// How long an attempt may take where nobody says it.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// A file is renamed when it has grown to this.
const ROTATE_AT_BYTES: u64 = 10 << 20;
/// So many renamed files are kept.
const KEEP: usize = 5;

/// The adapters that need no definition, with the keys that are theirs alone.
const BUILT_IN: [(&str, &[&str]); 5] = [
    ("webhook", &["url", "url_file", "url_env", "secret", "secret_file", "secret_env", "format", "timeout"]),
    ("stdout", &[]),
    ("command", &["command", "timeout"]),
    ("file", &["path", "rotate_at", "keep"]),
    ("email", &["server", "tls", "username", "password_file", "password_env", "from", "to", "timeout"]),
];
/// The keys of a sink whose adapter a definition describes.
const DEFINED: &[&str] =
    &["settings", "components", "rate", "timeout", "inbound_secret_file", "inbound_secret_env"];

/// The sinks that can be used, and the names of all.
pub(super) struct Sinks {
    /// Those without a problem.
    pub checked: Vec<SinkSettings>,
    /// Names that are taken, also by sinks with a problem, so that a problem is not told twice.
    pub names: Vec<SinkName>,
}

pub(super) fn sinks(raw: Vec<RawSink>, definitions: &Definitions, graph: &Graph, cx: &Context<'_>) -> Sinks {
    let mut sinks = Sinks { checked: Vec::new(), names: Vec::new() };
    let mut fallbacks = Vec::new();
    for raw in raw {
        if let Some(name) = &raw.name {
            if sinks.names.contains(&name.value) {
                cx.error(&name.at, format!("there are two sinks called `{}`", name.value));
            }
            sinks.names.push(name.value.clone());
        }
        fallbacks.extend(raw.fallback.clone());
        sinks.checked.extend(sink(raw, definitions, graph, cx));
    }
    fallbacks.iter().for_each(|fallback| check_fallback(fallback, &sinks, cx));
    check_cycles(&fallbacks, &sinks, cx);
    sinks
}

fn sink(
    mut raw: RawSink,
    definitions: &Definitions,
    graph: &Graph,
    cx: &Context<'_>,
) -> Option<SinkSettings> {
    let at = raw.at.clone();
    let name = cx.reader.required(raw.name.take(), &at, "name", "a sink");
    let audience = cx.reader.required(raw.audience.take(), &at, "audience", "a sink");
    let adapter = cx.reader.required(raw.adapter.take(), &at, "adapter", "a sink")?;
    let expires_after = raw.expires_after.take().and_then(|length| cx.positive(&length, "expires_after"));
    let fallback = raw.fallback.take();
    if let (Some(fallback), Some(Audience::Customers)) = (&fallback, audience.as_ref().map(|a| a.value)) {
        cx.error(
            &fallback.at,
            Wrong::new("a sink for customers has no use for a `fallback`")
                .hint("every post goes to all sinks for customers, and responders hear of one that is dead"),
        );
    }
    let inbound = cx.hidden("inbound_secret", raw.inbound_secret_file.take(), raw.inbound_secret_env.take());
    let made = match adapter.value.as_str() {
        "webhook" => only(&raw, "webhook", cx).and(webhook(raw, cx)),
        "stdout" => only(&raw, "stdout", cx).map(|()| Adapter::Stdout),
        "command" => only(&raw, "command", cx).and(command(raw, cx)),
        "file" => only(&raw, "file", cx).and(file(raw, cx)),
        "email" => only(&raw, "email", cx).and(email(raw, cx)),
        _ => http(raw, &adapter, audience.as_ref(), definitions, graph, cx),
    };
    Some(SinkSettings {
        name: name?.value,
        audience: audience?.value,
        adapter: made?,
        expires_after,
        fallback: fallback.map(|fallback| fallback.value),
        inbound,
    })
}

/// Notes keys that belong to other adapters.
fn only(raw: &RawSink, adapter: &str, cx: &Context<'_>) -> Option<()> {
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == adapter).map(|(_, keys)| *keys);
    let allowed = built_in.unwrap_or(DEFINED);
    for (key, at) in given(raw) {
        if !allowed.contains(&key) {
            cx.error(&at, format!("the adapter `{adapter}` has no use for `{key}`"));
        }
    }
    Some(())
}

/// The keys that are given and belong to some adapters only.
fn given(raw: &RawSink) -> Vec<(&'static str, Where)> {
    let at = |key, place: Option<&Where>| place.map(|place| (key, place.clone()));
    let entries = |key, first: Option<&Where>| at(key, first);
    let all = [
        at("url", raw.url.as_ref().map(|v| &v.at)),
        at("url_file", raw.url_file.as_ref().map(|v| &v.at)),
        at("url_env", raw.url_env.as_ref().map(|v| &v.at)),
        at("secret", raw.secret.as_ref().map(|v| &v.at)),
        at("secret_file", raw.secret_file.as_ref().map(|v| &v.at)),
        at("secret_env", raw.secret_env.as_ref().map(|v| &v.at)),
        at("format", raw.format.as_ref().map(|v| &v.at)),
        at("timeout", raw.timeout.as_ref().map(|v| &v.at)),
        entries("settings", raw.settings.as_ref().map(|v| v.0.first().map_or(&raw.at, |(key, _)| &key.at))),
        entries(
            "components",
            raw.components.as_ref().map(|v| v.0.first().map_or(&raw.at, |(key, _)| &key.at)),
        ),
        at("rate", raw.rate.as_ref().map(|v| &v.at)),
        entries("command", raw.command.as_ref().map(|v| v.first().map_or(&raw.at, |word| &word.at))),
        at("path", raw.path.as_ref().map(|v| &v.at)),
        at("rotate_at", raw.rotate_at.as_ref().map(|v| &v.at)),
        at("keep", raw.keep.as_ref().map(|v| &v.at)),
        at("server", raw.server.as_ref().map(|v| &v.at)),
        at("tls", raw.tls.as_ref().map(|v| &v.at)),
        at("username", raw.username.as_ref().map(|v| &v.at)),
        at("password_file", raw.password_file.as_ref().map(|v| &v.at)),
        at("password_env", raw.password_env.as_ref().map(|v| &v.at)),
        at("from", raw.from.as_ref().map(|v| &v.at)),
        entries("to", raw.to.as_ref().map(|v| v.0.first().map_or(&raw.at, |to| &to.at))),
    ];
    all.into_iter().flatten().collect()
}

fn timeout(raw: Option<&At<crate::config::raw::Length>>, cx: &Context<'_>) -> Duration {
    raw.and_then(|timeout| cx.positive(timeout, "timeout")).unwrap_or(TIMEOUT)
}

fn webhook(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let keys = ["url", "url_file", "url_env"];
    let unreadable = keys.iter().any(|key| cx.reader.is_unreadable(&raw.at, key));
    let given = unreadable || raw.url.is_some() || raw.url_file.is_some() || raw.url_env.is_some();
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
    let url = cx.secret("url", raw.url, raw.url_file).or(cx.hidden("url", None, raw.url_env));
    if !given {
        cx.error(&raw.at, Wrong::new("a webhook needs `url`, `url_file` or `url_env`"));
    }
    let timeout = timeout(raw.timeout.as_ref(), cx);
    let secret =
        cx.secret("secret", raw.secret, raw.secret_file).or(cx.hidden("secret", None, raw.secret_env));
    let format = raw.format.map_or(EventFormat::Plain, |format| match format.value {
        EventFormatWord::Plain => EventFormat::Plain,
        EventFormatWord::Binary => EventFormat::CloudEventsBinary,
        EventFormatWord::Structured => EventFormat::CloudEventsStructured,
    });
    Some(Adapter::Webhook(WebhookSettings { url: url?, secret, timeout, format }))
}

fn command(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let timeout = timeout(raw.timeout.as_ref(), cx);
    let words = cx.reader.required(raw.command, &raw.at, "command", "a command")?;
    if words.first().is_none_or(|program| program.value.is_empty()) {
        cx.error(&raw.at, "`command` names no program");
        return None;
    }
    let command = words.into_iter().map(|word| word.value).collect();
    Some(Adapter::Command(CommandSettings { command, timeout }))
}

fn file(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let path = cx.reader.required(raw.path, &raw.at, "path", "a file")?;
    if path.value.is_empty() {
        cx.error(&path.at, "`path` is empty");
        return None;
    }
    Some(Adapter::File(FileSettings {
        path: cx.path(&path),
        most_bytes: raw.rotate_at.map_or(ROTATE_AT_BYTES, |bytes| bytes.value.0),
        keep: raw.keep.map_or(KEEP, |keep| super::whole(keep.value)),
    }))
}

fn email(raw: RawSink, cx: &Context<'_>) -> Option<Adapter> {
    let timeout = timeout(raw.timeout.as_ref(), cx);
    let tls = raw.tls.map_or(MailTls::StartTls, |tls| match tls.value {
        MailTlsWord::Implicit => MailTls::Implicit,
        MailTlsWord::StartTls => MailTls::StartTls,
        MailTlsWord::None => MailTls::None,
    });
    let password = cx.hidden("password", raw.password_file, raw.password_env);
    let login = match (raw.username, password) {
        (Some(username), Some(password)) => Some((username.value, password)),
        (None, None) => None,
        (Some(username), None) => {
            cx.error(&username.at, "`username` needs `password_file` or `password_env`");
            None
        }
        (None, Some(_)) => {
            cx.error(&raw.at, "a password needs `username`");
            None
        }
    };
    let address = |text: &At<String>| {
        mailbox(&text.value).map_err(|why| cx.error(&text.at, why)).ok().map(|_| text.value.clone())
    };
    let server = cx.reader.required(raw.server, &raw.at, "server", "e-mail");
    let from = cx.reader.required(raw.from, &raw.at, "from", "e-mail");
    let to = cx.reader.required(raw.to, &raw.at, "to", "e-mail");
    let (server, from, to) = (server?, from?, to?);
    let place =
        server.value.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let Some((host, port)) = place.filter(|(host, port)| !host.is_empty() && 0 < *port) else {
        cx.error(
            &server.at,
            Wrong::new(format!("`{}` is no host and port", server.value))
                .hint("write for example `mail.example.com:587`"),
        );
        return None;
    };
    if to.0.is_empty() {
        cx.error(&raw.at, "`to` names nobody");
    }
    Some(Adapter::Email(EmailSettings {
        server: (host.to_owned(), port),
        tls,
        login,
        from: address(&from)?,
        to: to.0.iter().map(address).collect::<Option<_>>()?,
        timeout,
    }))
}

fn http(
    raw: RawSink,
    adapter: &At<String>,
    audience: Option<&At<Audience>>,
    definitions: &Definitions,
    graph: &Graph,
    cx: &Context<'_>,
) -> Option<Adapter> {
    if definitions.is_broken(&adapter.value) {
        return None;
    }
    let Some(definition) = definitions.get(&adapter.value) else {
        let known: BTreeSet<&str> = definitions.names().chain(BUILT_IN.map(|(name, _)| name)).collect();
        let hint = suggest::hint(&adapter.value, known.iter().copied()).unwrap_or_else(|| {
            let known: Vec<&str> = known.into_iter().collect();
            format!("there are {}; a definition of your own goes under `adapters`", known.join(", "))
        });
        cx.error(&adapter.at, Wrong::new(format!("`{}` is not an adapter", adapter.value)).hint(hint));
        return None;
    };
    only(&raw, &adapter.value, cx);
    if let Some(audience) = audience.filter(|audience| !definition.serves(audience.value)) {
        let whom = match audience.value {
            Audience::Customers => "customers: it has no operation `open`",
            Audience::Responders => "responders: it has no operation `page`",
        };
        cx.error(&audience.at, format!("the adapter `{}` is not for {whom}", adapter.value));
    }
    let values = values(&raw, &definition.name, &definition.settings, cx);
    let components = components(raw.components.map(|all| all.0).unwrap_or_default(), graph, cx);
    let rate = raw.rate.map_or(definition.rate, |raw| adapters::rate(raw, cx.reader));
    let timeout = timeout(raw.timeout.as_ref(), cx);
    Some(Adapter::Http(HttpSettings { definition, values: values?, components, timeout, rate }))
}

/// The settings with their defaults.
fn values(
    raw: &RawSink,
    adapter: &str,
    known: &BTreeMap<String, Setting>,
    cx: &Context<'_>,
) -> Option<BTreeMap<String, SettingValue>> {
    let mut values = BTreeMap::new();
    let mut all_well = true;
    for (name, value) in raw.settings.iter().flat_map(|settings| &settings.0) {
        let Some(setting) = known.get(&name.value) else {
            let what = format!("the adapter `{adapter}` has no setting `{}`", name.value);
            let hint = suggest::hint(&name.value, known.keys().map(String::as_str));
            cx.error(&name.at, Wrong { what, hint });
            all_well = false;
            continue;
        };
        match self::value(name, value, setting, cx) {
            Some(value) => drop(values.insert(name.value.clone(), value)),
            None => all_well = false,
        }
    }
    for (name, setting) in known.iter() {
        if values.contains_key(name) {
            continue;
        }
        let was_wrong = raw.settings.iter().flat_map(|s| &s.0).any(|(given, _)| given.value == *name);
        if setting.required && !was_wrong {
            cx.error(
                &raw.at,
                Wrong::new(format!("the adapter `{adapter}` needs the setting `{name}`"))
                    .hint(setting.about.clone()),
            );
            all_well = false;
        }
        values.insert(name.clone(), SettingValue::Plain(setting.default.clone().unwrap_or_default()));
    }
    all_well.then_some(values)
}

fn value(name: &At<String>, value: &RawSetting, setting: &Setting, cx: &Context<'_>) -> Option<SettingValue> {
    match value {
        RawSetting::Plain(_) if setting.secret => {
            cx.error(
                &name.at,
                Wrong::new(format!("`{}` is a secret, and may not stand in the configuration", name.value))
                    .hint(format!(
                        "write `{}: {{file: PATH}}` or `{}: {{env: NAME}}`",
                        name.value, name.value
                    )),
            );
            None
        }
        RawSetting::Plain(tree) => Some(SettingValue::Plain(adapters::plain(tree))),
        RawSetting::File(file) => cx.hidden(&name.value, Some(file.clone()), None).map(SettingValue::Secret),
        RawSetting::Environment(variable) => {
            cx.hidden(&name.value, None, Some(variable.clone())).map(SettingValue::Secret)
        }
    }
}

/// What components are called there.
fn components(
    raw: Vec<(At<String>, At<String>)>,
    graph: &Graph,
    cx: &Context<'_>,
) -> BTreeMap<ComponentId, String> {
    let mut components = BTreeMap::new();
    for (id, target) in raw {
        match ComponentId::new(&id.value).ok().filter(|known| graph.get(known).is_some()) {
            Some(known) => drop(components.insert(known, target.value)),
            None => {
                let known = graph.iter().map(|component| ComponentId::as_str(&component.id));
                let what = format!("there is no component `{}`", id.value);
                cx.error(&id.at, Wrong { what, hint: suggest::hint(&id.value, known) });
            }
        }
    }
    components
}

fn check_fallback(fallback: &At<SinkName>, sinks: &Sinks, cx: &Context<'_>) {
    if !sinks.names.contains(&fallback.value) {
        let hint = suggest::hint(fallback.value.as_str(), sinks.names.iter().map(SinkName::as_str));
        cx.error(&fallback.at, Wrong { what: format!("there is no sink `{}`", fallback.value), hint });
    }
    let found = sinks.checked.iter().find(|sink| sink.name == fallback.value);
    if found.is_some_and(|sink| sink.audience == Audience::Customers) {
        cx.error(&fallback.at, format!("the sink `{}` is for customers, who are not paged", fallback.value));
    }
}

/// A message that went round in a circle would never end.
fn check_cycles(fallbacks: &[At<SinkName>], sinks: &Sinks, cx: &Context<'_>) {
    let next = |name: &SinkName| {
        sinks.checked.iter().find(|sink| sink.name == *name).and_then(|sink| sink.fallback.as_ref())
    };
    for fallback in fallbacks {
        let (mut at, mut steps) = (Some(&fallback.value), 0);
        while let Some(name) = at.filter(|_| steps <= sinks.checked.len()) {
            (at, steps) = (next(name), steps + 1);
        }
        if at.is_some() {
            cx.error(&fallback.at, "the fallbacks of sinks go round in a circle");
            return;
        }
    }
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
