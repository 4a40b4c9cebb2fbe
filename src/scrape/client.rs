//! HTTP clients as a job's `tls_config` and its proxy ask for them.
//!
//! In:   TLS settings and a proxy, and the files that they name.
//! Out:  a client that keeps connections alive, follows no redirect and uses no other proxy.
//! Not:  no request is made here.
//!
//! The files are looked at before each scrape over TLS; where one changed, a new client is built. So certificates
//! can be rotated without a reload, and a file that comes late mends the job by itself.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Identity, redirect, retry};
use sha2::{Digest, Sha256};

use crate::scrape::{ProxySettings, ScrapeError, TlsSettings, TlsVersion};

/// Connections that are idle for longer than this are closed, as in Prometheus.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
const USER_AGENT: &str = concat!("fogsignal/", env!("CARGO_PKG_VERSION"));

/// What makes two requests need different clients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// Plain HTTP.
    Plain,
    /// TLS; the certificate is for the host that is asked.
    Tls,
    /// TLS to this host, as if it were called `server_name`.
    TlsTo(String),
}

impl From<TlsVersion> for reqwest::tls::Version {
    fn from(version: TlsVersion) -> Self {
        match version {
            TlsVersion::Tls12 => Self::TLS_1_2,
            TlsVersion::Tls13 => Self::TLS_1_3,
        }
    }
}

/// A client, and which files it was built from.
#[derive(Debug, Clone)]
pub(super) struct Built {
    pub(super) client: Client,
    files: Option<[u8; 32]>,
}

impl Built {
    /// Whether the client stands whatever any file says now.
    pub(super) fn needs_no_files(&self) -> bool {
        self.files.is_none()
    }
}

/// The content of the files of a `tls_config`.
struct Files {
    authorities: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// A client for `way`; `known` again where it is still good. Blocks: it reads files.
///
/// # Errors
/// Where a file cannot be read or is no certificate or key.
pub(super) fn build(
    way: &Way,
    tls: &TlsSettings,
    proxy: &ProxySettings,
    compression: bool,
    known: Option<Built>,
) -> Result<Built, ScrapeError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .gzip(compression)
        .pool_idle_timeout(IDLE_TIMEOUT);
    let fault = |what| move |source| ScrapeError::Tls { what, source: Some(source) };
    for proxy in proxy.proxies()? {
        builder = builder.proxy(proxy);
    }
    if *way == Way::Plain && proxy.is_direct() {
        // No authority is asked for, so none is read.
        let client = builder.tls_certs_only([]).build().map_err(fault("no client can be made"))?;
        return Ok(Built { client, files: None });
    }

    let files = Files::read(tls)?;
    let digest = files.digest();
    if let Some(known) = known.filter(|known| known.files == digest) {
        return Ok(known);
    }
    if let Some(pem) = &files.authorities {
        let bad = if tls.ca.is_some() {
            "`ca` holds no usable certificate"
        } else {
            "`ca_file` holds no usable certificate"
        };
        let authorities = Certificate::from_pem_bundle(pem).map_err(fault(bad))?;
        if authorities.is_empty() {
            return Err(ScrapeError::Tls { what: bad, source: None });
        }
        builder = builder.tls_certs_only(authorities);
    }
    match (files.certificate, files.key) {
        (Some(mut pem), Some(key)) => {
            pem.push(b'\n');
            pem.extend_from_slice(&key);
            let bad = "`cert_file` and `key_file` hold no certificate with its key";
            builder = builder.identity(Identity::from_pem(&pem).map_err(fault(bad))?);
        }
        (None, None) => {}
        _ => {
            let what = "`cert_file` and `key_file` belong together, but one is missing";
            return Err(ScrapeError::Tls { what, source: None });
        }
    }
    if let Some(version) = tls.min_version {
        builder = builder.tls_version_min(version.into());
    }
    if let Some(version) = tls.max_version {
        builder = builder.tls_version_max(version.into());
    }
    if tls.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Way::TlsTo(host) = way {
        builder = builder.dns_resolver(Always(host.clone()));
    }
    let client = builder.build().map_err(fault("no client can be made"))?;
    Ok(Built { client, files: digest })
}

impl Files {
    fn read(tls: &TlsSettings) -> Result<Self, ScrapeError> {
        let inline = |pem: &str| Some(pem.as_bytes().to_vec());
        Ok(Self {
            authorities: read("`ca_file`", tls.ca_file.as_deref())?.or_else(|| inline(tls.ca.as_deref()?)),
            certificate: read("`cert_file`", tls.cert_file.as_deref())?
                .or_else(|| inline(tls.cert.as_deref()?)),
            key: read("`key_file`", tls.key_file.as_deref())?.or_else(|| inline(tls.key.as_ref()?.expose())),
        })
    }

    fn digest(&self) -> Option<[u8; 32]> {
        let all = [&self.authorities, &self.certificate, &self.key];
        if all.iter().all(|file| file.is_none()) {
            return None;
        }
        let mut digest = Sha256::new();
        for file in all {
            digest.update(Sha256::digest(file.as_deref().unwrap_or_default()));
        }
        Some(digest.finalize().into())
    }
}

fn read(what: &'static str, path: Option<&Path>) -> Result<Option<Vec<u8>>, ScrapeError> {
    let Some(path) = path else { return Ok(None) };
    let content = std::fs::read(path);
    content.map(Some).map_err(|source| ScrapeError::File { what, path: PathBuf::from(path), source })
}

/// Finds the addresses of one host, whatever name is asked for: the name in the URL is the one that TLS expects.
struct Always(String);

impl Resolve for Always {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.0.trim_start_matches('[').trim_end_matches(']').to_owned();
        Box::pin(async move {
            if let Ok(ip) = host.parse::<IpAddr>() {
                return Ok(Box::new(std::iter::once(SocketAddr::new(ip, 0))) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((&*host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
