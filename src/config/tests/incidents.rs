//! `incidents` and what of `escalation` depends on it.

use std::time::Duration;

use super::*;
use crate::incidents::{Fallback, Gate, Language, Publish, PublishMode, Raise, RaiseWhen};
use crate::model::Severity;

#[test]
fn incidents_are_read_with_their_defaults() {
    let config = good(
        "incidents:\n  timezone: America/Sao_Paulo\n  open_at: major\n  watch: 20m\n  cadence: {major: 10m, monitoring: 45m}\n  publish: {after: 2m}\n",
    );
    let incidents = &config.incidents;
    let default = crate::incidents::Settings::default();
    assert_eq!(incidents.timezone, chrono_tz::America::Sao_Paulo);
    assert_eq!((incidents.open_at, incidents.page_at), (Severity::Major, Severity::Major));
    assert_eq!(incidents.watch.as_secs(), 1200);
    assert_eq!(incidents.cadence.major.as_secs(), 600);
    assert_eq!(incidents.cadence.by_status[&crate::incidents::Status::Monitoring].as_secs(), 2700);
    assert_eq!(
        incidents.cadence.by_status[&crate::incidents::Status::Identified],
        default.cadence.by_status[&crate::incidents::Status::Identified]
    );
    assert_eq!(incidents.publish.otherwise.after.as_secs(), 120);
    bad(
        "incidents: {timezone: Sao_Paulo, watch: 1h, watch_cap: 30m, cadence: {major: 30s}}\n",
        "1:23: `Sao_Paulo` is not a time zone (hint: use a name of the IANA database, such as `America/Sao_Paulo`)\n1:56: \
         `watch_cap` 30m is shorter than `watch` 1h\n1:70: `lead` 45s is not shorter than the shortest cadence 30s (hint: an \
         update is committed that long before it was promised)",
    );
}

const OPS: &str = "sinks: [{name: ops, adapter: stdout, audience: responders}]\n";

#[test]
fn a_gate_has_from_publish_what_it_does_not_say() {
    let config = good(&format!(
        "{OPS}components: [{{id: crm}}]
incidents:
  language: pt-BR
  publish:
    {{mode: approve, after: 2m, most_posts_an_hour: 6, fallback_after: 5m, gates: [
      {{match: {{severity: minor, component: crm}}, mode: off}},
      {{match: {{severity: minor}}, fallback: nothing, most_posts_an_hour: 0}},
      {{match: {{severity: critical}}, mode: auto, after: 0s, breadth: 2}}]}}
"
    ));
    assert_eq!(config.incidents.language, Language::BrazilianPortuguese);
    let Publish { otherwise, gates } = &config.incidents.publish;
    let minutes = |m: u64| Duration::from_secs(m * 60);
    let expected = Gate {
        mode: PublishMode::Approve,
        after: minutes(2),
        most_posts_an_hour: Some(6),
        fallback_after: minutes(5),
        ..Gate::default()
    };
    assert_eq!(otherwise, &expected);
    assert_eq!(gates[0].1, Gate { mode: PublishMode::Off, ..expected.clone() });
    assert_eq!(
        gates[1].1,
        Gate { fallback: Fallback::Nothing, most_posts_an_hour: None, ..expected.clone() }
    );
    let critical = Gate { mode: PublishMode::Auto, after: Duration::ZERO, breadth: 2, ..expected };
    assert_eq!(gates[2].1, critical);
    assert_eq!(gates[2].0.severities.iter().collect::<Vec<_>>(), [&Severity::Critical]);
}

#[test]
fn a_gate_that_never_counts_and_a_draft_that_nobody_is_asked_about_are_warned_of() {
    bad(
        "components: [{id: a}, {id: b}]
incidents:
  publish:
    breadth: 0
    gates:
    - {match: {severity: [minor, major]}, after: 1m}
    - {match: {severity: minor, component: a}, mode: approve}
    - {match: {component: [a, b]}, mode: hold}
    - {match: {component: b, severity: critical}}
    - {}
    - {match: {component: c}}
",
        "4:14: `breadth` must be at least 1\n7:7: warning: this gate is for no incident: one before it takes them all \
         (hint: the first gate that matches counts; write those for fewer incidents first)\n7:54: warning: drafts wait \
         for a person, but no sink is for responders: nobody is asked (hint: add a sink of `audience: responders`)\n\
         8:42: `hold` is not a way to publish (hint: known: `auto`, `approve`, `off`)\n9:7: warning: this gate is for no \
         incident: one before it takes them all (hint: the first gate that matches counts; write those for fewer \
         incidents first)\n11:7: warning: this gate is for no incident: one before it takes them all (hint: the first \
         gate that matches counts; write those for fewer incidents first)\n11:27: there is no component `c` (hint: did you \
         mean `a`?)",
    );
}

