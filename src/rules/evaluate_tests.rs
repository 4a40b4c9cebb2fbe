use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Matcher, RuleId, Severity};
use crate::promql::{Feed, Loaded, Presence, Sample, Samples, SeriesId};
use crate::rules::{Ending, StateName, load};

/// Loaded samples, with the fate of a series as the test says it.
struct World {
    samples: Loaded,
    /// By the value of the label `i`; whole where nothing is said.
    fates: BTreeMap<String, Presence>,
    /// Whether nobody was asked since a restart.
    is_old: bool,
}

impl Source for World {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.samples.select_samples(matchers, after, until, visit);
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        self.samples.feeds(series)
    }

    fn presence(&self, feed: &Feed, _: Duration, _: Timestamp) -> Presence {
        let fate = self.fates.get(feed.labels.get("i").unwrap_or_default());
        fate.copied().unwrap_or(Presence::Whole)
    }

    fn is_from_before(&self, _: SeriesId, _: Timestamp) -> bool {
        self.is_old
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn world(text: &str) -> World {
    World {
        samples: Loaded::from_text(text, Duration::from_secs(15)).unwrap(),
        fates: BTreeMap::new(),
        is_old: false,
    }
}

fn group(rules: &str) -> Group {
    let text = format!("groups: [{{name: g, interval: 15s, rules: [{rules}]}}]\n");
    let (mut groups, problems) = load(&"t.yml".into(), &text, &Context::default());
    assert!(problems.is_empty(), "{problems}");
    groups.remove(0)
}

/// A house that turns: the first rule of a group, evaluated each 15 s.
struct House {
    group: Group,
    alerts: Alerts,
    world: World,
    /// Whether each row goes through its serialized form after each evaluation, as over a restart.
    restarts: bool,
}

impl House {
    fn new(rules: &str, series: &str) -> Self {
        Self { group: group(rules), alerts: Alerts::default(), world: world(series), restarts: false }
    }

    fn turn(&mut self, seconds: i64) -> Outcome {
        let context = Context::default();
        let rule = &self.group.rules[0];
        let outcome = evaluate(rule, &self.group, &self.alerts, &self.world, at(seconds), &context);
        self.alerts.apply(&outcome);
        if self.restarts {
            let rows = self.alerts.rows().map(|row| {
                let text = serde_json::to_string(row).unwrap();
                serde_json::from_str::<AlertRow>(&text).unwrap()
            });
            self.alerts = Alerts::restore(rows.collect::<Vec<_>>());
        }
        outcome
    }

    fn states(&self) -> Vec<StateName> {
        self.alerts.rows().map(|row| row.state.name()).collect()
    }

    /// Turns from `from` to `to` and gives the moves as `second from>to: why`.
    fn moves(&mut self, from: i64, to: i64) -> Vec<String> {
        let mut moves = Vec::new();
        for second in (from..=to).step_by(15) {
            for told in self.turn(second).transitions {
                let from = told.from.map_or("-", StateName::as_str);
                moves.push(format!("{second} {from}>{}: {}", told.to.name().as_str(), told.because));
            }
        }
        moves
    }
}

const CPU: &str = "{detect: Cpu, expr: 'cpu', component: db, above: {minor: 75, major: 85}, for: 30s, clear: 70, \
                   annotations: {summary: 'CPU at {{ $value | humanize }} %'}}";

#[test]
fn a_detect_rule_goes_up_and_down_its_ladder() {
    let mut house = House::new(CPU, "cpu{i=\"a\"} 60 80x2 90x3 78 60 60");
    assert_eq!(
        house.moves(0, 135),
        [
            "15 ->pending: above 75",
            "45 pending>firing: above 75 for 30s",
            "90 firing>firing: above 85 for 30s",
            "135 firing>resolved: not above 70",
        ]
    );
    let row = house.alerts.rows().next().unwrap();
    assert_eq!(row.key.to_string(), r#"Cpu{i="a"}"#);
    assert_eq!(row.facts.component.as_ref().map(|id| id.as_str()), Some("db"));
    assert_eq!(row.facts.annotations.get("summary"), Some("CPU at 60 %"));
    assert_eq!((row.facts.threshold, row.facts.clear, row.facts.value), (Some(85.0), Some(70.0), Some(60.0)));
}

#[test]
fn customers_may_read_one_annotation_while_the_alert_is_there() {
    let summary = |rule: &str| {
        let mut house = House::new(rule, "cpu{i=\"a\"} 60 90 91.5 60x9");
        let words =
            |outcome: Outcome| outcome.readings.into_iter().find_map(|reading| reading.public_summary);
        [0, 15, 30, 60].map(|second| words(house.turn(second)).unwrap_or_default())
    };
    let words = "{summary: x, public_summary: 'The database is at {{ $value | printf \"%.0f\" }} %'}";
    let told = ["", "The database is at 90 %", "The database is at 92 %", ""];
    assert_eq!(
        summary(&format!("{{detect: Cpu, expr: cpu, above: {{minor: 75}}, annotations: {words}}}")),
        told
    );
    assert_eq!(summary(&format!("{{alert: Cpu, expr: cpu > 75, annotations: {words}}}")), told);
    assert_eq!(
        summary("{alert: Cpu, expr: cpu > 75, annotations: {summary: x, public_summary: ''}}"),
        [""; 4]
    );
}

#[test]
fn what_was_measured_before_a_restart_begins_no_alert() {
    let mut house = House::new(CPU, "cpu{i=\"a\"} 90x2 60 90x4 60");
    house.world.is_old = true;
    assert!(house.moves(0, 30).is_empty(), "a value that may be over by now");
    house.world.is_old = false;
    assert!(house.moves(45, 45).is_empty(), "it was");
    assert_eq!(house.moves(60, 60), ["60 ->pending: above 75"]);
    house.world.is_old = true;
    assert!(house.moves(75, 105).is_empty(), "`for` has passed, and nobody has looked");
    house.world.is_old = false;
    assert_eq!(house.moves(120, 120), ["120 pending>firing: above 85 for 30s"]);
}

#[test]
fn a_quiet_element_is_read_and_makes_no_row() {
    let mut house = House::new(CPU, "cpu{i=\"a\"} 60 61");
    let outcome = house.turn(15);
    assert_eq!(outcome.readings.iter().map(|reading| reading.value).collect::<Vec<_>>(), [61.0]);
    assert!(outcome.rows.is_empty() && outcome.samples.is_empty());
}

#[test]
fn only_what_a_restart_would_miss_is_committed() {
    let mut house = House::new(CPU, "cpu{i=\"a\"} 90 91 92 93 94");
    let committed: Vec<usize> = (0..5).map(|n| house.turn(n * 15).rows.len()).collect();
    assert_eq!(committed, [1, 0, 1, 0, 0]);
    let row = house.alerts.rows().next().unwrap();
    assert_eq!(row.facts.value, Some(94.0));
    assert_eq!(row.facts.annotations.get("summary"), Some("CPU at 94 %"));
}

const DOWN: &str = "{alert: Down, expr: 'x > 0', for: 15s, labels: {severity: page, component: crm}}";

#[test]
fn a_verbatim_rule_reads_its_labels() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 0 1 1 1 0");
    assert_eq!(
        house.moves(0, 60),
        [
            "15 ->pending: its expression holds",
            "30 pending>firing: its expression holds for 15s",
            "60 firing>resolved: its expression no longer holds",
        ]
    );
    let row = house.alerts.rows().next().unwrap();
    assert_eq!(row.facts.component.as_ref().map(|id| id.as_str()), Some("crm"));
    assert!(row.facts.counts);
}

#[test]
fn a_severity_of_the_field_is_mapped() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x10");
    house.moves(0, 15);
    assert_eq!(house.alerts.rows().next().unwrap().state.severity(), Some(Severity::Major));
}

