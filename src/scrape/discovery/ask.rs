//! Asking over HTTP who knows of targets, by the same means as targets themselves.
//!
//! In:   a URL, headers, and the settings of a provider.
//! Out:  the answer, or why there is none.
//! Not:  no clock: whoever asks bounds the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};

use crate::model::{Labels, TargetKey};
use crate::scrape::discovery::{RequestSettings, Target};
use crate::scrape::fetch::{Fetcher, Shortages};
use crate::scrape::{HistogramParts, Job, Limits, ScrapeError};

/// Keeps connections, and the client of a provider's settings.
pub(super) struct Asker {
    job: Arc<Job>,
    fetcher: Fetcher,
}

impl Asker {
    /// For a provider of these settings. Files that they name are read at each question.
    pub(super) fn new(settings: &RequestSettings, timeout: Duration) -> Self {
        let job = Arc::new(Job {
            name: String::new(),
            interval: timeout,
            timeout,
            metrics_path: String::new(),
            scheme: String::new(),
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: false,
            keep_all: false,
            track_timestamps_staleness: false,
            protocols: Vec::new(),
            fallback_protocol: None,
            histograms: HistogramParts::default(),
            authorization: settings.authorization.clone(),
            tls: settings.tls.clone(),
            proxy: settings.proxy.clone(),
            headers: settings.headers.clone(),
            enable_compression: true,
            follow_redirects: settings.follow_redirects,
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
            limits: Limits::default(),
            targets: Vec::new(),
            discovery: Vec::new(),
            keep_dropped_targets: 0,
        });
        Self { fetcher: Fetcher::new(job.clone(), Shortages::default()), job }
    }

    /// Asks, follows where the answer points where that is wanted, and gives what is answered in the end, of
    /// whatever status.
    ///
    /// # Errors
    /// Where there is no answer.
    pub(super) async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, ScrapeError> {
        let asked = Target {
            key: TargetKey::from(String::new()),
            url: url.clone(),
            identity: Labels::empty(),
            interval: self.job.interval,
            timeout: self.job.timeout,
            job: self.job.clone(),
            over_limit: None,
        };
        self.fetcher.answer(&asked, headers).await
    }
}

/// The body of an answer, up to `limit` bytes.
///
/// # Errors
/// Where it breaks off, or is longer.
pub(super) async fn read(response: Response, limit: u64) -> Result<Bytes, ScrapeError> {
    crate::scrape::fetch::read_body(response, limit).await.map_err(|error| match error {
        ScrapeError::TooLarge { limit } => ScrapeError::AnswerTooLarge { limit },
        error => error,
    })
}
