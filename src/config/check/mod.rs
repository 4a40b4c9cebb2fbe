//! From what the file says to the rooms' own types.
//!
//! In:   the raw sections; the directory that paths are relative to; the files, to look whether secrets are there.
//! Out:  the configuration with every default filled in, here and only here; every problem at its place.
//! Not:  no content of other files is used but that of templates: rule files are read by `load`, secrets by the rooms
//!       that need them.

pub mod adapters;
pub mod audience;
mod components;
mod discovery;
mod escalation;
mod http;
mod incidents;
mod publish;
mod relabel;
mod scrape;
mod sinks;
mod templates;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::files::{self, Files};
use crate::config::raw::{At, Count, Entries, RawConfig, RawGlobal, RawServer, Reader, Wrong};
use crate::config::settings::{Config, ServerSettings};
use crate::config::tree::Where;
use crate::model::{Labels, Secret, SecretSource, format_duration};
use crate::rules::{Context as RuleContext, UnknownKeys};

/// Checks all sections; problems go to the reader. What comes from rule files is left empty: their patterns are given
/// as written, with their places.
pub fn check(raw: RawConfig, base: &Path, files: &dyn Files, reader: &Reader) -> (Config, Vec<At<String>>) {
    let cx = Context { reader, base, files };
    let global = global(raw.global, &cx);
    let graph = components::graph(raw.components.unwrap_or_default(), &cx);
    let definitions = adapters::Definitions::read(&raw.adapters.unwrap_or_default(), &cx);
    let sinks = sinks::sinks(raw.sinks.unwrap_or_default(), &definitions, &graph, &cx);
    let mut incidents = incidents::settings(raw.incidents, &graph, &sinks, &cx);
    let escalation = raw.escalation.unwrap_or_default();
    let escalation = escalation::policies(escalation, &graph, &sinks, &mut incidents.settings, &cx);
    let server = server(raw.server, &cx);
    let config = Config {
        jobs: scrape::jobs(raw.scrape_configs.unwrap_or_default(), &global, &cx),
        evaluation_interval: global.evaluation_interval,
        external_labels: global.external_labels.clone(),
        rules: RuleContext {
            mapping: incidents.mapping,
            default_interval: global.evaluation_interval,
            query_offset: global.rule_query_offset,
            external_labels: global.external_labels,
            external_url: server.external_url.clone().unwrap_or_default(),
            unknown_keys: UnknownKeys::Refuse,
            eta_window: incidents.settings.eta_window,
        },
        graph,
        incidents: incidents.settings,
        escalation,
        sinks: sinks.checked,
        server,
        data_dir: raw.data_dir.map(|dir| cx.data_dir(&dir)).unwrap_or_default(),
        groups: Vec::new(),
        sources: incidents.sources.into_iter().chain(definitions.sources).collect(),
    };
    (config, raw.rule_files.unwrap_or_default())
}

/// The links of a page are good for a night and the morning after.
const LINKS_VALID_FOR: Duration = Duration::from_secs(24 * 3600);

fn server(raw: Option<RawServer>, cx: &Context<'_>) -> ServerSettings {
    let (listen, url, valid_for) =
        raw.map_or((None, None, None), |raw| (raw.listen, raw.external_url, raw.links_valid_for));
    let external_url = url.and_then(|url| {
        let parsed = reqwest::Url::parse(&url.value).ok();
        let usable = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if usable.is_none() {
            cx.error(&url.at, format!("`{}` is not a URL of `http` or `https`", url.value));
        }
        usable.map(|_| url.value.trim_end_matches('/').to_owned())
    });
    ServerSettings {
        listen: listen.map_or_else(default_listen, |listen| listen.value.0),
        external_url,
        links_valid_for: valid_for
            .and_then(|length| cx.positive(&length, "links_valid_for"))
            .unwrap_or(LINKS_VALID_FOR),
    }
}

/// Stands in where the address that was written is none; it is never listened on, since that is an error.
fn default_listen() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 9096))
}

/// What every section's check needs.
struct Context<'a> {
    reader: &'a Reader,
    base: &'a Path,
    files: &'a dyn Files,
}

