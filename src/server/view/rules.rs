//! How the rules are doing.

use serde::Serialize;

use super::{Time, time};
use crate::pipeline::GroupReport;
use crate::rules::{Group, Rule, RuleKind};

/// A rule group with how its last evaluation went.
#[derive(Debug, Serialize)]
pub struct GroupView {
    file: String,
    name: String,
    interval_seconds: f64,
    last_evaluation: Option<Time>,
    last_evaluation_duration_seconds: f64,
    rules: Vec<RuleView>,
}

#[derive(Debug, Serialize)]
struct RuleView {
    name: String,
    kind: &'static str,
    component: Option<String>,
    health: &'static str,
    last_error: Option<String>,
}

impl GroupView {
    /// The group as it is evaluated.
    pub fn new(group: &Group, report: &GroupReport) -> Self {
        Self {
            file: group.file.to_string(),
            name: group.name.clone(),
            interval_seconds: group.interval.as_secs_f64(),
            last_evaluation: report.evaluated_at.map(time),
            last_evaluation_duration_seconds: report.took.as_secs_f64(),
            rules: group.rules.iter().map(|rule| RuleView::new(rule, report)).collect(),
        }
    }
}

impl RuleView {
    fn new(rule: &Rule, report: &GroupReport) -> Self {
        let last_error = report.failures.get(&rule.id).cloned();
        let health = match (report.evaluated_at, &last_error) {
            (None, _) => "unknown",
            (Some(_), None) => "ok",
            (Some(_), Some(_)) => "failing",
        };
        Self {
            name: rule.name.clone(),
            kind: match rule.kind {
                RuleKind::Record => "record",
                RuleKind::Alert(_) => "alert",
                RuleKind::Detect(_) => "detect",
            },
            component: rule.component.as_ref().map(ToString::to_string),
            health,
            last_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::model::Timestamp;
    use crate::rules::{Context, load};

    #[test]
    fn each_rule_says_how_it_is_and_why_it_fails() {
        let text = "groups: [{name: g, interval: 15s, rules: [\
                    {record: a, expr: b}, {detect: Slow, expr: c, component: crm, above: {minor: 1}}, \
                    {alert: Down, expr: up == 0}]}]";
        let (groups, problems) = load(&"rules.yml".into(), text, &Context::default());
        assert!(problems.is_empty(), "{problems}");
        let shown = |report: &GroupReport| {
            serde_json::to_value(GroupView::new(&groups[0], report)).expect("a view is JSON")
        };
        let before = shown(&GroupReport::default());
        assert_eq!(before["rules"][0]["health"], "unknown");
        let after = shown(&GroupReport {
            evaluated_at: Some(Timestamp::from_secs(0)),
            took: Duration::from_millis(1500),
            failures: [(groups[0].rules[1].id.clone(), "two series where one is expected".to_owned())].into(),
        });
        let rule = |name: &str, kind: &str, component: Option<&str>, error: Option<&str>| {
            let health = if error.is_some() { "failing" } else { "ok" };
            json!({"name": name, "kind": kind, "component": component, "health": health, "last_error": error})
        };
        let expected = json!({
            "file": "rules.yml",
            "name": "g",
            "interval_seconds": 15.0,
            "last_evaluation": "1970-01-01T00:00:00.000Z",
            "last_evaluation_duration_seconds": 1.5,
            "rules": [
                rule("a", "record", None, None),
                rule("Slow", "detect", Some("crm"), Some("two series where one is expected")),
                rule("Down", "alert", None, None),
            ],
        });
        assert_eq!(after, expected);
    }
}
