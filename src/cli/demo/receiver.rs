//! The demo's receiver of webhooks: verifies each delivery as a careful customer would, and keeps it.
//!
//! In:   requests as they came: headers, body, and the virtual time of receipt.
//! Out:  posts and pages in the order of receipt; what was refused, and why.
//! Not:  it shares no code with the sink that signs, so that the two check each other.
//!
//! Signatures are those of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64, behind `v1,`.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::Notify;

use crate::model::Timestamp;

use super::message::Message;

/// How far a request's timestamp may be from now, as the specification advises.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A delivery that was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When it came.
    pub at: Timestamp,
    /// Under which sink's name.
    pub sink: String,
    /// Its `webhook-id`.
    pub id: String,
    /// What it says.
    pub message: Message,
}

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its signature is missing, malformed, too old, or not ours.
    #[error("signature: {0}")]
    Signature(&'static str),
    /// Its body does not say what a delivery says.
    #[error("body: {0}")]
    Body(String),
}

/// What was delivered so far.
#[derive(Debug)]
pub struct Inbox {
    key: Vec<u8>,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    ids: BTreeSet<String>,
    repeated: usize,
    refused: Vec<Refused>,
}

/// How deliveries went, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Verified and new.
    pub verified: usize,
    /// Verified, but with an id that had come before; not kept twice.
    pub repeated: usize,
    /// Not taken.
    pub refused: usize,
}

impl Inbox {
    /// An empty inbox whose deliveries are signed with `secret` (`whsec_…`).
    ///
    /// # Errors
    /// Where the secret is not of that form.
    pub fn new(secret: &str) -> Result<Self, Refused> {
        let encoded =
            secret.strip_prefix("whsec_").ok_or(Refused::Signature("the secret must begin with whsec_"))?;
        let key = STANDARD.decode(encoded).map_err(|_| Refused::Signature("the secret is not base64"))?;
        Ok(Self { key, state: Mutex::default(), arrived: Notify::new() })
    }

    /// Takes one delivery.
    ///
    /// # Errors
    /// Where it is not signed as it should be, or does not say what a delivery says.
    pub fn take(&self, sink: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        let taken = verify(&self.key, headers, body, now).and_then(|id| {
            let message = Message::read(body).map_err(|error| Refused::Body(error.to_string()))?;
            Ok(Received { at: now, sink: sink.to_owned(), id, message })
        });
        let mut state = self.state();
        match taken {
            Ok(received) => {
                if state.ids.insert(received.id.clone()) {
                    state.received.push(received);
                } else {
                    state.repeated += 1;
                }
                drop(state);
                self.arrived.notify_one();
                Ok(())
            }
            Err(refused) => {
                state.refused.push(refused.clone());
                Err(refused)
            }
        }
    }

    /// What came after the first `seen` deliveries.
    pub fn after(&self, seen: usize) -> Vec<Received> {
        self.state().received.get(seen..).unwrap_or_default().to_vec()
    }

    /// Returns when something has come since the last time.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// The numbers.
    pub fn tally(&self) -> Tally {
        let state = self.state();
        Tally { verified: state.received.len(), repeated: state.repeated, refused: state.refused.len() }
    }

    /// Why the last delivery that was refused was.
    pub fn last_refused(&self) -> Option<Refused> {
        self.state().refused.last().cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the three headers; the delivery's id where they hold.
fn verify(key: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<String, Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = header("webhook-id").ok_or(Refused::Signature("no webhook-id"))?;
    let timestamp = header("webhook-timestamp").ok_or(Refused::Signature("no webhook-timestamp"))?;
    let signatures = header("webhook-signature").ok_or(Refused::Signature("no webhook-signature"))?;
    let seconds: i64 = timestamp.parse().map_err(|_| Refused::Signature("webhook-timestamp is no number"))?;
    let sent = Timestamp::from_secs(seconds);
    if TOLERANCE < sent.since(now).max(now.since(sent)) {
        return Err(Refused::Signature("webhook-timestamp is too far from now"));
    }
    let signed_by_us = |signature: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let claimed = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        claimed.is_some_and(|claimed| mac.verify_slice(&claimed).is_ok())
    };
    if signatures.split(' ').any(signed_by_us) {
        Ok(id.to_owned())
    } else {
        Err(Refused::Signature("no signature fits"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::POST;
    use super::*;

    const SECRET: &str = "whsec_Zm9nc2lnbmFsLWRlbW8tc2VjcmV0LW9mLTMyLWI=";
    const SENT: i64 = 1_675_260_645;

    fn headers(id: &str, timestamp: i64, signatures: &str) -> HeaderMap {
        let timestamp = timestamp.to_string();
        [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", signatures)]
            .into_iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    fn sign(id: &str, timestamp: i64, body: &str) -> String {
        let key = STANDARD.decode(&SECRET["whsec_".len()..]).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn fits_the_example_of_the_specification() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let headers = headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
        let now = Timestamp::from_secs(1_614_265_330);
        let id = verify(&key, &headers, br#"{"test": 2432232314}"#, now);
        assert_eq!(id.as_deref(), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    }

    #[test]
    fn takes_what_is_signed_and_knows_it_again() {
        let inbox = Inbox::new(SECRET).expect("a secret");
        let now = Timestamp::from_secs(SENT + 2);
        // A secret being rotated: an old signature beside the good one.
        let signatures = format!("v1,AAAA {}", sign("a-1", SENT, POST));
        for _ in 0..2 {
            inbox.take("ops", &headers("a-1", SENT, &signatures), POST.as_bytes(), now).expect("it is ours");
        }
        assert_eq!(inbox.tally(), Tally { verified: 1, repeated: 1, refused: 0 });
        assert_eq!(inbox.after(0)[0].at, now);
        assert!(inbox.after(1).is_empty());
    }

    #[test]
    fn refuses_what_is_not_signed_by_us() {
        let inbox = Inbox::new(SECRET).expect("a secret");
        let now = Timestamp::from_secs(SENT);
        let good = sign("a-1", SENT, POST);
        let refuse = |headers: HeaderMap, body: &str, now: Timestamp| {
            let refused = inbox.take("ops", &headers, body.as_bytes(), now).expect_err("it is not ours");
            assert!(matches!(refused, Refused::Signature(_)), "{refused}");
        };
        refuse(headers("a-2", SENT, &good), POST, now);
        refuse(headers("a-1", SENT + 1, &good), POST, now);
        refuse(headers("a-1", SENT, &good), &POST.replace("INC-1", "INC-2"), now);
        refuse(headers("a-1", SENT, "v1,"), POST, now);
        refuse(headers("a-1", SENT, &good.replace("v1,", "v2,")), POST, now);
        refuse(headers("a-1", SENT, &good), POST, now + Duration::from_secs(301));
        refuse(HeaderMap::new(), POST, now);
        assert_eq!(inbox.tally(), Tally { verified: 0, repeated: 0, refused: 7 });
    }

    #[test]
    fn refuses_a_body_that_says_nothing() {
        let inbox = Inbox::new(SECRET).expect("a secret");
        let refused = inbox.take(
            "ops",
            &headers("a-1", SENT, &sign("a-1", SENT, "{}")),
            b"{}",
            Timestamp::from_secs(SENT),
        );
        assert!(matches!(refused, Err(Refused::Body(_))), "{refused:?}");
    }
}
