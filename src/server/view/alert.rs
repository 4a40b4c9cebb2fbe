//! An alert, whether it belongs to an incident or not.

use serde::Serialize;

use super::{Time, time};
use crate::model::Labels;
use crate::rules::{AlertRow, AlertState, Ending, Role};

/// An alert.
#[derive(Debug, Serialize)]
pub struct AlertView {
    alert: String,
    rule: String,
    fingerprint: String,
    labels: Labels,
    annotations: Labels,
    state: &'static str,
    severity: Option<&'static str>,
    role: Role,
    component: Option<String>,
    value: Option<f64>,
    threshold: Option<f64>,
    breached_at: Time,
    fired_at: Option<Time>,
    recovered_at: Option<Time>,
    missing_since: Option<Time>,
    ended: Option<Ending>,
    evaluated_at: Time,
}

impl AlertView {
    /// The alert as the table has it.
    pub fn new(row: &AlertRow) -> Self {
        let (fired_at, recovered_at, ended) = match &row.state {
            AlertState::Pending { .. } => (None, None, None),
            AlertState::Firing { fired_at, .. } | AlertState::Lost { fired_at, .. } => {
                (Some(*fired_at), None, None)
            }
            AlertState::Clearing { fired_at, recovered_at, .. } => {
                (Some(*fired_at), Some(*recovered_at), None)
            }
            AlertState::Resolved { fired_at, recovered_at, why, .. } => {
                (Some(*fired_at), Some(*recovered_at), Some(*why))
            }
        };
        Self {
            alert: row.facts.name.clone(),
            rule: row.key.rule.to_string(),
            fingerprint: format!("{:016x}", row.key.labels.fingerprint()),
            labels: row.key.labels.clone(),
            annotations: row.facts.annotations.clone(),
            state: row.state.name().as_str(),
            severity: row.state.severity().map(|severity| severity.as_str()),
            role: row.facts.role,
            component: row.facts.component.as_ref().map(ToString::to_string),
            value: row.facts.value,
            threshold: row.facts.threshold,
            breached_at: time(row.state.breached_at()),
            fired_at: fired_at.map(time),
            recovered_at: recovered_at.map(time),
            missing_since: row.missing_since.map(time),
            ended,
            evaluated_at: time(row.evaluated_at),
        }
    }
}