#[test]
fn what_is_decided_about_causes_and_severities_is_read() {
    let config = good(&format!(
        "{OPS}incidents:
  suspect_window: 1d
  suspect_distance: 0
  identify_at: 0.6
  eta_window: 20m
  raise: [{{to: major, after: 1h}}, {{to: critical, components: 5}}, {{to: major, eta_slips: 30m}}]
"
    ));
    let incidents = &config.incidents;
    assert_eq!((incidents.suspect_window.as_secs(), incidents.eta_window.as_secs()), (86_400, 1200));
    assert_eq!((incidents.suspect_distance, incidents.identify_at), (0, Some(0.6)));
    let raise = |to, when| Raise { to, when };
    assert_eq!(
        incidents.raise,
        [
            raise(Severity::Major, RaiseWhen::Lasts(Duration::from_secs(3600))),
            raise(Severity::Critical, RaiseWhen::Components(5)),
            raise(Severity::Major, RaiseWhen::EtaSlips(Duration::from_secs(1800))),
        ]
    );
    bad(
        "incidents:
  identify_at: 60
  suspect_distance: 11
  suspect_window: 0s
  raise:
  - {to: major}
  - {after: 1h, components: 2}
  - {to: minor, components: 0}
  - {to: major, eta_slips: long}
",
        "2:16: `60` is not a number from 0 to 1\n3:21: `suspect_distance` 11 is more than 10 (hint: it counts edges of the \
         graph of components)\n4:19: `suspect_window` must be longer than 0s\n6:5: an entry of `raise` needs a condition \
         (hint: one of `after`, `components` and `eta_slips`)\n7:5: an entry of `raise` needs `to`\n7:5: an entry of \
         `raise` has one condition (hint: write an entry for each)\n8:10: nothing is below `minor` that could be raised \
         to it\n8:29: `components` must be at least 1\n9:28: `long` is not a duration; write for example \
         `30s`, `5m`, `1h30m` or `250ms`",
    );
}

#[test]
fn an_acknowledgement_expires_as_its_policy_says_and_else_as_the_settings_say() {
    let timeouts = |settings: &str, policies: [&str; 2]| {
        let policies = policies.map(|timeout| format!("  - {{steps: [{{page: ops}}]{timeout}}}\n")).concat();
        let config = good(&format!("{OPS}incidents: {{watch: 10m{settings}}}\nescalation:\n{policies}"));
        let seconds = |timeout: Option<Duration>| timeout.map(|timeout| timeout.as_secs());
        let policies = config.escalation.iter().map(|policy| seconds(policy.ack_timeout)).collect::<Vec<_>>();
        (seconds(config.incidents.ack_timeout), policies)
    };
    assert_eq!(timeouts("", ["", ""]), (None, vec![None, None]));
    assert_eq!(timeouts(", ack_timeout: 0s", ["", ", ack_timeout: 1h"]), (None, vec![None, Some(3600)]));
    assert_eq!(timeouts(", ack_timeout: 30m", ["", ""]), (Some(1800), vec![None, None]));
    // What never expires under one policy does so under the others.
    assert_eq!(timeouts(", ack_timeout: 30m", [", ack_timeout: 0s", ""]), (None, vec![None, Some(1800)]));
    bad("incidents: {ack_timeout: 5s}\n", "1:26: `ack_timeout` 5s is shorter than 1m (hint: 0s is never)");
}

#[test]
fn templates_are_read_and_tried() {
    let text = "incidents: {templates: {post: texts/post.j2, page: texts/page.j2}}\n";
    let with = |post: &str| {
        let files = Memory::default().with("/etc/f.yml", text).with("/etc/texts/post.j2", post);
        load_with(&sources(), &files.with("/etc/texts/page.j2", "{{ title }} since {{ start }}"))
    };
    let (config, problems) = with("{{ title }}\n").unwrap_or_else(|problems| panic!("{problems}"));
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(config.incidents.templates.post.as_deref(), Some("{{ title }}\n"));
    let names: Vec<_> = config.sources.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["/etc/f.yml", "/etc/texts/post.j2", "/etc/texts/page.j2"]);
    let (other, _) = with("{{ title }}.\n").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(changes(&config, &mut other.clone()).to_string(), "the settings of incidents changed");

    let problems = with("{{ title }}\n  {{ titel }}\n").expect_err("it is wrong");
    assert_eq!(
        problems.to_string(),
        "/etc/texts/post.j2:2:1: the template does not work: `titel` is undefined (hint: docs/incidents.md lists what a \
         template may name)"
    );
    assert!(with("  \n").expect_err("it is wrong").to_string().contains("it gives an empty text"));
    bad(
        "incidents: {templates: {post: nowhere.j2, page: ''}}\n",
        "1:31: cannot read `/etc/nowhere.j2`: there is no such file\n1:49: the path of a template is empty",
    );
}
