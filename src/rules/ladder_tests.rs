use proptest::prelude::*;

use super::*;

const INTERVAL: Duration = Duration::from_secs(15);
const LOST_AFTER: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn above(severity: Severity, threshold: f64, clear: f64, hold: u64) -> Rung {
    Rung { severity, limit: Limit::Above { threshold, clear }, hold: Duration::from_secs(hold) }
}

/// Minor above 75, major above 85, critical above 95, each cleared 5 below; 30 s to hold, 30 s to clear.
fn cpu() -> Ladder {
    Ladder {
        rungs: vec![
            above(Severity::Minor, 75.0, 70.0, 30),
            above(Severity::Major, 85.0, 80.0, 30),
            above(Severity::Critical, 95.0, 90.0, 30),
        ],
        clear_for: Duration::from_secs(30),
        on_missing: OnMissing::Hold,
    }
}

fn value(value: f64) -> Seen {
    Seen::Measured { value: Some(value), whole: true }
}

const GONE: Seen = Seen::Measured { value: None, whole: true };

fn missing(since: i64) -> Seen {
    Seen::Missing { since: at(since) }
}

fn ended(since: i64) -> Seen {
    Seen::Ended { since: at(since) }
}

/// How a state reads in the tables below: `firing major`, `pending`, `-`.
fn shown(standing: &Standing) -> String {
    match &standing.state {
        None => "-".to_owned(),
        Some(AlertState::Resolved { why, .. }) => format!("resolved {why:?}").to_lowercase(),
        Some(state) => match state.severity() {
            Some(severity) => format!("{} {severity}", state.name().as_str()),
            None => state.name().as_str().to_owned(),
        },
    }
}

/// Plays what was seen at each second and holds the states to those expected; gives the last standing.
fn play(ladder: &Ladder, script: &[(i64, Seen, &str)]) -> Standing {
    let mut standing = Standing::default();
    for (second, seen, expected) in script {
        standing = ladder.step(&standing, *seen, LOST_AFTER, at(*second)).after;
        assert_eq!(shown(&standing), *expected, "at {second} after {seen:?}");
    }
    standing
}

const FIRED: [(i64, Seen, &str); 2] = [
    (0, Seen::Measured { value: Some(90.0), whole: true }, "pending"),
    (30, Seen::Measured { value: Some(90.0), whole: true }, "firing major"),
];

fn after_firing(ladder: &Ladder, rest: &[(i64, Seen, &str)]) -> Standing {
    play(ladder, &[&FIRED, rest].concat())
}

#[test]
fn none_and_breaching_is_pending() {
    play(&cpu(), &[(0, value(75.1), "pending")]);
}

#[test]
fn exactly_on_a_threshold_is_not_past_it() {
    play(&cpu(), &[(0, value(75.0), "-")]);
    let limit = Limit::Below { threshold: 5.0, clear: 5.0 };
    let ladder = Ladder {
        rungs: vec![Rung { severity: Severity::Major, limit, hold: Duration::ZERO }],
        clear_for: Duration::ZERO,
        on_missing: OnMissing::Hold,
    };
    play(
        &ladder,
        &[(0, value(5.0), "-"), (1, value(4.9), "firing major"), (2, value(5.0), "resolved recovered")],
    );
}

#[test]
fn none_and_anything_else_stays_none() {
    for seen in [value(10.0), GONE, missing(0), ended(0), Seen::Warming] {
        play(&cpu(), &[(0, seen, "-")]);
    }
}

#[test]
fn pending_fires_once_held_for_its_for() {
    let standing = play(
        &cpu(),
        &[(0, value(80.0), "pending"), (29, value(80.0), "pending"), (30, value(80.0), "firing minor")],
    );
    let fired = AlertState::Firing { breached_at: at(0), fired_at: at(30), severity: Severity::Minor };
    assert_eq!(standing.state, Some(fired));
}

#[test]
fn pending_below_its_threshold_is_forgotten_also_above_the_clear_value() {
    play(&cpu(), &[(0, value(80.0), "pending"), (15, value(72.0), "-")]);
    play(&cpu(), &[(0, value(80.0), "pending"), (15, GONE, "-")]);
    play(&cpu(), &[(0, value(80.0), "pending"), (15, ended(10), "-")]);
}

