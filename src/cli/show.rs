//! The API's JSON as people read it in a terminal.
//!
//! In:   answers of the operators' API.
//! Out:  lines of text. What is not known is left out.

mod deliveries;
mod targets;
mod values;

use std::fmt::Write as _;

use serde_json::Value;

pub use deliveries::{deliveries, delivery};
pub use targets::targets;
pub use values::{explained, notes, value};

/// A line for each event: `INC-1: acknowledged (ana said so)`.
pub fn events(events: &Value) -> String {
    items(events).fold(String::new(), |mut lines, event| {
        let of = text(&event["incident"]).map(|incident| format!("{incident}: ")).unwrap_or_default();
        line(&mut lines, format!("{of}{} ({})", word(&event["what"]), word(&event["why"])));
        lines
    })
}

/// A change in one line.
pub fn change(change: &Value) -> String {
    let component = text(&change["component"]).map(|id| format!(" of {id}")).unwrap_or_default();
    let version = text(&change["version"]).map(|version| format!(" {version}")).unwrap_or_default();
    format!(
        "{}{component}{version} at {}: {}",
        word(&change["kind"]),
        word(&change["at"]),
        word(&change["summary"])
    )
}

/// A line for each incident.
pub fn list(answer: &Value) -> String {
    let mut lines = String::new();
    for incident in items(&answer["incidents"]) {
        let severity = text(&incident["severity"]).unwrap_or("-");
        let mut title = word(&incident["title"]).to_owned();
        if let Some(by) = text(&incident["acknowledged_by"]) {
            title.push_str(&format!(" (acknowledged by {by})"));
        }
        let (id, status) = (word(&incident["id"]), word(&incident["status"]));
        line(
            &mut lines,
            format!("{id:<8} {status:<13} {severity:<8} {} {title}", word(&incident["started_at"])),
        );
    }
    if lines.is_empty() {
        lines.push_str("no incidents\n");
    }
    lines
}

/// Everything about an incident.
pub fn incident(incident: &Value) -> String {
    let mut lines = String::new();
    line(&mut lines, format!("{} {}", word(&incident["id"]), word(&incident["title"])));
    state(&mut lines, incident);
    times(&mut lines, incident);
    members(&mut lines, incident);
    causes(&mut lines, incident);
    said(&mut lines, incident);
    lines
}

fn state(lines: &mut String, incident: &Value) {
    let held = |what: &str| if incident["held"][what].is_null() { "" } else { " (held)" };
    let mut state = format!("status: {}{}", word(&incident["status"]), held("status"));
    state.push_str(&format!(", impact: {}{}", word(&incident["impact"]), held("impact")));
    if let Some(severity) = text(&incident["severity"]) {
        state.push_str(&format!(", severity: {severity}"));
    }
    line(lines, state);
    for (what, key) in [
        ("acknowledged by", "acknowledged_by"),
        ("merged into", "merged_into"),
        ("muted by", "muted_by"),
        ("root", "root"),
        ("next update by", "next_update_by"),
    ] {
        if let Some(value) = text(&incident[key]) {
            line(lines, format!("{what}: {value}"));
        }
    }
    let held_by: Vec<&str> = items(&incident["held_by"]).filter_map(Value::as_str).collect();
    if !held_by.is_empty() {
        line(lines, format!("held open by: {}", held_by.join("; ")));
    }
}

fn times(lines: &mut String, incident: &Value) {
    for (what, key) in [
        ("began", "started_at"),
        ("opened", "opened_at"),
        ("acknowledged", "acknowledged_at"),
        ("identified", "identified_at"),
        ("symptoms ended", "mitigated_at"),
        ("monitoring", "monitoring_at"),
        ("resolved", "resolved_at"),
    ] {
        if let Some(at) = text(&incident[key]) {
            line(lines, format!("{what}: {at}"));
        }
    }
}

