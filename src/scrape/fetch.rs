//! Asking a target for its page.
//!
//! In:   a target.
//! Out:  the body of its answer, decompressed and bounded, or why there is none.
//! Not:  no clock: who asks bounds the time. Nothing of the body is looked at.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST, HeaderMap,
    HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Client, Response, StatusCode, Url};

use crate::model::{Secret, SecretSource, Timestamp};
use crate::scrape::client::{self, Built, Way};
use crate::scrape::formats::media_type;
use crate::scrape::oauth2::Tokens;
use crate::scrape::{Authorization, Format, Job, OAuth2, Protocol, ScrapeError, Target, accept};

/// The largest body that is taken where `body_size_limit` is 0, which is no limit in Prometheus: a target that
/// never stops must not fill the memory. Well above the default of that setting, and named in
/// docs/configuration.md.
pub(super) const MAX_BODY_BYTES: u64 = 512 << 20;
/// Room for so much of an announced body is made at once.
const MAX_RESERVED_BYTES: u64 = 4 << 20;
/// As in Go's client.
const MAX_REDIRECTS: usize = 10;
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// What a target answers.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The body, decompressed.
    pub(super) body: Bytes,
    /// What it is to be read as.
    pub(super) format: Format,
    /// The time on the target's clock, where it says it and nobody on the way kept the answer.
    pub(super) date: Option<Timestamp>,
}

/// How often there was no file descriptor for a connection. All fetchers of a scraper count together: where it rises,
/// each closes the connections that it keeps, so that no target fails for ever while others keep theirs.
#[derive(Debug, Clone, Default)]
pub(super) struct Shortages(Arc<AtomicU64>);

impl Shortages {
    /// There was none.
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Asks the targets of one job, and keeps their connections.
#[derive(Debug)]
pub(super) struct Fetcher {
    job: Arc<Job>,
    clients: Mutex<BTreeMap<Way, Built>>,
    tokens: Tokens,
    token_client: Mutex<Option<Built>>,
    shortages: Shortages,
    /// The shortages that connections were closed for.
    eased: AtomicU64,
}

impl Fetcher {
    /// For the targets of `job`. Its TLS files are read at the first scrape.
    pub(super) fn new(job: Arc<Job>, shortages: Shortages) -> Self {
        let eased = AtomicU64::new(shortages.0.load(Relaxed));
        let (clients, token_client) = (Mutex::default(), Mutex::default());
        Self { job, clients, tokens: Tokens::default(), token_client, shortages, eased }
    }

    /// Whether it serves `job`, too.
    pub(super) fn serves(&self, job: &Job) -> bool {
        self.job.connects_as(job)
    }

    /// The target's answer.
    ///
    /// # Errors
    /// Where there is no answer, or none that is a page.
    pub(super) async fn fetch(&self, target: &Target) -> Result<Fetched, ScrapeError> {
        let response = self.answer(target, headers(target)).await?;
        if response.status() != StatusCode::OK {
            return Err(ScrapeError::Status(response.status()));
        }
        let format = check_kind(response.headers(), target.job.fallback_protocol)?;
        let date = date(response.headers());
        let body = read_body(response, target.job.limits.body_bytes.unwrap_or(MAX_BODY_BYTES)).await?;
        Ok(Fetched { body, format, date })
    }

    /// The answer of whatever status, after the redirects that are followed. To `headers` come those of the job.
    ///
    /// # Errors
    /// Where there is no answer, or what is to be sent along cannot be read.
    pub(super) async fn answer(
        &self,
        target: &Target,
        mut headers: HeaderMap,
    ) -> Result<Response, ScrapeError> {
        for header in &target.job.headers {
            let value = secret("a header's value", &header.value).await?;
            let name =
                HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| ScrapeError::Credentials)?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| ScrapeError::Credentials)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        match &target.job.authorization {
            Some(Authorization::OAuth2(settings)) => {
                self.ask_with_token(target, settings, &mut headers).await
            }
            Some(Authorization::Basic { username, password }) => {
                use base64::{Engine, engine::general_purpose::STANDARD};
                let password = secret("password", password).await?;
                let both = STANDARD.encode(format!("{username}:{}", password.expose()));
                headers.insert(AUTHORIZATION, credentials(&format!("Basic {both}"))?);
                self.follow(target, headers).await
            }
            Some(Authorization::Credentials { kind, credentials: source }) => {
                let text = format!("{kind} {}", secret("credentials", source).await?.expose());
                headers.insert(AUTHORIZATION, credentials(&text)?);
                self.follow(target, headers).await
            }
            None => self.follow(target, headers).await,
        }
    }

