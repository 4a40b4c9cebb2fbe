//! From groups to targets: what is scraped, where, and under which labels.
//!
//! In:   jobs with their relabelling rules, and groups of addresses with labels, written or found.
//! Out:  one `Target` for each address that is left, or every reason why one cannot be scraped.
//! Not:  no network: a name is looked up when its target is scraped.
//!
//! As Prometheus 3 does it: an address gets the labels of its group and the job's defaults as `__…__` labels, the
//! rules rewrite them, and what they say in the end is asked. No port is added to an address that has none; the
//! scheme's own is used then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::model::{Labels, LabelsBuilder, TargetKey, format_duration, parse_duration};
use crate::scrape::discovery::group::{ADDRESS, Group};
use crate::scrape::{Job, relabel};

const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const RESERVED_PREFIX: &str = "__";

/// Something to scrape.
#[derive(Clone)]
pub struct Target {
    /// Its lasting name: the same over restarts and reloads as long as job, URL and labels are.
    pub key: TargetKey,
    /// What is asked, with its parameters; `shown_url` is for people.
    pub url: Url,
    /// The labels that all its series get.
    pub identity: Labels,
    /// How often it is asked.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The job that it belongs to.
    pub job: Arc<Job>,
    /// Set where the job has more targets than its `target_limit`: it is not asked then, as in Prometheus.
    pub over_limit: Option<OverLimit>,
}

/// More targets than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// How many there are.
    pub found: usize,
    /// How many there may be.
    pub limit: usize,
}

impl Target {
    /// The URL without parameters, which may hold what nobody should read.
    pub fn shown_url(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.into()
    }

    /// How far into each interval it is scraped: spread evenly over all targets, and always the same for one.
    pub(in crate::scrape) fn offset(&self) -> Duration {
        let interval_ms = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(digest(self.key.as_str().as_bytes()) % interval_ms)
    }
}

impl Target {
    /// Whether it is scraped just as `other`.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (&self.key, self.interval, self.timeout, self.over_limit)
            == (&other.key, other.interval, other.timeout, other.over_limit)
            && Arc::ptr_eq(&self.job, &other.job)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("key", &self.key)
            .field("url", &self.shown_url())
            .field("identity", &self.identity)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why jobs make no targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// One target cannot be scraped.
    #[error("job `{job}`, target `{address}`: {fault}")]
    Target {
        /// The job.
        job: String,
        /// The address as written.
        address: String,
        /// What is wrong.
        fault: TargetFault,
    },
    /// The job has more targets than `target_limit`.
    #[error("job `{job}` has {found} targets, more than its `target_limit` of {limit}")]
    TooMany {
        /// The job.
        job: String,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// What is wrong with one target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Relabelling removed its address.
    #[error("it has no address after relabelling")]
    NoAddress,
    /// Its address is not `host` or `host:port`.
    #[error("its address is not of the form `host` or `host:port`")]
    Address,
    /// Its scheme is neither of the two.
    #[error("scheme `{0}` is neither `http` nor `https`")]
    Scheme(String),
    /// A `__scrape_interval__` or `__scrape_timeout__` that is no duration, or zero.
    #[error("`{label}` is `{value}`, which is no duration above zero")]
    Duration {
        /// The label.
        label: &'static str,
        /// Its value.
        value: String,
    },
    /// The timeout is longer than the interval.
    #[error("scrape timeout {timeout} is longer than its interval {interval}")]
    Timeout {
        /// The timeout.
        timeout: String,
        /// The interval.
        interval: String,
    },
}

/// Everything that is wrong with the targets of all jobs; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetErrors(pub Vec<TargetError>);

/// One line each.
impl fmt::Display for TargetErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for TargetErrors {}

/// The targets that jobs list themselves, after relabelling, in the order of the configuration, each once.
///
/// # Errors
/// Everything that is wrong, of all jobs.
pub fn resolve_targets(jobs: &[Job]) -> Result<Vec<Target>, TargetErrors> {
    let (mut targets, mut errors, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for job in jobs {
        let job = Arc::new(job.clone());
        let before = targets.len();
        for group in Group::listed(&job.targets) {
            let resolved = resolve_group(&job, &group);
            targets.extend(resolved.targets.into_iter().filter(|target| known.insert(target.key.clone())));
            errors.extend(resolved.bad.into_iter().map(|bad| TargetError::Target {
                job: job.name.clone(),
                address: bad.address,
                fault: bad.fault,
            }));
        }
        let found = targets.len() - before;
        if let Some(limit) = job.limits.targets.filter(|limit| *limit < found) {
            errors.push(TargetError::TooMany { job: job.name.clone(), found, limit });
        }
    }
    if errors.is_empty() { Ok(targets) } else { Err(TargetErrors(errors)) }
}

/// What becomes of a group.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Those to scrape.
    pub(super) targets: Vec<Target>,
    /// Those that cannot be scraped.
    pub(super) bad: Vec<BadTarget>,
    /// How many relabelling dropped.
    pub(super) dropped: usize,
}

/// A target that cannot be scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadTarget {
    /// Its address as found.
    pub(super) address: String,
    /// What is wrong.
    pub(super) fault: TargetFault,
}