#[test]
fn an_alert_whose_target_does_not_answer_is_lost_and_never_recovers() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x4 stale");
    house.moves(0, 60);
    house.world.fates.insert("a".to_owned(), Presence::Missing { since: at(60) });
    assert_eq!(
        house.moves(75, 900),
        ["75 firing>firing: no data for 15s", "120 firing>lost: no data for 1m"]
    );
    house.world.fates.insert("a".to_owned(), Presence::Warming);
    assert!(house.moves(915, 930).is_empty());
    house.world.fates.clear();
    assert_eq!(house.moves(945, 945), ["945 lost>resolved: its expression no longer holds"]);
}

#[test]
fn one_dead_target_of_several_under_a_sum_looks_like_no_recovery() {
    let rule = "{detect: Load, expr: 'sum(x)', above: {major: 15}}";
    let mut house = House::new(rule, "x{i=\"a\"} 10x20\nx{i=\"b\"} 10x3 stale");
    house.moves(0, 45);
    house.world.fates.insert("b".to_owned(), Presence::Missing { since: at(45) });
    house.moves(60, 300);
    assert_eq!(house.states(), [StateName::Lost]);
}

#[test]
fn a_target_that_left_ends_its_alerts_and_the_rest_goes_on() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x4 stale\nx{i=\"b\"} 1x100");
    house.moves(0, 60);
    house.world.fates.insert("a".to_owned(), Presence::Ended { since: at(60) });
    assert_eq!(
        house.moves(75, 660),
        [
            "75 firing>firing: what it measures is gone for 15s",
            "660 firing>resolved: what it measures is gone for 10m"
        ]
    );
    let states: Vec<&AlertState> = house.alerts.rows().map(|row| &row.state).collect();
    assert!(matches!(states[0], AlertState::Resolved { why: Ending::Ended, .. }));
    assert!(matches!(states[1], AlertState::Firing { .. }));
}

