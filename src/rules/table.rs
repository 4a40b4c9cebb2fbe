//! The table of alerts: what the next evaluation starts from.
//!
//! In:   rows from the journal after a start; outcomes that have been committed.
//! Out:  rows, by key and by rule; what becomes of alerts whose rule is gone.
//! Not:  nothing is judged here but the end of rules.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Labels, RuleId, Timestamp};

use super::{AlertKey, AlertRow, AlertState, Ending, Outcome, StateName, Transition};

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

    /// What becomes of alerts whose rule is not in `rules`, which names all there are: where exactly one rule of
    /// the same name is new, it is the same rule in another group, and takes them over as they stand. Otherwise
    /// active ones resolve, and pending ones and those that resolved a while ago are forgotten. To be asked after
    /// each start and reload; asking more often does no harm.
    pub fn retire(&self, rules: &BTreeMap<RuleId, String>, at: Timestamp) -> Outcome {
        let mut outcome = Outcome::empty();
        let gone: Vec<&RuleId> = self.0.keys().filter(|id| !rules.contains_key(*id)).collect();
        for id in &gone {
            let rows: Vec<&AlertRow> = self.of_rule(id).collect();
            let name = rows.first().map(|row| row.facts.name.as_str()).unwrap_or_default();
            let namesakes = gone.iter().filter(|other| self.name_of(other) == name).count();
            let successor = self.only_new_rule_called(name, rules).filter(|_| namesakes == 1);
            for row in rows {
                match (successor, row.state.is_active()) {
                    (Some(to), _) => take_over(row, to, &mut outcome),
                    (None, true) => end(row, at, &mut outcome),
                    (None, false) if matches!(row.state, AlertState::Pending { .. }) || is_old(row, at) => {
                        outcome.forgotten.push(row.key.clone());
                    }
                    (None, false) => {}
                }
            }
        }
        // Those that were taken over come before those that end: an incident must not look over in between.
        outcome.transitions.sort_by_key(|transition| matches!(transition.to, AlertState::Resolved { .. }));
        outcome
    }

    fn name_of(&self, rule: &RuleId) -> &str {
        self.of_rule(rule).next().map(|row| row.facts.name.as_str()).unwrap_or_default()
    }

    fn only_new_rule_called<'a>(
        &self,
        name: &str,
        rules: &'a BTreeMap<RuleId, String>,
    ) -> Option<&'a RuleId> {
        let mut new = rules.iter().filter(|(id, rule)| *rule == name && !self.0.contains_key(*id));
        let first = new.next()?.0;
        new.next().is_none().then_some(first)
    }

    fn put(&mut self, row: AlertRow) {
        self.0.entry(row.key.rule.clone()).or_default().insert(row.key.labels.clone(), row);
    }
}

/// The rule is the same under another id.
fn take_over(row: &AlertRow, to: &RuleId, outcome: &mut Outcome) {
    let moved =
        AlertRow { key: AlertKey { rule: to.clone(), labels: row.key.labels.clone() }, ..row.clone() };
    let because = "its rule is in another group now";
    if let Some(severity) = row.state.severity() {
        // Told as firing first, since only what fires joins an incident; then as it stands.
        let (breached_at, fired_at) = crossed_and_fired(&row.state);
        let firing = AlertState::Firing { breached_at, fired_at, severity };
        let told = [firing.clone(), row.state.clone()];
        let news = told.into_iter().take(if firing == row.state { 1 } else { 2 });
        outcome.transitions.extend(news.map(|to| tell(&moved, None, to, because)));
        let (recovered_at, why) = (fired_at, Ending::RuleRemoved);
        let over = AlertState::Resolved { breached_at, fired_at, recovered_at, why };
        outcome.transitions.push(tell(row, Some(row.state.name()), over, because));
    }
    outcome.forgotten.push(row.key.clone());
    outcome.rows.push(moved);
}

/// The rule is gone, and what it measured with it.
fn end(row: &AlertRow, at: Timestamp, outcome: &mut Outcome) {
    let (breached_at, fired_at) = crossed_and_fired(&row.state);
    let state = AlertState::Resolved { breached_at, fired_at, recovered_at: at, why: Ending::RuleRemoved };
    let because = "its rule is no longer configured";
    outcome.transitions.push(tell(row, Some(row.state.name()), state.clone(), because));
    outcome.rows.push(AlertRow {
        state,
        ladder: Vec::new(),
        missing_since: None,
        ended_since: None,
        feeds: Vec::new(),
        evaluated_at: at,
        ..row.clone()
    });
}

fn tell(row: &AlertRow, from: Option<StateName>, to: AlertState, because: &str) -> Transition {
    Transition { key: row.key.clone(), from, to, facts: row.facts.clone(), because: because.to_owned() }
}

fn crossed_and_fired(state: &AlertState) -> (Timestamp, Timestamp) {
    let breached_at = state.breached_at();
    match state {
        AlertState::Pending { .. } => (breached_at, breached_at),
        AlertState::Firing { fired_at, .. }
        | AlertState::Clearing { fired_at, .. }
        | AlertState::Lost { fired_at, .. }
        | AlertState::Resolved { fired_at, .. } => (breached_at, *fired_at),
    }
}

/// Whether a resolved alert has been told long enough. Its row was last evaluated when it resolved.
pub(super) fn is_old(row: &AlertRow, at: Timestamp) -> bool {
    matches!(row.state, AlertState::Resolved { .. }) && row.evaluated_at + RESOLVED_KEPT_FOR <= at
}
