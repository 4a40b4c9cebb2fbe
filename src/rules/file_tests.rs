use proptest::prelude::*;

use super::*;
use crate::model::ComponentStatus;

fn read(text: &str) -> (Vec<Group>, Problems) {
    load(&"rules.yml".into(), text, &Context::default())
}

fn group_of(rule: &str) -> String {
    format!("groups:\n- name: g\n  rules:\n  - {}\n", rule.trim().replace('\n', "\n    "))
}

/// Every problem of a file with this one rule, one a line, without the file's name.
fn check(rule: &str, expected: &[&str]) {
    let (_, problems) = read(&group_of(rule));
    let shown: Vec<String> =
        problems.iter().map(|problem| problem.to_string().replace("rules.yml:", "")).collect();
    assert_eq!(shown, expected, "{rule}");
}

#[test]
fn a_file_of_prometheus_loads_unchanged() {
    let (groups, problems) = read(
        "groups:\n- name: web\n  interval: 30s\n  query_offset: 5s\n  limit: 10\n  labels: {team: web}\n  rules:\n  \
         - record: job:requests:rate5m\n    expr: sum by (job) (rate(requests_total[5m]))\n  - alert: Slow\n    \
         expr: |\n      job:requests:rate5m\n        > 5\n    for: 10m\n    keep_firing_for: 5m\n    labels:\n      \
         severity: page\n      team: crm\n    annotations:\n      summary: '{{ $labels.job }} is slow'\n",
    );
    assert!(problems.is_empty(), "{problems}");
    let group = &groups[0];
    assert_eq!((group.interval, group.query_offset), (Duration::from_secs(30), Duration::from_secs(5)));
    assert_eq!((group.limit, group.rules.len()), (Some(10), 2));
    let alert = &group.rules[1];
    assert_eq!(alert.id.as_str(), "web/Slow");
    assert_eq!(alert.watch().map(Watch::hold), Some(Duration::from_secs(600)));
    assert_eq!(alert.watch().map(Watch::clear_for), Some(Duration::from_secs(300)));
    let labels: Vec<(&str, String)> =
        alert.labels.iter().map(|(name, text)| (name.as_str(), text.plain_text())).collect();
    assert_eq!(labels, [("severity", "page".to_owned()), ("team", "crm".to_owned())]);
    assert_eq!(
        group.demands().iter().map(|demand| demand.look_back.as_secs()).collect::<Vec<_>>(),
        [305, 305]
    );
}

#[test]
fn a_detect_rule_fills_in_its_defaults() {
    let (groups, problems) = read(&group_of(
        "detect: Cpu\nexpr: cpu\ncomponent: user-db\nrole: cause\nabove: {major: 85, minor: 75, critical: 95}\n\
         for: {minor: 5m, major: 1m}\nclear: {minor: 70, critical: 90}\nclear_for: 2m\non_missing: fire\n\
         status: {minor: partial_outage}\nincident_key: '{{ $labels.db }}'\npublic_cause: an overload\n\
         breakdown: sum by (client) (rate(cpu[5m]))\nbreakdown_components: {crm-consumers: crm}",
    ));
    assert!(problems.is_empty(), "{problems}");
    let rule = &groups[0].rules[0];
    let watch = rule.watch().unwrap();
    let rung = |severity, threshold, clear, hold| Rung {
        severity,
        limit: Limit::Above { threshold, clear },
        hold: Duration::from_secs(hold),
    };
    assert_eq!(
        watch.ladder.rungs,
        [
            rung(Severity::Minor, 75.0, 70.0, 300),
            rung(Severity::Major, 85.0, 85.0, 60),
            rung(Severity::Critical, 95.0, 90.0, 0),
        ]
    );
    assert_eq!((watch.role, watch.ladder.on_missing), (Role::Cause, OnMissing::Fire));
    assert_eq!(watch.status.get(&Severity::Minor), Some(&ComponentStatus::PartialOutage));
    let named: Vec<&str> = rule.components.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(named, ["user-db", "crm"]);
    assert_eq!(groups[0].demands().len(), 2);
}