fn members(lines: &mut String, incident: &Value) {
    section(lines, "components", &incident["components"], |component| {
        let name = text(&component["name"]).unwrap_or(word(&component["id"]));
        format!("{name}: {}", word(&component["status"]))
    });
    section(lines, "alerts", &incident["alerts"], |alert| {
        let mut about = word(&alert["state"]).to_owned();
        for word in [text(&alert["severity"]), text(&alert["role"])].into_iter().flatten() {
            about.push_str(&format!(" {word}"));
        }
        if alert["dismissed"] == true {
            about.push_str(", dismissed");
        }
        let value = alert["value"].as_f64().map(|value| format!(" = {value}")).unwrap_or_default();
        format!("{}{value} ({about})", word(&alert["key"]))
    });
}

fn causes(lines: &mut String, incident: &Value) {
    let cause = &incident["cause"];
    if let Some(what) = text(&cause["text"]) {
        line(lines, format!("cause: {what} ({})", word(&cause["by"])));
    }
    section(lines, "suspects, the likeliest first", &incident["suspects"], |suspect| {
        let component = text(&suspect["component"]).map(|id| format!(" of {id}")).unwrap_or_default();
        let part = |name: &str| format!("{name} {:.2}", suspect["parts"][name].as_f64().unwrap_or_default());
        format!(
            "{}{component} at {}: {}; score {:.2} = {}",
            word(&suspect["kind"]),
            word(&suspect["at"]),
            word(&suspect["summary"]),
            suspect["score"].as_f64().unwrap_or_default(),
            ["time", "graph", "kind", "share"].map(part).join(" × ")
        )
    });
    section(lines, "actions", &incident["actions"], |action| {
        let effect = &action["effect"];
        let effect = text(&effect["what"]).map(|what| {
            let minutes = effect["within_seconds"].as_f64().unwrap_or_default() / 60.0;
            format!(" ({what} {} → {} within {minutes:.0} min)", effect["from"], effect["to"])
        });
        format!("{}{}", told(action), effect.unwrap_or_default())
    });
    section(lines, "notes", &incident["notes"], told);
}

fn said(lines: &mut String, incident: &Value) {
    section(lines, "backlogs, as said", &incident["etas"], |eta| {
        let band = format!("{} to {}", word(&eta["low"]), word(&eta["high"]));
        format!("{} drained by {} ({band})", word(&eta["alert"]), word(&eta["best"]))
    });
    section(lines, "who was told", &incident["deliveries"], deliveries::told);
    if incident["deliveries"].is_null() {
        line(lines, "who was told: the journal does not say it now".to_owned());
    }
    section(lines, "not delivered", &incident["undelivered"], |lost| {
        format!("{}: {}", word(&lost["sink"]), word(&lost["because"]))
    });
    for (sink, what) in incident["stood_down"].as_object().into_iter().flatten() {
        line(lines, format!("left alone at {sink}: {}", word(what)));
    }
    if let Some(page) = items(&incident["pages"]).last() {
        let to: Vec<&str> = items(&page["to"]).filter_map(Value::as_str).collect();
        let (at, reason) = (word(&page["at"]), word(&page["reason"]));
        line(lines, format!("last page: {at} {reason} to {}: {}", to.join(", "), word(&page["summary"])));
    }
    if let Some(post) = items(&incident["posts"]).last() {
        line(lines, format!("last post: number {} at {}", post["number"], word(&post["at"])));
        indented(lines, word(&post["body"]));
    }
    let draft = &incident["draft"];
    if let Some(since) = text(&draft["since"]) {
        line(lines, format!("a draft waits since {since}; `approve`, `edit-draft` or `discard-draft`:"));
        indented(lines, word(&draft["post"]["body"]));
    }
}

/// A line with its number, under which it can be taken back.
fn told(line: &Value) -> String {
    format!("{}. {} {}: {}", line["number"], word(&line["at"]), word(&line["by"]), word(&line["text"]))
}

fn section(lines: &mut String, title: &str, all: &Value, say: impl Fn(&Value) -> String) {
    if items(all).next().is_some() {
        line(lines, format!("{title}:"));
        items(all).for_each(|item| line(lines, format!("  {}", say(item))));
    }
}

fn indented(lines: &mut String, text: &str) {
    text.lines().for_each(|of_text| line(lines, format!("  {of_text}").trim_end().to_owned()));
}

