//! The proxy that lies between a job and its targets.
//!
//! In:   `proxy_url` and its like, or the environment.
//! Out:  how the HTTP client is told of it.
//! Not:  nothing is asked here; a proxy's own credentials stand in its URL and are never shown.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{NoProxy, Proxy};

use crate::model::Secret;
use crate::scrape::ScrapeError;

/// Never asked through a proxy where it is a list or the environment that says who is, as in Go.
const ALWAYS_DIRECT: &str = "localhost,127.0.0.0/8,::1";

/// `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxySettings {
    /// Which proxy.
    pub by: ProxyBy,
    /// What is sent along to the proxy where it is asked for a tunnel.
    pub connect_headers: Vec<(String, Secret)>,
}

/// Which proxy, if any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyBy {
    /// None, whatever the environment says.
    #[default]
    Direct,
    /// This one.
    Url {
        /// `http://…` or `https://…`, perhaps with a user and a password.
        url: Secret,
        /// Who is asked directly: names, domains, addresses and networks, joined by commas.
        except: Option<String>,
    },
    /// Those that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name.
    Environment,
}

impl ProxySettings {
    /// Whether every target is asked directly.
    pub fn is_direct(&self) -> bool {
        self.by == ProxyBy::Direct
    }

    /// As the HTTP client is told.
    pub(super) fn proxies(&self) -> Result<Vec<Proxy>, ScrapeError> {
        let fault = |_| ScrapeError::Proxy("its URL cannot be used");
        let except = |list: &str| NoProxy::from_string(&format!("{ALWAYS_DIRECT},{list}"));
        let proxies = match &self.by {
            ProxyBy::Direct => Vec::new(),
            ProxyBy::Url { url, except: list } => {
                let proxy = Proxy::all(url.expose()).map_err(fault)?;
                vec![proxy.no_proxy(list.as_deref().and_then(except))]
            }
            ProxyBy::Environment => {
                let list = variable(["NO_PROXY", "no_proxy"]).unwrap_or_default();
                let http = variable(["HTTP_PROXY", "http_proxy"]).map(|url| Proxy::http(url).map_err(fault));
                let https =
                    variable(["HTTPS_PROXY", "https_proxy"]).map(|url| Proxy::https(url).map_err(fault));
                let named = [http, https].into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
                named.into_iter().map(|proxy| proxy.no_proxy(except(&list))).collect()
            }
        };
        let headers = self.headers()?;
        Ok(proxies.into_iter().map(|proxy| proxy.headers(headers.clone())).collect())
    }

    fn headers(&self) -> Result<HeaderMap, ScrapeError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.connect_headers {
            let bad = || ScrapeError::Proxy("`proxy_connect_header` holds what a header cannot carry");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }
}

fn variable(names: [&str; 2]) -> Option<String> {
    names.into_iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
}
