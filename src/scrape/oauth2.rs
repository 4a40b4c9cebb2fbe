//! OAuth 2.0 client credentials (RFC 6749, section 4.4): a token for a job's targets.
//!
//! In:   who we are, and where tokens are given.
//! Out:  a token, which is kept until shortly before it expires or until a target refuses it.
//! Not:  no wall clock: how long a token is good is counted from its arrival. Errors say no secret.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::model::{Secret, SecretSource};
use crate::scrape::{ProxySettings, ScrapeError, TlsSettings};

/// A token is asked for again so long before it expires, as in Go's client.
const MARGIN: Duration = Duration::from_secs(10);
/// An answer with a token is small.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// `oauth2`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who we are.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretSource,
    /// Where tokens are given.
    pub token_url: Url,
    /// What the token shall be good for.
    pub scopes: Vec<String>,
    /// What else is said when asking for it.
    pub endpoint_params: Vec<(String, String)>,
    /// TLS to where tokens are given.
    pub tls: TlsSettings,
    /// The proxy on the way there.
    pub proxy: ProxySettings,
}

/// The token of a job, one for all of its targets.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<Option<Token>>);

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    good_until: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<f64>,
}

impl Tokens {
    /// The header that carries the token. Targets that are due together wait for one answer.
    pub(super) async fn header(
        &self,
        settings: &OAuth2,
        secret: &Secret,
        client: &Client,
    ) -> Result<HeaderValue, ScrapeError> {
        let mut kept = self.0.lock().await;
        let now = Instant::now();
        if let Some(token) = kept.as_ref().filter(|token| token.good_until.is_none_or(|until| now < until)) {
            return Ok(token.header.clone());
        }
        *kept = None;
        let answer = ask(settings, secret, client).await?;
        let kind = if answer.token_type.eq_ignore_ascii_case("bearer") || answer.token_type.is_empty() {
            "Bearer"
        } else {
            &answer.token_type
        };
        let header = HeaderValue::from_str(&format!("{kind} {}", answer.access_token));
        let mut header = header.map_err(|_| fault("its token holds what a header cannot carry"))?;
        header.set_sensitive(true);
        let good_for = answer.expires_in.filter(|seconds| 0.0 < *seconds && *seconds < 1e9);
        let good_for = good_for.map(|seconds| Duration::from_secs_f64(seconds).saturating_sub(MARGIN));
        *kept = Some(Token { header: header.clone(), good_until: good_for.map(|length| now + length) });
        Ok(header)
    }

    /// A target refused this token, so another one is asked for.
    pub(super) async fn refused(&self, header: &HeaderValue) {
        let mut kept = self.0.lock().await;
        // Somebody else may have a newer one already.
        if kept.as_ref().is_some_and(|token| token.header == *header) {
            *kept = None;
        }
    }
}

async fn ask(settings: &OAuth2, secret: &Secret, client: &Client) -> Result<Answer, ScrapeError> {
    // Some take who we are from the header, some from the form only (RFC 6749, section 2.3.1).
    match attempt(settings, secret, client, true).await {
        Err(ScrapeError::TokenStatus(StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)) => {
            attempt(settings, secret, client, false).await
        }
        answer => answer,
    }
}

async fn attempt(
    settings: &OAuth2,
    secret: &Secret,
    client: &Client,
    by_header: bool,
) -> Result<Answer, ScrapeError> {
    let mut request = client.post(settings.token_url.clone()).header(ACCEPT, "application/json");
    if by_header {
        request = request.header(AUTHORIZATION, basic(&settings.client_id, secret)?);
    }
    let form = form(settings, (!by_header).then_some(secret));
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
    let mut answer = request.send().await.map_err(|error| ScrapeError::Token(error.without_url()))?;
    if !answer.status().is_success() {
        return Err(ScrapeError::TokenStatus(answer.status()));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| ScrapeError::Token(error.without_url()))? {
        body.extend_from_slice(&part);
        if MAX_ANSWER_BYTES < body.len() {
            return Err(fault("its answer is too long"));
        }
    }
    // What the reader complains of would repeat the answer.
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| fault("its answer holds no `access_token`"))?;
    if answer.access_token.is_empty() { Err(fault("its answer holds no `access_token`")) } else { Ok(answer) }
}

/// What is said, with who we are where the header does not say it.
fn form(settings: &OAuth2, secret: Option<&Secret>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !settings.scopes.is_empty() {
        form.append_pair("scope", &settings.scopes.join(" "));
    }
    form.extend_pairs(&settings.endpoint_params);
    if let Some(secret) = secret {
        form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret.expose());
    }
    form.finish()
}

/// Both parts are encoded as in a form first (RFC 6749, section 2.3.1).
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, ScrapeError> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret.expose()));
    let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)));
    let mut header = header.map_err(|_| ScrapeError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

fn fault(what: &'static str) -> ScrapeError {
    ScrapeError::TokenAnswer(what)
}
