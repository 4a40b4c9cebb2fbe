//! Why a scrape gave no samples.

use std::error::Error;
use std::path::PathBuf;

use reqwest::StatusCode;

use crate::scrape::{ParseError, ProtobufError};

/// Why a scrape gave no samples. Never says a secret: URLs are left out, as whose page failed is known.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The target did not answer in time.
    #[error("no answer within {0}")]
    Timeout(String),
    /// There was no connection, or no answer on it.
    #[error("it cannot be asked")]
    Ask(#[source] reqwest::Error),
    /// No file descriptor is left.
    #[error("no file descriptor is left for a connection (hint: raise `LimitNOFILE` or `ulimit -n`)")]
    NoDescriptor,
    /// The answer ended before its end.
    #[error("the answer broke off")]
    BrokenOff(#[source] reqwest::Error),
    /// Something else than 200.
    #[error("it answers {0}")]
    Status(StatusCode),
    /// It sends one elsewhere, again and again or to nowhere.
    #[error("{0}")]
    Redirect(&'static str),
    /// A web page, as a login form or a proxy sends it.
    #[error("it answers HTML, not metrics")]
    Html,
    /// A content encoding that was not asked for.
    #[error("it answers in content encoding `{0}`, which was not asked for")]
    Encoding(String),
    /// The page goes on past the limit.
    #[error("the page is larger than {limit} bytes")]
    TooLarge {
        /// The job's `body_size_limit`, or the one that holds where that is 0.
        limit: u64,
    },
    /// An answer that lists targets goes on past any sane size.
    #[error("the answer is larger than {limit} bytes")]
    AnswerTooLarge {
        /// How large it may be.
        limit: u64,
    },
    /// A file that the job names.
    #[error("{what} `{path}` cannot be read")]
    File {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// `tls_config` cannot be used.
    #[error("`tls_config` cannot be used: {what}")]
    Tls {
        /// What is wrong with it.
        what: &'static str,
        /// What the TLS library says.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The proxy cannot be used.
    #[error("the proxy cannot be used: {0}")]
    Proxy(&'static str),
    /// Where tokens are given, nobody answers.
    #[error("`oauth2` gets no token")]
    Token(#[source] reqwest::Error),
    /// Where tokens are given, none is.
    #[error("`oauth2` gets no token: `token_url` answers {0}")]
    TokenStatus(StatusCode),
    /// Where tokens are given, something else is.
    #[error("`oauth2` gets no token from `token_url`: {0}")]
    TokenAnswer(&'static str),
    /// The process is ending.
    #[error("it was stopped")]
    Stopped(#[source] std::io::Error),
    /// The credentials hold bytes that no header can carry.
    #[error("the credentials hold characters that a header cannot carry")]
    Credentials,
    /// The page is not in its text format.
    #[error("the page cannot be read")]
    Parse(#[from] ParseError),
    /// The page is not in the protobuf format.
    #[error("the page cannot be read")]
    Protobuf(#[from] ProtobufError),
    /// Relabelling left a sample without a name.
    #[error("`metric_relabel_configs` leaves `{series}` without a metric name")]
    NoName {
        /// The series as the page writes it.
        series: String,
    },
    /// More samples than `sample_limit`.
    #[error("the page has {found} samples after relabelling, more than its `sample_limit` of {limit}")]
    TooManySamples {
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The job has more targets than `target_limit`.
    #[error("the job has {found} targets, more than its `target_limit` of {limit}")]
    TooManyTargets {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A sample's labels break a limit.
    #[error("`{metric}` breaks `{setting}`: {found} is more than {limit}")]
    Labels {
        /// The sample's metric, cut where it is long.
        metric: String,
        /// The limit's name in the configuration.
        setting: &'static str,
        /// What the sample has.
        found: usize,
        /// What it may have.
        limit: usize,
    },
}

impl ScrapeError {
    /// The error and what caused it, on one line.
    pub(super) fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            let said = cause.to_string();
            // Layers of the HTTP client tend to repeat the one below.
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = cause.source();
        }
        text
    }
}
