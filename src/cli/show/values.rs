//! Values of expressions, and trees of them.

use serde_json::Value;

use super::{items, line, text, word};

/// A line for each result: `up{job="db"} => 1 @[1675260600]`.
pub fn value(data: &Value) -> String {
    let mut lines = String::new();
    let result = &data["result"];
    match text(&data["resultType"]) {
        Some("vector") => {
            for one in items(result) {
                let (at, value) = point(one);
                line(&mut lines, format!("{} => {value} @[{at}]", labels(&one["metric"])));
            }
        }
        Some("matrix") => {
            for one in items(result) {
                line(&mut lines, format!("{} =>", labels(&one["metric"])));
                for pair in items(&one["values"]) {
                    line(&mut lines, format!("  {} @[{}]", word(&pair[1]), pair[0]));
                }
            }
        }
        Some(kind) => line(&mut lines, format!("{kind}: {} @[{}]", word(&result[1]), result[0])),
        None => {}
    }
    if lines.is_empty() {
        lines.push_str("no results\n");
    }
    lines
}

/// A line for each thing that was odd.
pub fn notes(answer: &Value) -> String {
    let mut lines = String::new();
    for (kind, of) in [("warning", "warnings"), ("info", "infos")] {
        for note in items(&answer[of]).filter_map(text) {
            let told = note.strip_prefix("PromQL ").and_then(|note| note.split_once(": "));
            line(&mut lines, format!("{kind}: {}", told.map_or(note, |(_, told)| told)));
        }
    }
    lines
}

/// Rules with the tree of their expressions.
pub fn explained(answer: &Value) -> String {
    let mut lines = String::new();
    for rule in items(&answer["rules"]) {
        if !lines.is_empty() {
            lines.push('\n');
        }
        let at = text(&rule["at"]).map(|at| format!(" at {at}")).unwrap_or_default();
        let (file, place) = (word(&rule["file"]), &rule["line"]);
        line(&mut lines, format!("{} of {} ({file}:{place}){at}", word(&rule["rule"]), word(&rule["group"])));
        tree(&mut lines, &rule["tree"], 1);
        line(&mut lines, "demands:".to_owned());
        for demand in items(&rule["demands"]) {
            let told = format!("  {} for {}", word(&demand["selector"]), word(&demand["look_back"]));
            let gaps = text(&demand["without_gaps"]).filter(|length| *length != "0s");
            let gaps = gaps.map(|length| format!(", of that {length} without a gap")).unwrap_or_default();
            line(&mut lines, format!("{told}{gaps}"));
        }
        for note in items(&rule["notes"]).filter_map(text) {
            line(&mut lines, format!("note: {note}"));
        }
    }
    lines
}

fn tree(lines: &mut String, node: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let mut head = format!("{indent}{}", word(&node["expr"]));
    let value = &node["value"];
    let count = node["results"].as_u64();
    match (text(&node["error"]), text(&value["resultType"])) {
        (Some(error), _) => head.push_str(&format!("  -- fails: {error}")),
        (_, Some("scalar")) => head.push_str(&format!("  = {}", word(&value["result"][1]))),
        (_, Some(_)) => match count {
            Some(0) => head.push_str("  -- nothing"),
            Some(1) => head.push_str("  -- 1 series"),
            Some(count) => head.push_str(&format!("  -- {count} series")),
            None => {}
        },
        (None, None) => {}
    }
    line(lines, head);
    for one in items(&value["result"]).filter(|one| one.is_object()) {
        let samples = items(&one["values"]).count();
        let told = match samples {
            0 => format!("= {}", point(one).1),
            _ => {
                let last = items(&one["values"]).next_back().map(|pair| word(&pair[1])).unwrap_or("?");
                format!("has {samples} samples, the last {last}")
            }
        };
        line(lines, format!("{indent}  · {} {told}", labels(&one["metric"])));
    }
    let shown = items(&value["result"]).count() as u64;
    if let Some(more) = count.filter(|count| shown < *count) {
        line(lines, format!("{indent}  · and {} more", more - shown));
    }
    items(&node["of"]).for_each(|child| tree(lines, child, depth + 1));
}

/// The time and the value of a vector's element.
fn point(one: &Value) -> (&Value, String) {
    match one["histogram"].as_array() {
        Some(pair) => {
            (&pair[0], format!("{{count:{}, sum:{}}}", word(&pair[1]["count"]), word(&pair[1]["sum"])))
        }
        None => (&one["value"][0], word(&one["value"][1]).to_owned()),
    }
}

/// `up{job="db"}`
fn labels(metric: &Value) -> String {
    let pairs = metric.as_object().into_iter().flatten();
    let labels: crate::model::Labels = pairs.map(|(name, value)| (name.as_str(), word(value))).collect();
    labels.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_value_is_told_in_lines() {
        let metric = json!({"__name__": "up", "job": "db"});
        let check = |kind: &str, result: Value, expected: &str| {
            assert_eq!(value(&json!({"resultType": kind, "result": result})), expected);
        };
        check("vector", json!([{"metric": metric, "value": [1.5, "0"]}]), "up{job=\"db\"} => 0 @[1.5]\n");
        check("vector", json!([]), "no results\n");
        check("scalar", json!([60, "+Inf"]), "scalar: +Inf @[60]\n");
        check(
            "matrix",
            json!([{"metric": metric, "values": [[60, "1"], [75, "0"]]}]),
            "up{job=\"db\"} =>\n  1 @[60]\n  0 @[75]\n",
        );
        let odd = json!({"warnings": ["a"], "infos": ["PromQL info: b (1:1)"]});
        assert_eq!(notes(&odd), "warning: a\ninfo: b (1:1)\n");
    }

    #[test]
    fn a_tree_has_a_line_for_each_node_and_its_elements() {
        let element = |value: &str| json!({"metric": {"job": "db"}, "value": [60, value]});
        let shown = explained(&json!({"rules": [{
            "rule": "Down", "group": "g", "file": "r.yml", "line": 4, "at": "T", "notes": ["no rule needs `x`"],
            "demands": [{"selector": "up", "look_back": "5m", "without_gaps": "2m"}],
            "tree": {"expr": "sum by (job) (up) > 0", "type": "instant vector", "results": 0,
                "value": {"resultType": "vector", "result": []},
                "of": [{"expr": "sum by (job) (up)", "type": "instant vector", "results": 12, "of": [],
                    "value": {"resultType": "vector", "result": [element("0")]}}]},
        }]}));
        let expected = "Down of g (r.yml:4) at T
  sum by (job) (up) > 0  -- nothing
    sum by (job) (up)  -- 12 series
      · {job=\"db\"} = 0
      · and 11 more
demands:
  up for 5m, of that 2m without a gap
note: no rule needs `x`
";
        assert_eq!(shown, expected);
    }
}
