//! Tests of tests: rules, series and expectations of our own.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::*;

/// Files in memory.
struct Shelf(BTreeMap<&'static str, String>);

impl Files for Shelf {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.get(path.to_str().unwrap_or_default());
        found.map(|text| text.clone().into_bytes()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let inside = |name: &&&str| Path::new(name).parent() == Some(directory);
        let name = |name: &&str| Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(self.0.keys().filter(inside).filter_map(name).collect())
    }
}

const RULES: &str = r#"
groups:
- name: queues
  rules:
  - record: queue:depth:sum
    expr: sum by (queue) (depth)
  - alert: Deep
    expr: queue:depth:sum > 10
    for: 2m
    keep_firing_for: 1m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.queue }} holds {{ $value }}"}
"#;

fn tested(rules: &str, tests: &str, options: &Options) -> Result<Tested, Problems> {
    let files = BTreeMap::from([("t/rules.yml", rules.to_owned()), ("t/tests.yml", tests.to_owned())]);
    test(Path::new("t/tests.yml"), &Shelf(files), options)
}

fn failures(rules: &str, tests: &str) -> Vec<String> {
    let text = format!("rule_files: [rules.yml]\ntests:\n{tests}");
    let tested = tested(rules, &text, &Options::default()).unwrap_or_else(|problems| panic!("{problems}"));
    tested.cases.into_iter().flat_map(|case| case.failures).collect()
}

/// What a test of `depth` finds wrong.
fn check(expectations: &str, expected: &[&str]) {
    let tests = format!(
        "- interval: 1m\n  input_series:\n  - {{series: 'depth{{queue=\"a\"}}', values: '5 20x4 3x10'}}\n{expectations}"
    );
    let found = failures(RULES, &tests);
    assert_eq!(found.len(), expected.len(), "{expectations}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{expectations}: {found}");
    }
}

#[test]
fn alerts_fire_as_their_rules_say() {
    let firing =
        "exp_alerts: [{exp_labels: {queue: a, severity: page}, exp_annotations: {summary: a holds 20}}]";
    let at = |time: &str, rest: &str| {
        format!("  alert_rule_test:\n  - {{alertname: Deep, eval_time: {time}, {rest}}}\n")
    };
    check(&at("2m", "exp_alerts: []"), &[]);
    check(&at("3m", firing), &[]);
    // Between two evaluations the earlier one counts; it goes on firing for a minute after 5m.
    check(&at("5m59s", firing), &[]);
    check(&at("6m", firing), &[]);
    check(&at("7m", ""), &[]);
    check(&at("3m", "exp_alerts: []"), &["+ {alertname=\"Deep\", queue=\"a\", severity=\"page\"}"]);
    check(&at("2m", firing), &["- {alertname=\"Deep\", queue=\"a\", severity=\"page\"}"]);
    check(&at("3m", &firing.replace("a holds 20", "a holds 21")), &["-     summary=\"a holds 21\""]);
}

#[test]
fn values_are_those_of_series_and_of_what_rules_record() {
    let at = |time: &str, expr: &str, samples: &str| {
        format!("  promql_expr_test:\n  - {{expr: '{expr}', eval_time: {time}, exp_samples: [{samples}]}}\n")
    };
    check(&at("1m", "queue:depth:sum", "{labels: 'queue:depth:sum{queue=\"a\"}', value: 20}"), &[]);
    check(
        &at(
            "3m",
            "ALERTS{alertstate=\"firing\"}",
            "{labels: 'ALERTS{alertname=\"Deep\", alertstate=\"firing\", queue=\"a\", severity=\"page\"}', value: 1}",
        ),
        &[],
    );
    check(
        &at(
            "3m",
            "ALERTS_FOR_STATE",
            "{labels: 'ALERTS_FOR_STATE{alertname=\"Deep\", queue=\"a\", severity=\"page\"}', value: 60}",
        ),
        &[],
    );
    check(&at("3m", "ALERTS{alertstate=\"pending\"}", ""), &[]);
    check(&at("3m", "depth", "{labels: 'depth{queue=\"a\"}', value: 21}"), &["- depth{queue=\"a\"} 21"]);
    check(&at("1m", "vector(0) / 0", "{value: .nan}"), &["a NaN is equal to nothing"]);
    check(&at("1m", "depth +", ""), &["expected an expression"]);
    // What comes later is not known yet.
    check(&at("1m", "depth offset -5m", ""), &[]);
}

#[test]
fn time_begins_where_the_test_says() {
    let tests = |start: &str| {
        format!(
            "- start_timestamp: {start}\n  input_series: [{{series: depth, values: '1 2'}}]\n  promql_expr_test:\n  \
             - {{expr: timestamp(depth), eval_time: 1m, exp_samples: [{{value: 1704067260}}]}}\n"
        )
    };
    assert_eq!(failures(RULES, &tests("1704067200")), [""; 0]);
    assert_eq!(failures(RULES, &tests("2024-01-01T00:00:00Z")), [""; 0]);
    assert_eq!(failures(RULES, &tests("0")).len(), 1);
}

#[test]
fn numbers_may_be_neighbours_where_the_file_says_so() {
    let tests = "tests:\n- input_series: [{series: m, values: 2.9999999999999996}]\n  promql_expr_test:\n  - {expr: m, exp_samples: [{labels: m, value: 3}]}\n";
    let failed = |head: &str| {
        let tested = tested("", &format!("{head}\n{tests}"), &Options::default()).unwrap();
        tested.cases[0].failures.len()
    };
    assert_eq!((failed("fuzzy_compare: true"), failed("fuzzy_compare: false"), failed("")), (0, 1, 1));
}

