//! How targets, and who knows of them, are reached: credentials, tokens, proxies, TLS, and headers.

use reqwest::Url;

use crate::config::raw::{At, Entries, RawAuthorization, RawBasicAuth, RawHeader, RawOauth2, RawTls, Wrong};
use crate::config::tree::Where;
use crate::model::{Secret, SecretSource};
use crate::scrape::{Authorization, Header, OAuth2, ProxyBy, ProxySettings, TlsSettings, TlsVersion};

use super::Context;

/// Headers that something else sets, as Prometheus has them.
const RESERVED_HEADERS: [&str; 13] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "user-agent",
    "www-authenticate",
    "x-prometheus-scrape-timeout-seconds",
];

/// The keys that say how one authenticates, wherever they stand.
pub(super) struct Ways {
    pub(super) basic: Option<RawBasicAuth>,
    pub(super) authorization: Option<RawAuthorization>,
    pub(super) tokens: Option<RawOauth2>,
    pub(super) bearer: Option<At<Secret>>,
    pub(super) bearer_file: Option<At<String>>,
}

/// The one of them that is given; `who` is for the words where there are more.
pub(super) fn one_way(ways: Ways, who: &str, at: &Where, cx: &Context<'_>) -> Option<Authorization> {
    let Ways { basic, authorization, tokens, bearer, bearer_file } = ways;
    let has_bearer = bearer.is_some() || bearer_file.is_some();
    let given = [basic.is_some(), authorization.is_some(), has_bearer, tokens.is_some()];
    if 1 < given.into_iter().filter(|given| *given).count() {
        let wrong = Wrong::new(format!("{who} can authenticate in one way only"));
        cx.error(at, wrong.hint("keep one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`"));
        return None;
    }
    if let Some(basic) = basic {
        return basic_auth(basic, cx);
    }
    if let Some(tokens) = tokens {
        return oauth2(tokens, cx).map(|tokens| Authorization::OAuth2(Box::new(tokens)));
    }
    if let Some(authorization) = authorization {
        return credentials(authorization, cx);
    }
    let credentials = cx.secret("bearer_token", bearer, bearer_file)?;
    Some(Authorization::Credentials { kind: "Bearer".to_owned(), credentials })
}

fn basic_auth(raw: RawBasicAuth, cx: &Context<'_>) -> Option<Authorization> {
    let password = cx
        .secret("password", raw.password, raw.password_file)
        .unwrap_or_else(|| SecretSource::Inline(Secret::new("")));
    let username = cx.reader.required(raw.username, &raw.at, "username", "`basic_auth`")?;
    Some(Authorization::Basic { username: username.value, password })
}

fn credentials(raw: RawAuthorization, cx: &Context<'_>) -> Option<Authorization> {
    let unreadable =
        ["credentials", "credentials_file"].iter().any(|key| cx.reader.is_unreadable(&raw.at, key));
    let given = unreadable || raw.credentials.is_some() || raw.credentials_file.is_some();
    let kind = raw.r#type.map_or("Bearer".to_owned(), |kind| {
        let trimmed = kind.value.trim();
        if trimmed.eq_ignore_ascii_case("basic") {
            cx.error(
                &kind.at,
                Wrong::new("`authorization` cannot be of type `Basic`").hint("use `basic_auth`"),
            );
        } else if trimmed.is_empty() || trimmed.contains(char::is_whitespace) {
            cx.error(&kind.at, "`type` must be one word such as `Bearer`");
        }
        trimmed.to_owned()
    });
    let credentials = cx.secret("credentials", raw.credentials, raw.credentials_file);
    if !given {
        cx.error(&raw.at, "`authorization` needs `credentials` or `credentials_file`");
    }
    Some(Authorization::Credentials { kind, credentials: credentials? })
}

/// The keys that say which proxy, wherever they stand.
pub(super) struct ProxyKeys {
    pub(super) url: Option<At<Secret>>,
    pub(super) except: Option<At<String>>,
    pub(super) environment: Option<At<bool>>,
    pub(super) headers: Option<Entries<Vec<At<Secret>>>>,
}

