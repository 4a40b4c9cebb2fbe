//! Talking to a running daemon: what the commands that need one have in common.
//!
//! In:   where the daemon listens, who speaks; a request.
//! Out:  the API's answer, or its error in its own words.
//! Not:  nothing is checked that the daemon checks itself.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

/// The daemon gives up on its journal after 5 s, or when a commit ends that was under way; on a query after 30 s.
const PATIENCE: Duration = Duration::from_secs(35);

/// What the daemon says where it does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// The status of its answer.
    pub status: u16,
    /// The reason, in words.
    pub why: String,
}

/// Which daemon.
#[derive(Debug, Clone, Args)]
pub struct Daemon {
    /// Where the daemon's operators' listener is.
    #[arg(long, global = true, aliases = ["url", "address"], value_name = "URL", default_value = "http://127.0.0.1:9096")]
    server: String,
}

/// Which daemon, and who speaks.
#[derive(Debug, Clone, Args)]
pub struct Speaker {
    #[command(flatten)]
    daemon: Daemon,
    /// Who says it.
    #[arg(long, global = true, value_name = "NAME", env = "USER")]
    by: Option<String>,
}

impl Speaker {
    /// Who speaks; an error of usage where nobody says it.
    pub fn name(&self) -> Result<String, String> {
        let name = self.by.clone().filter(|name| !name.trim().is_empty());
        name.ok_or_else(|| "nobody says who it is (hint: `--by NAME`, or set $USER)".to_owned())
    }

    /// What a GET answers.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.daemon.get(path)
    }

    /// What a POST of `body` answers.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.daemon.request(|client| client.post(self.daemon.url(path)).json(body))
    }
}

impl Daemon {
    /// What a GET answers.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.request(|client| client.get(self.url(path)))
    }

    /// What a POST of a form answers, at a path that is not of our own API.
    pub fn ask(&self, path: &str, form: &[(&str, String)]) -> anyhow::Result<Value> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let (url, body) = (format!("{}{path}", self.server.trim_end_matches('/')), body.finish());
        let kind = "application/x-www-form-urlencoded";
        self.request(|client| client.post(url).header("content-type", kind).body(body))
    }

    /// What a GET answers, at a path that is not of our own API.
    pub fn look(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let mut written = form_urlencoded::Serializer::new(String::new());
        let query = written.extend_pairs(query).finish();
        self.request(|client| client.get(format!("{}{path}?{query}", self.server.trim_end_matches('/'))))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/fogsignal/v1/{path}", self.server.trim_end_matches('/'))
    }

    fn request(&self, request: impl FnOnce(&Client) -> RequestBuilder) -> anyhow::Result<Value> {
        crate::daemon::install_tls_provider();
        // Commands are taken from this machine only, so that no proxy lies on the way.
        let client =
            Client::builder().no_proxy().timeout(PATIENCE).build().context("no client can be made")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a thread for the request")?;
        let answer = async {
            let answer = request(&client).send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.text().await?))
        };
        let (status, text) = runtime.block_on(answer).with_context(|| {
            format!(
                "no answer from the daemon at {} (hint: is it running? `--server` names another)",
                self.server
            )
        })?;
        let body = serde_json::from_str::<Value>(&text).unwrap_or_default();
        if !status.is_success() {
            match body["error"].as_str() {
                Some(why) => bail!(Refusal { status: status.as_u16(), why: why.to_owned() }),
                None => bail!("{} answered {status}: {}", self.server, text.trim()),
            }
        }
        Ok(body)
    }
}