    /// Asks with a token, and where that is refused once more with a new one.
    async fn ask_with_token(
        &self,
        target: &Target,
        settings: &OAuth2,
        headers: &mut HeaderMap,
    ) -> Result<Response, ScrapeError> {
        let client = self.client_for_tokens(settings).await?;
        let client_secret = secret("client_secret", &settings.client_secret).await?;
        let token = self.tokens.header(settings, &client_secret, &client).await?;
        headers.insert(AUTHORIZATION, token.clone());
        let response = self.follow(target, headers.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.tokens.refused(&token).await;
        headers.insert(AUTHORIZATION, self.tokens.header(settings, &client_secret, &client).await?);
        self.follow(target, headers.clone()).await
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
                for header in &target.job.headers {
                    headers.remove(&*header.name);
                }
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
        answer.map_err(|error| {
            if !lacks_descriptors(&error) {
                return ScrapeError::Ask(error.without_url());
            }
            self.shortages.note();
            ScrapeError::NoDescriptor
        })
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
        let short = self.shortages.0.load(Relaxed);
        if self.eased.swap(short, Relaxed) != short {
            self.clients().clear();
        }
        let known = self.clients().get(&way).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.needs_no_files()) {
            return Ok(known.client.clone());
        }
        let (job, asked) = (self.job.clone(), way.clone());
        let built =
            blocking(move || client::build(&asked, &job.tls, &job.proxy, job.enable_compression, known))
                .await?;
        let client = built.client.clone();
        self.clients().insert(way, built);
        Ok(client)
    }

    /// The client that asks for tokens, which has settings of its own.
    async fn client_for_tokens(&self, settings: &OAuth2) -> Result<Client, ScrapeError> {
        let known = self.token_client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.as_ref().filter(|known| known.needs_no_files()) {
            return Ok(known.client.clone());
        }
        let way = if settings.token_url.scheme() == "https" { Way::Tls } else { Way::Plain };
        let (tls, proxy) = (settings.tls.clone(), settings.proxy.clone());
        let built = blocking(move || client::build(&way, &tls, &proxy, true, known)).await?;
        let client = built.client.clone();
        *self.token_client.lock().unwrap_or_else(PoisonError::into_inner) = Some(built);
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

fn headers(target: &Target) -> HeaderMap {
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
    headers
}

fn credentials(text: &str) -> Result<HeaderValue, ScrapeError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ScrapeError::Credentials)?;
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

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = chrono::DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Timestamp::from_millis(date.timestamp_millis()))
}

/// Whether the system has no file descriptor left, for us or for anybody.
fn lacks_descriptors(error: &reqwest::Error) -> bool {
    /// `ENFILE` and `EMFILE`, see errno(3).
    const NONE_LEFT: [i32; 2] = [23, 24];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let of_system = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if of_system.is_some_and(|code| NONE_LEFT.contains(&code)) {
            return true;
        }
        cause = error.source();
    }
    false
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

/// The body. One that comes in one piece, as most pages of up to 400 kB do, is handed on as it came: to copy it
/// took a fifth of all that asking for 300 kB costs.
pub(super) async fn read_body(mut response: Response, limit: u64) -> Result<Bytes, ScrapeError> {
    let announced = response.content_length().unwrap_or_default();
    let Some(first) = next_piece(&mut response, 0, limit).await? else { return Ok(Bytes::new()) };
    let Some(second) = next_piece(&mut response, first.len(), limit).await? else { return Ok(first) };
    // As announced, but within reason: whoever announces too much fills no memory.
    let room = usize::try_from(announced.min(limit).min(MAX_RESERVED_BYTES)).unwrap_or_default();
    let mut body = Vec::with_capacity(room.max(first.len() + second.len()));
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    drop((first, second));
    while let Some(piece) = next_piece(&mut response, body.len(), limit).await? {
        body.extend_from_slice(&piece);
    }
    Ok(Bytes::from(body))
}

async fn next_piece(
    response: &mut Response,
    so_far: usize,
    limit: u64,
) -> Result<Option<Bytes>, ScrapeError> {
    let piece = response.chunk().await.map_err(|error| ScrapeError::BrokenOff(error.without_url()))?;
    match piece {
        Some(piece) if limit < (so_far + piece.len()) as u64 => Err(ScrapeError::TooLarge { limit }),
        piece => Ok(piece),
    }
}
