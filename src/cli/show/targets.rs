//! Targets in a table.

use serde_json::Value;

use super::{indented, items, line, text, word};

/// A line for each target, and one below it for what is wrong.
pub fn targets(targets: &Value) -> String {
    let head = ["job", "url", "health", "last scrape", "took", "seen", "kept", "bytes"].map(str::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(items(targets).map(row)).collect();
    if rows.len() == 1 {
        return "no targets\n".to_owned();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..8).map(width).collect();
    let mut lines = String::new();
    let beside = std::iter::once(&Value::Null).chain(items(targets));
    for (row, target) in rows.iter().zip(beside) {
        let mut shown = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Numbers stand to the right.
            shown.push_str(&match column {
                0..4 => format!("{cell:<width$}  "),
                _ => format!("{cell:>width$}  "),
            });
        }
        line(&mut lines, shown.trim_end().to_owned());
        if let Some(error) = text(&target["lastError"]).filter(|error| !error.is_empty()) {
            indented(&mut lines, error);
        }
    }
    lines
}

fn row(target: &Value) -> [String; 8] {
    let ours = &target["fogsignal"];
    let is_new = target["health"] == "unknown";
    let number = |value: &Value| if is_new { "-".to_owned() } else { value.to_string() };
    let took = target["lastScrapeDuration"].as_f64().unwrap_or_default();
    [
        word(&target["scrapePool"]).to_owned(),
        word(&target["scrapeUrl"]).to_owned(),
        word(&target["health"]).to_owned(),
        if is_new { "-".to_owned() } else { word(&target["lastScrape"]).to_owned() },
        if is_new { "-".to_owned() } else { format!("{:.1}ms", took * 1000.0) },
        number(&ours["lines_seen"]),
        number(&ours["lines_kept"]),
        number(&ours["body_bytes"]),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_and_its_error() {
        let target = |url: &str, health: &str, error: &str| {
            json!({"scrapePool": "db", "scrapeUrl": url, "health": health, "lastError": error,
                "lastScrape": "2026-11-27T02:00:00Z", "lastScrapeDuration": 0.0015,
                "fogsignal": {"lines_seen": 1200, "lines_kept": 7, "body_bytes": 90000}})
        };
        let all = json!([
            target("http://a/m", "up", ""),
            target("http://bcd/m", "down", "it answers 500"),
            target("http://c/m", "unknown", "")
        ]);
        let expected = "\
job  url           health   last scrape            took  seen  kept  bytes
db   http://a/m    up       2026-11-27T02:00:00Z  1.5ms  1200     7  90000
db   http://bcd/m  down     2026-11-27T02:00:00Z  1.5ms  1200     7  90000
  it answers 500
db   http://c/m    unknown  -                         -     -     -      -
";
        assert_eq!(targets(&all), expected);
        assert_eq!(targets(&json!([])), "no targets\n");
    }
}