#[test]
fn absent_is_never_lost() {
    let mut house = House::new("{alert: Gone, expr: 'absent(x)'}", "x{i=\"a\"} _x3 1x5");
    house.world.fates.insert("a".to_owned(), Presence::Missing { since: at(0) });
    house.moves(0, 30);
    assert_eq!(house.states(), [StateName::Firing]);
    house.moves(45, 45);
    assert_eq!(house.states(), [StateName::Resolved]);
}

#[test]
fn a_failed_query_is_missing_for_active_alerts() {
    let rule = "{alert: Pair, expr: 'x + on () y > 0'}";
    let mut house = House::new(rule, "x 1x20\ny{i=\"a\"} 1x20\ny{i=\"b\"} _x3 1x2 stale");
    house.moves(0, 30);
    assert_eq!(house.states(), [StateName::Firing]);
    let outcome = house.turn(45);
    assert!(outcome.health.is_err(), "{outcome:?}");
    assert_eq!(house.alerts.rows().next().unwrap().missing_since, Some(at(30)));
    house.moves(60, 75);
    assert_eq!(house.states(), [StateName::Firing]);
    house.moves(90, 90);
    assert_eq!(house.alerts.rows().next().unwrap().missing_since, None);
}

#[test]
fn over_its_limit_a_rule_fails_and_its_alerts_are_missing() {
    let series = "x{i=\"a\"} 1 1 stale\nx{i=\"b\"} _ _ 1x20\nx{i=\"c\"} _ _ 1x6 stale";
    let mut house = House::new("{alert: Many, expr: 'x > 0'}", series);
    house.group.limit = Some(1);
    house.moves(0, 15);
    let outcome = house.turn(30);
    assert_eq!(outcome.health, Err("exceeded limit of 1 with 2 alerts".to_owned()));
    assert!(outcome.samples.is_empty() && outcome.readings.is_empty());
    // The one that was there is not evaluated any more; none of the others begins.
    assert_eq!(house.alerts.rows().next().unwrap().missing_since, Some(at(15)));
    assert_eq!(house.moves(45, 120), ["75 firing>lost: no data for 1m"]);
    assert_eq!(house.states(), [StateName::Lost]);
    house.group.limit = None;
    assert_eq!(
        house.moves(135, 135),
        ["135 lost>resolved: its expression no longer holds", "135 ->firing: its expression holds"]
    );
}

#[test]
fn results_that_become_one_alert_are_an_error() {
    let mut house = House::new("{alert: One, expr: 'x > 0', labels: {i: ''}}", "x{i=\"a\"} 1\nx{i=\"b\"} 1");
    assert!(house.turn(0).health.is_err_and(|why| why.contains("same labels")));
}

#[test]
fn a_resolved_alert_is_kept_a_while_and_then_forgotten() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x2 0x99");
    house.moves(0, 45);
    assert_eq!(house.states(), [StateName::Resolved]);
    house.moves(60, 930);
    assert_eq!(house.states(), [StateName::Resolved]);
    house.moves(945, 945);
    assert!(house.states().is_empty());
}

#[test]
fn an_alert_that_comes_back_is_a_new_one() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x2 0 1x3");
    house.moves(0, 45);
    assert_eq!(house.moves(60, 60), ["60 ->pending: its expression holds"]);
}

#[test]
fn a_recording_rule_records_under_its_name_with_its_feeds() {
    let rule = "{record: 'job:x:sum', expr: 'sum by (job) (x)', labels: {team: crm}}";
    let mut house = House::new(rule, "x{i=\"a\",job=\"j\"} 1\nx{i=\"b\",job=\"j\"} 2");
    let outcome = house.turn(0);
    assert_eq!(outcome.samples.len(), 1);
    assert_eq!(outcome.samples[0].labels.to_string(), r#"job:x:sum{job="j", team="crm"}"#);
    assert_eq!((outcome.samples[0].value, outcome.samples[0].feeds.len()), (3.0, 2));
}

#[test]
fn alerts_are_recorded_as_prometheus_records_them() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x4");
    let shown = |outcome: Outcome| -> Vec<String> {
        outcome.samples.iter().map(|sample| format!("{} {}", sample.labels, sample.value)).collect()
    };
    let of = |word: &str| {
        format!(
            r#"ALERTS{{alertname="Down", alertstate="{word}", component="crm", i="a", severity="page"}} 1"#
        )
    };
    assert_eq!(shown(house.turn(0))[0], of("pending"));
    assert_eq!(shown(house.turn(15))[0], of("firing"));
}

