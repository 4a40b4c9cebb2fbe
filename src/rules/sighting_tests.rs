use proptest::prelude::*;

use super::*;
use crate::model::{Component, STALE_NAN};
use crate::promql::{Expr, Loaded, Sample, parse, parse_series};

fn component(own: &str) -> Component {
    let matchers = match parse(own) {
        Ok(Expr::Selector(selector)) => selector.matchers,
        other => panic!("no selector: {other:?}"),
    };
    let id = ComponentId::new("crm").unwrap();
    Component { id, name: String::new(), group: None, public: true, depends_on: Vec::new(), matchers }
}

/// A page each 15 s: what stands on the `n`th, as `series value`. What is no longer there has ended.
fn pages(count: i64, page: impl Fn(i64) -> Vec<String>) -> Loaded {
    let mut world = Loaded::new();
    let mut before = BTreeSet::new();
    for n in 0..count {
        let at = Timestamp::from_secs(n * 15);
        let lines = page(n).into_iter().map(|line| parse_series(&line, Duration::from_secs(15)).unwrap());
        let mut now = BTreeSet::new();
        for (labels, samples) in lines {
            world.add(labels.clone(), vec![Sample { at, value: samples[0].value }]);
            now.insert(labels);
        }
        let ended = before.difference(&now).cloned().collect::<Vec<Labels>>();
        ended.into_iter().for_each(|it| world.add(it, vec![Sample { at, value: f64::from_bits(STALE_NAN) }]));
        before = now;
    }
    world
}

/// What is seen of the component `crm` at each of `count` pages, as `page kind at second: summary [version]`.
fn seen(count: i64, page: impl Fn(i64) -> Vec<String>) -> Vec<String> {
    seen_in(&pages(count, page), count)
}

fn seen_in(world: &Loaded, count: i64) -> Vec<String> {
    let watched = [Watched::of(&component("{job=\"crm\"}")).unwrap()];
    let (mut memory, mut told) = (Sightings::default(), Vec::new());
    for n in 0..count {
        let (sightings, now) = look(&watched, world, Timestamp::from_secs(n * 15), &memory);
        memory = now;
        told.extend(sightings.into_iter().map(|sighting| {
            let kind = match sighting.kind {
                SightingKind::Deploy => "deploy",
                SightingKind::Rollback => "rollback",
                SightingKind::Restart => "restart",
                SightingKind::Scale => "scale",
            };
            let at = sighting.at.as_secs_f64();
            let version = sighting.version.map(|version| format!(" [{version}]")).unwrap_or_default();
            format!("{n} {kind} at {at}: {}{version}", sighting.summary)
        }));
    }
    told
}

fn up(instance: &str) -> String {
    format!("up{{job=\"crm\", instance=\"{instance}\"}} 1")
}

/// An instance that names its version.
fn build(instance: &str, version: &str) -> Vec<String> {
    let labels = format!("job=\"crm\", instance=\"{instance}\", version=\"{version}\", goos=\"linux\"");
    vec![up(instance), format!("crm_build_info{{{labels}}} 1")]
}

/// An instance that says when it started.
fn process(instance: &str, started: f64) -> Vec<String> {
    let start = format!("process_start_time_seconds{{job=\"crm\", instance=\"{instance}\"}} {started}");
    vec![up(instance), start]
}

#[test]
fn a_rollout_over_instances_is_one_change_and_the_way_back_another() {
    let told = seen(130, |n| {
        let version = |i: i64| if (20 + 8 * i..80 + 8 * i).contains(&n) { "7.5.0" } else { "7.4.0" };
        (0..4i64).flat_map(|i| build(&format!("i{i}"), version(i))).collect()
    });
    assert_eq!(
        told,
        [
            "20 deploy at 300: version 7.4.0 → 7.5.0 (crm) [7.5.0]",
            "80 rollback at 1200: version 7.5.0 → 7.4.0 (crm) [7.4.0]",
        ]
    );
}

#[test]
fn a_try_on_one_instance_that_is_taken_back_is_a_rollback() {
    let told = seen(60, |n| {
        let tried = if (20..40).contains(&n) { "2" } else { "1" };
        [build("a", tried), build("b", "1"), build("c", "1")].concat()
    });
    assert_eq!(
        told,
        ["20 deploy at 300: version 1 → 2 (crm) [2]", "40 rollback at 600: version 2 → 1 (crm) [1]"]
    );
}

#[test]
fn what_is_there_at_first_is_no_change() {
    let late = |n| if n < 7 { build("a", "1") } else { [build("a", "1"), build("b", "2")].concat() };
    assert_eq!(seen(60, late), [""; 0], "the first minutes only complete the picture");
    let news = |n| if n < 20 { vec![up("a")] } else { build("a", "1") };
    assert_eq!(seen(60, news), [""; 0], "nor is what names its build only now");
}

#[test]
fn instances_that_are_replaced_are_compared_with_those_before() {
    let pods = [
        ("pod-1", "1.0", 0..40),
        ("pod-2", "1.0", 0..44),
        ("pod-3", "1.0", 20..44),
        ("pod-4", "1.1", 40..70),
        ("pod-5", "1.1", 44..74),
        ("pod-6", "1.0", 70..100),
    ];
    let told = seen(100, |n| {
        let there = pods.iter().filter(|(.., when)| when.contains(&n));
        there.flat_map(|(name, version, _)| build(name, version)).collect()
    });
    assert_eq!(
        told,
        [
            "40 deploy at 600: version 1.0 → 1.1 (crm) [1.1]",
            "70 rollback at 1050: version 1.1 → 1.0 (crm) [1.0]",
        ]
    );
}

