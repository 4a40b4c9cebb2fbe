//! Signing a request as Standard Webhooks says it (<https://www.standardwebhooks.com>, `v1`: HMAC-SHA256).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::Secret;

const PREFIX: &str = "whsec_";
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no signing secret. Never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing secret is `whsec_` and 24 to 64 bytes in base64 (several, separated by spaces, while one is being \
     replaced); make one with: echo whsec_$(openssl rand -base64 32)"
)]
pub(super) struct InvalidSecret;

/// The keys that a request is signed with; more than one while one is being replaced.
pub(super) struct SigningKeys(Vec<Hmac<Sha256>>);

impl SigningKeys {
    /// Reads one secret, or several with spaces between them.
    pub(super) fn parse(secret: &Secret) -> Result<Self, InvalidSecret> {
        let keys: Vec<_> = secret.expose().split_ascii_whitespace().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(InvalidSecret) } else { Ok(Self(keys)) }
    }

    /// The value of `webhook-signature`: one `v1,…` a key.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let one = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn key(text: &str) -> Result<Hmac<Sha256>, InvalidSecret> {
    let base64 = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
    let bytes = STANDARD.decode(base64).map_err(|_| InvalidSecret)?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(InvalidSecret);
    }
    Hmac::new_from_slice(&bytes).map_err(|_| InvalidSecret)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 24 bytes: `0123456789abcdefghijklmn`.
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

    #[test]
    fn signs_as_openssl_does() {
        // printf '%s' 'INC-1_e1_hook.1675260000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdefghijklmn \
        //   -binary | base64
        let keys = SigningKeys::parse(&Secret::new(SECRET)).expect("a valid secret");
        let signed = keys.sign("INC-1_e1_hook", 1_675_260_000, br#"{"a":1}"#);
        assert_eq!(signed, "v1,MWPjGii2PQf9Mhxa5FBG5nKAGN3UPpWHNnGdM1kj4p4=");
    }

    #[test]
    fn signs_with_each_key_while_one_is_replaced() {
        let keys = SigningKeys::parse(&Secret::new(format!("{SECRET} whsec_{}", "AAAA".repeat(8))));
        let signed = keys.expect("valid secrets").sign("id", 1, b"");
        assert_eq!(signed.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
    }

    #[test]
    fn anything_else_is_refused_without_showing_it() {
        for text in
            ["", "hunter2", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"]
        {
            let refused = SigningKeys::parse(&Secret::new(text)).err().expect("it is refused");
            assert!(text.len() < 7 || !refused.to_string().contains(text), "{text}");
        }
        assert!(SigningKeys::parse(&Secret::new(format!("{SECRET} hunter2"))).is_err());
    }
}
