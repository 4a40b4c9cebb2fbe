//! JSON Schema of rule files.
//!
//! In:   nothing; the keys are those that `rules::load` reads, and a test holds the two together.
//! Out:  the schema.
//! Not:  it cannot know PromQL or templates: those are texts here.

use serde_json::{Value, json};

const DURATION: &str = "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";

/// The schema of a rule file.
pub fn rules() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fogsignal rules",
        "description": "Rule groups: Prometheus's `alert` and `record`, and `detect` beside them.",
        "anyOf": [{"$ref": "#/$defs/file"}, {"$ref": "#/$defs/kubernetes"}],
        "$defs": {
            "file": {
                "description": "A rule file, as Prometheus reads it.",
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {"groups": {"type": "array", "items": {"$ref": "#/$defs/group"}}},
            },
            "kubernetes": {
                "description": "An object of Kubernetes that holds rules.",
                "type": "object",
                "required": ["apiVersion", "kind"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"const": "PrometheusRule"},
                    "metadata": {"type": "object"},
                    "spec": {"$ref": "#/$defs/file"},
                },
            },
            "duration": {"type": ["string", "integer"], "minimum": 0, "maximum": 0, "pattern": DURATION},
            "text": {"type": ["string", "number", "boolean"]},
            "texts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/text"}},
            "component": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,128}$"},
            "number": {"type": ["number", "string"]},
            "numbers": by_severity(json!({"$ref": "#/$defs/number"})),
            "group": group(),
            "record": record(),
            "alert": alert(),
            "detect": detect(),
        }
    })
}

fn group() -> Value {
    let rule =
        json!({"anyOf": [{"$ref": "#/$defs/alert"}, {"$ref": "#/$defs/record"}, {"$ref": "#/$defs/detect"}]});
    object(
        "Rules that are evaluated together, in order.",
        &["name"],
        json!({
            "name": {"$ref": "#/$defs/text", "description": "Its name, unique in the file."},
            "interval": {"$ref": "#/$defs/duration", "description": "How often it is evaluated; global.evaluation_interval by default."},
            "query_offset": {"$ref": "#/$defs/duration", "description": "How far back in time it is evaluated; global.rule_query_offset by default."},
            "limit": {"type": "integer", "minimum": 0, "description": "Most results of a rule; 0 for no limit."},
            "labels": {"$ref": "#/$defs/texts", "description": "Labels of all its rules."},
            "rules": {"type": "array", "items": rule},
        }),
    )
}

fn record() -> Value {
    object(
        "A recording rule, as in Prometheus.",
        &["record", "expr"],
        json!({
            "record": {"$ref": "#/$defs/text", "description": "The metric that is recorded."},
            "expr": {"$ref": "#/$defs/text", "description": "PromQL."},
            "labels": {"$ref": "#/$defs/texts"},
        }),
    )
}

fn alert() -> Value {
    object(
        "An alerting rule, as in Prometheus.",
        &["alert", "expr"],
        json!({
            "alert": {"$ref": "#/$defs/text", "description": "The alert's name."},
            "expr": {"$ref": "#/$defs/text", "description": "PromQL; whatever it returns is wrong."},
            "for": {"$ref": "#/$defs/duration", "description": "How long it must hold."},
            "keep_firing_for": {"$ref": "#/$defs/duration", "description": "How long it goes on after that."},
            "labels": {"$ref": "#/$defs/texts"},
            "annotations": {"$ref": "#/$defs/texts"},
        }),
    )
}

fn detect() -> Value {
    let mut schema = object(
        "A rule with thresholds by severity.",
        &["detect", "expr"],
        json!({
            "detect": {"$ref": "#/$defs/text", "description": "The alert's name."},
            "expr": {"$ref": "#/$defs/text", "description": "PromQL; its value is compared with the thresholds."},
            "component": {"$ref": "#/$defs/component", "description": "The component that it is about."},
            "role": {"enum": ["symptom", "cause", "backlog"], "description": "What it tells; symptom by default."},
            "above": {"$ref": "#/$defs/numbers", "description": "A value above these is wrong."},
            "below": {"$ref": "#/$defs/numbers", "description": "A value below these is wrong."},
            "for": one_or_each(json!({"$ref": "#/$defs/duration"}), "How long a severity must hold."),
            "clear": one_or_each(json!({"$ref": "#/$defs/number"}), "The value that clears a severity; its threshold by default."),
            "clear_for": {"$ref": "#/$defs/duration", "description": "How long it must be past the clear value."},
            "drained_below": {"$ref": "#/$defs/number", "description": "A backlog's clear value."},
            "on_missing": {"enum": ["hold", "resolve", "fire"], "description": "What no data means; hold by default."},
            "status": by_severity(json!({"enum": [
                "operational", "unknown", "under_maintenance", "degraded_performance", "partial_outage", "major_outage",
            ]})),
            "breakdown": {"$ref": "#/$defs/text", "description": "PromQL that splits the value by a label."},
            "breakdown_components": {
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/component"},
                "description": "The components that values of that label stand for.",
            },
            "incident_key": {"$ref": "#/$defs/text", "description": "Alerts of one key are one incident; a template."},
            "public_cause": {"$ref": "#/$defs/text", "description": "What may be said of it in public; a template."},
            "labels": {"$ref": "#/$defs/texts"},
            "annotations": {"$ref": "#/$defs/texts"},
        }),
    );
    schema["oneOf"] = json!([{"required": ["above"]}, {"required": ["below"]}]);
    schema
}

fn object(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn by_severity(value: Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {"minor": value, "major": value, "critical": value},
    })
}

fn one_or_each(value: Value, description: &str) -> Value {
    json!({"anyOf": [value, by_severity(value.clone())], "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Context, load};

    #[test]
    fn schema_and_loader_know_the_same_keys() {
        let schema = rules();
        for kind in ["record", "alert", "detect"] {
            let keys = schema["$defs"][kind]["properties"].as_object().expect("properties").keys();
            let others: String =
                keys.filter(|key| *key != kind).map(|key| format!("    {key}: 1m\n")).collect();
            let text = format!("groups:\n- name: g\n  rules:\n  - {kind}: a\n{others}    not_a_key: 1\n");
            let (_, problems) = load(&"r.yml".into(), &text, &Context::default());
            let unknown: Vec<_> =
                problems.iter().filter(|problem| problem.what.contains("has no key")).collect();
            assert!(unknown.len() == 1 && unknown[0].what.contains("not_a_key"), "{problems}");
            // The hint lists what the loader looks for; a recording rule also looks for keys only to refuse them.
            let hint =
                unknown[0].hint.as_deref().and_then(|hint| hint.strip_prefix("there are ")).expect("a list");
            for key in hint
                .split(", ")
                .filter(|key| kind != "record" && !["record", "alert", "detect"].contains(key))
            {
                assert!(
                    !schema["$defs"][kind]["properties"][key].is_null(),
                    "`{key}` of {kind} is not in the schema"
                );
            }
        }
    }
}