#[test]
fn pending_and_missing_stays_pending_with_its_clock_frozen() {
    play(
        &cpu(),
        &[
            (0, value(80.0), "pending"),
            (15, value(80.0), "pending"),
            (30, missing(15), "pending"),
            (600, missing(15), "pending"),
            // It stood still from 15 to 615: half of its 30 s are left.
            (615, value(80.0), "pending"),
            (629, value(80.0), "pending"),
            (630, value(80.0), "firing minor"),
        ],
    );
}

#[test]
fn firing_above_the_clear_value_keeps_firing() {
    after_firing(&cpu(), &[(45, value(80.1), "firing major"), (600, value(80.1), "firing major")]);
}

#[test]
fn firing_rises_at_once_when_a_severity_has_held() {
    let ladder = cpu();
    after_firing(&ladder, &[(45, value(96.0), "firing major"), (75, value(96.0), "firing critical")]);
    let sudden = Ladder {
        rungs: vec![above(Severity::Minor, 75.0, 75.0, 300), above(Severity::Critical, 95.0, 95.0, 0)],
        ..ladder
    };
    play(&sudden, &[(0, value(96.0), "firing critical")]);
}

#[test]
fn firing_steps_down_to_the_highest_not_cleared() {
    after_firing(
        &cpu(),
        &[
            (45, value(78.0), "firing major"),
            (74, value(78.0), "firing major"),
            (75, value(78.0), "firing minor"),
        ],
    );
    // Whatever the lower severity's own `for`.
    let ladder = Ladder {
        rungs: vec![above(Severity::Minor, 75.0, 70.0, 3600), above(Severity::Critical, 95.0, 90.0, 0)],
        clear_for: Duration::ZERO,
        on_missing: OnMissing::Hold,
    };
    play(&ladder, &[(0, value(96.0), "firing critical"), (15, value(80.0), "firing minor")]);
}

#[test]
fn firing_past_the_lowest_clear_is_clearing_then_resolved() {
    let standing = after_firing(
        &cpu(),
        &[
            (45, value(70.0), "clearing major"),
            (60, value(60.0), "clearing major"),
            (75, value(60.0), "resolved recovered"),
        ],
    );
    let state = AlertState::Resolved {
        breached_at: at(0),
        fired_at: at(30),
        recovered_at: at(45),
        why: Ending::Recovered,
    };
    assert_eq!(standing.state, Some(state));
    let at_once = Ladder { clear_for: Duration::ZERO, ..cpu() };
    after_firing(&at_once, &[(45, value(70.0), "resolved recovered")]);
}

