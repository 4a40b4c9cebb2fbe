//! The whole configuration, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::incidents::{EscalationPolicy, Settings as IncidentSettings};
use crate::model::{Graph, Labels};
use crate::rules::{Context as RuleContext, Group};
use crate::scrape::Job;
use crate::sinks::SinkSettings;

/// Everything that the daemon needs to know, in the rooms' own types.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often rule groups are evaluated that say nothing else.
    pub evaluation_interval: Duration,
    /// `global.external_labels`
    pub external_labels: Labels,
    /// Whom to scrape.
    pub jobs: Vec<Job>,
    /// The components.
    pub graph: Graph,
    /// What users decide about incidents.
    pub incidents: IncidentSettings,
    /// Whom to page when.
    pub escalation: Vec<EscalationPolicy>,
    /// Where messages go.
    pub sinks: Vec<SinkSettings>,
    /// The operators' listener.
    pub server: ServerSettings,
    /// Where the journal lives.
    pub data_dir: PathBuf,
    /// The groups of all rule files.
    pub groups: Vec<Arc<Group>>,
    /// What rules need to know of the rest.
    pub rules: RuleContext,
    /// The files that all of this was read from, the configuration file first.
    pub sources: Vec<PathBuf>,
}

/// The `server:` key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where operators' API and `/metrics` listen; 127.0.0.1:9096 by default.
    pub listen: SocketAddr,
    /// Under which address people reach it; without a `/` at the end.
    pub external_url: Option<String>,
    /// How long the links of a page are valid.
    pub links_valid_for: Duration,
}
