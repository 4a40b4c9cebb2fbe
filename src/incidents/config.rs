//! What users decided, as decisions read it.
//!
//! In:   settings, the component graph, policies, and the sinks for responders.
//! Out:  the same with every default filled in, and the words in their language.
//! Not:  nothing of it changes between two reloads.

use std::sync::Arc;

use crate::model::{Graph, SinkName};

use super::escalate;
use super::settings::{EscalationPolicy, Settings};
use super::words::Words;

/// What users decided, as decisions read it.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) settings: Arc<Settings>,
    pub(super) graph: Arc<Graph>,
    pub(super) policies: Arc<[EscalationPolicy]>,
    pub(super) responders: Vec<SinkName>,
    pub(super) words: Words,
}

impl Config {
    pub(super) fn new(
        settings: Arc<Settings>,
        graph: Arc<Graph>,
        policies: Arc<[EscalationPolicy]>,
        responders: Vec<SinkName>,
    ) -> Self {
        let policies = match policies.is_empty() {
            true => escalate::default_policy(settings.page_at, &responders),
            false => policies,
        };
        let words = Words::new(&settings);
        Self { settings, graph, policies, responders, words }
    }
}