pub(super) fn proxy(keys: ProxyKeys, cx: &Context<'_>) -> ProxySettings {
    let ProxyKeys { url, except, environment, headers } = keys;
    let url = url.filter(|url| !url.value.expose().is_empty());
    let except = except.filter(|except| !except.value.is_empty());
    let environment = environment.filter(|environment| environment.value);
    let mut connect_headers = Vec::new();
    for (name, values) in headers.map(|headers| headers.0).unwrap_or_default() {
        if url.is_none() && environment.is_none() {
            cx.error(&name.at, "`proxy_connect_header` needs `proxy_url` or `proxy_from_environment`");
        }
        check_header_name(&name, cx);
        connect_headers.extend(values.into_iter().map(|value| (name.value.clone(), value.value)));
    }
    let by = match (url, environment) {
        (Some(_), Some(environment)) => {
            let wrong = Wrong::new("`proxy_from_environment` and `proxy_url` are both given");
            cx.error(&environment.at, wrong.hint("keep one of them"));
            ProxyBy::Direct
        }
        (None, Some(_)) => {
            if let Some(except) = except {
                let wrong = Wrong::new("`no_proxy` is given beside `proxy_from_environment`");
                cx.error(&except.at, wrong.hint("set `NO_PROXY` in the environment"));
            }
            ProxyBy::Environment
        }
        (Some(url), None) => {
            if web_address(url.value.expose()).is_none() {
                cx.error(&url.at, "`proxy_url` must be a URL such as `http://proxy.internal:3128`");
            }
            ProxyBy::Url { url: url.value, except: except.map(|except| except.value) }
        }
        (None, None) => {
            if let Some(except) = except {
                cx.error(&except.at, "`no_proxy` needs `proxy_url`");
            }
            ProxyBy::Direct
        }
    };
    ProxySettings { by, connect_headers }
}

fn web_address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

pub(super) fn headers(raw: Option<Entries<RawHeader>>, cx: &Context<'_>) -> Vec<Header> {
    let mut headers = Vec::new();
    for (name, raw) in raw.map(|raw| raw.0).unwrap_or_default() {
        check_header_name(&name, cx);
        if RESERVED_HEADERS.contains(&name.value.to_ascii_lowercase().as_str()) {
            let wrong = Wrong::new(format!("the header `{}` is set by other means", name.value));
            cx.error(&name.at, wrong.hint("for credentials use `authorization`, `basic_auth` or `oauth2`"));
        }
        let values = raw.values.unwrap_or_default().into_iter();
        let values = values.map(|value| SecretSource::Inline(Secret::new(value.value)));
        let secrets = raw.secrets.unwrap_or_default().into_iter();
        let secrets = secrets.map(|secret| SecretSource::Inline(secret.value));
        let files = raw.files.unwrap_or_default().into_iter();
        let files = files.map(|file| SecretSource::File(cx.secret_file(&file)));
        let all = values.chain(secrets).chain(files);
        headers.extend(all.map(|value| Header { name: name.value.clone(), value }));
    }
    headers
}

fn check_header_name(name: &At<String>, cx: &Context<'_>) {
    if reqwest::header::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
        cx.error(&name.at, format!("`{}` is not the name of a header", name.value));
    }
}

fn oauth2(raw: RawOauth2, cx: &Context<'_>) -> Option<OAuth2> {
    let keys = ProxyKeys {
        url: raw.proxy_url,
        except: raw.no_proxy,
        environment: raw.proxy_from_environment,
        headers: raw.proxy_connect_header,
    };
    let proxy = proxy(keys, cx);
    if let Some(name) = raw.tls_config.as_ref().and_then(|tls| tls.server_name.as_ref()) {
        cx.error(&name.at, "`server_name` cannot be given for `token_url`");
    }
    let tls = tls(raw.tls_config, &proxy, cx);
    let client_id = cx.reader.required(raw.client_id, &raw.at, "client_id", "`oauth2`");
    let unreadable =
        ["client_secret", "client_secret_file"].iter().any(|key| cx.reader.is_unreadable(&raw.at, key));
    if raw.client_secret.is_none() && raw.client_secret_file.is_none() && !unreadable {
        cx.error(&raw.at, "`oauth2` needs `client_secret` or `client_secret_file`");
    }
    let client_secret = cx.secret("client_secret", raw.client_secret, raw.client_secret_file);
    let token_url = cx.reader.required(raw.token_url, &raw.at, "token_url", "`oauth2`").and_then(|url| {
        let parsed = web_address(&url.value);
        if parsed.is_none() {
            cx.error(&url.at, "`token_url` must be a URL such as `https://login.example.com/token`");
        }
        parsed
    });
    let params = raw.endpoint_params.map(|params| params.0).unwrap_or_default();
    Some(OAuth2 {
        client_id: client_id?.value,
        client_secret: client_secret?,
        token_url: token_url?,
        scopes: raw.scopes.unwrap_or_default().into_iter().map(|scope| scope.value).collect(),
        endpoint_params: params.into_iter().map(|(name, value)| (name.value, value.value)).collect(),
        tls,
        proxy,
    })
}

