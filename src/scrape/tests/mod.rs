//! The room against real HTTP on loopback, also against targets that misbehave.

mod clock;
mod discovery;
mod fetch;
mod page;
mod scraper;
mod server;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::ManualClock;
use server::{Answer, Request, Server};

use crate::model::Labels;
use crate::scrape::{
    HistogramParts, Job, Limits, Protocol, RelabelAction, RelabelRule, Target, TargetGroup, TlsSettings,
    resolve_targets,
};

/// A job of one static group, with Prometheus's defaults.
fn job(name: &str, addresses: &[&str]) -> Job {
    Job {
        name: name.to_owned(),
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(10),
        metrics_path: "/metrics".to_owned(),
        scheme: "http".to_owned(),
        params: BTreeMap::new(),
        honor_labels: false,
        honor_timestamps: true,
        track_timestamps_staleness: false,
        protocols: Protocol::DEFAULT.to_vec(),
        fallback_protocol: None,
        histograms: HistogramParts::default(),
        authorization: None,
        tls: TlsSettings::default(),
        enable_compression: true,
        follow_redirects: true,
        relabel: Vec::new(),
        metric_relabel: Vec::new(),
        limits: Limits::default(),
        targets: vec![TargetGroup {
            targets: addresses.iter().map(|address| (*address).to_owned()).collect(),
            labels: BTreeMap::new(),
        }],
    }
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

fn wanted(wants: impl Fn(&str) -> bool + Send + Sync + 'static) -> Arc<dyn Fn(&str) -> bool + Send + Sync> {
    Arc::new(wants)
}

/// What `main` does once.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