#[test]
fn the_offset_of_a_group_looks_back_and_dates_now() {
    let mut house = House::new("{alert: Late, expr: 'x > 0'}", "x{i=\"a\"} 0 1 1 1");
    house.group.query_offset = Duration::from_secs(30);
    assert_eq!(house.moves(0, 30), [""; 0]);
    house.moves(45, 45);
    assert_eq!(house.alerts.rows().next().unwrap().state.breached_at(), at(45));
}

#[test]
fn the_alerts_of_a_rule_that_is_gone_resolve() {
    let mut house = House::new(DOWN, "x{i=\"a\"} 1x4\nx{i=\"b\"} _ 1");
    house.moves(0, 15);
    let none_left = BTreeMap::<RuleId, String>::new();
    let outcome = house.alerts.retire(&none_left, at(20));
    house.alerts.apply(&outcome);
    assert_eq!((outcome.transitions.len(), outcome.forgotten.len()), (1, 1));
    let row = house.alerts.rows().next().unwrap();
    assert!(matches!(row.state, AlertState::Resolved { why: Ending::RuleRemoved, .. }));
    house.alerts.apply(&house.alerts.retire(&none_left, at(20 + 900)));
    assert_eq!(house.alerts.rows().count(), 0);
}

#[test]
fn a_storm_is_one_evaluation() {
    let mut house = House::new("{alert: Storm, expr: 'x > 0'}", "");
    for n in 0..2000 {
        let labels = [("__name__", "x".to_owned()), ("i", n.to_string())].into_iter().collect();
        house.world.samples.add(labels, vec![Sample { at: at(0), value: 1.0 }]);
    }
    assert_eq!(house.turn(0).transitions.len(), 2000);
}

fn any_world() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((0u8..6, 0u8..6, 0u8..5), 1..60)
}

/// One die for each of two series, and one for the fate of the first.
fn roll(house: &mut House, second: i64, (a, b, fate): (u8, u8, u8)) -> Outcome {
    let sample = |side: u8| {
        let value = [60.0, 72.0, 80.0, 90.0, f64::NAN][usize::from(side.min(4))];
        if side == 5 { f64::from_bits(crate::model::STALE_NAN) } else { value }
    };
    for (name, side) in [("a", a), ("b", b)] {
        let labels = [("__name__", "cpu"), ("i", name)].into_iter().collect();
        house.world.samples.add(labels, vec![Sample { at: at(second), value: sample(side) }]);
    }
    let since = at(second - 15);
    let presence = match fate {
        0 => Presence::Missing { since },
        1 => Presence::Warming,
        2 => Presence::Ended { since },
        _ => Presence::Whole,
    };
    house.world.fates.insert("a".to_owned(), presence);
    house.turn(second)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restart_at_any_point_changes_nothing_that_follows(dice in any_world()) {
        let rule = "{detect: Cpu, expr: 'sum(cpu)', above: {minor: 75, major: 140}, for: 30s, clear_for: 30s}";
        for rule in [rule, CPU, DOWN] {
            let mut steady = House::new(rule, "");
            let mut restarted = House::new(rule, "");
            restarted.restarts = true;
            for (n, die) in (0i64..).zip(&dice) {
                let (one, other) = (roll(&mut steady, n * 15, *die), roll(&mut restarted, n * 15, *die));
                prop_assert_eq!(one.transitions, other.transitions);
                prop_assert_eq!(one.forgotten, other.forgotten);
            }
        }
    }

    #[test]
    fn no_alert_resolves_while_it_is_missing(dice in any_world()) {
        let mut house = House::new(CPU, "");
        for (n, die) in (0i64..).zip(&dice) {
            let outcome = roll(&mut house, n * 15, *die);
            let resolved = outcome.transitions.iter().any(|told| {
                told.key.labels.get("i") == Some("a") && told.to.name() == StateName::Resolved
            });
            prop_assert!(!(resolved && die.2 < 2), "{:?}", outcome.transitions);
        }
    }
}
