//! The law of evaluating right after a scrape: it gives what evaluating the whole rule at that instant gives for the
//! target, on a window that was built from nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::tests::rulebook;
use super::*;
use crate::journal::Snapshot;
use crate::model::{Labels, TargetKey, Timestamp};
use crate::rules::{self, AlertKey, AlertRow, Outcome, Transition};
use crate::scrape::ScrapeEvent;
use crate::series::{Page, PageSample, ScrapeReport, Window};

const RULES: &str = "
groups:
- name: g
  interval: 1h
  rules:
  - {alert: High, expr: a > 5, for: 20s, keep_firing_for: 20s, annotations: {summary: '{{ $value }}'}}
  - {alert: Higher, expr: (a) > 7}
  - {alert: Rising, expr: 'rate(a[45s]) * 15 > 2'}
  - {alert: RisingFast, expr: '0.3 < rate(a[45s])'}
  - {alert: RisingFaster, expr: 'rate(a[45s]) > 0.4'}
  - {alert: Down, expr: up == 0}
  - {alert: Negative, expr: '-a < bool 3 == 0', labels: {y: 'of {{ $labels.x }}'}}
  - {detect: Ladder, expr: 'max_over_time(a[40s])', above: {minor: 3, major: 7}, clear: {minor: 2, major: 6}, for: 15s}
  - {alert: Gone, expr: 'absent(b{instance=\"t1\"})'}
  - {alert: Same, expr: a > 6, labels: {instance: one, x: one}}
  - {alert: Several, expr: sum(a) > 1}
";

/// A page: of which target, how much later than the one before, and its values; none where the scrape failed.
type Rolled = (usize, u64, Option<(Vec<Option<u8>>, bool)>);

fn pages() -> impl Strategy<Value = Vec<Rolled>> {
    let values = prop::collection::vec(prop::option::weighted(0.8, 0..10u8), 2);
    prop::collection::vec((0..3usize, 0..12u64, prop::option::weighted(0.9, (values, any::<bool>()))), 1..40)
}

fn target(n: usize) -> TargetKey {
    TargetKey::from(format!("t{n}"))
}

fn identity(n: usize) -> Labels {
    [("job", "j".to_owned()), ("instance", format!("t{n}"))].into_iter().collect()
}

fn page(n: usize, at: Timestamp, read: &Option<(Vec<Option<u8>>, bool)>) -> Page {
    let samples = read.as_ref().map(|(values, has_b)| {
        let value = |(x, value): (usize, &Option<u8>)| {
            let labels = identity(n).with("__name__", "a").with("x", &x.to_string());
            value.map(|value| PageSample { labels, at: None, value: f64::from(value) })
        };
        let b = PageSample { labels: identity(n).with("__name__", "b"), at: None, value: 1.0 };
        values.iter().enumerate().filter_map(value).chain(has_b.then_some(b)).collect()
    });
    Page {
        target: target(n),
        identity: identity(n),
        at,
        interval: Duration::from_secs(15),
        samples: samples.ok_or_else(|| "no answer".to_owned()),
        histograms: Vec::new(),
        marks_own_times: false,
        report: ScrapeReport::default(),
    }
}

/// What moves of the alerts that are about one instance.
#[derive(Debug, Default, PartialEq)]
struct Moves {
    rows: BTreeMap<AlertKey, AlertRow>,
    forgotten: Vec<AlertKey>,
    transitions: BTreeMap<AlertKey, Transition>,
}

