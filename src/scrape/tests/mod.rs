//! The room against real HTTP on loopback, also against targets that misbehave.

pub(super) mod clock;
mod connections;
mod discovery;
mod fairness;
mod fetch;
mod found;
mod oauth2;
mod page;
mod proxy;
mod rig;
mod scraper;
mod server;
mod tls;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::ManualClock;
use server::{Answer, Request, Server};

use crate::model::Labels;
use crate::scrape::fetch::{Fetcher, Shortages};
use crate::scrape::{
    HistogramParts, Job, Limits, Protocol, ProxySettings, RelabelAction, RelabelRule, Target, TargetGroup,
    TlsSettings, resolve_targets,
};

/// A job of one static group, with Prometheus's defaults.
pub(super) fn job(name: &str, addresses: &[&str]) -> Job {
    Job {
        name: name.to_owned(),
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(10),
        metrics_path: "/metrics".to_owned(),
        scheme: "http".to_owned(),
        params: BTreeMap::new(),
        honor_labels: false,
        honor_timestamps: true,
        keep_all: false,
        track_timestamps_staleness: false,
        protocols: Protocol::DEFAULT.to_vec(),
        fallback_protocol: None,
        histograms: HistogramParts::default(),
        authorization: None,
        tls: TlsSettings::default(),
        proxy: ProxySettings::default(),
        headers: Vec::new(),
        enable_compression: true,
        follow_redirects: true,
        relabel: Vec::new(),
        metric_relabel: Vec::new(),
        limits: Limits::default(),
        targets: vec![TargetGroup {
            targets: addresses.iter().map(|address| (*address).to_owned()).collect(),
            labels: BTreeMap::new(),
        }],
        discovery: Vec::new(),
        keep_dropped_targets: 0,
    }
}

/// What asks the targets of its job.
fn fetcher(target: &Target) -> Fetcher {
    Fetcher::new(target.job.clone(), Shortages::default())
}

/// The only target of a job.
fn target(job: Job) -> Target {
    let mut targets = resolve_targets(&[job]).expect("the job is good");
    assert_eq!(targets.len(), 1, "{targets:?}");
    targets.remove(0)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn rule(action: RelabelAction, source: &str, regex: &str, target_label: &str, to: &str) -> RelabelRule {
    RelabelRule {
        source_labels: source.split_terminator(',').map(str::to_owned).collect(),
        separator: ";".to_owned(),
        regex: crate::model::Matcher::anchored(regex).expect("a valid pattern"),
        modulus: 0,
        target_label: target_label.to_owned(),
        replacement: to.to_owned(),
        action,
    }
}

fn wanted(wants: impl Fn(&str) -> bool + Send + Sync + 'static) -> crate::scrape::Wanted {
    Arc::new(wants)
}

/// What `main` does once.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
