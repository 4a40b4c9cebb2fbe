//! One request over HTTP, and what its answer says.
//!
//! In:   a request; the secrets that no text may repeat.
//! Out:  status, the wait that was asked for and the answer, bounded; or why there was none, in words.
//! Not:  no redirect is followed, no proxy and no certificate trusted that the system does not trust; no retry. What an
//!       answer means, the adapter says.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};

use crate::delivery::Outcome;
use crate::model::{Secret, Timestamp};

use super::retry_after::retry_after;

/// So much of an answer is kept as a note.
const NOTE_MAX_BYTES: usize = 1024;
const USER_AGENT: &str = concat!("fogsignal/", env!("CARGO_PKG_VERSION"));

/// Makes requests of one sink.
pub(super) struct Wire {
    client: Client,
    timeout: Duration,
}

/// What is asked.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long it asks to wait.
    pub(super) wait: Option<Duration>,
    /// Its beginning.
    pub(super) text: String,
    /// Whether the text is all of it.
    pub(super) whole: bool,
}

impl Wire {
    /// A client whose requests take no longer than `timeout`.
    pub(super) fn new(timeout: Duration) -> Result<Self, String> {
        // The HTTP client takes the process's TLS provider and panics without one; if there is one already, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| reason(error.without_url()))?;
        Ok(Self { client, timeout })
    }

    /// Makes the request and reads at most `most_bytes` of the answer. The status says what became of the message, so an
    /// answer that breaks off or has no end is no failure.
    pub(super) async fn ask(
        &self,
        request: Request,
        most_bytes: usize,
        now: Timestamp,
    ) -> Result<Answer, String> {
        let Request { method, url, headers, body } = request;
        let mut asked = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            asked = asked.body(body);
        }
        let response = asked.send().await.map_err(|error| match error.is_timeout() {
            true => format!("no answer within {:?}", self.timeout),
            false => reason(error.without_url()),
        })?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, now));
        let (text, whole) = beginning(response, most_bytes).await;
        Ok(Answer { status, wait, text, whole })
    }
}

impl Answer {
    /// The text on one line, without `secrets`, short enough to be kept.
    pub(super) fn note(&self, secrets: &Secrets) -> String {
        let line = secrets.blot_out(&self.text).replace(|c: char| c.is_control(), " ");
        let mut line = line.trim().to_owned();
        line.truncate(line.floor_char_boundary(NOTE_MAX_BYTES));
        line
    }

    /// What became of the message where nobody says otherwise: taken, later perhaps, or never.
    pub(super) fn judged(&self, secrets: &Secrets) -> Outcome {
        if self.status.is_success() {
            return Outcome::delivered(self.note(secrets));
        }
        let why = self.why(secrets);
        match self.may_heal() {
            true => Outcome::Retry { why, wait: self.wait },
            false => Outcome::GiveUp { why },
        }
    }

    /// Why it was not taken, in words.
    pub(super) fn why(&self, secrets: &Secrets) -> String {
        let mut why = format!("answered {}", self.status.as_u16());
        if self.status.is_redirection() {
            why.push_str(", and redirects are not followed");
        }
        match self.note(secrets) {
            note if note.is_empty() => why,
            note => format!("{why}: {note}"),
        }
    }

    /// Whether the same request may be taken later.
    pub(super) fn may_heal(&self) -> bool {
        let later = matches!(
            self.status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
        later || self.status.is_server_error()
    }
}

/// Texts that must not be shown, however they came into an answer or a reason.
#[derive(Default, Clone)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// A word shorter than this is none, and to blot it out would blot out half of any text.
    const SHORTEST: usize = 4;

    /// The parts of a URL that may be secret. Receivers like to repeat a path that they do not know.
    pub(super) fn of_url(url: &Url) -> Self {
        let mut secrets = Self::default();
        let segments = url.path_segments().into_iter().flatten();
        let values = url.query().unwrap_or_default().split(['&', '=']);
        let whole = [Some(url.as_str()), Some(url.path()), url.query(), url.password(), Some(url.username())];
        whole.into_iter().flatten().chain(segments).chain(values).for_each(|text| secrets.add(text));
        secrets
    }

    /// Of a URL whose path is public, what may be secret: the whole of it, its query and whoever it names.
    pub(super) fn add_url(&mut self, url: &Url) {
        let values = url.query().unwrap_or_default().split(['&', '=']);
        [url.password(), Some(url.username())]
            .into_iter()
            .flatten()
            .chain(values)
            .for_each(|text| self.add(text));
    }

    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        if Self::SHORTEST <= secret.len() {
            self.0.push(secret.to_owned());
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// All of `others` too.
    pub(super) fn add_all(&mut self, others: Self) {
        others.0.iter().for_each(|secret| self.add(secret));
    }

    /// `text` with stars where a secret stood.
    pub(super) fn blot_out(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "****"))
    }
}

/// An address of `http` or `https`. The text of the error does not repeat it.
pub(super) fn address(url: &Secret) -> Result<Url, String> {
    let wrong = "its address is no http or https URL";
    let url = Url::parse(url.expose()).map_err(|error| format!("{wrong}: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(wrong.to_owned()),
    }
}

async fn beginning(mut response: Response, most_bytes: usize) -> (String, bool) {
    let (mut bytes, mut whole) = (Vec::new(), true);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = most_bytes - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if room < chunk.len() {
                    whole = false;
                    break;
                }
            }
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    (String::from_utf8_lossy(&bytes).into_owned(), whole)
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
