//! Whether a webhook comes from whoever knows the secret: HMAC-SHA256 in hexadecimal.
//!
//! In:   a secret, what was signed, the signatures that came with it.
//! Out:  nothing, or why it is not believed. Compared in constant time.
//! Not:  what is signed and where the signature stands, each program says for itself.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::Secret;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsigned {
    /// It carries no signature, or none of the form that is expected.
    #[error("the signature is missing")]
    Missing,
    /// None of its signatures fits.
    #[error("the signature does not fit")]
    Wrong,
    /// It was signed too long ago, or ahead of our clock.
    #[error(
        "the signature is more than five minutes off; somebody may play an old request again, or a clock is wrong"
    )]
    Old,
}

/// Whether one of `signatures` is that of `parts`, one behind the other, under `secret`; or, while one is being replaced,
/// under one of several with spaces between them.
pub(super) fn fits<'a>(
    secret: &Secret,
    parts: &[&[u8]],
    signatures: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Unsigned> {
    let given: Vec<Vec<u8>> = signatures.filter_map(bytes).collect();
    if given.is_empty() {
        return Err(Unsigned::Missing);
    }
    let made_by = |key: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    };
    match secret.expose().split_ascii_whitespace().any(made_by) {
        true => Ok(()),
        false => Err(Unsigned::Wrong),
    }
}

/// The bytes that a text in hexadecimal says.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    (!pairs.is_empty() && rest.is_empty()).then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf '%s' 'hello' | openssl dgst -sha256 -hmac key
    const SIGNED: &str = "9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b";

    fn check(secret: &str, signatures: &[&str], expected: Result<(), Unsigned>) {
        let told = fits(&Secret::new(secret), &[b"hel", b"lo"], signatures.iter().copied());
        assert_eq!(told, expected, "{secret} {signatures:?}");
    }

    #[test]
    fn one_of_the_signatures_must_fit_one_of_the_secrets() {
        check("key", &[SIGNED], Ok(()));
        check("key", &[&SIGNED.to_uppercase()], Ok(()));
        check("old key", &["00", SIGNED], Ok(()));
        check("other", &[SIGNED], Err(Unsigned::Wrong));
        check("key", &[&SIGNED[..62]], Err(Unsigned::Wrong));
        check("key", &[], Err(Unsigned::Missing));
        check("key", &["", "abc", "zz"], Err(Unsigned::Missing));
        check("", &[SIGNED], Err(Unsigned::Wrong));
    }
}