#[test]
fn a_backlog_drains() {
    let (groups, problems) = read(&group_of(
        "detect: Queue\nexpr: depth\nrole: backlog\nabove: {minor: 50000, major: 90000}\ndrained_below: 1000",
    ));
    assert!(problems.is_empty(), "{problems}");
    let rungs = &groups[0].rules[0].watch().unwrap().ladder.rungs;
    assert_eq!(rungs[0].limit, Limit::Backlog { threshold: 50_000.0, drained: 1_000.0 });
    assert_eq!(rungs[1].limit, Limit::Above { threshold: 90_000.0, clear: 90_000.0 });
}

#[test]
fn all_problems_of_a_file_are_told_at_once_each_with_its_place() {
    let (groups, problems) = read(
        "groups:\n- name: a\n  intervall: 1m\n  rules:\n  - alert: A\n    exp: up\n    for: 5 minutes\n  \
         - alert: B\n    expr: sum(up\n  - alert: C\n    expr: up\n    annotations: {summary: '{{ $vlaue }}'}\n\
         - name: a\n  rules: []\n",
    );
    let shown = problems.to_string();
    let expected = [
        "rules.yml:3:3: a group has no key `intervall` (hint: did you mean `interval`?)",
        "rules.yml:7:10: `for`: `5 minutes` is not a duration; write for example `30s`, `5m`, `1h30m` or `250ms`",
        "rules.yml:6:5: an alerting rule has no key `exp` (hint: did you mean `expr`?)",
    ];
    for line in expected {
        assert!(shown.contains(line), "{line}\nnot in\n{shown}");
    }
    assert!(shown.contains("rules.yml:12:32: annotation `summary`: undefined variable `$vlaue`"), "{shown}");
    assert!(shown.contains("rules.yml:13:9: there are two groups called `a`"), "{shown}");
    assert_eq!(groups.iter().map(|group| group.rules.len()).collect::<Vec<_>>(), [0]);
}

#[test]
fn an_expression_that_gives_no_numbers_or_always_fails_is_refused() {
    let text = "`expr` gives a string, and a rule needs a scalar or an instant vector (hint: write the expression \
                without the quotes around it)";
    let range = "gives a range vector, and a rule needs a scalar or an instant vector (hint: put the range in a \
                 function, as in `rate(x[5m])`)";
    check("alert: A\nexpr: '\"up == 0\"'", &[&format!("5:11: {text}")]);
    check("record: a\nexpr: ('x')", &[&format!("5:11: {text}")]);
    check("alert: A\nexpr: up[5m]", &[&format!("5:11: `expr` {range}")]);
    check("detect: A\nexpr: (up[5m])\nabove: {minor: 1}", &[&format!("5:11: `expr` {range}")]);
    check(
        "detect: A\nexpr: up\nabove: {minor: 1}\nbreakdown: up[5m]",
        &[&format!("7:16: `breakdown` {range}")],
    );
    check("alert: A\nexpr: '1'", &[]);
    check(
        "record: a\nexpr: label_replace(up, 'x', '', 'y', '(')",
        &["5:43: `expr`: invalid regular expression in label_replace(): `(`"],
    );
    check("record: a\nexpr: topk(1, up) and max_over_time(up[1h:] @ end())", &[]);
}

#[test]
fn a_problem_in_promql_points_into_the_expression() {
    for (expr, line, column) in [
        ("expr: up + bogus(x)", 5, 16),
        ("expr: 'up + bogus(x)'", 5, 17),
        ("expr: |\n  up\n    + bogus(x)", 7, 11),
        ("expr: >-\n  up\n  + bogus(x)", 7, 9),
        ("expr: \"up{a=\\\"b\\\"} + bogus(x)\"", 5, 26),
    ] {
        let (_, problems) = read(&group_of(&format!("alert: A\n{expr}")));
        let place = problems.iter().next().and_then(|problem| problem.place.clone()).unwrap();
        assert_eq!((place.line, place.column), (line, column), "{expr}\n{}", problems.render(false));
    }
}