/// Relabels each target of a group.
pub(super) fn resolve_group(job: &Arc<Job>, group: &Group) -> Resolved {
    let mut resolved = Resolved::default();
    for own in &group.targets {
        match resolve(job, discovered(job, group, own)) {
            Ok(Some(target)) => resolved.targets.push(target),
            Ok(None) => resolved.dropped += 1,
            Err(fault) => {
                let address = own.get(ADDRESS).map_or("", |address| without_user(address)).to_owned();
                resolved.bad.push(BadTarget { address, fault });
            }
        }
    }
    resolved
}

/// One target; `None` where relabelling drops it.
pub(super) fn resolve(job: &Arc<Job>, mut labels: LabelsBuilder) -> Result<Option<Target>, TargetFault> {
    if !relabel(&job.relabel, &mut labels) {
        return Ok(None);
    }
    let address = labels.get(ADDRESS).ok_or(TargetFault::NoAddress)?.to_owned();
    let interval = duration(&labels, SCRAPE_INTERVAL)?;
    let timeout = duration(&labels, SCRAPE_TIMEOUT)?;
    if interval < timeout {
        return Err(TargetFault::Timeout {
            timeout: format_duration(timeout),
            interval: format_duration(interval),
        });
    }
    if labels.get("instance").is_none() {
        labels.put("instance", &address);
    }
    let url = url(job, &labels, &address)?;
    let identity = labels.build().filtered(|name| !name.starts_with(RESERVED_PREFIX));
    let key = key(&job.name, &url, &identity);
    Ok(Some(Target { key, url, identity, interval, timeout, job: job.clone(), over_limit: None }))
}

/// What relabelling sees. Labels of the target win over those of its group, these over the job's defaults.
pub(super) fn discovered(job: &Job, group: &Group, own: &BTreeMap<String, String>) -> LabelsBuilder {
    let mut labels = LabelsBuilder::default();
    for (name, value) in group.labels.iter().chain(own) {
        labels.put(name, value);
    }
    let mut default = |name: &str, value: &str| {
        if labels.get(name).is_none() {
            labels.put(name, value);
        }
    };
    default("job", &job.name);
    default(SCRAPE_INTERVAL, &format_duration(job.interval));
    default(SCRAPE_TIMEOUT, &format_duration(job.timeout));
    default(METRICS_PATH, &job.metrics_path);
    default(SCHEME, &job.scheme);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            default(&format!("{PARAM_PREFIX}{name}"), first);
        }
    }
    labels
}

fn duration(labels: &LabelsBuilder, label: &'static str) -> Result<Duration, TargetFault> {
    let value = labels.get(label).unwrap_or_default();
    match parse_duration(value) {
        Ok(length) if length != Duration::ZERO => Ok(length),
        _ => Err(TargetFault::Duration { label, value: value.to_owned() }),
    }
}

fn url(job: &Job, labels: &LabelsBuilder, address: &str) -> Result<Url, TargetFault> {
    let scheme = labels.get(SCHEME).unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(TargetFault::Scheme(scheme.to_owned()));
    }
    if address.contains(['/', '\\', '?', '#', '@', ' ']) {
        return Err(TargetFault::Address);
    }
    let mut url = Url::parse(&format!("{scheme}://{address}")).map_err(|_| TargetFault::Address)?;
    url.set_path(labels.get(METRICS_PATH).unwrap_or_default());

    let mut params = job.params.clone();
    for (label, value) in labels.iter() {
        if let Some(name) = label.strip_prefix(PARAM_PREFIX) {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    let pairs: Vec<(&String, &String)> =
        params.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value))).collect();
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url)
}

/// Job and address for people, and a digest of all that makes the target what it is. Parameters are only in the
/// digest: they may hold a secret, and keys are shown and stored.
fn key(job: &str, url: &Url, identity: &Labels) -> TargetKey {
    let mut all = Vec::new();
    for part in [job, url.as_str()].into_iter().chain(identity.iter().flat_map(|(name, value)| [name, value]))
    {
        all.extend_from_slice(part.as_bytes());
        all.push(0xff);
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    TargetKey::from(format!("{job}/{host}:{port}#{:016x}", digest(&all)))
}

fn digest(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes)[..8].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn without_user(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default()
}
