//! What explains the rise behind an alert: a query split by a label, compared with what it was before.
//!
//! In:   a rule's `breakdown`, a source, the instant, and when the alert's value first crossed.
//! Out:  each label value's share of the rise, the largest first.
//! Not:  nothing is ranked against anything else here: suspects are the book's. Nothing is remembered: where there
//!       is nothing to say, the figures that were said stand.
//!
//! The usual life: while an alert is pending or firing, its breakdown is evaluated now and one window before the
//! value crossed. Two things complicate it: what was not measured before is no rise, and a value that falls again
//! says nothing of what made it rise.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, Labels, METRIC_NAME, Timestamp};
use crate::promql::{self, Demand, Element, Options, Source};

use super::rule::Breakdown;
use super::{AlertKey, AlertRow, AlertState};

/// The window of a breakdown that looks back less, or at instants only.
const WINDOW_LEAST: Duration = Duration::from_mins(5);
/// A rise is explained for so long after the value crossed. Samples are kept for it.
const EXPLAINED_FOR: Duration = Duration::from_mins(30);
/// So many shares are worth telling.
const SHARES_MAX: usize = 5;
/// A smaller share explains nothing.
const SHARE_LEAST: f64 = 0.01;
/// Of more alerts of a rule only the first by labels are explained: each is compared with every element.
const ALERTS_MAX: usize = 100;

/// Who made how much of the rise of what an alert measures, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Whose rise.
    pub key: AlertKey,
    /// The label values that rose.
    pub shares: Vec<Share>,
}

/// A label value's share of a rise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The label or labels that the breakdown is split by: `client`.
    pub label: String,
    /// Their value: `crm-consumers`.
    pub value: String,
    /// The component that the value stands for, where the rule says so (`breakdown_components`).
    pub component: Option<ComponentId>,
    /// Its part of the rise, 0 to 1.
    pub share: f64,
}

impl Breakdown {
    /// How long before the crossing the value is compared with: what the query sees at the crossing then holds
    /// nothing of what it is compared with.
    fn window(&self) -> Duration {
        self.expr.longest_range().max(WINDOW_LEAST)
    }

    /// What it needs to be kept: from before the crossing, for as long as the rise is explained.
    pub(super) fn demands(&self) -> Vec<Demand> {
        let further = self.window() + EXPLAINED_FOR;
        let demands = self.expr.demand().into_iter();
        demands.map(|demand| Demand { look_back: demand.look_back + further, ..demand }).collect()
    }
}

/// Explains the rise behind each of `rows` that is on its way up or there, as seen `offset` ago.
pub(super) fn explain<'a>(
    breakdown: &Breakdown,
    source: &dyn Source,
    rows: impl Iterator<Item = &'a AlertRow>,
    at: Timestamp,
    offset: Duration,
) -> Result<Vec<Explained>, String> {
    let mut rows: Vec<&AlertRow> = rows.filter(|row| is_explained(row, at)).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows.truncate(ALERTS_MAX);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let query = |at: Timestamp| {
        promql::evaluate_vector(&breakdown.expr, source, at - offset, &Options::default())
            .map_err(|error| error.to_string())
    };
    let now = query(at)?;
    let mut baselines: BTreeMap<Timestamp, Vec<Element>> = BTreeMap::new();
    let mut explained = Vec::new();
    for row in rows {
        let before_at = row.state.breached_at() - breakdown.window();
        let before = match baselines.get(&before_at) {
            Some(before) => before,
            None => baselines.entry(before_at).or_insert(query(before_at)?),
        };
        let shares = shares(&breakdown.components, &row.key.labels, &now, before);
        if !shares.is_empty() {
            explained.push(Explained { key: row.key.clone(), shares });
        }
    }
    Ok(explained)
}

fn is_explained(row: &AlertRow, at: Timestamp) -> bool {
    let is_up = matches!(row.state, AlertState::Pending { .. } | AlertState::Firing { .. });
    let is_measured = row.missing_since.is_none() && row.ended_since.is_none();
    is_up && is_measured && at <= row.state.breached_at() + EXPLAINED_FOR
}

/// What rose, each with its part of all that rose.
fn shares(
    components: &BTreeMap<String, ComponentId>,
    alert: &Labels,
    now: &[Element],
    before: &[Element],
) -> Vec<Share> {
    let (now, before) = (values(alert, now), values(alert, before));
    if before.is_empty() {
        return Vec::new();
    }
    let rise = |(labels, now): (Labels, f64)| {
        let was = before.get(&labels).copied().unwrap_or(0.0);
        (labels, (now - was).max(0.0))
    };
    let mut rises: Vec<(Labels, f64)> = now.into_iter().map(rise).collect();
    let total: f64 = rises.iter().map(|(_, rise)| rise).sum();
    if !(0.0 < total && total.is_finite()) {
        return Vec::new();
    }
    rises.sort_by(|a, b| b.1.total_cmp(&a.1));
    let share = |(labels, rise): (Labels, f64)| {
        let (label, value): (Vec<&str>, Vec<&str>) = labels.iter().unzip();
        let (label, value) = (label.join(","), value.join(","));
        Share { component: components.get(&value).cloned(), label, value, share: rise / total }
    };
    // What rose without a label of its own is a part of the rise, and nothing that could be named.
    let named = rises.into_iter().filter(|(labels, _)| !labels.is_empty()).map(share);
    named.filter(|share| SHARE_LEAST <= share.share).take(SHARES_MAX).collect()
}

/// The values that agree with the alert's labels, by the labels that the alert does not have.
fn values(alert: &Labels, elements: &[Element]) -> BTreeMap<Labels, f64> {
    let mut values = BTreeMap::new();
    for element in elements.iter().filter(|element| element.value.is_finite()) {
        let agrees = |(name, value)| alert.get(name).is_none_or(|have| have == value);
        if element.labels.iter().all(agrees) {
            let own = element.labels.filtered(|name| name != METRIC_NAME && alert.get(name).is_none());
            *values.entry(own).or_insert(0.0) += element.value;
        }
    }
    values
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