#[test]
fn a_problem_shows_its_line() {
    let (_, problems) = read(&group_of("alert: A\nexpr: rate(x) > 1"));
    insta::assert_snapshot!(problems.render(false), @r"
    error: `expr`: `rate` expects a range vector, found an instant vector
     --> rules.yml:5:16
      |
    5 |     expr: rate(x) > 1
      |                ^
      |
      = hint: say how far back, as in `x[5m]`
    ");
}

#[test]
fn what_prometheus_refuses_is_refused() {
    check("record: a\nalert: b\nexpr: x", &["5:12: a rule can't have both `record` and `alert`"]);
    check("expr: x", &["4:5: a rule must have one of `alert`, `record` and `detect`"]);
    check(
        "alret: x\nexpr: x",
        &[
            "4:5: a rule must have one of `alert`, `record` and `detect` (hint: did you mean `alert` where `alret` stands?)",
        ],
    );
    check("record: a\nexpr: x\nfor: 1m", &["6:5: a recording rule can't have `for`"]);
    check("record: a\nexpr: x\nannotations: {a: b}", &["6:5: a recording rule can't have `annotations`"]);
    check("record: a\nexpr: ''", &["5:11: `expr` is empty"]);
    check(
        "record: a\nexpr: x\nlabels: {__name__: b}",
        &["6:14: `__name__` can't be a label's name in `labels`"],
    );
    check(
        "record: a{b=\"c\"}\nexpr: x",
        &[
            "4:13: `a{b=\"c\"}` can't be the name of a metric (hint: labels of the recorded series go under `labels:`)",
        ],
    );
    check("alert: A\nexpr: x\nlabels: [a]", &["6:13: `labels` must be a mapping, not a list"]);
}

#[test]
fn a_ladder_that_makes_no_sense_is_refused() {
    let detect = |rest: &str, expected: &[&str]| check(&format!("detect: D\nexpr: x\n{rest}"), expected);
    detect(
        "role: cause",
        &[
            "4:5: a `detect` rule must have `above` or `below` (hint: for example `above: {minor: 75, major: 85}`)",
        ],
    );
    detect(
        "above: {minor: 1}\nbelow: {minor: 1}",
        &["7:5: a `detect` rule can't have both `above` and `below`"],
    );
    detect(
        "above: 5",
        &[
            "6:12: `above` needs a threshold for each severity (hint: say which severity: `above: {major: 5}`)",
        ],
    );
    detect("above: {}", &["6:12: `above` names no severity"]);
    detect("above: {minor: lots}", &["6:20: `above` must be a number, not `lots`"]);
    detect("above: {mayor: 5}", &["6:13: `above` has no key `mayor` (hint: did you mean `major`?)"]);
    detect("above: {minor: 5, major: 5}", &["6:30: `major` at 5 is not above `minor` at 5"]);
    detect("below: {minor: 5, major: 6}", &["6:30: `major` at 6 is not below `minor` at 5"]);
    detect("above: {minor: 5}\nfor: {major: 1m}", &["7:18: `for` names `major`, which has no threshold"]);
    detect(
        "above: {minor: 5}\nclear: 6",
        &[
            "7:12: `clear` 6 is on the wrong side of the threshold 5 (hint: `minor` would clear while it still holds)",
        ],
    );
    detect(
        "above: {minor: 5, major: 9}\nclear: {minor: 4, major: 3}",
        &["7:30: `major` would clear at 3, after `minor` at 4"],
    );
    detect(
        "above: {minor: 5}\ndrained_below: 1",
        &["7:5: only a backlog can be drained (hint: add `role: backlog`)"],
    );
    detect(
        "role: backlog\nabove: {minor: 5}\ndrained_below: 1\nclear: 2",
        &["8:5: `drained_below` is a backlog's clear value; `clear` can't stand beside it"],
    );
    detect(
        "role: backlog\nabove: {minor: 5}\ndrained_below: 6",
        &["8:20: `drained_below` 6 is above the lowest threshold 5"],
    );
    detect("above: {minor: 5}\ncomponent: user db", &["7:16: `component`: `user db` is not a usable name"]);
    detect(
        "above: {minor: 5}\nbreakdown_components: {a: b}",
        &["7:5: `breakdown_components` says nothing without a `breakdown`"],
    );
    detect(
        "above: {minor: 5}\non_missing: wait",
        &["7:17: `on_missing` can't be `wait` (hint: write one of hold, resolve, fire)"],
    );
}

#[test]
fn twins_are_numbered_and_equal_ones_are_noted() {
    let (mut groups, problems) = read(
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: x, labels: {a: b}}\n  - {alert: A, expr: y}\n  \
         - {alert: A, expr: z}\n",
    );
    assert!(!problems.has_errors());
    assert_eq!(
        problems.to_string(),
        "rules.yml:6:13: warning: another rule of this file is called `A` too and sets the same labels"
    );
    let (more, _) = read("groups: [{name: g, rules: [{alert: A, expr: x}]}]\n");
    groups.extend(more);
    unique_ids(&mut groups);
    let ids: Vec<&str> = groups.iter().flat_map(|group| &group.rules).map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["g/A", "g/A#2", "g/A#3", "g/A#4"]);
}

