use super::*;
use crate::model::SecretSource;
use crate::scrape::{Authorization, TargetError, TargetFault};

fn with_labels(mut job: Job, pairs: &[(&str, &str)]) -> Job {
    job.targets[0].labels =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    job
}

fn fault(job: Job) -> TargetFault {
    match &resolve_targets(&[job]).expect_err("the target is bad").0[..] {
        [TargetError::Target { fault, .. }] => fault.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_gets_job_and_instance_and_nothing_internal() {
    let found = target(with_labels(job("node", &["db:9100"]), &[("zone", "a"), ("__meta_x", "y")]));
    assert_eq!(found.identity, labels(&[("job", "node"), ("instance", "db:9100"), ("zone", "a")]));
    assert_eq!(found.url.as_str(), "http://db:9100/metrics");
    assert_eq!((found.interval.as_secs(), found.timeout.as_secs()), (15, 10));
}

#[test]
fn an_address_without_a_port_stays_as_written_and_is_asked_at_its_schemes_port() {
    let found = target(Job { scheme: "https".to_owned(), ..job("web", &["example.org"]) });
    assert_eq!(found.identity.get("instance"), Some("example.org"));
    assert_eq!(found.url.port_or_known_default(), Some(443));
}

#[test]
fn relabelling_can_change_what_is_asked_and_how_often() {
    use RelabelAction::Replace;
    let mut probing = job("blackbox", &["http://example.org/x?y=1"]);
    probing.metrics_path = "/probe".to_owned();
    probing.params = [("module".to_owned(), vec!["http".to_owned(), "two".to_owned()])].into();
    probing.relabel = vec![
        rule(Replace, "__address__", "(.*)", "__param_target", "$1"),
        rule(Replace, "__param_target", "(.*)", "instance", "$1"),
        rule(Replace, "", "(.*)", "__address__", "127.0.0.1:9115"),
        rule(Replace, "", "(.*)", "__scrape_interval__", "1m"),
        rule(Replace, "", "(.*)", "__scrape_timeout__", "20s"),
    ];
    let found = target(probing);
    assert_eq!(
        found.url.as_str(),
        "http://127.0.0.1:9115/probe?module=http&module=two&target=http%3A%2F%2Fexample.org%2Fx%3Fy%3D1"
    );
    assert_eq!(found.identity.get("instance"), Some("http://example.org/x?y=1"));
    assert_eq!((found.interval.as_secs(), found.timeout.as_secs()), (60, 20));
}

#[test]
fn labels_of_the_group_win_over_the_jobs_defaults() {
    let found = target(with_labels(
        job("a", &["h:1"]),
        &[("job", "b"), ("__metrics_path__", "/m"), ("__scheme__", "https")],
    ));
    assert_eq!(found.identity.get("job"), Some("b"));
    assert_eq!(found.url.as_str(), "https://h:1/m");
}

#[test]
fn dropped_targets_are_none_and_equal_ones_are_one() {
    let mut twice = job("a", &["h:1", "h:2", "h:1"]);
    assert_eq!(resolve_targets(&[twice.clone()]).expect("good").len(), 2);
    twice.relabel = vec![rule(RelabelAction::Drop, "__address__", "h:1", "", "")];
    assert_eq!(target(twice).identity.get("instance"), Some("h:2"));
}

#[test]
fn a_key_is_the_same_each_time_and_names_no_parameter() {
    let keyed = |token: &str| {
        let mut job = job("a", &["h:1"]);
        job.params = [("token".to_owned(), vec![token.to_owned()])].into();
        target(job)
    };
    let (one, again, other) = (keyed("hunter2"), keyed("hunter2"), keyed("x"));
    assert_eq!(one.key, again.key);
    assert_ne!(one.key, other.key);
    assert_eq!(one.offset(), again.offset());
    assert!(one.key.as_str().starts_with("a/h:1#"), "{}", one.key);
    let shown = format!("{one:?} {} {}", one.key, one.shown_url());
    assert!(!shown.contains("hunter2"), "{shown}");
    // Written down, so that a change of how keys are made is noticed: journals hold them.
    assert_eq!(target(job("a", &["h:1"])).key.as_str(), "a/h:1#3195b3c9747d921e");
}

#[test]
fn offsets_are_spread_over_the_interval() {
    let addresses: Vec<String> = (0..300).map(|n| format!("h{n}:1")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut per_second = [0; 15];
    for target in resolve_targets(&[job("a", &addresses)]).expect("good") {
        per_second[usize::try_from(target.offset().as_secs()).expect("small")] += 1;
    }
    assert!(per_second.iter().all(|count| (8..=35).contains(count)), "{per_second:?}");
}

#[test]
fn what_cannot_be_scraped_is_named() {
    assert_eq!(fault(job("a", &["h:1/metrics"])), TargetFault::Address);
    assert_eq!(fault(job("a", &["h:port"])), TargetFault::Address);
    assert_eq!(
        fault(Job { scheme: "ftp".to_owned(), ..job("a", &["h:1"]) }),
        TargetFault::Scheme("ftp".to_owned())
    );
    let relabelled = |label: &str, to: &str| {
        let mut job = job("a", &["h:1"]);
        job.relabel = vec![rule(RelabelAction::Replace, "", "(.*)", label, to)];
        fault(job)
    };
    assert_eq!(relabelled("__address__", ""), TargetFault::NoAddress);
    assert!(matches!(relabelled("__scrape_interval__", "soon"), TargetFault::Duration { .. }));
    assert!(matches!(relabelled("__scrape_timeout__", "1m"), TargetFault::Timeout { .. }));
}

#[test]
fn all_errors_come_at_once_and_hide_users() {
    let mut limited = job("b", &["h:1", "h:2"]);
    limited.limits.targets = Some(1);
    let errors = resolve_targets(&[job("a", &["me:hunter2@h:1"]), limited]).expect_err("both are bad");
    assert_eq!(
        errors.to_string(),
        "job `a`, target `h:1`: its address is not of the form `host` or `host:port`\n\
         job `b` has 2 targets, more than its `target_limit` of 1"
    );
}

#[test]
fn a_job_shows_no_secret() {
    let mut job = job("a", &["h:1"]);
    job.authorization = Some(Authorization::Basic {
        username: "me".to_owned(),
        password: SecretSource::Inline(crate::model::Secret::new("hunter2")),
    });
    assert!(!format!("{job:?}").contains("hunter2"));
}