fn line(lines: &mut String, text: String) {
    // Texts come from rules, metrics and people; none of them gives orders to a terminal.
    let harmless = text.replace(char::is_control, "\u{fffd}");
    // A text takes all that is written to it.
    let _ = writeln!(lines, "{harmless}");
}

fn items(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_and_changes_are_told_in_lines() {
        let all = json!([
            {"incident": "INC-1", "what": "acknowledged", "why": "ana said so"},
            {"incident": null, "what": "changed", "why": "ci said so"},
        ]);
        assert_eq!(events(&all), "INC-1: acknowledged (ana said so)\nchanged (ci said so)\n");
        let told = json!({"kind": "deploy", "component": "crm", "version": "v7", "at": "T", "summary": "x"});
        assert_eq!(change(&told), "deploy of crm v7 at T: x");
        let told = json!({"kind": "flag", "component": null, "version": null, "at": "T", "summary": "x"});
        assert_eq!(change(&told), "flag at T: x");
    }

    #[test]
    fn an_incident_reads_from_its_title_to_the_draft_that_waits() {
        let shown = incident(&json!({
            "id": "INC-1", "title": "CRM: partial outage", "status": "investigating", "impact": "major",
            "severity": "critical", "held": {"status": "investigating", "impact": null, "resolved": false},
            "acknowledged_by": "ana", "started_at": "T0", "opened_at": "T1", "held_by": ["a queue"],
            "components": [{"id": "crm", "name": "CRM", "status": "partial_outage"}],
            "alerts": [{"key": "g/Errors{}", "state": "firing", "severity": "critical", "role": "symptom",
                "value": 0.12, "dismissed": true}],
            "suspects": [{"kind": "config", "component": "crm", "at": "T0", "summary": "batch size raised",
                "score": 0.48, "parts": {"time": 0.68, "graph": 0.8, "kind": 1.0, "share": 0.87}}],
            "actions": [{"number": 2, "at": "T3", "by": "ana", "text": "rolled back",
                "effect": {"what": "Cpu", "from": 97.0, "to": 60.0, "within_seconds": 360.0}}],
            "notes": [], "etas": [], "undelivered": [],
            "deliveries": [{"kind": "page", "number": 1, "sink": "ops", "fate": "delivered", "attempts": 1,
                "created_at": "2023-02-01T11:11:00.000Z", "fate_at": "2023-02-01T11:11:01.000Z", "because": null}],
            "stood_down": {"page": "resolved there"},
            "pages": [{"at": "T2", "reason": "opened", "to": ["ops"], "summary": "Errors fires"}],
            "posts": [{"number": 1, "at": "T2", "body": "We look.\n\nMore follows."}],
            "draft": {"since": "T4", "post": {"body": "We found it."}},
        }));
        let expected = "INC-1 CRM: partial outage
status: investigating (held), impact: major, severity: critical
acknowledged by: ana
held open by: a queue
began: T0
opened: T1
components:
  CRM: partial_outage
alerts:
  g/Errors{} = 0.12 (firing critical symptom, dismissed)
suspects, the likeliest first:
  config of crm at T0: batch size raised; score 0.48 = time 0.68 × graph 0.80 × kind 1.00 × share 0.87
actions:
  2. T3 ana: rolled back (Cpu 97.0 → 60.0 within 6 min)
who was told:
  2023-02-01T11:11:00.000Z page 1 → ops: delivered 11:11:01 after 1 attempt
left alone at page: resolved there
last page: T2 opened to ops: Errors fires
last post: number 1 at T2
  We look.

  More follows.
a draft waits since T4; `approve`, `edit-draft` or `discard-draft`:
  We found it.
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_list_has_a_line_for_each() {
        let answer = json!({"incidents": [{"id": "INC-2", "status": "monitoring", "severity": null,
            "started_at": "T", "title": "Desk: slow", "acknowledged_by": "ana"}]});
        assert_eq!(list(&answer), "INC-2    monitoring    -        T Desk: slow (acknowledged by ana)\n");
        assert_eq!(list(&json!({"incidents": []})), "no incidents\n");
    }
}