pub(super) fn tls(raw: Option<RawTls>, proxy: &ProxySettings, cx: &Context<'_>) -> TlsSettings {
    let Some(raw) = raw else { return TlsSettings::default() };
    for (key, inline, file) in [
        ("ca", raw.ca.is_some(), &raw.ca_file),
        ("cert", raw.cert.is_some(), &raw.cert_file),
        ("key", raw.key.is_some(), &raw.key_file),
    ] {
        if let Some(file) = file.as_ref().filter(|_| inline) {
            let wrong = Wrong::new(format!("`{key}` and `{key}_file` are both given"));
            cx.error(&file.at, wrong.hint("keep one of them"));
        }
    }
    let has_key = raw.key.is_some() || raw.key_file.is_some();
    let has_cert = raw.cert.is_some() || raw.cert_file.is_some();
    match (&raw.cert, &raw.cert_file) {
        (Some(cert), _) if !has_key => cx.error(&cert.at, "`cert` needs `key` or `key_file`"),
        (_, Some(cert)) if !has_key => cx.error(&cert.at, "`cert_file` needs `key_file`"),
        _ => {}
    }
    match (&raw.key, &raw.key_file) {
        (Some(key), _) if !has_cert => cx.error(&key.at, "`key` needs `cert` or `cert_file`"),
        (_, Some(key)) if !has_cert => cx.error(&key.at, "`key_file` needs `cert_file`"),
        _ => {}
    }
    if let Some(name) = raw.server_name.as_ref().filter(|name| !name.value.is_empty() && !proxy.is_direct()) {
        let wrong = Wrong::new("`server_name` cannot be used with a proxy");
        cx.error(&name.at, wrong.hint("list the target under that name"));
    }
    let version =
        |version: &Option<At<String>>| version.as_ref().and_then(|version| tls_version(version, cx));
    let (min_version, max_version) = (version(&raw.min_version), version(&raw.max_version));
    if let (Some(min), Some(max), Some(at)) = (min_version, max_version, &raw.max_version)
        && max < min
    {
        cx.error(&at.at, "`max_version` is older than `min_version`");
    }
    let path =
        |path: Option<At<String>>| path.filter(|path| !path.value.is_empty()).map(|path| cx.path(&path));
    let text = |text: Option<At<String>>| text.map(|text| text.value).filter(|text| !text.is_empty());
    TlsSettings {
        ca: text(raw.ca),
        cert: text(raw.cert),
        key: raw.key.map(|key| key.value).filter(|key| !key.expose().is_empty()),
        ca_file: path(raw.ca_file),
        cert_file: path(raw.cert_file),
        key_file: path(raw.key_file),
        server_name: text(raw.server_name),
        insecure_skip_verify: raw.insecure_skip_verify.is_some_and(|skip| skip.value),
        min_version,
        max_version,
    }
}

fn tls_version(version: &At<String>, cx: &Context<'_>) -> Option<TlsVersion> {
    let wrong = match version.value.as_str() {
        "TLS12" => return Some(TlsVersion::Tls12),
        "TLS13" => return Some(TlsVersion::Tls13),
        old @ ("TLS10" | "TLS11") => format!("`{old}` is not spoken any more"),
        other => format!("`{other}` is not a version of TLS"),
    };
    cx.error(&version.at, Wrong::new(wrong).hint("use `TLS12` or `TLS13`"));
    None
}
