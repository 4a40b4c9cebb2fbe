//! One entry of `scrape_configs`, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use crate::model::{Secret, SecretSource};
use crate::scrape::{Discovery, HistogramParts, OAuth2, Protocol, ProxySettings};

/// A job: targets that are scraped in the same way.
#[derive(Debug, Clone)]
pub struct Job {
    /// `job_name`
    pub name: String,
    /// How often each target is scraped.
    pub interval: Duration,
    /// How long one scrape may take; never longer than `interval`.
    pub timeout: Duration,
    /// The path on the target, `/metrics` by default.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Query parameters.
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are taken.
    pub honor_timestamps: bool,
    /// Whether every series is kept, also those that no rule wants.
    pub keep_all: bool,
    /// Whether series that carry their own time get staleness markers, too.
    pub track_timestamps_staleness: bool,
    /// In which formats the page is asked for, the best first.
    pub protocols: Vec<Protocol>,
    /// What a page is read as whose `Content-Type` says nothing that is known.
    pub fallback_protocol: Option<Protocol>,
    /// Which parts of histograms are read.
    pub histograms: HistogramParts,
    /// How it authenticates.
    pub authorization: Option<Authorization>,
    /// TLS.
    pub tls: TlsSettings,
    /// The proxy on the way to the targets.
    pub proxy: ProxySettings,
    /// Headers that are sent along.
    pub headers: Vec<Header>,
    /// Whether gzip is asked for.
    pub enable_compression: bool,
    /// Whether an answer that points elsewhere is followed.
    pub follow_redirects: bool,
    /// Rules on the labels of targets.
    pub relabel: Vec<RelabelRule>,
    /// Rules on the labels of samples.
    pub metric_relabel: Vec<RelabelRule>,
    /// What a page may not exceed.
    pub limits: Limits,
    /// Targets, as written.
    pub targets: Vec<TargetGroup>,
    /// Where more targets are found.
    pub discovery: Vec<Discovery>,
    /// How many dropped targets are listed to people; 0 for as many as there may be.
    pub keep_dropped_targets: usize,
}

impl Job {
    /// Whether both jobs make the same samples of the same page, so that its memory is good for both.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        (self.honor_labels, &self.limits, &self.metric_relabel)
            == (other.honor_labels, &other.limits, &other.metric_relabel)
    }

    /// Whether connections of the one are good for the other.
    pub(super) fn connects_as(&self, other: &Self) -> bool {
        let tokens = |job: &Self| match &job.authorization {
            Some(Authorization::OAuth2(settings)) => Some(settings.clone()),
            _ => None,
        };
        (&self.tls, &self.proxy, self.enable_compression)
            == (&other.tls, &other.proxy, other.enable_compression)
            && tokens(self) == tokens(other)
    }
}

/// One entry of `static_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// `host:port` each.
    pub targets: Vec<String>,
    /// Labels that all of them get.
    pub labels: BTreeMap<String, String>,
}

/// How a scrape authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `basic_auth`
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// `authorization`
    Credentials {
        /// The scheme, `Bearer` by default.
        kind: String,
        /// The credentials.
        credentials: SecretSource,
    },
    /// `oauth2`
    OAuth2(Box<OAuth2>),
}

/// One value of `http_headers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// Its value; no value is shown, whether it was called a secret or not.
    pub value: SecretSource,
}

/// `tls_config`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// The authorities to trust instead of the system's, as PEM.
    pub ca: Option<String>,
    /// Our certificate, as PEM.
    pub cert: Option<String>,
    /// Our key, as PEM.
    pub key: Option<Secret>,
    /// The authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Our key; with `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The name to expect in the target's certificate.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// The oldest version that is spoken.
    pub min_version: Option<TlsVersion>,
    /// The newest version that is spoken.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// What a page may not exceed; `None` is no limit. A page that does fails as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Samples after metric relabelling.
    pub samples: Option<u64>,
    /// Bytes of the body after decompression.
    pub body_bytes: Option<u64>,
    /// Labels of one sample.
    pub labels: Option<usize>,
    /// Bytes of a label's name.
    pub label_name_bytes: Option<usize>,
    /// Bytes of a label's value.
    pub label_value_bytes: Option<usize>,
    /// Targets of the job after relabelling.
    pub targets: Option<usize>,
}

/// One entry of `relabel_configs` or `metric_relabel_configs`.
#[derive(Debug, Clone)]
pub struct RelabelRule {
    /// The labels whose values are joined.
    pub source_labels: Vec<String>,
    /// What joins them, `;` by default.
    pub separator: String,
    /// Anchored (`Matcher::anchored`), `(.*)` by default.
    pub regex: Regex,
    /// For `hashmod`.
    pub modulus: u64,
    /// The label that is set.
    pub target_label: String,
    /// What it is set to, with `$1` or `${name}`; `$1` by default.
    pub replacement: String,
    /// What is done.
    pub action: RelabelAction,
}

impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        (&self.source_labels, &self.separator, self.regex.as_str(), self.modulus)
            == (&other.source_labels, &other.separator, other.regex.as_str(), other.modulus)
            && (&self.target_label, &self.replacement, self.action)
                == (&other.target_label, &other.replacement, other.action)
    }
}

/// What a relabelling rule does (see Prometheus `relabel.Config`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelabelAction {
    /// Sets `target_label` where `regex` fits.
    Replace,
    /// Keeps only what fits.
    Keep,
    /// Drops what fits.
    Drop,
    /// Keeps only where `target_label` equals the joined values.
    KeepEqual,
    /// Drops where `target_label` equals the joined values.
    DropEqual,
    /// Sets `target_label` to the MD5-based remainder of the joined values.
    HashMod,
    /// Copies labels whose names fit to the name in `replacement`.
    LabelMap,
    /// Removes labels whose names fit.
    LabelDrop,
    /// Removes labels whose names do not fit.
    LabelKeep,
    /// Sets `target_label` to the joined values in lower case.
    Lowercase,
    /// Sets `target_label` to the joined values in upper case.
    Uppercase,
}
