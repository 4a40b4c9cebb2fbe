//! The seed's day, as `fogsignal replay --format json` tells it, against what is asked of it (docs/demo.md has the
//! story). Nothing here is read from anywhere else.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta};
use serde_json::Value;

/// The day, lived through once.
fn day() -> &'static Value {
    static DAY: OnceLock<Value> = OnceLock::new();
    DAY.get_or_init(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/crm-degradation.scn");
        let output = Command::new(env!("CARGO_BIN_EXE_fogsignal"))
            .args(["replay", "--format", "json"])
            .arg(file)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    })
}

fn incident() -> &'static Value {
    let all = day()["incidents"].as_array().expect("a list");
    let public: Vec<&Value> = all.iter().filter(|incident| incident["public"] == true).collect();
    assert_eq!(public.len(), 1, "exactly one public incident");
    public[0]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn time(value: &Value) -> DateTime<FixedOffset> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is a time"));
    DateTime::parse_from_rfc3339(text).expect("RFC 3339 with an offset")
}

fn at(hour: u32, minute: u32, second: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, second).expect("a time of day")
}

#[test]
fn it_begins_when_it_began_and_the_first_word_comes_within_90_seconds() {
    assert_eq!(incident()["started_at"], "2023-02-01T11:10:00-03:00");
    let first = time(&list(&incident()["posts"])[0]["at"]);
    assert!(first.time() <= at(11, 11, 30), "{first}");
    assert!(incident()["identified_at"].is_null(), "nobody names a cause");
    assert_eq!(incident()["affected"], "Blip Platform (CRM, Analytics) and Desk");
}

#[test]
fn nobody_waits_longer_than_a_quarter_of_an_hour_and_every_promise_is_kept() {
    let monitoring = time(&incident()["monitoring_at"]);
    let posts: Vec<_> = list(&incident()["posts"]).iter().map(|post| time(&post["at"])).collect();
    let before: Vec<_> = posts.iter().filter(|at| **at <= monitoring).collect();
    assert!(before.windows(2).all(|pair| *pair[1] - *pair[0] <= TimeDelta::minutes(15)), "{before:?}");
    let promises = &incident()["promises"];
    assert_eq!((&promises["missed"], &promises["kept"]), (&Value::from(0), &promises["made"]));
    for (post, next) in list(&incident()["posts"]).iter().zip(posts.iter().skip(1)) {
        assert!(*next <= time(&post["next_update_by"]), "{post}");
    }
}

#[test]
fn the_end_of_the_symptoms_is_told_and_the_relapse_is_the_same_incident() {
    let monitoring = time(&incident()["monitoring_at"]);
    assert!(monitoring.time() <= at(12, 50, 0), "{monitoring}");
    let felt = list(&incident()["alerts"]).iter().filter(|alert| alert["role"] == "symptom");
    let ends: Vec<_> = felt
        .flat_map(|alert| list(&alert["firings"]))
        .map(|firing| time(&firing["resolved_at"]))
        .filter(|end| *end <= monitoring)
        .collect();
    let last = ends.iter().max().expect("a symptom ended before it");
    assert!(monitoring - *last <= TimeDelta::minutes(2), "{last} and {monitoring}");
    let statuses: Vec<&str> =
        list(&incident()["posts"]).iter().filter_map(|post| post["status"].as_str()).collect();
    let mut turns = statuses.clone();
    turns.dedup();
    assert_eq!(turns, ["investigating", "monitoring", "investigating", "monitoring", "resolved"]);
    // The exporter is silent from 12:00 to 12:04: nothing ends then.
    let silence = |post: &&Value| (at(12, 0, 0)..at(12, 10, 0)).contains(&time(&post["at"]).time());
    assert!(list(&incident()["posts"]).iter().filter(silence).all(|post| post["status"] == "investigating"));
}

#[test]
fn the_change_of_the_evening_before_is_the_first_suspect_on_the_first_page() {
    let first = &list(&incident()["pages"])[0]["first_suspect"];
    assert_eq!(
        (&first["component"], &first["at"]),
        (&"crm-consumers".into(), &"2023-01-31T22:00:00-03:00".into())
    );
    let decoy = list(&incident()["suspects"]).iter().find(|suspect| suspect["component"] == "desk");
    let decoy = decoy.expect("the decoy is ranked too");
    assert!(decoy["score"].as_f64() < first["score"].as_f64(), "{decoy}");
}

#[test]
fn analytics_is_degraded_until_its_queue_is_drained_and_people_know_until_when() {
    let components = list(&incident()["components"]);
    let analytics = components.iter().find(|one| one["id"] == "analytics").expect("it is affected");
    let spans = list(&analytics["spans"]);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0]["until"], "2023-02-01T20:00:00-03:00");
    let drained = time(&Value::from("2023-02-01T20:00:00-03:00"));
    let late: Vec<&Value> =
        list(&incident()["eta"]).iter().filter(|eta| at(18, 0, 0) <= time(&eta["at"]).time()).collect();
    assert!(!late.is_empty(), "an ETA is stated from 18:00 on");
    for eta in late {
        assert!((time(&eta["best"]) - drained).abs() <= TimeDelta::minutes(15), "{eta}");
    }
    assert!(drained <= time(&incident()["resolved_at"]));
}
