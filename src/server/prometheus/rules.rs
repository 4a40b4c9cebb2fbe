//! `/api/v1/rules` and `/api/v1/alerts`: what the house evaluates, as Prometheus would say it.
//!
//! In:   the groups and the table of alerts; filters.
//! Out:  groups with their rules and alerts. A `detect:` rule is an alerting rule too; what clears or is lost still fires.
//! Not:  labels and annotations of rules are not given as templates: the rendered ones are with their alerts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::{Failure, success};
use crate::journal::Journal;
use crate::model::Clock;
use crate::pipeline::{GroupReport, House};
use crate::rules::{AlertRow, AlertState, Group, Rule, Watch};
use crate::server::Face;
use crate::server::commands::Body;

/// Every rule group.
pub async fn rules<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    uri: Uri,
    body: Body,
) -> Response {
    let filter = match Parameters::new(&uri, body).and_then(|parameters| Filter::new(&parameters)) {
        Ok(filter) => filter,
        Err(failure) => return failure.into_response(),
    };
    let house = face.house.read();
    let groups: Vec<Value> =
        house.groups().filter_map(|(group, report)| filter.group(&house, group, report)).collect();
    success(&json!({ "groups": groups }))
}

/// Every alert that is pending or fires.
pub async fn alerts<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let alerts: Vec<Value> = house.alerts.rows().filter_map(alert).collect();
    success(&json!({ "alerts": alerts }))
}

/// Which rules are asked for; an empty list is no condition.
#[derive(Debug)]
struct Filter {
    kind: Option<&'static str>,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    without_alerts: bool,
}

impl Filter {
    fn new(parameters: &Parameters) -> Result<Self, Failure> {
        let kind = |text: &str| match text {
            "alert" => Ok("alerting"),
            "record" => Ok("recording"),
            other => Err(format!("`{other}` is no type of rules; write `alert` or `record`")),
        };
        let flag =
            |text: &str| text.parse::<bool>().map_err(|_| format!("`{text}` is neither `true` nor `false`"));
        if parameters.get("match[]").is_some() {
            return Err(Failure::bad(
                "invalid parameter `match[]`: rules can't be asked for by their labels",
            ));
        }
        let list = |name: &str| parameters.all(name).map(str::to_owned).collect();
        Ok(Self {
            kind: parameters.read("type", kind)?,
            names: list("rule_name[]"),
            groups: list("rule_group[]"),
            files: list("file[]"),
            without_alerts: parameters.read("exclude_alerts", flag)?.unwrap_or(false),
        })
    }

    /// The group with the rules that fit; `None` where there is none.
    fn group(&self, house: &House, group: &Group, report: &GroupReport) -> Option<Value> {
        let asked = |list: &[String], own: &str| list.is_empty() || list.iter().any(|one| one == own);
        if !asked(&self.groups, &group.name) || !asked(&self.files, &group.file) {
            return None;
        }
        let fits = |rule: &&Rule| {
            asked(&self.names, &rule.name) && self.kind.is_none_or(|kind| kind == type_of(rule))
        };
        let rules: Vec<Value> = group
            .rules
            .iter()
            .filter(fits)
            .map(|rule| write_rule(rule, group, report, house, self.without_alerts))
            .collect();
        (!rules.is_empty() || group.rules.is_empty()).then(|| {
            json!({
                "name": group.name,
                "file": &*group.file,
                "rules": rules,
                "interval": group.interval.as_secs_f64(),
                "limit": group.limit.unwrap_or(0),
                "evaluationTime": report.took.as_secs_f64(),
                "lastEvaluation": last_evaluation(report),
            })
        })
    }
}

fn type_of(rule: &Rule) -> &'static str {
    if rule.watch().is_some() { "alerting" } else { "recording" }
}

/// Before the first one, what Go says of a time that is none.
fn last_evaluation(report: &GroupReport) -> String {
    report.evaluated_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_rfc3339())
}

fn write_rule(
    rule: &Rule,
    group: &Group,
    report: &GroupReport,
    house: &House,
    without_alerts: bool,
) -> Value {
    let error = report.failures.get(&rule.id);
    let health = match (report.evaluated_at, error) {
        (None, _) => "unknown",
        (Some(_), None) => "ok",
        (Some(_), Some(_)) => "err",
    };
    // Only the group as a whole is timed.
    let share = report.took.as_secs_f64() / group.rules.len().max(1) as f64;
    let mut written = json!({
        "name": rule.name,
        "query": rule.expr.to_string(),
        "labels": group.labels,
        "health": health,
        "evaluationTime": share,
        "lastEvaluation": last_evaluation(report),
        "type": type_of(rule),
    });
    if let Some(error) = error {
        written["lastError"] = json!(error);
    }
    if let Some(watch) = rule.watch() {
        add_alerts(&mut written, rule, watch, house, without_alerts);
    }
    written
}

fn add_alerts(written: &mut Value, rule: &Rule, watch: &Watch, house: &House, without: bool) {
    let alerts: Vec<Value> = house.alerts.of_rule(&rule.id).filter_map(alert).collect();
    let some = |state: &str| alerts.iter().any(|alert| alert["state"] == state);
    let state = ["firing", "pending"].into_iter().find(|state| some(state)).unwrap_or("inactive");
    written["state"] = json!(state);
    written["duration"] = json!(watch.hold().as_secs_f64());
    written["keepFiringFor"] = json!(watch.clear_for().as_secs_f64());
    written["annotations"] = json!({});
    written["alerts"] = if without { json!([]) } else { json!(alerts) };
}

/// An alert that is active; `None` of one that is over.
fn alert(row: &AlertRow) -> Option<Value> {
    let state = match row.state {
        AlertState::Pending { .. } => "pending",
        AlertState::Firing { .. } | AlertState::Clearing { .. } | AlertState::Lost { .. } => "firing",
        AlertState::Resolved { .. } => return None,
    };
    let mut written = json!({
        "labels": row.key.labels,
        "annotations": row.facts.annotations,
        "state": state,
        "activeAt": row.state.breached_at().to_rfc3339(),
        "value": row.facts.value.map_or_else(|| "NaN".to_owned(), with_exponent),
    });
    if let AlertState::Clearing { recovered_at, .. } = row.state {
        written["keepFiringSince"] = json!(recovered_at.to_rfc3339());
    }
    Some(written)
}

/// As Prometheus writes values of alerts: `1e+00`.
fn with_exponent(value: f64) -> String {
    if !value.is_finite() {
        return crate::model::format_value(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_alerts_have_exponents() {
        let check = |value: f64, expected: &str| assert_eq!(with_exponent(value), expected);
        check(1.0, "1e+00");
        check(0.0, "0e+00");
        check(-0.00125, "-1.25e-03");
        check(1234.5, "1.2345e+03");
        check(1e123, "1e+123");
        check(f64::INFINITY, "+Inf");
    }
}
