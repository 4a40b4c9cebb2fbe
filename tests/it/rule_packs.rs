//! Every rule pack that we ship, and the demo's own rules, load without a problem or a warning; and what is easily
//! wrong in one does what it says.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use fogsignal::model::{Severity, Timestamp};
use fogsignal::promql::Loaded;
use fogsignal::rules::{Alerts, Context, evaluate, load};

#[test]
fn every_pack_loads() {
    let packs = fs::read_dir("rules").unwrap().map(|entry| entry.unwrap().path());
    let demo = std::path::PathBuf::from("src/cli/demo/rules.yml");
    let mut rules = 0;
    for path in packs.chain([demo]) {
        let text = fs::read_to_string(&path).unwrap();
        let file: Arc<str> = path.display().to_string().into();
        let (groups, problems) = load(&file, &text, &Context::default());
        assert!(problems.is_empty(), "{}", problems.render(false));
        rules += groups.iter().map(|group| group.rules.len()).sum::<usize>();
    }
    assert!(rules > 40, "{rules}");
}

/// A group that is evaluated every 15 s from the second minute on, and no more from 660 s on.
#[test]
fn a_group_that_stands_still_is_told_and_a_start_is_not() {
    let text = fs::read_to_string("rules/fogsignal.yml").unwrap();
    let context = Context::default();
    let (groups, _) = load(&"fogsignal.yml".into(), &text, &context);
    let rules = || groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let (group, rule) = rules().find(|(_, rule)| rule.name == "FogsignalRulesStandStill").unwrap();
    let step = Duration::from_secs(15);
    let page = "
        fogsignal_rule_group_last_evaluation_timestamp_seconds{instance=\"a\",group=\"g\"} _x4 60+15x40 660+0x80
        fogsignal_rule_group_interval_seconds{instance=\"a\",group=\"g\"} 15+0x130";
    let source = Loaded::from_text(page, step).unwrap();
    let mut alerts = Alerts::default();
    let mut told = Vec::new();
    for at in (0..=1500).step_by(15) {
        let outcome = evaluate(rule, group, &alerts, &source, Timestamp::from_secs(at), &context);
        assert_eq!(outcome.health, Ok(()));
        alerts.apply(&outcome);
        told.extend(outcome.transitions.iter().map(|moved| (at, moved.to.severity())));
    }
    assert_eq!(told, [(870, Some(Severity::Minor)), (1290, Some(Severity::Major))]);
}
