//! The table of alerts: what the next evaluation starts from.
//!
//! In:   rows from the journal after a start; outcomes that have been committed.
//! Out:  rows, by key and by rule; what becomes of alerts whose rule is gone.
//! Not:  nothing is judged here but the end of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Labels, RuleId, Timestamp};

use super::{AlertKey, AlertRow, AlertState, Ending, Outcome, Transition};

/// Kept after an alert resolved, so that whoever asks a little later still sees how it ended.
pub(super) const RESOLVED_KEPT_FOR: Duration = Duration::from_mins(15);

/// All alerts that are pending, active, or resolved a short while ago.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alerts(BTreeMap<RuleId, BTreeMap<Labels, AlertRow>>);

impl Alerts {
    /// The table as the journal remembers it.
    pub fn restore(rows: impl IntoIterator<Item = AlertRow>) -> Self {
        let mut alerts = Self::default();
        rows.into_iter().for_each(|row| alerts.put(row));
        alerts
    }

    /// All rows, by rule and labels.
    pub fn rows(&self) -> impl Iterator<Item = &AlertRow> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// The row of one alert.
    pub fn get(&self, key: &AlertKey) -> Option<&AlertRow> {
        self.0.get(&key.rule)?.get(&key.labels)
    }

    /// The rows of one rule, by labels.
    pub fn of_rule(&self, rule: &RuleId) -> impl Iterator<Item = &AlertRow> {
        self.0.get(rule).into_iter().flat_map(BTreeMap::values)
    }

    /// Remembers an outcome that has been committed. Cannot fail.
    pub fn apply(&mut self, outcome: &Outcome) {
        for key in &outcome.forgotten {
            if let Some(rows) = self.0.get_mut(&key.rule) {
                rows.remove(&key.labels);
                if rows.is_empty() {
                    self.0.remove(&key.rule);
                }
            }
        }
        outcome.rows.iter().chain(&outcome.refreshed).for_each(|row| self.put(row.clone()));
    }

    /// What becomes of alerts whose rule is not in `rules_left`: active ones resolve, pending ones and those
    /// that resolved a while ago are forgotten. To be asked after each reload; asking more often does no harm.
    pub fn retire(&self, rules_left: &BTreeSet<RuleId>, at: Timestamp) -> Outcome {
        let mut outcome = Outcome::empty();
        for row in self.rows().filter(|row| !rules_left.contains(&row.key.rule)) {
            let (breached_at, fired_at) = match &row.state {
                AlertState::Pending { .. } => {
                    outcome.forgotten.push(row.key.clone());
                    continue;
                }
                AlertState::Resolved { .. } => {
                    if is_old(row, at) {
                        outcome.forgotten.push(row.key.clone());
                    }
                    continue;
                }
                AlertState::Firing { breached_at, fired_at, .. }
                | AlertState::Clearing { breached_at, fired_at, .. }
                | AlertState::Lost { breached_at, fired_at, .. } => (*breached_at, *fired_at),
            };
            let state =
                AlertState::Resolved { breached_at, fired_at, recovered_at: at, why: Ending::RuleRemoved };
            let after = AlertRow {
                state: state.clone(),
                ladder: Vec::new(),
                missing_since: None,
                ended_since: None,
                feeds: Vec::new(),
                evaluated_at: at,
                ..row.clone()
            };
            outcome.transitions.push(Transition {
                key: row.key.clone(),
                from: Some(row.state.name()),
                to: state,
                facts: row.facts.clone(),
                because: "its rule is no longer configured".to_owned(),
            });
            outcome.rows.push(after);
        }
        outcome
    }

    fn put(&mut self, row: AlertRow) {
        self.0.entry(row.key.rule.clone()).or_default().insert(row.key.labels.clone(), row);
    }
}

/// Whether a resolved alert has been told long enough. Its row was last evaluated when it resolved.
pub(super) fn is_old(row: &AlertRow, at: Timestamp) -> bool {
    matches!(row.state, AlertState::Resolved { .. }) && row.evaluated_at + RESOLVED_KEPT_FOR <= at
}
