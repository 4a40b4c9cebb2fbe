//! A signed JSON request to an address of the user's; docs/webhook.md is its manual for receivers.
//!
//! In:   a delivery.
//! Out:  one POST with the headers of Standard Webhooks, of CloudEvents too where that is asked, and what the answer means.
//! Not:  no redirect is followed and no retry made. Neither the address nor the signing secret is ever in a text
//!       that leaves here, also where the receiver repeats them in its answer.

use std::io;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::delivery::{Delivery, Outcome, Remembered};
use crate::model::{Secret, SecretSource, SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sending, Sink};

use super::body::{Links, body};
use super::cloud_event;
use super::signature::SigningKeys;
use super::wire::{Request, Secrets, Wire, address};
use super::{EventFormat, WebhookSettings};

/// So much of an answer is read: more than is kept, so that a token of ours is blotted out whole before the rest is cut.
const ANSWER_READ_BYTES: usize = 2048;

/// Posts to one address.
pub(super) struct WebhookSink {
    name: SinkName,
    settings: WebhookSettings,
    links: Links,
    wire: Wire,
}

impl WebhookSink {
    /// Checks what is written in the configuration itself; what is in files may change, and is checked at each use.
    pub(super) fn new(name: SinkName, settings: WebhookSettings, links: Links) -> Result<Self, String> {
        if let SecretSource::Inline(url) = &settings.url {
            address(url)?;
        }
        if let Some(SecretSource::Inline(secret)) = &settings.secret {
            SigningKeys::parse(secret).map_err(|error| error.to_string())?;
        }
        let wire = Wire::new(settings.timeout)?;
        Ok(Self { name, settings, links, wire })
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        let now = sending.now;
        let (url, request) = match self.request(sending.delivery, sending.remembered, now).await {
            Ok(request) => request,
            // Its address or secret may be put right while we run.
            Err(why) => return Outcome::retry(why),
        };
        let secrets = Secrets::of_url(&url);
        match self.wire.ask(request, ANSWER_READ_BYTES, now).await {
            Ok(answer) => answer.judged(&secrets),
            Err(why) => Outcome::retry(secrets.blot_out(&why)),
        }
    }

    async fn request(
        &self,
        delivery: &Delivery,
        remembered: &Remembered,
        now: Timestamp,
    ) -> Result<(Url, Request), String> {
        let url =
            read(&self.settings.url).await.map_err(|error| format!("its address cannot be read: {error}"))?;
        let url = address(&url)?;
        let no_json = |error| format!("no JSON can be made of it: {error}");
        let mut body = body(delivery, remembered, &self.links).map_err(no_json)?;
        let timestamp = now.as_millis().div_euclid(1000);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.settings.format {
            EventFormat::Plain => {}
            EventFormat::CloudEventsBinary => cloud_event::binary(delivery, remembered, &mut headers)?,
            EventFormat::CloudEventsStructured => {
                body = cloud_event::structured(delivery, remembered, &body).map_err(no_json)?;
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/cloudevents+json; charset=UTF-8"),
                );
            }
        }
        let mut add = |name, value: &str| {
            let value = HeaderValue::from_str(value).map_err(|error| format!("`{name}`: {error}"))?;
            headers.insert(HeaderName::from_static(name), value);
            Ok::<_, String>(())
        };
        add("webhook-id", &delivery.key)?;
        add("webhook-timestamp", &timestamp.to_string())?;
        if let Some(secret) = &self.settings.secret {
            let secret =
                read(secret).await.map_err(|error| format!("its signing secret cannot be read: {error}"))?;
            let keys = SigningKeys::parse(&secret).map_err(|error| error.to_string())?;
            add("webhook-signature", &keys.sign(&delivery.key, timestamp, &body))?;
        }
        Ok((url.clone(), Request { method: Method::POST, url, headers, body: Some(body) }))
    }
}

impl Sink for WebhookSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }
}

/// A secret as it is now.
pub(super) async fn read(source: &SecretSource) -> io::Result<Secret> {
    match source {
        SecretSource::File(path) => {
            let text = tokio::fs::read_to_string(path).await;
            source.resolve(|_| text)
        }
        SecretSource::Inline(_) | SecretSource::Environment(_) => {
            source.resolve(|path| std::fs::read_to_string(path))
        }
    }
}

#[cfg(test)]
mod tests;