#[test]
fn a_rule_that_fails_ends_its_group_of_tests() {
    let rules = "groups: [{name: g, rules: [{record: r, expr: a + on (x) b}]}]";
    let tests = "- input_series: [{series: 'a{y=\"1\"}', values: 1x5}, {series: 'a{y=\"2\"}', values: 1x5}, {series: b, values: 1x5}]\n  promql_expr_test: [{expr: '1', eval_time: 5m, exp_samples: [{value: 2}]}]\n";
    let found = failures(rules, tests);
    assert!(found.len() == 1 && found[0].starts_with("rule `r` fails at 0s"), "{found:?}");
}

#[test]
fn groups_are_evaluated_in_the_order_that_is_asked_for() {
    let rules = "groups:\n- {name: second, rules: [{record: b, expr: a}]}\n- {name: first, rules: [{record: a, expr: vector(1)}]}\n";
    let found = |order: &str| {
        let tests = format!(
            "rule_files: [rules.yml]\n{order}\ntests: [{{promql_expr_test: [{{expr: b, exp_samples: [{{labels: b, value: 1}}]}}]}}]"
        );
        tested(rules, &tests, &Options::default()).unwrap().cases[0].failures.len()
    };
    assert_eq!((found("group_eval_order: [first, second]"), found("")), (0, 1));
}

#[test]
fn only_groups_that_fit_are_run() {
    let tests = "tests: [{name: one, promql_expr_test: []}, {name: two}, {}]";
    let names = |only: Option<&str>| {
        let options = Options { only: only.map(|only| Regex::new(only).unwrap()), ..Options::default() };
        let cases = tested("", tests, &options).unwrap().cases;
        cases.into_iter().map(|case| case.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["one", "two", "#3"]);
    assert_eq!(names(Some("tw|x")), ["two"]);
}

#[test]
fn what_is_wrong_in_a_test_is_told_with_its_place() {
    for (tests, what) in [
        ("tests: [{inptu_series: []}]", "has no key `inptu_series`"),
        ("tests: [{input_series: [{series: 'm{', values: 1}]}]", "is no series"),
        ("tests: [{input_series: [{series: m, values: 1y}]}]", "is no value"),
        ("tests: [{alert_rule_test: [{eval_time: 1m}]}]", "must have an `alertname`"),
        ("tests: [{alert_rule_test: [{alertname: A, eval_time: soon}]}]", "`soon` is not a duration"),
        ("group_eval_order: [a, a]", "named twice"),
        ("tests: [{start_timestamp: soon}]", "`start_timestamp` can't be `soon`"),
        ("tests: [{promql_expr_test: [{expr: m, exp_samples: [{value: x}]}]}]", "must be a number"),
        ("tests: [{promql_expr_test: [{expr: m, exp_samples: [{histogram: '1 2'}]}]}]", "not one histogram"),
        (
            "tests: [{promql_expr_test: [{expr: '1', eval_time: 1000y}]}]\nevaluation_interval: 1ms",
            "too long",
        ),
        ("tests: {}", "must be a list"),
        ("tests: [", "not readable as YAML"),
    ] {
        let problems = tested("", tests, &Options::default()).expect_err(tests);
        assert!(problems.to_string().contains(what), "{tests}: {problems}");
    }
    let wrong = tested("groups: [{}]", "rule_files: [rules.yml]\ntests: [{}]", &Options::default());
    assert!(wrong.unwrap_err().to_string().contains("a group has no name"));
}

#[test]
fn keys_that_nobody_knows_may_be_ignored() {
    let rules = "groups: [{name: g, owner: crm, rules: [{record: r, expr: vector(1), team: crm}]}]";
    let tests = "rule_files: [rules.yml, none.yml]\ntests: [{promql_expr_test: [{expr: r, exp_samples: [{labels: r, value: 1}]}]}]";
    assert!(tested(rules, tests, &Options::default()).is_err());
    let options = Options { unknown_keys: UnknownKeys::Ignore, ..Options::default() };
    let tested = tested(rules, tests, &options).unwrap();
    assert_eq!(tested.cases[0].failures, [""; 0]);
    assert!(tested.lint.to_string().contains("no file fits `none.yml`"), "{}", tested.lint);
}

#[test]
fn detect_rules_are_tested_alike() {
    let rules = "groups: [{name: g, rules: [{detect: Deep, expr: depth, above: {minor: 10}, for: 2m}]}]";
    let tests = "- input_series: [{series: depth, values: '5 20x4 3'}]\n  alert_rule_test:\n  - {alertname: Deep, eval_time: 2m}\n  - {alertname: Deep, eval_time: 3m, exp_alerts: [{}]}\n  - {alertname: Deep, eval_time: 6m}\n";
    assert_eq!(failures(rules, tests), [""; 0]);
}

#[test]
fn a_script_is_a_test_too() {
    let script = "load 1m\n  m 1 2\n\neval instant at 1m m\n  m 2\n\neval instant at 1m m\n  m 3\n";
    let files = Shelf(BTreeMap::from([("m.test", script.to_owned()), ("bad.test", "lood 1m".to_owned())]));
    let tested = test(Path::new("m.test"), &files, &Options::default()).unwrap();
    assert_eq!(tested.cases.len(), 1);
    assert!(tested.cases[0].failures.len() == 1 && tested.cases[0].failures[0].starts_with("line 7: `m`"));
    let problems = test(Path::new("bad.test"), &files, &Options::default()).unwrap_err();
    assert!(problems.to_string().contains("`lood` is no command"), "{problems}");
}