impl Context<'_> {
    fn error(&self, at: &Where, wrong: impl Into<Wrong>) {
        self.reader.error(at, wrong);
    }

    /// A path, relative to the configuration file.
    fn path(&self, path: &At<String>) -> PathBuf {
        self.base.join(&path.value)
    }

    /// Relative to the configuration file where that says it, else to where Fogsignal was started.
    fn data_dir(&self, path: &At<String>) -> PathBuf {
        if path.value.is_empty() {
            self.error(&path.at, "`data_dir` is empty");
        }
        match path.at {
            Where::File(_) => self.path(path),
            Where::Setting(_) => PathBuf::from(&path.value),
        }
    }

    /// A secret, or the file that holds it; both is an error.
    fn secret(
        &self,
        key: &str,
        inline: Option<At<Secret>>,
        file: Option<At<String>>,
    ) -> Option<SecretSource> {
        match (inline, file) {
            (Some(_), Some(file)) => {
                self.error(
                    &file.at,
                    Wrong::new(format!("`{key}` and `{key}_file` are both given")).hint("keep one of them"),
                );
                None
            }
            (Some(secret), None) => Some(SecretSource::Inline(secret.value)),
            (None, Some(file)) if file.value.is_empty() => {
                self.error(&file.at, format!("`{key}_file` is empty"));
                None
            }
            (None, Some(file)) => Some(SecretSource::File(self.secret_file(&file))),
            (None, None) => None,
        }
    }

    /// A secret that may not stand in the configuration itself: the file that holds it, or the variable.
    fn hidden(
        &self,
        key: &str,
        file: Option<At<String>>,
        variable: Option<At<String>>,
    ) -> Option<SecretSource> {
        match (file, variable) {
            (Some(_), Some(variable)) => {
                self.error(
                    &variable.at,
                    Wrong::new(format!("`{key}` is given as a file and as a variable"))
                        .hint("keep one of them"),
                );
                None
            }
            (Some(file), None) => self.secret(key, None, Some(file)),
            (None, Some(variable)) if variable.value.is_empty() => {
                self.error(&variable.at, "the name of a variable is empty");
                None
            }
            (None, Some(variable)) => Some(SecretSource::Environment(variable.value)),
            (None, None) => None,
        }
    }

    /// The path of a secret. It is read at each use, so that one that is not there yet is no error.
    fn secret_file(&self, file: &At<String>) -> PathBuf {
        let path = self.path(file);
        if let Err(error) = self.files.read(&path) {
            let (why, hint) = files::why(&error);
            let wrong = Wrong::new(format!("cannot read `{}` yet: {why}", path.display()));
            let hint = hint.unwrap_or("what needs it fails until it is there");
            self.reader.warning(&file.at, wrong.hint(hint));
        }
        path
    }

    /// Labels that a user gives to things.
    fn labels(&self, entries: Option<Entries<At<String>>>) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for (name, value) in entries.map(|entries| entries.0).unwrap_or_default() {
            if name.value.is_empty() {
                self.error(&name.at, "a label has no name");
            } else {
                labels.push((name.value, value.value));
            }
        }
        labels
    }

    /// A length that must not be zero; `None` where it is.
    fn positive(&self, length: &At<crate::config::raw::Length>, key: &str) -> Option<Duration> {
        if length.value.0.is_zero() {
            self.error(&length.at, format!("`{key}` must be longer than 0s"));
            return None;
        }
        Some(length.value.0)
    }
}

/// A number of things in memory.
fn whole(count: Count) -> usize {
    usize::try_from(count.0).unwrap_or(usize::MAX)
}

/// `global`, with its defaults.
struct Global {
    scrape_interval: Duration,
    /// As written; the default depends on the interval of the job.
    scrape_timeout: Option<Duration>,
    evaluation_interval: Duration,
    rule_query_offset: Duration,
    external_labels: Labels,
    raw: Option<RawGlobal>,
}

fn global(raw: Option<RawGlobal>, cx: &Context<'_>) -> Global {
    // The layers hold these defaults too; here they stand in for a value that could not be read.
    const INTERVAL: Duration = Duration::from_secs(60);
    let all = raw.as_ref();
    let positive = |length: Option<&At<_>>, key| length.and_then(|length| cx.positive(length, key));
    let scrape_interval =
        positive(all.and_then(|g| g.scrape_interval.as_ref()), "scrape_interval").unwrap_or(INTERVAL);
    let scrape_timeout = all.and_then(|g| g.scrape_timeout.as_ref()).and_then(|timeout| {
        let length = cx.positive(timeout, "scrape_timeout")?;
        if scrape_interval < length {
            cx.error(&timeout.at, longer_than_interval(length, scrape_interval));
        }
        Some(length)
    });
    Global {
        scrape_interval,
        scrape_timeout,
        evaluation_interval: positive(
            all.and_then(|g| g.evaluation_interval.as_ref()),
            "evaluation_interval",
        )
        .unwrap_or(INTERVAL),
        rule_query_offset: all
            .and_then(|g| g.rule_query_offset.as_ref())
            .map_or(Duration::ZERO, |o| o.value.0),
        external_labels: cx.labels(all.and_then(|g| g.external_labels.clone())).into_iter().collect(),
        raw,
    }
}

fn longer_than_interval(timeout: Duration, interval: Duration) -> Wrong {
    let (timeout, interval) = (format_duration(timeout), format_duration(interval));
    Wrong::new(format!("the scrape timeout {timeout} is longer than the scrape interval {interval}"))
        .hint("a scrape must end before the next one begins")
}