#[test]
fn what_is_no_rule_file_is_one_problem() {
    for text in ["a: [1\n", "- a\n", "just text\n", "groups: 5\n", "groups: [5]\n", "a: 1\na: 2\n"] {
        let (groups, problems) = read(text);
        assert!(
            groups.is_empty() && problems.iter().len() == 1 && problems.has_errors(),
            "{text}: {problems}"
        );
    }
    for text in ["", "# nothing\n", "groups:\n", "groups: []\n"] {
        assert!(read(text).1.is_empty(), "{text}");
    }
}

#[test]
fn the_annotation_of_a_verbatim_rule_says_what_missing_does() {
    let (groups, _) = read(&group_of("alert: A\nexpr: x\nannotations: {fogsignal_on_missing: resolve}"));
    assert_eq!(groups[0].rules[0].watch().map(|watch| watch.ladder.on_missing), Some(OnMissing::Resolve));
    check(
        "alert: A\nexpr: x\nannotations: {fogsignal_on_missing: hodl}",
        &["6:41: `fogsignal_on_missing` can't be `hodl` (hint: did you mean `hold`?)"],
    );
}

const WHOLE: &str = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      sum(rate(x[5m])) > 1\n    for: 1m\n    \
                     annotations: {summary: '{{ $value | printf \"%.1f\" }}'}\n  - &d\n    detect: D\n    expr: \
                     \"max(x)\"\n    above: {minor: 1, major: 2}\n    clear: [1]\n  - <<: *d\n    for: {minor: 1m}\n";

#[test]
fn a_file_nested_too_deep_is_refused() {
    for open in ["[", "{a: ", "- "] {
        let (_, problems) = read(&open.repeat(20_000));
        assert!(problems.has_errors());
    }
}

proptest! {
    #[test]
    fn no_slip_of_the_keyboard_brings_the_loader_down(
        at in 0..WHOLE.len(), cut in 0usize..8, typed in "[a-z{}\\[\\]:\"'|>&*#%ü \n-]{0,4}",
    ) {
        prop_assume!(WHOLE.is_char_boundary(at));
        let rest = WHOLE[at..].char_indices().nth(cut).map_or(WHOLE.len(), |(n, _)| at + n);
        let text = format!("{}{typed}{}", &WHOLE[..at], &WHOLE[rest..]);
        let (_, problems) = read(&text);
        problems.render(false);
    }
}
