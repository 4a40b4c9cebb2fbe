//! What is read, and what is said of what cannot be.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::model::Timestamp;

fn read(text: &str) -> Scenario {
    let text = format!("start 2026-03-01 09:00 Europe/Berlin\n{text}");
    parse(Path::new("a.scn"), &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with the second line.
fn wrong(text: &str) -> String {
    let text = format!("start 2026-03-01 09:00 Europe/Berlin\n{text}");
    parse(Path::new("a.scn"), &text).expect_err("it is wrong").to_string()
}

fn minutes(after: u64) -> Timestamp {
    read("").calendar.start + Duration::from_secs(after * 60)
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_was_meant() {
    let check = |text: &str, said: &str| assert_eq!(wrong(text), said, "{text}");
    check("snk ops hangs", "a.scn:2:1: `snk` is no statement (hint: did you mean `sink`?)");
    check("sink ops answers 5o3", "a.scn:2:18: `5o3` is no HTTP status");
    check("sink ops hangs from 09:10 until 09:05", "a.scn:2:33: this is not later than the time before it");
    check("at 09:10 command akc", "a.scn:2:18: `akc` is no command (hint: did you mean `ack`?)");
    check(
        "at 09:10 command ack ana",
        "a.scn:2:22: `ana` is one word too many (hint: known: `by=`, `incident=`)",
    );
    check(
        "at 09:10 command note later",
        "a.scn:2:23: expected the note in quotes, found `later` (hint: write \"later\")",
    );
    check(
        "at 09:10 pots x",
        "a.scn:2:10: `pots` is no view, and nothing that happens (hint: did you mean `posts`?)",
    );
    check(
        "at 08:59:70 kill",
        "a.scn:2:4: expected a time, found `08:59:70` (hint: write a time as `09:30`, `09:30:15`, `2026-03-02 09:30`, or `1m30s` from the start)",
    );
    check("at 09:10 clock 5m", "a.scn:2:16: `5m` is no jump (hint: write `+1h` or `-10m`)");
    check(
        "change 09:10 kind=depoly \"x\"",
        "a.scn:2:14: `depoly` is no kind of change (hint: did you mean `deploy`?)",
    );
    check("target db down 09:10 to 09:20", "a.scn:2:8: nothing is loaded with `target=db` above");
    check(
        "never posts\nat 09:10 posts x",
        "a.scn:2:1: line 3 says that something happens in `posts` (hint: keep one of the two)",
    );
    check("expect alert", "a.scn:2:8: `alert` is no view (hint: did you mean `alerts`?)");
    check("rules <<\ngroups: []", "a.scn:2:1: `<<` is not closed: a line with `>>` alone is missing");
    check("until 10:00\n  m 1", "a.scn:3:3: nothing may stand below `until`");
}

#[test]
fn a_file_must_begin_with_its_start() {
    let check = |text: &str, said: &str| {
        let problems = parse(Path::new("a.scn"), text).expect_err("it is wrong").to_string();
        assert!(problems.starts_with(said), "{problems}");
    };
    check("", "a.scn:1:1: the scenario is empty");
    check("# hm\nload 15s\n  m 1\n", "a.scn:2:1: expected `start`");
    check("start 2026-02-30 09:00 UTC", "a.scn:1:7: `2026-02-30` is no date");
    check(
        "start 2026-02-03 09:00 Europe/Berln",
        "a.scn:1:24: `Europe/Berln` is no time zone (hint: did you mean `Europe/Berlin`?)",
    );
    assert_eq!(wrong("start 2026-03-01 09:00 UTC"), "a.scn:2:1: a scenario starts once");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let said = wrong("load 15s target=a\n  m 1z\n  n{ 1\nload 30s target=a\n  o 1\nseries 0 p 1");
    let places: Vec<&str> = said.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["a.scn:3:5", "a.scn:4:3", "a.scn:5:1", "a.scn:7:8"], "{said}");
}

#[test]
fn what_happens_is_in_order_of_time_and_ends_with_the_last_of_it() {
    let scenario = read("at 09:20 kill\nchange 08:00 \"x\"\nat 09:10 down until 09:30\nload 1m\n  m 1x10");
    // 08:00 is on the next day, as the start's day has passed it.
    assert_eq!(scenario.happenings.len(), 3);
    assert!(matches!(scenario.happenings[0].what, Deed::Down(until) if until == minutes(30)));
    assert_eq!(scenario.end, minutes(23 * 60));
    let scenario = read("change 2026-02-28 22:00 \"x\"\nload 1m\n  m 1x10");
    assert_eq!(scenario.happenings[0].at, scenario.calendar.start);
    assert_eq!(scenario.end, minutes(10));
    assert_eq!(read("load 1m\n  m 1x10\nuntil 10:00").end, minutes(60));
}

#[test]
fn a_generator_counts_in_labels_and_values() {
    let scenario = read("series 3 15s target=t m{i=\"$i\"} $i 1");
    let shown: Vec<String> = scenario.series.iter().map(|series| series.labels.to_string()).collect();
    assert_eq!(shown, ["m{i=\"0\"}", "m{i=\"1\"}", "m{i=\"2\"}"]);
    assert_eq!(scenario.series[2].values.at(0, minutes(0)), Some(2.0));
    assert_eq!(scenario.series[2].values.at(1, minutes(0)), Some(1.0));
}

#[test]
fn a_curve_may_go_on_in_lines_below() {
    let scenario = read("curve 15s m{a=\"b, c\"} 09:00 1,\n  # later\n  09:10 5 ->\n  09:20 15\n");
    let values = &scenario.series[0].values;
    assert_eq!(values.at(0, minutes(15)), Some(10.0));
    assert_eq!(scenario.end, minutes(20));
}

#[test]
fn an_inline_text_keeps_its_line_numbers() {
    let scenario = read("config <<\na: 1\n>>");
    let ConfigText::Inline(Inline(text)) = &scenario.config else { panic!("{:?}", scenario.config) };
    assert_eq!(text, "\n\na: 1\n");
}
