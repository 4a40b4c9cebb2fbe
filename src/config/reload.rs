//! What a reload changes.
//!
//! In:   the configuration that runs, and one that was just loaded.
//! Out:  what is different, in words for the log, and what only a restart can change.
//! Not:  nothing is applied here: the rooms take their parts of the new configuration themselves.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::{Place, SecretSource};
use crate::rules::Rule;
use crate::scrape::{Authorization, Discovery, Header, Job, ProxyBy, ProxySettings, TlsSettings};
use crate::sinks::{Adapter, SinkSettings};

use super::settings::Config;

/// What is different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What changed, in words: `2 jobs added: a, b`.
    pub changed: Vec<String>,
    /// What was asked for and needs a restart, in words; the old value stays.
    pub needs_restart: Vec<String>,
}

impl Changes {
    /// Whether everything is as it was.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.needs_restart.is_empty()
    }
}

/// One line.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changed.is_empty() {
            f.write_str("nothing changed")
        } else {
            f.write_str(&self.changed.join("; "))
        }
    }
}

/// Compares `new` with `old`, and gives `new` the old value of what only a restart can change.
pub fn changes(old: &Config, new: &mut Config) -> Changes {
    let mut changes = Changes::default();
    let about_links = |config: &Config| (config.server.external_url.clone(), config.server.links_valid_for);
    if about_links(old) != about_links(new) {
        let what =
            "`server.external_url` and `server.links_valid_for` need a restart; links stay as they were";
        changes.needs_restart.push(what.to_owned());
    }
    if old.server.listen != new.server.listen {
        changes.needs_restart.push(format!(
            "`server.listen` {} needs a restart; still listening on {}",
            new.server.listen, old.server.listen
        ));
    }
    new.server = old.server.clone();
    if old.data_dir != new.data_dir {
        changes.needs_restart.push(format!(
            "`data_dir` `{}` needs a restart; still writing to `{}`",
            new.data_dir.display(),
            old.data_dir.display()
        ));
        new.data_dir.clone_from(&old.data_dir);
    }
    let mut compare = |noun: &str, old: Things, new: Things| changes.changed.extend(words(noun, &old, &new));
    compare("job", jobs(old), jobs(new));
    compare("rule group", groups(old), groups(new));
    compare("component", components(old), components(new));
    compare("sink", sinks(old), sinks(new));
    for (same, what) in [
        (old.evaluation_interval == new.evaluation_interval, "the evaluation interval"),
        (old.external_labels == new.external_labels, "the external labels"),
        (old.rules.mapping == new.rules.mapping, "how labels of alerts are read"),
        (old.incidents == new.incidents, "the settings of incidents"),
        (old.escalation == new.escalation, "the escalation policies"),
    ] {
        if !same {
            changes.changed.push(format!("{what} changed"));
        }
    }
    changes
}

/// Things by name, each with all that it is as text. `Debug` hides secrets, so a digest stands for them.
type Things = BTreeMap<String, String>;

fn jobs(config: &Config) -> Things {
    let about = |job: &Job| format!("{job:?} {:?}", secrets(job).iter().map(digest).collect::<Vec<_>>());
    config.jobs.iter().map(|job| (job.name.clone(), about(job))).collect()
}

/// Those of the job itself, and those by which its providers of targets are asked.
fn secrets(job: &Job) -> Vec<SecretSource> {
    let mut secrets = Vec::new();
    let mut gather = |authorization: Option<&Authorization>, tls, proxy, headers: &[Header]| {
        secrets.extend(headers.iter().map(|header| header.value.clone()));
        on_the_way(tls, proxy, &mut secrets);
        match authorization {
            Some(Authorization::Basic { password, .. }) => secrets.push(password.clone()),
            Some(Authorization::Credentials { credentials, .. }) => secrets.push(credentials.clone()),
            Some(Authorization::OAuth2(settings)) => {
                on_the_way(&settings.tls, &settings.proxy, &mut secrets);
                secrets.push(settings.client_secret.clone());
            }
            None => {}
        }
    };
    gather(job.authorization.as_ref(), &job.tls, &job.proxy, &job.headers);
    for asked in job.discovery.iter().filter_map(Discovery::requests) {
        gather(asked.authorization.as_ref(), &asked.tls, &asked.proxy, &asked.headers);
    }
    secrets
}

fn on_the_way(tls: &TlsSettings, proxy: &ProxySettings, secrets: &mut Vec<SecretSource>) {
    secrets.extend(tls.key.iter().cloned().map(SecretSource::Inline));
    if let ProxyBy::Url { url, .. } = &proxy.by {
        secrets.push(SecretSource::Inline(url.clone()));
    }
    secrets.extend(proxy.connect_headers.iter().map(|(_, value)| SecretSource::Inline(value.clone())));
}

fn groups(config: &Config) -> Things {
    let mut things = Things::new();
    for group in &config.groups {
        // Two files may each have a group of this name. Where a rule stands is no change of it.
        let rules = group.rules.iter().map(about_rule);
        let about =
            format!("{:?}", (group.interval, group.query_offset, group.limit, rules.collect::<Vec<_>>()));
        things.entry(group.name.clone()).or_default().push_str(&about);
    }
    things
}

/// All of a rule but where it stands, so that a comment above it is no change.
fn about_rule(rule: &Rule) -> String {
    let nowhere = Place::whole_file(&"".into());
    let mut rule = rule.clone();
    rule.place = nowhere.clone();
    rule.components.iter_mut().for_each(|(_, place)| *place = nowhere.clone());
    format!("{rule:?}")
}

fn components(config: &Config) -> Things {
    let components = config.graph.iter().enumerate();
    components
        .map(|(place, component)| (component.id.to_string(), format!("{place} {component:?}")))
        .collect()
}

fn sinks(config: &Config) -> Things {
    let secrets = |adapter: &Adapter| match adapter {
        Adapter::Webhook(webhook) => vec![digest(&webhook.url), webhook.secret.as_ref().and_then(digest)],
        // Every other secret is in a file or the environment.
        _ => Vec::new(),
    };
    let about = |sink: &SinkSettings| format!("{sink:?} {:?}", secrets(&sink.adapter));
    config.sinks.iter().map(|sink| (sink.name.to_string(), about(sink))).collect()
}

/// Only ever compared, never shown. A secret in a file is read at each use, so that only its path counts.
fn digest(secret: &SecretSource) -> Option<Vec<u8>> {
    match secret {
        SecretSource::Inline(secret) => Some(Sha256::digest(secret.expose()).to_vec()),
        SecretSource::File(_) | SecretSource::Environment(_) => None,
    }
}

/// `2 jobs added: a, b` and so on; nothing where nothing is different.
fn words(noun: &str, old: &Things, new: &Things) -> Vec<String> {
    let added = new.keys().filter(|name| !old.contains_key(*name)).collect();
    let removed = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let changed = new.iter().filter(|(name, about)| old.get(*name).is_some_and(|before| before != *about));
    let changed = changed.map(|(name, _)| name).collect();
    let sets: [(&str, Vec<&String>); 3] = [("added", added), ("removed", removed), ("changed", changed)];
    sets.into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| {
            let plural = if names.len() == 1 { "" } else { "s" };
            format!("{} {noun}{plural} {verb}: {}", names.len(), list(&names))
        })
        .collect()
}

/// The first few names.
fn list(names: &[&String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if SHOWN < names.len() {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
