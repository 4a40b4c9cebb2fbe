//! Asking a target for its page.
//!
//! In:   a target.
//! Out:  the body of its answer, decompressed and bounded, or why there is none.
//! Not:  no clock: who asks bounds the time. Nothing of the body is looked at.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
    LOCATION,
};
use reqwest::{Client, Response, StatusCode, Url};

use crate::model::{Secret, SecretSource};
use crate::scrape::client::{self, Built, Way};
use crate::scrape::formats::media_type;
use crate::scrape::{Authorization, Format, Job, Protocol, ScrapeError, Target, accept};

/// The largest body that is taken where `body_size_limit` is 0, which is no limit in Prometheus: a target that
/// never stops must not fill the memory. Well above the default of that setting, and named in
/// docs/configuration.md.
pub(super) const MAX_BODY_BYTES: u64 = 512 << 20;
/// As in Go's client.
const MAX_REDIRECTS: usize = 10;
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The page, decompressed.
    pub(super) body: Vec<u8>,
    /// What it is to be read as.
    pub(super) format: Format,
}

/// Asks the targets of one job, and keeps their connections.
#[derive(Debug)]
pub(super) struct Fetcher {
    job: Arc<Job>,
    clients: Mutex<BTreeMap<Way, Built>>,
}

impl Fetcher {
    /// For the targets of `job`. Its TLS files are read at the first scrape.
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self { job, clients: Mutex::default() }
    }

    /// Whether it serves `job`, too.
    pub(super) fn serves(&self, job: &Job) -> bool {
        self.job.connects_as(job)
    }

    /// The target's answer.
    ///
    /// # Errors
    /// Where there is no answer, or none that is a page.
    pub(super) async fn fetch(&self, target: &Target) -> Result<Answer, ScrapeError> {
        let headers = headers(target).await?;
        let response = self.follow(target, headers).await?;
        if response.status() != StatusCode::OK {
            return Err(ScrapeError::Status(response.status()));
        }
        let format = check_kind(response.headers(), target.job.fallback_protocol)?;
        let body = read_body(response, target.job.limits.body_bytes.unwrap_or(MAX_BODY_BYTES)).await?;
        Ok(Answer { body, format })
    }

    /// Asks where the target says that its page is, where the job follows redirects. Credentials go to the target alone.
    async fn follow(&self, target: &Target, mut headers: HeaderMap) -> Result<Response, ScrapeError> {
        let mut url = target.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&url, headers.clone()).await?;
            let points_elsewhere = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !(points_elsewhere && target.job.follow_redirects) {
                return Ok(response);
            }
            let nowhere = || ScrapeError::Redirect("it redirects to no address that can be asked");
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(nowhere)?;
            url = url.join(to).map_err(|_| nowhere())?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(nowhere());
            }
            if url.origin() != target.url.origin() {
                headers.remove(AUTHORIZATION);
            }
        }
        Err(ScrapeError::Redirect("it redirects more than 10 times"))
    }

    async fn ask(&self, url: &Url, mut headers: HeaderMap) -> Result<Response, ScrapeError> {
        let (way, asked) = self.way(url)?;
        if asked != *url {
            let nowhere = ScrapeError::Redirect("it redirects to no address that can be asked");
            headers.insert(HOST, HeaderValue::from_str(&host_and_port(url)).map_err(|_| nowhere)?);
        }
        let client = self.client(way).await?;
        let send = || client.get(asked.clone()).headers(headers.clone()).send();
        let answer = match send().await {
            // A connection that was kept may be closed by the target just as it is used again; nothing was
            // answered on it, so asking once more does no harm (as Go's client does).
            Err(error) if error.is_request() && !error.is_connect() => send().await,
            answer => answer,
        };
        answer.map_err(|error| ScrapeError::Ask(error.without_url()))
    }

    /// How `url` is asked, and the URL to ask: with `server_name` it has that name, which TLS then expects.
    fn way(&self, url: &Url) -> Result<(Way, Url), ScrapeError> {
        let host = url.host_str().unwrap_or_default();
        match &self.job.tls.server_name {
            _ if url.scheme() == "http" => Ok((Way::Plain, url.clone())),
            Some(name) if name != host => {
                let bad = || ScrapeError::Tls { what: "`server_name` must be a DNS name", source: None };
                let mut asked = url.clone();
                if name.parse::<IpAddr>().is_ok() || asked.set_host(Some(name)).is_err() {
                    return Err(bad());
                }
                Ok((Way::TlsTo(host.to_owned()), asked))
            }
            _ => Ok((Way::Tls, url.clone())),
        }
    }

    async fn client(&self, way: Way) -> Result<Client, ScrapeError> {
        let known = self.clients().get(&way).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.needs_no_files()) {
            return Ok(known.client.clone());
        }
        let (job, asked) = (self.job.clone(), way.clone());
        let built = blocking(move || client::build(&asked, &job.tls, job.enable_compression, known)).await?;
        let client = built.client.clone();
        self.clients().insert(way, built);
        Ok(client)
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, BTreeMap<Way, Built>> {
        // Nothing that holds the lock can leave the map half changed.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

async fn headers(target: &Target) -> Result<HeaderMap, ScrapeError> {
    let mut headers = HeaderMap::new();
    if let Ok(accepted) = HeaderValue::from_str(&accept(&target.job.protocols)) {
        headers.insert(ACCEPT, accepted);
    }
    if let Ok(seconds) = HeaderValue::from_str(&target.timeout.as_secs_f64().to_string()) {
        headers.insert(TIMEOUT_HEADER, seconds);
    }
    if !target.job.enable_compression {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(authorization) = &target.job.authorization {
        headers.insert(AUTHORIZATION, authorize(authorization).await?);
    }
    Ok(headers)
}

async fn authorize(authorization: &Authorization) -> Result<HeaderValue, ScrapeError> {
    let text = match authorization {
        Authorization::Basic { username, password } => {
            use base64::{Engine, engine::general_purpose::STANDARD};
            let password = secret("password", password).await?;
            format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose())))
        }
        Authorization::Credentials { kind, credentials } => {
            format!("{kind} {}", secret("credentials", credentials).await?.expose())
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| ScrapeError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn secret(what: &'static str, source: &SecretSource) -> Result<Secret, ScrapeError> {
    let path = match source {
        SecretSource::Inline(secret) => return Ok(secret.clone()),
        SecretSource::File(path) => path.clone(),
        SecretSource::Environment(name) => name.into(),
    };
    let source = source.clone();
    blocking(move || {
        let read = source.resolve(|path| std::fs::read_to_string(path));
        read.map_err(|source| ScrapeError::File { what, path, source })
    })
    .await
}

/// Runs what waits for a disk where it keeps nothing else waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ScrapeError> + Send + 'static,
) -> Result<T, ScrapeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ScrapeError::Stopped(io::Error::other(error))),
    }
}

/// What the answer is to be read as. A type that is blank or unknown means the job's fallback; where it has none, only
/// what can be told apart for sure is refused, and the rest is read as text (the server refuses all of it).
fn check_kind(headers: &HeaderMap, fallback: Option<Protocol>) -> Result<Format, ScrapeError> {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let encoding = text(CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(ScrapeError::Encoding(encoding.chars().take(80).collect()));
    }
    let kind = text(CONTENT_TYPE);
    if let Some(format) = Format::named(kind).or(fallback.map(Protocol::format)) {
        return Ok(format);
    }
    match media_type(kind).as_str() {
        "text/html" | "application/xhtml+xml" => Err(ScrapeError::Html),
        _ => Ok(Format::Text),
    }
}

async fn read_body(mut response: Response, limit: u64) -> Result<Vec<u8>, ScrapeError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| ScrapeError::BrokenOff(e.without_url()))? {
        if limit < (body.len() + chunk.len()) as u64 {
            return Err(ScrapeError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
