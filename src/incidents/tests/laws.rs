//! What holds whatever happens.

use proptest::prelude::*;

use super::harness::*;
use crate::incidents::*;
use crate::model::*;
use crate::rules::Role;

#[derive(Debug, Clone)]
enum Step {
    Moves(Vec<(usize, usize)>),
    Says(usize),
    Undelivered(u64),
}

const ALERTS: [(&str, &str, Role); 8] = [
    ("Cpu", "user-db", Role::Symptom),
    ("Errors", "crm", Role::Symptom),
    ("Slow", "desk", Role::Symptom),
    ("Late", "billing", Role::Symptom),
    ("Disk", "user-db", Role::Cause),
    ("Queue", "analytics", Role::Backlog),
    ("Bills", "billing", Role::Backlog),
    ("Anything", "", Role::Symptom),
];

fn moved(alert: usize, does: usize) -> Move {
    let (name, component, role) = ALERTS[alert];
    let fires = |severity| fires(name, severity, component).role(role);
    match does {
        0 => fires(Severity::Minor),
        1 => fires(Severity::Major),
        2 => fires(Severity::Critical),
        3 => fires(Severity::Minor).does(Does::Clears),
        4 => fires(Severity::Minor).does(Does::GoesMissing),
        _ => fires(Severity::Minor).does(Does::Ends),
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let moves = prop::collection::vec((0..ALERTS.len(), 0..8_usize), 1..4).prop_map(Step::Moves);
    let step = prop_oneof![
        8 => moves,
        1 => (0..3_usize).prop_map(Step::Says),
        1 => (0..4_u64).prop_map(Step::Undelivered),
    ];
    prop::collection::vec((prop_oneof![Just(0), 1..90_u64, 60..2400_u64], step), 1..40)
}

fn take(world: &mut World, step: &Step) {
    let input = match step {
        Step::Moves(moves) => {
            let transitions = moves.iter().map(|(a, d)| world.transition(&moved(*a, *d))).collect();
            Input::Evaluation(Evaluation { transitions, changes: Vec::new() })
        }
        Step::Says(what) => {
            let text = "text".to_owned();
            let kind = match what {
                0 => CommandKind::Acknowledge,
                1 => CommandKind::Note { text },
                _ => CommandKind::Action { text, at: None },
            };
            Input::Command(Command { by: "ana".to_owned(), incident: IncidentId(1), kind })
        }
        Step::Undelivered(delivery) => Input::SinkReport(SinkReport {
            delivery: DeliveryId(*delivery),
            incident: IncidentId(1),
            sink: sink("status-page"),
            at: world.now,
            news: SinkNews::Dead { because: "410 gone".to_owned() },
        }),
    };
    world.ask(&input);
}

fn play(steps: &[(u64, Step)], policies: Vec<EscalationPolicy>) -> World {
    let mut world = World::with(Settings::default(), policies);
    for (after, step) in steps {
        world.until(world.now + std::time::Duration::from_secs(*after));
        take(&mut world, step);
    }
    world.until(world.now + minutes(120));
    world
}

fn nagging() -> Vec<EscalationPolicy> {
    let step = |after, repeat| EscalationStep { after: minutes(after), page: vec![sink("ops")], repeat };
    let steps = vec![step(5, Some(minutes(15))), step(7, None), step(20, Some(minutes(10)))];
    vec![EscalationPolicy { matches: PolicyMatch::default(), steps, ack_timeout: None }]
}

fn same(a: &Book, b: &Book) {
    assert_eq!(a.incidents().collect::<Vec<_>>(), b.incidents().collect::<Vec<_>>());
    assert_eq!(a.next_wake(), b.next_wake());
}

// The world itself asserts at each step that numbers have no gaps, that the same question has the same answer, that
// the book never asks to be woken in the past, and that nothing resolves with a lost alert or an undrained backlog.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn asked_when_it_wants_it_keeps_every_promise_and_its_journal_makes_the_same_book(steps in steps()) {
        let world = play(&steps, Vec::new());
        same(&world.book, &world.restored());
        for incident in world.book.incidents() {
            prop_assert_eq!(incident.promises.missed, 0);
            let outstanding = u32::from(incident.promise.is_some());
            prop_assert_eq!(incident.promises.kept + outstanding, incident.promises.made);
        }
    }

    #[test]
    fn nothing_of_a_host_or_a_rule_gets_into_a_post(steps in steps()) {
        let world = play(&steps, nagging());
        for incident in world.book.incidents() {
            prop_assert!(incident.exposure == Exposure::Public || incident.posts.is_empty());
            for post in &incident.posts {
                let text = format!("{} {} {}", post.item.title, post.item.body, post.item.affected);
                for secret in ["db-7", "User database", "Cpu", "Errors", "ana"] {
                    prop_assert!(!text.replace("Analytics", "").contains(secret), "{secret} in {text}");
                }
            }
        }
    }

    #[test]
    fn away_for_a_while_it_says_what_is_overdue_and_goes_on(steps in steps(), pauses in prop::collection::vec(1..20_000_u64, 40)) {
        let mut world = World::new();
        for ((_, step), pause) in steps.iter().zip(pauses) {
            take(&mut world, step);
            world.now = world.now + std::time::Duration::from_secs(pause);
            world.ask(&Input::Tick);
            let next = world.book.next_wake();
            prop_assert!(next.as_ref().is_none_or(|next| world.now < next.at), "{next:?} at {}", world.now);
            for incident in world.book.incidents() {
                prop_assert!(incident.promise.is_none_or(|due| world.now < due));
            }
        }
        same(&world.book, &world.restored());
    }
}