#[test]
fn an_instance_that_was_away_is_known_when_it_comes_back() {
    let away = |version: &'static str| {
        seen(60, move |n| match n {
            20..30 => vec![up("a")],
            30.. => build("a", version),
            _ => build("a", "1"),
        })
    };
    assert_eq!(away("1"), [""; 0]);
    assert_eq!(away("2"), ["30 deploy at 450: version 1 → 2 (crm) [2]"]);
}

#[test]
fn a_restart_is_a_change_unless_it_comes_with_a_version() {
    let restarts = seen(90, |n| {
        let a = process("a", if n < 20 { 100.0 } else { 296.5 });
        let b = process("b", if n < 31 { 100.0 } else { 460.0 });
        let c = process("c", if n < 80 { 100.0 } else { 1194.0 });
        [a, b, c].concat()
    });
    assert_eq!(restarts, ["20 restart at 296.5: restarted (crm)", "80 restart at 1194: restarted (crm)"]);
    let rolled = seen(70, |n| match n {
        ..20 => [build("a", "1"), process("a", 100.0)].concat(),
        20..45 => [build("a", "2"), process("a", 296.5)].concat(),
        _ => [build("a", "2"), process("a", 670.0)].concat(),
    });
    assert_eq!(rolled, ["20 deploy at 296.5: version 1 → 2 (crm) [2]"], "it is soon again: no news");
    assert_eq!(seen(60, |n| process("a", 100.0 + (n % 3) as f64)), [""; 0], "computed from an age");
    let new = |n| if n < 20 { process("a", 1.0) } else { [process("a", 1.0), process("b", 298.0)].concat() };
    assert_eq!(seen(60, new), [""; 0], "one instance more");
}

#[test]
fn the_last_instance_that_goes_and_the_first_that_comes_are_told() {
    let told = seen(70, |n| {
        let (spec, status) = match n {
            ..10 => (12, 12),
            10..13 => (6, 7),
            13..15 => (0, 6),
            15..44 => (0, 0),
            44..46 => (4, 0),
            _ => (4, 4),
        };
        let other = if n < 10 { 12 } else { 0 };
        vec![
            format!("kube_deployment_spec_replicas{{job=\"crm\", deployment=\"crm\"}} {spec}"),
            format!("kube_deployment_status_replicas{{job=\"crm\", deployment=\"crm\"}} {status}"),
            format!("kube_deployment_spec_replicas{{job=\"desk\", deployment=\"desk\"}} {other}"),
        ]
    });
    assert_eq!(told, ["13 scale at 195: 6 → 0 replicas", "44 scale at 660: 0 → 4 replicas"]);
}

#[test]
fn any_label_that_is_not_the_targets_makes_a_build() {
    let changing = |label: &'static str, besides: &'static [&'static str]| {
        move |n| {
            let value = if n < 20 { "old" } else { "new" };
            let series =
                format!("x_build_info{{job=\"crm\", instance=\"a\", version=\"1\", {label}=\"{value}\"}} 1");
            besides.iter().map(|line| (*line).to_owned()).chain([series]).collect::<Vec<_>>()
        }
    };
    const UP: &[&str] = &["up{job=\"crm\", instance=\"a\"} 1"];
    assert_eq!(seen(40, changing("edition", UP)), ["20 deploy at 300: edition old → new (crm) [new]"]);
    assert_eq!(
        seen(40, changing("git_revision", &[])),
        ["20 deploy at 300: git_revision old → new (crm) [new]"]
    );
    assert_eq!(seen(40, changing("stage", &[])), [""; 0], "nothing says that this is a build's");
}

#[test]
fn a_series_that_nothing_ended_gives_way_to_a_younger_one() {
    let text = "x_build_info{job=\"crm\", instance=\"a\", version=\"1\"} 1x19\n\
                x_build_info{job=\"crm\", instance=\"a\", version=\"2\"} _x20 1x40\nup{job=\"crm\", instance=\"a\"} 1x60";
    let world = Loaded::from_text(text, Duration::from_secs(15)).unwrap();
    assert_eq!(seen_in(&world, 60), ["20 deploy at 300: version 1 → 2 (crm) [2]"]);
}

#[test]
fn two_builds_of_one_version_are_one_change() {
    let told = seen(40, |n| {
        let version = if n < 20 { "1" } else { "2" };
        let series =
            |name| format!("{name}_build_info{{job=\"crm\", instance=\"a\", version=\"{version}\"}} 1");
        vec![series("web"), series("worker"), up("a")]
    });
    assert_eq!(told, ["20 deploy at 300: version 1 → 2 (crm) [2]"]);
}

#[test]
fn a_label_that_changes_all_the_time_is_not_believed_for_long() {
    assert_eq!(seen(60, |n| build("a", &n.to_string())).len(), HOURLY_MAX);
}

proptest! {
    // Each case is a quarter of an hour of pages.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_comes_and_goes_no_change_is_told_of_a_version_that_ran_all_along(
        there in proptest::collection::vec(any::<u8>(), 60),
    ) {
        let page = |n: i64| {
            let instances = (0..8).filter(|i| there[n as usize] & (1 << i) != 0);
            instances.flat_map(|i| build(&format!("i{i}"), "1")).chain(build("steady", "1")).collect()
        };
        prop_assert_eq!(seen(60, page), Vec::<String>::new());
    }

    #[test]
    fn a_rollout_in_any_order_within_ten_minutes_is_one_change(when in proptest::collection::vec(10..45i64, 1..6)) {
        let told = seen(60, |n| {
            let version = |at: i64| if n < at { "1" } else { "2" };
            when.iter().enumerate().flat_map(|(i, at)| build(&format!("i{i}"), version(*at))).collect()
        });
        let first = when.iter().min().unwrap();
        prop_assert_eq!(told, vec![format!("{first} deploy at {}: version 1 → 2 (crm) [2]", first * 15)]);
    }
}
