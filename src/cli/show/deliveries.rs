//! Messages to sinks, and what became of them, in lines.

use serde_json::Value;

use super::{indented, items, line, section, text, word};

/// A line for each message.
pub fn deliveries(answer: &Value) -> String {
    let mut lines = String::new();
    for delivery in items(&answer["deliveries"]) {
        let id = format!("D-{}", delivery["id"]);
        line(&mut lines, format!("{id:<6} {} {}", word(&delivery["incident"]), told(delivery)));
    }
    if lines.is_empty() {
        lines.push_str("no deliveries\n");
    }
    lines
}

/// A message with every attempt.
pub fn delivery(delivery: &Value) -> String {
    let mut lines = String::new();
    line(&mut lines, format!("D-{} {} {}", delivery["id"], word(&delivery["incident"]), told(delivery)));
    line(&mut lines, format!("key: {}", word(&delivery["key"])));
    line(&mut lines, format!("worth sending until: {}", word(&delivery["expires_at"])));
    section(&mut lines, "attempts", &delivery["history"], |attempt| {
        let took = format!("{} ms", attempt["took_ms"]);
        format!("{}. {} ({took}): {}", attempt["number"], word(&attempt["at"]), word(&attempt["note"]))
    });
    line(&mut lines, "text:".to_owned());
    indented(&mut lines, word(&delivery["text"]));
    lines
}

/// `2023-02-01T11:11:00.000Z post 1 → status-page: delivered 11:11:01 after 1 attempt`.
pub(super) fn told(delivery: &Value) -> String {
    let (created, at) = (word(&delivery["created_at"]), word(&delivery["fate_at"]));
    let mut what = word(&delivery["kind"]).to_owned();
    if let Some(number) = delivery["number"].as_u64() {
        what.push_str(&format!(" {number}"));
    }
    let at = of_the_day(at, created);
    let attempts = match delivery["attempts"].as_u64().unwrap_or_default() {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    };
    let fate = match word(&delivery["fate"]) {
        "waiting" => format!("waiting until {at} after {attempts}"),
        fate => format!("{fate} {at} after {attempts}"),
    };
    let because = text(&delivery["because"]).or(match delivery["fate"] == "waiting" {
        true => text(&delivery["last_note"]),
        false => None,
    });
    let because = because.map(|because| format!(": {because}")).unwrap_or_default();
    format!("{created} {what} → {}: {fate}{because}", word(&delivery["sink"]))
}

/// The time alone, where it lies on the same day as `other`.
fn of_the_day<'a>(at: &'a str, other: &str) -> &'a str {
    let (Some((day, time)), Some((other, _))) = (at.split_once('T'), other.split_once('T')) else {
        return at;
    };
    match day == other {
        true => time.split(['.', 'Z']).next().unwrap_or(time),
        false => at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(fate: &str, at: &str, attempts: u32, because: Value) -> Value {
        json!({"id": 5, "key": "INC-1_e7_status-page", "sink": "status-page", "incident": "INC-1", "kind": "post",
            "number": 1, "fate": fate, "fate_at": at, "because": because, "attempts": attempts,
            "last_note": "answered 500", "created_at": "2023-02-01T11:11:00.000Z",
            "expires_at": "2023-02-02T11:11:00.000Z"})
    }

    #[test]
    fn a_message_is_a_line_of_the_timeline() {
        let check = |delivery: Value, expected: &str| {
            let line = told(&delivery);
            assert_eq!(line.strip_prefix("2023-02-01T11:11:00.000Z post 1 → status-page: "), Some(expected));
        };
        let soon = "2023-02-01T11:11:01.250Z";
        check(sent("delivered", soon, 1, Value::Null), "delivered 11:11:01 after 1 attempt");
        check(sent("waiting", soon, 2, Value::Null), "waiting until 11:11:01 after 2 attempts: answered 500");
        check(sent("dead", soon, 3, "410 Gone".into()), "dead 11:11:01 after 3 attempts: 410 Gone");
        check(
            sent("superseded", "2023-02-02T00:00:01.000Z", 0, "D-9 says what is so now".into()),
            "superseded 2023-02-02T00:00:01.000Z after no attempt: D-9 says what is so now",
        );
    }

    #[test]
    fn a_message_is_shown_with_what_was_tried() {
        let mut one = sent("dead", "2023-02-01T11:11:01.000Z", 1, "410 Gone".into());
        assert!(
            deliveries(&json!({"deliveries": [one]}))
                .starts_with("D-5    INC-1 2023-02-01T11:11:00.000Z post 1")
        );
        assert_eq!(deliveries(&json!({"deliveries": []})), "no deliveries\n");
        one["history"] = json!([{"number": 1, "at": "T1", "took_ms": 12, "note": "410 Gone"}]);
        one["text"] = "We look.\nMore follows.".into();
        let expected =
            "D-5 INC-1 2023-02-01T11:11:00.000Z post 1 → status-page: dead 11:11:01 after 1 attempt: 410 Gone
key: INC-1_e7_status-page
worth sending until: 2023-02-02T11:11:00.000Z
attempts:
  1. T1 (12 ms): 410 Gone
text:
  We look.
  More follows.
";
        assert_eq!(delivery(&one), expected);
    }
}
