use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::promql::Loaded;
use crate::rules::{Alerts, Context, Group, Outcome, evaluate, load};

const RULE: &str = "{detect: Cpu, expr: cpu, component: db, above: {major: 10}, for: 1m, clear: 5, clear_for: 5m, \
                    breakdown: 'sum by (db, client) (spent)', breakdown_components: {consumers: crm-consumers}}";

fn group(rule: &str) -> Group {
    let text = format!("groups: [{{name: g, interval: 1m, rules: [{rule}]}}]\n");
    let (mut groups, problems) = load(&"t.yml".into(), &text, &Context::default());
    assert!(problems.is_empty(), "{problems}");
    groups.remove(0)
}

/// Evaluates the only rule each minute up to `until`, and gives the last outcome.
fn outcome_at(rule: &str, series: &str, until: i64) -> Outcome {
    let (group, context) = (group(rule), Context::default());
    let world = Loaded::from_text(series, Duration::from_secs(60)).unwrap();
    let mut alerts = Alerts::default();
    let mut last = Outcome::empty();
    for minute in 0..=until {
        let at = Timestamp::from_secs(minute * 60);
        last = evaluate(&group.rules[0], &group, &alerts, &world, at, &context);
        alerts.apply(&last);
    }
    last
}

/// Who made how many hundredths of the rise, alert by alert.
fn told(outcome: &Outcome) -> Vec<String> {
    let share = |share: &Share| {
        let component = share.component.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        format!("{}={}{component} {:.0}", share.label, share.value, share.share * 100.0)
    };
    let line = |one: &Explained| {
        let shares: Vec<String> = one.shares.iter().map(share).collect();
        format!("{}: {}", one.key, shares.join(", "))
    };
    outcome.explained.iter().map(line).collect()
}

// The value crosses in minute 10; the baseline is minute 5.
const CPU: &str = "cpu{db=\"a\"} 1x9 20x60\n";

#[test]
fn a_rise_is_shared_among_those_who_rose() {
    let series = format!(
        "{CPU}spent{{db=\"a\", client=\"consumers\"}} 10x9 97x60\nspent{{db=\"a\", client=\"web\"}} 10x9 20x60\n\
         spent{{db=\"a\", client=\"new\"}} _x9 3x60\nspent{{db=\"a\", client=\"less\"}} 10x9 2x60\n\
         spent{{db=\"b\", client=\"other\"}} 1x9 500x60"
    );
    let expected = ["Cpu{db=\"a\"}: client=consumers (crm-consumers) 87, client=web 10, client=new 3"];
    assert_eq!(told(&outcome_at(RULE, &series, 9)), [""; 0], "no alert, nothing to explain");
    assert_eq!(told(&outcome_at(RULE, &series, 10)), expected, "pending");
    assert_eq!(told(&outcome_at(RULE, &series, 12)), expected, "firing");
    assert_eq!(told(&outcome_at(RULE, &series, 40)), expected, "half an hour after it crossed");
    assert_eq!(told(&outcome_at(RULE, &series, 41)), [""; 0], "what was said stands");
}

#[test]
fn a_value_that_falls_again_says_nothing_of_what_made_it_rise() {
    let series = "cpu{db=\"a\"} 1x9 20x4 2x9\nspent{db=\"a\", client=\"consumers\"} 10x9 97x3 0x9\n\
                  spent{db=\"a\", client=\"web\"} 10x9 20x20";
    assert_eq!(outcome_at(RULE, series, 14).explained.len(), 1);
    assert_eq!(told(&outcome_at(RULE, series, 16)), [""; 0], "clearing");
}

#[test]
fn nothing_is_known_without_anything_before() {
    let alone = format!("{CPU}spent{{db=\"a\", client=\"web\"}} _x9 20x60");
    assert_eq!(told(&outcome_at(RULE, &alone, 12)), [""; 0]);
    let elsewhere = format!("{alone}\nspent{{db=\"b\", client=\"web\"}} 1x70");
    assert_eq!(told(&outcome_at(RULE, &elsewhere, 12)), [""; 0], "another database's is not this one's");
}

#[test]
fn several_labels_are_said_together_and_none_is_only_counted() {
    let rule = RULE.replace("(db, client)", "(client, zone)");
    let series = format!(
        "{CPU}spent{{client=\"a\", zone=\"x\"}} 0x9 60x60\nspent{{client=\"a\", zone=\"y\"}} 0x9 20x60\nspent 0x9 20x60"
    );
    assert_eq!(
        told(&outcome_at(&rule, &series, 12)),
        ["Cpu{db=\"a\"}: client,zone=a,x 60, client,zone=a,y 20"]
    );
}

#[test]
fn a_breakdown_that_fails_moves_alerts_all_the_same() {
    let rule = RULE.replace("sum by (db, client) (spent)", "spent * on (db) spent");
    let series = format!("{CPU}spent{{db=\"a\", client=\"x\"}} 1x70\nspent{{db=\"a\", client=\"y\"}} 1x70");
    let outcome = outcome_at(&rule, &series, 12);
    assert_eq!((outcome.rows.len() + outcome.refreshed.len(), outcome.health.clone()), (1, Ok(())));
    assert!(outcome.unexplained.is_some_and(|why| why.contains("many-to-many")), "it says why");
}

#[test]
fn what_a_breakdown_reads_is_kept_until_it_is_no_longer_asked() {
    let check = |breakdown: &str, minutes: u64| {
        let group = group(&RULE.replace("sum by (db, client) (spent)", breakdown));
        let kept: Vec<u64> = group.demands().iter().map(|demand| demand.look_back.as_secs() / 60).collect();
        assert_eq!(kept, [5, minutes], "{breakdown}");
    };
    check("spent", 5 + 5 + 30);
    check("rate(spent[2m])", 2 + 5 + 30);
    check("sum by (client) (rate(spent[10m]))", 10 + 10 + 30);
}

fn elements(values: &[(u8, f64)]) -> Vec<Element> {
    let by_client: BTreeMap<u8, f64> = values.iter().copied().collect();
    let element = |(client, value): (u8, f64)| Element {
        labels: [("client", client.to_string())].into_iter().collect(),
        value,
        feeds: Vec::new(),
    };
    by_client.into_iter().map(element).collect()
}

proptest! {
    #[test]
    fn shares_are_parts_of_one_rise(
        now in proptest::collection::vec((0..20u8, 0.0..1000.0f64), 0..20),
        before in proptest::collection::vec((0..20u8, 0.0..1000.0f64), 1..20),
        factor in 0.5..8.0f64,
    ) {
        let share = |now: &[(u8, f64)], before: &[(u8, f64)]| {
            shares(&BTreeMap::new(), &Labels::empty(), &elements(now), &elements(before))
        };
        let told = share(&now, &before);
        prop_assert!(told.len() <= SHARES_MAX);
        prop_assert!(told.iter().all(|one| (SHARE_LEAST..=1.0).contains(&one.share)));
        prop_assert!(told.iter().map(|one| one.share).sum::<f64>() <= 1.0 + 1e-9);
        prop_assert!(told.windows(2).all(|pair| pair[1].share <= pair[0].share));
        let scaled = |values: &[(u8, f64)]| values.iter().map(|(c, v)| (*c, v * factor)).collect::<Vec<_>>();
        let again = share(&scaled(&now), &scaled(&before));
        prop_assert!(told.iter().zip(&again).all(|(a, b)| (a.share - b.share).abs() < 1e-9), "the unit is no matter");
        prop_assert_eq!(share(&before, &before), vec![], "what did not move explains nothing");
    }
}
