//! `rule_files` and what a configuration says to the rules in them.

use super::*;
use crate::model::Severity;

#[test]
fn rule_files_are_found_by_pattern_and_read_once() {
    let files = Memory::default()
        .with("/etc/f.yml", "rule_files: ['rules/*.yml', rules/a.yml, none/*.yml]\n")
        .with("/etc/rules/b.yml", "groups: []\n")
        .with("/etc/rules/a.yml", "groups: []\n")
        .with("/etc/rules/a.yml.bak", "no");
    let (config, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(problems.to_string(), "/etc/f.yml:1:42: warning: no file fits `none/*.yml`");
    let names: Vec<_> = config.sources.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["/etc/f.yml", "/etc/rules/a.yml", "/etc/rules/b.yml"]);
    bad(
        "rule_files: [missing.yml, 'x*/a.yml']\n",
        "1:14: cannot read `/etc/missing.yml`: there is no such file\n1:27: `x*/a.yml`: only the last part of a path may have \
         `*`, `?` or `[…]`",
    );
}

const RULES: &str = "groups:
- name: g
  rules:
  - detect: Cpu
    expr: cpu
    component: db
    above: {major: 85}
  - alert: Up
    expr: up == 0
";

#[test]
fn rules_get_what_the_configuration_says() {
    let text = "global: {evaluation_interval: 7s, rule_query_offset: 3s, external_labels: {a: b}}\n\
                incidents: {labels: {component: service}, severity_map: {Sev1: critical, warning: major}}\n\
                rule_files: [r.yml]\ncomponents: [{id: db}]\n\
                sinks: [{name: a, adapter: stdout, audience: responders}, {name: b, adapter: stdout, audience: customers}]\n";
    let files = Memory::default().with("/etc/f.yml", text).with("/etc/r.yml", RULES);
    let (config, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(problems.is_empty(), "{problems}");
    let group = &config.groups[0];
    assert_eq!((group.interval.as_secs(), group.query_offset.as_secs()), (7, 3));
    let ids: Vec<&str> = group.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["g/Cpu", "g/Up"]);
    let mapping = &config.rules.mapping;
    assert_eq!((mapping.severity.as_str(), mapping.component.as_str()), ("severity", "service"));
    assert_eq!(mapping.severity_map["sev1"], Some(Severity::Critical));
    assert_eq!(mapping.severity_map["warning"], Some(Severity::Major));
    assert_eq!(mapping.severity_map["info"], None);
    assert_eq!(config.rules.external_labels.get("a"), Some("b"));
}

#[test]
fn a_typo_in_a_rule_file_is_told_at_its_place_there() {
    let text = "rule_files: [r.yml]\ncomponents: [{id: dbx, public: false}]\nserver: {listne: x}\n\
                sinks: [{name: a, adapter: stdout, audience: responders}]\n";
    let files = Memory::default()
        .with("/etc/f.yml", text)
        .with("/etc/r.yml", RULES.replace("up == 0", "sum(up").replace("above: {", "abov: {"));
    let problems = load_with(&sources(), &files).expect_err("it is wrong").to_string();
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines[0], "/etc/f.yml:3:10: `server` has no key `listne` (hint: did you mean `listen`?)");
    assert!(lines[1..].iter().all(|line| line.starts_with("/etc/r.yml:")), "{problems}");
    assert!(problems.contains("/etc/r.yml:9:"), "{problems}");

    let files = Memory::default()
        .with("/etc/f.yml", text.replace("server: {listne: x}", ""))
        .with("/etc/r.yml", RULES);
    let (_, warnings) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    let expected =
        "/etc/r.yml:6:16: warning: component `db` of rule `Cpu` is not defined (hint: did you mean `dbx`?)";
    assert_eq!(warnings.to_string(), expected);
}

#[test]
fn rules_that_nobody_hears_of_are_worth_one_warning() {
    let check = |rest: &str, rules: &str, expected: &str| {
        let text = format!("rule_files: [r.yml]\n{rest}");
        let files = Memory::default().with("/etc/f.yml", text).with("/etc/r.yml", rules);
        let (_, warnings) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = warnings.to_string();
        assert!(
            warnings.lines().count() <= 1 && warnings.contains(expected),
            "{warnings:?} for {rest}, not {expected}"
        );
        assert!(!expected.is_empty() || warnings.is_empty(), "{warnings}");
    };
    let responders = "sinks: [{name: a, adapter: stdout, audience: responders}]\n";
    let customers = "sinks: [{name: a, adapter: stdout, audience: customers}]\n";
    let public = "components: [{id: db}]\n";
    check(
        "",
        RULES,
        "1:14: warning: there are no `sinks`: incidents will open, and nobody is told (hint: begin with",
    );
    check("", "groups: [{name: g, rules: [{record: a, expr: b}]}]\n", "");
    check("", "groups: []\n", "");
    check(customers, RULES, "no sink is for responders: incidents will open, and nobody is paged");
    check(responders, RULES, "");
    check(&format!("{responders}{public}"), RULES, "no sink is for customers: posts go nowhere");
    check(&format!("{responders}{public}incidents: {{publish: {{mode: off}}}}\n"), RULES, "");
    check(&format!("{responders}components: [{{id: db, public: false}}]\n"), RULES, "");
}

#[test]
fn a_reload_names_the_rule_groups_that_changed() {
    let with = |rules: String| {
        let files = Memory::default().with("/etc/f.yml", "rule_files: [r.yml]\n").with("/etc/r.yml", rules);
        load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}")).0
    };
    let old = with(RULES.to_owned());
    let compare = |rules: String| changes(&old, &mut with(rules)).to_string();
    assert_eq!(compare(format!("# a comment\n{RULES}")), "nothing changed");
    assert_eq!(compare(RULES.replace("85", "86")), "1 rule group changed: g");
    assert_eq!(compare(format!("{RULES}    labels: {{a: b}}\n")), "1 rule group changed: g");
    assert_eq!(
        compare(RULES.replace("name: g", "name: h")),
        "1 rule group added: h; 1 rule group removed: g"
    );
}
