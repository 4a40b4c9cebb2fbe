//! What people may read of a target: its address and labels, without what looks like a secret.
//!
//! In:   a target, or the labels that it was found with.
//! Out:  the same as text and labels, in which values of parameters that look like secrets are `****`.
//! Not:  what is asked is not touched.

use reqwest::Url;

use crate::model::Labels;
use crate::scrape::Target;

const PARAM_PREFIX: &str = "__param_";
const META_URL: &str = "__meta_url";
/// A parameter with one of these in its name is taken for a secret.
const SECRET_WORDS: [&str; 7] = ["token", "secret", "password", "passwd", "key", "auth", "sig"];
const HIDDEN: &str = "****";

impl Target {
    /// What is asked, with its parameters; the values of those that look like secrets are hidden.
    pub fn asked_url(&self) -> String {
        url_without_secrets(&self.url)
    }
}

/// Labels of a target as it was found, of which those that hold parameters which look like secrets are hidden.
pub(super) fn without_secrets(labels: &Labels) -> Labels {
    let show = |(name, value): (&str, &str)| {
        let shown = match name.strip_prefix(PARAM_PREFIX) {
            Some(parameter) if is_secret(parameter) => HIDDEN.to_owned(),
            _ if name == META_URL => {
                Url::parse(value).map_or_else(|_| HIDDEN.to_owned(), |url| url_without_secrets(&url))
            }
            _ => value.to_owned(),
        };
        (name.to_owned(), shown)
    };
    labels.iter().map(show).collect()
}

fn url_without_secrets(url: &Url) -> String {
    let Some(query) = url.query() else { return url.to_string() };
    let pairs = form_urlencoded::parse(query.as_bytes());
    if !pairs.clone().any(|(name, _)| is_secret(&name)) {
        return url.to_string();
    }
    let mut shown = url.clone();
    shown.query_pairs_mut().clear();
    for (name, value) in pairs {
        let value = if is_secret(&name) { HIDDEN } else { &*value };
        shown.query_pairs_mut().append_pair(&name, value);
    }
    shown.into()
}

fn is_secret(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_parameters_that_look_like_secrets_are_hidden() {
        let check = |name: &str, value: &str, expected: &str| {
            let shown = without_secrets(&[(name, value)].into_iter().collect());
            assert_eq!(shown.get(name), Some(expected), "{name}");
        };
        check("__param_api_key", "k", "****");
        check("__param_module", "http_2xx", "http_2xx");
        check("__meta_url", "http://h/t?a=1&Token=t", "http://h/t?a=1&Token=****");
        check("__meta_url", "http://h/t?a=1", "http://h/t?a=1");
        check("__address__", "token:1", "token:1");
    }
}