impl Moves {
    fn take(&mut self, outcome: &Outcome, is_about: impl Fn(&AlertKey) -> bool) {
        let rows = outcome.rows.iter().chain(&outcome.refreshed).filter(|row| is_about(&row.key));
        self.rows.extend(rows.map(|row| (row.key.clone(), row.clone())));
        self.forgotten.extend(outcome.forgotten.iter().filter(|key| is_about(key)).cloned());
        let told = outcome.transitions.iter().filter(|told| is_about(&told.key));
        self.transitions.extend(told.map(|told| (told.key.clone(), told.clone())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_scrape_gives_what_the_whole_rule_gives_for_its_target(rolled in pages()) {
        let start = Timestamp::from_secs(1_000_000);
        let mut house = House::new(rulebook(RULES), Snapshot::default(), start);
        let all: BTreeMap<TargetKey, Labels> = (0..3).map(|n| (target(n), identity(n))).collect();
        house.ingest(ScrapeEvent::Discovered(all.clone()), start);
        let (mut now, mut taken) = (start, Vec::new());
        for (n, later, read) in rolled {
            now = now + Duration::from_secs(later);
            let page = page(n, now, &read);
            taken.push(page.clone());
            house.ingest(ScrapeEvent::Page(page), now);

            let mut anew = Window::new();
            anew.set_demand(&house.rulebook().demands());
            anew.discovered(&all, start);
            taken.iter().cloned().for_each(|page| anew.ingest(page));
            let instance = format!("t{n}");
            let is_about = |key: &AlertKey| key.labels.get("instance") == Some(&*instance);
            let (mut whole, mut news) = (Moves::default(), Moves::default());
            for group in &house.rulebook().groups {
                for rule in group.rules.iter().filter(|rule| rule.name != "Several" && rule.name != "Same") {
                    let (alerts, context) = (&house.alerts, &house.rulebook().context);
                    whole.take(&rules::evaluate(rule, group, alerts, &anew, now, context), is_about);
                }
            }
            let outcomes = house.evaluate_news(&target(n), now);
            for outcome in &outcomes {
                let strays = outcome.transitions.iter().filter(|told| !is_about(&told.key));
                prop_assert!(strays.clone().all(|told| told.facts.name == "Same"), "{:?}", strays.collect::<Vec<_>>());
                news.take(outcome, is_about);
            }
            prop_assert_eq!(&news, &whole);
            let proposal = house.propose_evaluation(now, outcomes);
            house.apply(&proposal);
            let same = house.alerts.rows().filter(|row| row.facts.name == "Same").count();
            prop_assert!(same <= 1, "one alert, whoever feeds it first");
        }
    }
}

#[test]
fn nothing_is_absent_before_its_target_was_scraped() {
    const ABSENT: &str = "
groups:
- name: g
  rules:
  - {alert: Gone, expr: 'absent(b{instance=\"t1\"})'}
  - {alert: NoneOfIt, expr: 'absent(sum(b{instance=\"t1\"}) > 0)'}
  - {alert: GoneOrHigh, expr: 'absent(b{instance=\"t1\"}) or a > 100'}
";
    let start = Timestamp::from_secs(1_000_000);
    let mut house = House::new(rulebook(ABSENT), Snapshot::default(), start);
    let told = |house: &mut House, later: u64| {
        let evaluated = house.evaluate(0, start + Duration::from_secs(later));
        let told = evaluated.outcomes.iter().flat_map(|outcome| &outcome.transitions);
        told.map(|told| told.facts.name.clone()).collect::<Vec<String>>()
    };
    assert_eq!(told(&mut house, 1), Vec::<String>::new(), "nobody was discovered yet");
    let all: BTreeMap<TargetKey, Labels> = (0..3).map(|n| (target(n), identity(n))).collect();
    house.ingest(ScrapeEvent::Discovered(all), start);
    let nothing = Some((vec![None], false));
    house.ingest(ScrapeEvent::Page(page(0, start + Duration::from_secs(2), &nothing)), start);
    assert_eq!(told(&mut house, 3), Vec::<String>::new(), "t1 was not scraped yet");
    house.ingest(ScrapeEvent::Page(page(1, start + Duration::from_secs(4), &nothing)), start);
    assert_eq!(told(&mut house, 5), ["Gone", "NoneOfIt", "GoneOrHigh"]);
}
