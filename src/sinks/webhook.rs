//! A signed JSON request to an address of the user's; docs/webhook.md is its manual for receivers.
//!
//! In:   a delivery.
//! Out:  one POST with the headers of Standard Webhooks, and what the answer means.
//! Not:  no redirect is followed and no retry made. Neither the address nor the signing secret is ever in a text
//!       that leaves here, also where the receiver repeats them in its answer.

use std::io;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use crate::delivery::{Delivery, Outcome};
use crate::model::{Secret, SecretSource, SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sink};

use super::WebhookSettings;
use super::body::body;
use super::retry_after::retry_after;
use super::signature::SigningKeys;

/// So much of an answer is kept.
const ANSWER_MAX_BYTES: usize = 1024;
/// So much of it is read: more than is kept, so that a token of ours is blotted out whole before the rest is cut.
const ANSWER_READ_BYTES: usize = 2 * ANSWER_MAX_BYTES;
const USER_AGENT: &str = concat!("fogsignal/", env!("CARGO_PKG_VERSION"));

/// Posts to one address.
pub(super) struct WebhookSink {
    name: SinkName,
    settings: WebhookSettings,
    client: Client,
}

impl WebhookSink {
    /// Checks what is written in the configuration itself; what is in files may change, and is checked at each use.
    pub(super) fn new(name: SinkName, settings: WebhookSettings) -> Result<Self, String> {
        if let SecretSource::Inline(url) = &settings.url {
            address(url)?;
        }
        if let Some(SecretSource::Inline(secret)) = &settings.secret {
            SigningKeys::parse(secret).map_err(|error| error.to_string())?;
        }
        // The HTTP client takes the process's TLS provider and panics without one; if there is one already, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| reason(error.without_url()))?;
        Ok(Self { name, settings, client })
    }

    async fn attempt(&self, delivery: &Delivery, now: Timestamp) -> Outcome {
        let (url, request) = match self.request(delivery, now).await {
            Ok(request) => request,
            // Its address or secret may be put right while we run.
            Err(why) => return Outcome::Retry { why, wait: None },
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Outcome::Retry { why: self.failure(&url, error), wait: None },
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = redacted(&url, &beginning(response).await);
        answer.truncate(answer.floor_char_boundary(ANSWER_MAX_BYTES));
        judge(status, &headers, answer, now)
    }

    async fn request(
        &self,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(Url, reqwest::RequestBuilder), String> {
        let url =
            read(&self.settings.url).await.map_err(|error| format!("its address cannot be read: {error}"))?;
        let url = address(&url)?;
        let body = body(delivery).map_err(|error| format!("no JSON can be made of it: {error}"))?;
        let timestamp = now.as_millis().div_euclid(1000);
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.key)
            .header("webhook-timestamp", timestamp);
        if let Some(secret) = &self.settings.secret {
            let secret =
                read(secret).await.map_err(|error| format!("its signing secret cannot be read: {error}"))?;
            let keys = SigningKeys::parse(&secret).map_err(|error| error.to_string())?;
            request = request.header("webhook-signature", keys.sign(&delivery.key, timestamp, &body));
        }
        Ok((url, request.body(body)))
    }

    fn failure(&self, url: &Url, error: reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {:?}", self.settings.timeout);
        }
        redacted(url, &reason(error.without_url()))
    }
}

impl Sink for WebhookSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, delivery: &'a Delivery, now: Timestamp) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(delivery, now))
    }
}

/// What an answer means: taken, later perhaps, or never.
fn judge(status: StatusCode, headers: &HeaderMap, answer: String, now: Timestamp) -> Outcome {
    if status.is_success() {
        return Outcome::Delivered { answer };
    }
    let mut why = format!("answered {}", status.as_u16());
    if status.is_redirection() {
        why.push_str(", and redirects are not followed");
    }
    if !answer.is_empty() {
        why = format!("{why}: {answer}");
    }
    let later =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if !later && !status.is_server_error() {
        return Outcome::GiveUp { why };
    }
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Outcome::Retry { why, wait: asked.and_then(|value| retry_after(value, now)) }
}

async fn read(source: &SecretSource) -> io::Result<Secret> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.clone()),
        SecretSource::File(path) => {
            let text = tokio::fs::read_to_string(path).await;
            source.resolve(|_| text)
        }
    }
}

fn address(url: &Secret) -> Result<Url, String> {
    let wrong = "its address is no http or https URL";
    let url = Url::parse(url.expose()).map_err(|error| format!("{wrong}: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(wrong.to_owned()),
    }
}

/// The beginning of the answer on one line. The status says what became of the delivery, so a body that breaks off
/// or has no end changes nothing.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_READ_BYTES - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).replace(|c: char| c.is_control(), " ").trim().to_owned()
}

/// The whole chain of causes, which the client's errors do not print by themselves.
fn reason(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// `text` without the parts of `url` that may be secret. Receivers like to repeat a path that they do not know.
fn redacted(url: &Url, text: &str) -> String {
    // A word shorter than this is none, and to blot it out would blot out half of any text.
    const SHORTEST_TOKEN: usize = 4;
    let segments = url.path_segments().into_iter().flatten();
    let values = url.query().unwrap_or_default().split(['&', '=']);
    let whole = [Some(url.as_str()), Some(url.path()), url.query(), url.password(), Some(url.username())];
    let mut secrets: Vec<&str> = whole.into_iter().flatten().chain(segments).chain(values).collect();
    secrets.retain(|secret| secret.len() >= SHORTEST_TOKEN);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "****"))
}

#[cfg(test)]
mod tests;