#[test]
fn clearing_and_breaching_fires_again_and_recovers_anew() {
    let standing = after_firing(
        &cpu(),
        &[
            (45, value(60.0), "clearing major"),
            (60, value(71.0), "firing major"),
            (75, value(60.0), "firing minor"),
        ][..2],
    );
    let step = cpu().step(&standing, value(60.0), LOST_AFTER, at(75));
    match step.after.state {
        Some(AlertState::Clearing { recovered_at, .. }) => assert_eq!(recovered_at, at(75)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_element_that_is_gone_while_its_feeds_are_there_has_recovered() {
    after_firing(&cpu(), &[(45, GONE, "clearing major"), (75, GONE, "resolved recovered")]);
}

#[test]
fn firing_and_missing_is_lost_after_a_while() {
    let standing = after_firing(
        &cpu(),
        &[
            (45, missing(31), "firing major"),
            (90, missing(31), "firing major"),
            (91, missing(31), "lost major"),
        ],
    );
    assert!(
        matches!(standing.state, Some(AlertState::Lost { missing_since, .. }) if missing_since == at(31))
    );
    play(&cpu(), &FIRED);
}

#[test]
fn clearing_and_missing_stays_clearing_with_its_clock_frozen() {
    after_firing(
        &cpu(),
        &[
            (45, value(60.0), "clearing major"),
            (60, missing(45), "clearing major"),
            (75, missing(45), "clearing major"),
            (80, value(60.0), "clearing major"),
            (109, value(60.0), "clearing major"),
            (110, value(60.0), "resolved recovered"),
        ],
    );
    after_firing(&cpu(), &[(45, value(60.0), "clearing major"), (105, missing(45), "lost major")]);
}

#[test]
fn lost_comes_back_as_what_it_is_then() {
    let lost = [(91, missing(31), "lost major")];
    let then = |rest: &[(i64, Seen, &str)]| after_firing(&cpu(), &[&lost[..], rest].concat());
    then(&[(9000, missing(31), "lost major")]);
    then(&[(120, value(90.0), "firing major")]);
    then(&[(120, value(60.0), "clearing major"), (150, value(60.0), "resolved recovered")]);
    let at_once = Ladder { clear_for: Duration::ZERO, ..cpu() };
    after_firing(&at_once, &[lost[0], (120, value(60.0), "resolved recovered")]);
}

#[test]
fn what_is_gone_for_good_ends_after_a_while() {
    let standing = after_firing(
        &cpu(),
        &[
            (45, ended(40), "firing major"),
            (639, ended(40), "firing major"),
            (640, ended(40), "resolved ended"),
        ],
    );
    assert!(
        matches!(standing.state, Some(AlertState::Resolved { recovered_at, .. }) if recovered_at == at(40))
    );
    after_firing(
        &cpu(),
        &[
            (91, missing(31), "lost major"),
            (100, ended(95), "lost major"),
            (695, ended(95), "resolved ended"),
        ],
    );
    after_firing(
        &cpu(),
        &[
            (45, ended(40), "firing major"),
            (60, value(90.0), "firing major"),
            (700, ended(690), "firing major"),
        ],
    );
}

#[test]
fn warming_moves_nothing() {
    for script in [
        vec![(0, value(80.0), "pending"), (600, Seen::Warming, "pending")],
        [&FIRED[..], &[(600, Seen::Warming, "firing major")]].concat(),
        [&FIRED[..], &[(45, value(60.0), "clearing major"), (600, Seen::Warming, "clearing major")]].concat(),
        [&FIRED[..], &[(91, missing(31), "lost major"), (9000, Seen::Warming, "lost major")]].concat(),
    ] {
        play(&cpu(), &script);
    }
}

#[test]
fn a_value_that_lacks_a_feed_may_rise_and_not_fall() {
    let partly = |value: f64| Seen::Measured { value: Some(value), whole: false };
    after_firing(&cpu(), &[(45, partly(78.0), "firing major"), (600, partly(78.0), "firing major")]);
    after_firing(&cpu(), &[(45, partly(99.0), "firing major"), (75, partly(99.0), "firing critical")]);
}

#[test]
fn on_missing_resolve_and_fire_do_as_they_say() {
    let resolve = Ladder { on_missing: OnMissing::Resolve, ..cpu() };
    after_firing(&resolve, &[(45, missing(31), "firing major"), (91, missing(31), "resolved nodata")]);
    play(&resolve, &[(0, value(80.0), "pending"), (15, missing(0), "pending"), (60, missing(0), "-")]);
    let fire = Ladder { on_missing: OnMissing::Fire, ..cpu() };
    after_firing(&fire, &[(45, missing(31), "firing major"), (9000, missing(31), "firing major")]);
    play(
        &fire,
        &[(0, value(80.0), "pending"), (15, missing(0), "pending"), (60, missing(0), "firing minor")],
    );
}

#[test]
fn a_backlog_is_over_when_it_is_drained_below() {
    let limit = Limit::Backlog { threshold: 50_000.0, drained: 1_000.0 };
    let ladder = Ladder {
        rungs: vec![Rung { severity: Severity::Minor, limit, hold: Duration::ZERO }],
        clear_for: Duration::ZERO,
        on_missing: OnMissing::Hold,
    };
    play(
        &ladder,
        &[
            (0, value(50_000.0), "-"),
            (15, value(60_000.0), "firing minor"),
            (30, value(2_000.0), "firing minor"),
            (45, value(1_000.0), "firing minor"),
            (60, value(999.0), "resolved recovered"),
        ],
    );
}

#[test]
fn a_verbatim_rule_pends_fires_and_keeps_firing_as_in_prometheus() {
    let rung = Rung { severity: Severity::Minor, limit: Limit::Present, hold: Duration::from_secs(30) };
    let ladder =
        Ladder { rungs: vec![rung], clear_for: Duration::from_secs(30), on_missing: OnMissing::Hold };
    play(
        &ladder,
        &[
            (0, value(f64::NAN), "pending"),
            (15, GONE, "-"),
            (30, value(0.0), "pending"),
            (60, value(0.0), "firing minor"),
            (75, GONE, "clearing minor"),
            (90, value(0.0), "firing minor"),
            (105, GONE, "clearing minor"),
            (135, GONE, "resolved recovered"),
            (150, value(0.0), "pending"),
        ],
    );
}

#[test]
fn flapping_around_a_threshold_is_one_alert() {
    let mut standing = after_firing(&cpu(), &[]);
    for n in 0..100 {
        let wobble = if n % 2 == 0 { 71.0 } else { 86.0 };
        let step = cpu().step(&standing, value(wobble), LOST_AFTER, at(45 + n * 15));
        assert_eq!(step.because, None, "{:?}", step.after);
        standing = step.after;
    }
}

#[test]
fn every_move_says_why() {
    let ladder = cpu();
    let mut standing = Standing::default();
    for (second, seen, because) in [
        (0, value(90.0), Some("above 75")),
        (15, value(90.0), None),
        (30, value(90.0), Some("above 85 for 30s")),
        (45, value(60.0), Some("not above 70")),
        (60, value(90.0), Some("above 70 again")),
        (75, missing(60), Some("no data for 15s")),
        (90, missing(60), None),
        (120, missing(60), Some("no data for 1m")),
        (135, value(90.0), Some("measured again")),
        (150, value(78.0), None),
        (180, value(78.0), Some("not above 80 for 30s")),
        (195, value(10.0), Some("not above 70")),
        (225, value(10.0), Some("not above 70 for 30s")),
    ] {
        let step = ladder.step(&standing, seen, LOST_AFTER, at(second));
        assert_eq!(step.because.as_deref(), because, "at {second}");
        standing = step.after;
    }
}

fn any_seen() -> impl Strategy<Value = u8> {
    0u8..10
}

/// What a die shows at `n` evaluations in.
fn die(side: u8, now: i64) -> Seen {
    match side {
        0 => value(60.0),
        1 => value(72.0),
        2 => value(80.0),
        3 => value(90.0),
        4 => value(99.0),
        5 => GONE,
        6 => missing(now - 15),
        7 => ended(now - 15),
        8 => Seen::Warming,
        _ => Seen::Measured { value: Some(78.0), whole: false },
    }
}

proptest! {
    #[test]
    fn no_alert_recovers_in_an_evaluation_that_lacks_data(sides in prop::collection::vec(any_seen(), 1..80)) {
        let (ladder, mut standing) = (cpu(), Standing::default());
        for (n, side) in (0i64..).zip(sides) {
            let now = n * 15;
            let seen = die(side, now);
            let after = ladder.step(&standing, seen, LOST_AFTER, at(now)).after;
            let was_active = standing.state.as_ref().is_some_and(AlertState::is_active);
            if matches!(seen, Seen::Missing { .. } | Seen::Warming) && was_active {
                prop_assert!(after.state.as_ref().is_some_and(AlertState::is_active));
            }
            standing = after;
        }
    }

    #[test]
    fn a_severity_that_counts_is_held(sides in prop::collection::vec(any_seen(), 1..80)) {
        let (ladder, mut standing) = (cpu(), Standing::default());
        for (n, side) in (0i64..).zip(sides) {
            standing = ladder.step(&standing, die(side, n * 15), LOST_AFTER, at(n * 15)).after;
            if let Some(severity) = standing.state.as_ref().and_then(AlertState::severity) {
                prop_assert_eq!(highest_held(&standing.clocks), Some(severity));
            }
        }
    }
}

#[test]
fn lost_after_is_four_intervals_and_a_minute_at_least() {
    assert_eq!(crate::rules::lost_after(INTERVAL), LOST_AFTER);
    assert_eq!(crate::rules::lost_after(Duration::from_secs(60)), Duration::from_secs(240));
}
