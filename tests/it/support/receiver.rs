//! A webhook receiver that verifies every signature and takes each `webhook-id` once, as docs/webhook.md tells
//! receivers to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The signing secret of the tests.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A message whose signature was right.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl Received {
    /// The incident that it is about.
    pub fn incident(&self) -> String {
        self.data["incident"].as_str().unwrap_or_default().to_owned()
    }
}

/// The running receiver.
pub struct Receiver {
    address: SocketAddr,
    messages: mpsc::UnboundedReceiver<Received>,
    /// Everything that was received, in order, each message once.
    pub log: Vec<Received>,
    /// The ids that came again: their first answer did not reach the journal.
    pub again: Vec<String>,
}

impl Receiver {
    /// Starts it on loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (sender, messages) = mpsc::unbounded_channel();
        let router = Router::new().route("/hook", post(take)).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, messages, log: Vec::new(), again: Vec::new() }
    }

    /// Where to send to.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Takes in messages until one is of `kind`, for at most `within`.
    pub async fn wait_for(&mut self, kind: &str, within: Duration) -> Received {
        self.wait_until(kind, within, |message| message.kind == kind).await
    }

    /// Takes in messages until a post says `status`, for at most `within`.
    pub async fn wait_for_status(&mut self, status: &str, within: Duration) -> Received {
        let fits = |message: &Received| message.data["post"].is_object() && message.data["status"] == status;
        self.wait_until(status, within, fits).await
    }

    /// The first message of `kind`, whether it came already or comes yet.
    pub async fn log_or_wait(&mut self, kind: &str, within: Duration) -> Received {
        match self.log.iter().find(|message| message.kind == kind) {
            Some(message) => message.clone(),
            None => self.wait_for(kind, within).await,
        }
    }

    /// Takes in what has come by now.
    pub fn take_in(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            self.note(message);
        }
    }

    async fn wait_until(
        &mut self,
        what: &str,
        within: Duration,
        fits: impl Fn(&Received) -> bool,
    ) -> Received {
        let waiting = async {
            loop {
                let message = self.messages.recv().await.expect("the receiver runs as long as its test");
                if self.note(message.clone()) && fits(&message) {
                    return message;
                }
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(message) => message,
            Err(_) => panic!("no `{what}` within {within:?}; so far: {:#?}", self.log),
        }
    }

    /// Whether it is new.
    fn note(&mut self, message: Received) -> bool {
        let is_new = self.log.iter().all(|known| known.id != message.id);
        let word = if is_new { "received" } else { "received again" };
        println!("{word} {} {}: {}", message.id, message.kind, headline(&message.data));
        if is_new {
            self.log.push(message);
        } else {
            self.again.push(message.id);
        }
        is_new
    }
}

fn headline(data: &Value) -> String {
    let text = |path: &str| data.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    format!("{} {} {}", text("/incident"), text("/status"), text("/title"))
}

async fn take(
    State(sender): State<mpsc::UnboundedSender<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    match verified(&headers, &body) {
        Ok(received) => {
            // The test may be over.
            let _ = sender.send(received);
            (StatusCode::NO_CONTENT, String::new())
        }
        Err(problem) => (StatusCode::BAD_REQUEST, problem),
    }
}

fn verified(headers: &HeaderMap, body: &[u8]) -> Result<Received, String> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| format!("header `{name}` is missing"))
    };
    let (id, at, signatures) =
        (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("the secret is base64");
    let right = signatures.split(' ').any(|signature| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        signature
            .strip_prefix("v1,")
            .and_then(|signature| BASE64_STANDARD.decode(signature).ok())
            .is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    });
    if !right {
        return Err("the signature is wrong".to_owned());
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let kind = body["type"].as_str().ok_or("`type` is missing")?.to_owned();
    Ok(Received { id: id.to_owned(), kind, data: body["data"].clone() })
}
