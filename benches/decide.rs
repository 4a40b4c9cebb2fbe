//! What a decision costs as its batch grows: alerts of one cause that fire together.
//!
//! In:   batches of alerts, into an empty book and into one whose incident has ten thousand alerts already.
//! Out:  a row each: time a batch, time an alert, and how that compares with the smallest batch of the same kind.
//! Not:  no journal and no messages: what a commit costs is measured elsewhere.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogsignal::incidents::{Book, Evaluation, Input, Settings, What};
use fogsignal::model::{Component, ComponentId, Edge, Graph, Labels, RuleId, Severity, SinkName, Timestamp};
use fogsignal::rules::{AlertFacts, AlertKey, AlertState, Role, Transition};

const BATCHES: [usize; 5] = [1, 10, 100, 1000, 10_000];
const MEASURED_FOR: Duration = Duration::from_millis(400);

fn now() -> Timestamp {
    Timestamp::from_secs(1_675_260_600)
}

fn id(name: &str) -> ComponentId {
    ComponentId::new(name).expect("a valid id")
}

/// A database, fifty services that need it, and a page for customers.
fn graph() -> Arc<Graph> {
    let component = |name: &str, public, on: &[&str]| Component {
        id: id(name),
        name: name.to_owned(),
        group: None,
        public,
        depends_on: on.iter().map(|on| Edge { on: id(on), propagates: None }).collect(),
        matchers: Vec::new(),
    };
    let mut components = vec![component("db", false, &[])];
    components.extend((0..50).map(|n| component(&format!("service-{n}"), true, &["db"])));
    Arc::new(Graph::new(components).expect("no cycle"))
}

fn book() -> Book {
    let responders = vec![SinkName::new("ops").expect("a valid name")];
    Book::new(Arc::new(Settings::default()), graph(), Arc::from([]), responders)
}

fn fires(from: usize, count: usize) -> Input {
    let transitions = (from..from + count).map(|n| {
        let component = if n % 51 == 0 { "db".to_owned() } else { format!("service-{}", n % 51 - 1) };
        let labels: Labels = [("alertname", "Errors".to_owned()), ("instance", format!("host-{n}:9100"))]
            .into_iter()
            .collect();
        let state = AlertState::Firing { breached_at: now(), fired_at: now(), severity: Severity::Major };
        Transition {
            key: AlertKey { rule: RuleId::new("group", "Errors", 0), labels },
            from: None,
            to: state,
            facts: AlertFacts {
                name: "Errors".to_owned(),
                role: Role::Symptom,
                component: Some(id(&component)),
                counts: true,
                status: None,
                annotations: Labels::empty(),
                incident_key: None,
                public_cause: None,
                value: Some(0.2),
                threshold: Some(0.05),
                clear: None,
                interval_ms: 15_000,
            },
            because: "above 0.05 for 1m".to_owned(),
        }
    });
    Input::Evaluation(Evaluation { transitions: transitions.collect(), changes: Vec::new() })
}

fn measure(book: &Book, input: &Input) -> Duration {
    let began = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || began.elapsed() < MEASURED_FOR {
        black_box(book.decide(now(), black_box(input)));
        rounds += 1;
    }
    began.elapsed() / rounds
}

fn table(what: &str, book: &Book, first: usize) {
    println!("{what}");
    let mut smallest = None;
    for batch in BATCHES {
        let took = measure(book, &fires(first, batch));
        let each = took.as_secs_f64() / batch as f64;
        let base = *smallest.get_or_insert(each);
        println!(
            "  {batch:>6} alerts {:>10.3} ms a batch {:>8.2} µs an alert {:>6.2} x the smallest batch",
            took.as_secs_f64() * 1e3,
            each * 1e6,
            each / base
        );
    }
}

fn main() {
    let empty = book();
    // The database's alert comes first, so that all the others belong to its incident.
    table("into an empty book", &empty, 0);
    let mut storm = book();
    for event in storm.decide(now(), &fires(0, 10_000)) {
        storm.apply(&event);
    }
    let incidents: BTreeSet<_> = storm.incidents().map(|incident| incident.id).collect();
    let messages =
        storm.incidents().map(|incident| incident.posts.len() + incident.pages.len()).sum::<usize>();
    println!("10,000 alerts at once: {} incident, {messages} messages", incidents.len());
    table("into an incident of 10,000 alerts", &storm, 20_000);
    let opened = |event: &fogsignal::incidents::Event| matches!(event.what, What::Opened { .. });
    assert!(!storm.decide(now(), &fires(20_000, 100)).iter().any(opened), "they belong to the same incident");
}
