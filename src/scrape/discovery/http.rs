//! `http_sd_configs`: targets that a service lists over HTTP.
//!
//! In:   a URL, and how it is asked.
//! Out:  the groups that it lists, each with the label `__meta_url`.
//! Not:  an answer that is no list changes nothing: what was found last stays.
//!
//! The contract is Prometheus's: 200, `application/json`, the whole list each time. Where the service names an
//! `ETag`, it is asked only for what is new.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};

use crate::model::Clock;
use crate::scrape::discovery::ask::{Asker, read};
use crate::scrape::discovery::provider::Reporter;
use crate::scrape::discovery::{Group, HttpDiscovery, listed};

/// Nobody's list of targets is longer.
const MAX_BYTES: u64 = 64 << 20;
/// A service that takes longer is taken for silent, however seldom it is asked.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const META_URL: &str = "__meta_url";
const REFRESH_INTERVAL: HeaderName = HeaderName::from_static("x-prometheus-refresh-interval-seconds");

/// Asks until the task is ended.
pub(super) async fn run<C: Clock>(clock: C, settings: HttpDiscovery, mut reporter: Reporter) {
    let interval = settings.refresh_interval;
    let asker = Asker::new(&settings.requests, interval.min(LONGEST_WAIT));
    let mut service = Service { settings, asker, tag: None };
    loop {
        let begun = clock.steady();
        let wait = service.settings.refresh_interval.min(LONGEST_WAIT);
        let answer = tokio::select! {
            biased;
            answer = service.ask() => answer,
            () = clock.sleep(wait) => Err("no answer in time".to_owned()),
        };
        match answer {
            Ok(Some(groups)) => {
                reporter.works();
                reporter.all(groups).await;
            }
            Ok(None) => reporter.works(),
            Err(fault) => reporter.failed(format!("`{}`: {fault}", shown(&service.settings.url))).await,
        }
        clock.sleep((begun + interval).saturating_sub(clock.steady())).await;
    }
}

struct Service {
    settings: HttpDiscovery,
    asker: Asker,
    tag: Option<HeaderValue>,
}

impl Service {
    /// The groups; `None` where they are as they were.
    async fn ask(&mut self) -> Result<Option<Vec<Group>>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let seconds = self.settings.refresh_interval.as_secs_f64().to_string();
        if let Ok(seconds) = HeaderValue::from_str(&seconds) {
            headers.insert(REFRESH_INTERVAL, seconds);
        }
        if let Some(tag) = &self.tag {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        let response = self.asker.get(&self.settings.url, headers).await.map_err(|error| error.whole())?;
        match response.status() {
            StatusCode::NOT_MODIFIED if self.tag.is_some() => return Ok(None),
            StatusCode::OK => {}
            status => return Err(format!("it answers {status}")),
        }
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !is_json(kind) {
            return Err(format!("it answers in `{kind}`, not in `application/json`"));
        }
        let tag = response.headers().get(ETAG).cloned();
        let body = read(response, MAX_BYTES).await.map_err(|error| error.whole())?;
        let groups =
            listed::from_json(&body).map_err(|error| format!("it answers no list of targets: {error}"))?;
        self.tag = tag;
        let mut groups = Group::listed(&groups);
        for group in &mut groups {
            group.labels.insert(META_URL.to_owned(), self.settings.url.to_string());
        }
        Ok(Some(groups))
    }
}

/// The URL without parameters, which may hold what nobody should read.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// As Prometheus has it: no other parameter than the charset, which is UTF-8.
fn is_json(kind: &str) -> bool {
    let (kind, charset) = kind.split_once(';').unwrap_or((kind, ""));
    let charset = charset.trim().to_ascii_lowercase();
    kind.eq_ignore_ascii_case("application/json")
        && matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}
