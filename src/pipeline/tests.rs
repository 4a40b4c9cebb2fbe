//! Turns of the house on a real journal, with a clock that the test sets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};

use super::turn::Pipeline;
use super::*;
use crate::delivery::{Audience, Route, Routes};
use crate::incidents::{Change, ChangeKind, Command, CommandKind, Settings, Status, What};
use crate::journal::failing::Failing;
use crate::journal::{DeliveryQuery, Journal, Sqlite};
use crate::model::{
    Clock, Component, ComponentId, Graph, IncidentId, Labels, METRIC_NAME, MatchOp, Matcher, SinkName,
    TargetKey, Timestamp,
};
use crate::rules::{Context, StateName, load};
use crate::scrape::ScrapeEvent;
use crate::series::{Page, PageSample, PageSamples, ScrapeReport};

const INTERVAL: Duration = Duration::from_secs(15);
const START: i64 = 1_000_000;

const RULES: &str = "
groups:
- name: g
  interval: 15s
  rules:
  - {detect: Errors, expr: errors, component: shop, above: {major: 10}, for: 15s}
  - {detect: Config, expr: config_changed, component: shop, role: cause, above: {minor: 0}}
";

const EXPLAINED: &str = "
groups:
- name: g
  interval: 15s
  rules:
  - detect: Errors
    expr: errors
    component: shop
    above: {major: 10}
    for: 15s
    breakdown: sum by (client) (errors_by_client)
    annotations: {public_summary: '{{ $value }} of 100 requests fail'}
";

const BACKLOG: &str = "
groups:
- name: g
  interval: 15s
  rules:
  - {detect: Queue, expr: errors, component: shop, role: backlog, above: {major: 100}, drained_below: 10, for: 8m}
  - {detect: Down, expr: config_changed, component: shop, above: {major: 0}}
";

const NO_RULES: &str = "groups: [{name: g, rules: []}]";

/// Stands where the test puts it. Nobody sleeps: the test makes each turn itself.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(SeqCst))
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// A house on a journal in a folder, and the hand on its clock.
struct Rig {
    folder: tempfile::TempDir,
    journal: Failing<Sqlite>,
    clock: Hand,
    house: SharedHouse,
    pipeline: Pipeline<Failing<Sqlite>, Hand, mpsc::Receiver<Inbound>>,
    errors: f64,
    changed: f64,
    /// What its build says.
    version: &'static str,
}

pub(super) fn rulebook(rules: &str) -> Rulebook {
    let (groups, problems) = load(&"rules.yml".into(), rules, &Context::default());
    assert!(problems.is_empty(), "{problems}");
    let shop = Component {
        id: ComponentId::new("shop").unwrap(),
        name: "Shop".to_owned(),
        group: None,
        public: true,
        depends_on: Vec::new(),
        matchers: vec![Matcher::new("job", MatchOp::Equal, "shop").unwrap()],
    };
    let (page, ops) = (SinkName::new("page").unwrap(), SinkName::new("ops").unwrap());
    Rulebook {
        groups: groups.into_iter().map(Arc::new).collect(),
        kept_jobs: Vec::new(),
        phases: Phases::default(),
        context: Context::default(),
        incidents: Arc::new(Settings::default()),
        graph: Arc::new(Graph::new(vec![shop]).unwrap()),
        escalation: Arc::from([]),
        responders: vec![ops.clone()],
        routes: Routes::new(vec![
            Route::new(page, Audience::Customers, Duration::from_secs(3600)),
            Route::new(ops, Audience::Responders, Duration::from_secs(3600)),
        ]),
    }
}

impl Rig {
    async fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), Hand(Arc::new(AtomicI64::new(START))), RULES).await
    }

    async fn open(folder: tempfile::TempDir, clock: Hand, rules: &str) -> Self {
        let journal = Failing::new(Sqlite::open(&folder.path().join("journal.db"), clock.now()).unwrap());
        let house = SharedHouse::new(House::new(rulebook(rules), journal.load().await.unwrap(), clock.now()));
        let (_, inbox) = mpsc::channel(1);
        let (committed, _) = watch::channel(());
        let pipeline = Pipeline::new(journal.clone(), clock.clone(), inbox, house.clone(), committed);
        let (errors, changed, version) = (0.0, 0.0, "1");
        let mut rig = Self { folder, journal, clock, house, pipeline, errors, changed, version };
        let discovered = BTreeMap::from([(target(), identity())]);
        rig.take_in(Inbound::Scrape(ScrapeEvent::Discovered(discovered))).await;
        rig
    }

    /// The process dies and starts again.
    async fn restart(self) -> Self {
        self.restart_with(RULES).await
    }

    async fn restart_with(self, rules: &str) -> Self {
        let Self { folder, journal, clock, house, pipeline, errors, changed, version } = self;
        drop((journal, house, pipeline));
        Self { errors, changed, version, ..Self::open(folder, clock, rules).await }
    }

    async fn reload(&mut self, rules: &str) {
        let (answer, in_force) = oneshot::channel();
        self.take_in(Inbound::Reload(Box::new(rulebook(rules)), answer)).await;
        in_force.await.unwrap();
    }

    async fn take_in(&mut self, inbound: Inbound) {
        self.pipeline.take_in(inbound);
        self.pipeline.work().await;
    }

    /// So many intervals go by, each with a scrape and whatever is due.
    async fn go_on(&mut self, intervals: usize) {
        for _ in 0..intervals {
            self.clock.0.fetch_add(15, SeqCst);
            let page = self.page();
            self.take_in(Inbound::Scrape(ScrapeEvent::Page(page))).await;
        }
    }

    fn page(&self) -> Page {
        let sample = |name: &str, value: f64| PageSample {
            labels: identity().with(METRIC_NAME, name),
            at: None,
            value,
        };
        let by_client = |client: &str, value: f64| {
            let PageSample { labels, at, value } = sample("errors_by_client", value);
            PageSample { labels: labels.with("client", client), at, value }
        };
        let build = identity().with(METRIC_NAME, "shop_build_info").with("version", self.version);
        Page {
            target: target(),
            identity: identity(),
            at: self.clock.now(),
            interval: INTERVAL,
            samples: Ok(PageSamples::from_iter([
                sample("errors", self.errors),
                sample("config_changed", self.changed),
                by_client("web", self.errors / 4.0),
                by_client("app", self.errors * 3.0 / 4.0),
                PageSample { labels: build, at: None, value: 1.0 },
            ])),
            histograms: Vec::new(),
            marks_own_times: false,
            report: ScrapeReport::default(),
        }
    }

    fn incidents(&self) -> Vec<(Status, usize, usize)> {
        let house = self.house.read();
        let incidents = house.book.incidents();
        incidents.map(|incident| (incident.status, incident.members.len(), incident.posts.len())).collect()
    }

    fn suspects(&self) -> Vec<String> {
        let house = self.house.read();
        let suspects = house.book.incidents().flat_map(|incident| &incident.suspects);
        suspects.map(|suspect| suspect.summary.clone()).collect()
    }

    fn states(&self) -> Vec<StateName> {
        self.house.read().alerts.rows().map(|row| row.state.name()).collect()
    }
}

fn target() -> TargetKey {
    TargetKey::from("shop/1".to_owned())
}

fn identity() -> Labels {
    [("job", "shop"), ("instance", "1")].into_iter().collect()
}

#[tokio::test]
async fn a_crossing_is_committed_with_the_messages_that_follow_from_it() {
    let mut rig = Rig::new().await;
    rig.go_on(2).await;
    assert_eq!(rig.incidents(), []);
    rig.errors = 20.0;
    rig.go_on(3).await;
    assert_eq!(rig.incidents(), [(Status::Investigating, 1, 1)]);
    let deliveries = rig.journal.deliveries(DeliveryQuery::latest(10)).await.unwrap();
    let mut sinks: Vec<&str> = deliveries.iter().map(|status| status.delivery.sink.as_str()).collect();
    sinks.sort_unstable();
    assert_eq!(sinks, ["ops", "page"]);
}

#[tokio::test]
async fn a_commit_that_fails_changes_nothing_and_is_made_up_for() {
    let mut rig = Rig::new().await;
    rig.go_on(2).await;
    rig.errors = 20.0;
    rig.journal.fail();
    rig.go_on(4).await;
    assert_eq!((rig.incidents(), rig.states()), (vec![], vec![]));
    assert!(rig.house.read().health.failing_since.is_some());
    assert!(1 < rig.house.read().health.commit_failures, "it is tried again");
    assert_eq!(rig.house.read().window.targets().next().unwrap().tries, 6, "samples are taken in meanwhile");

    rig.journal.recover();
    rig.go_on(3).await;
    assert_eq!(rig.incidents(), [(Status::Investigating, 1, 1)]);
    assert_eq!(rig.house.read().health.failing_since, None);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.go_on(1).await;
    assert_eq!(rig.states(), [StateName::Pending]);
    let mut rig = rig.restart().await;
    assert_eq!(rig.states(), [StateName::Pending], "a `for` clock survives");
    rig.go_on(2).await;
    assert_eq!(rig.incidents(), [(Status::Investigating, 1, 1)]);
    let before = rig.journal.deliveries(DeliveryQuery::latest(10)).await.unwrap().len();
    let mut rig = rig.restart().await;
    rig.go_on(2).await;
    assert_eq!(rig.incidents(), [(Status::Investigating, 1, 1)]);
    assert_eq!(
        rig.journal.deliveries(DeliveryQuery::latest(10)).await.unwrap().len(),
        before,
        "nothing is said again"
    );
}

#[tokio::test]
async fn a_minor_cause_that_fired_before_joins_when_a_symptom_opens_an_incident() {
    let mut rig = Rig::new().await;
    rig.changed = 1.0;
    rig.go_on(3).await;
    assert_eq!((rig.incidents(), rig.states()), (vec![], vec![StateName::Firing]));
    rig.errors = 20.0;
    rig.go_on(3).await;
    assert_eq!(
        rig.incidents().iter().map(|(status, members, _)| (*status, *members)).collect::<Vec<_>>(),
        [(Status::Identified, 2)]
    );
}

#[tokio::test]
async fn a_reload_without_a_rule_ends_its_alerts() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.go_on(3).await;
    assert_eq!(rig.states(), [StateName::Firing]);
    rig.reload(NO_RULES).await;
    assert_eq!(rig.states(), [StateName::Resolved]);
    assert_eq!(rig.incidents()[0].0, Status::Monitoring);
}

#[tokio::test]
async fn a_rule_that_left_while_the_process_was_away_ends_its_alerts_at_the_start() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.go_on(3).await;
    let rig = rig.restart_with(NO_RULES).await;
    assert_eq!(rig.states(), [StateName::Resolved]);
    assert_eq!(rig.incidents()[0].0, Status::Monitoring);
}

#[tokio::test]
async fn a_rule_that_moves_to_another_group_goes_on_where_it_was() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.go_on(3).await;
    rig.reload(&RULES.replace("name: g", "name: renamed")).await;
    assert_eq!(rig.states(), [StateName::Firing]);
    assert_eq!(rig.incidents(), [(Status::Investigating, 2, 1)], "nobody is told that anything is over");
    rig.go_on(2).await;
    rig.errors = 0.0;
    rig.go_on(2).await;
    assert_eq!(rig.incidents().iter().map(|incident| incident.0).collect::<Vec<_>>(), [Status::Monitoring]);
}

#[tokio::test]
async fn a_journal_that_works_again_is_noticed_also_when_nothing_happens() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.journal.fail();
    rig.go_on(2).await;
    assert!(rig.house.read().health.failing_since.is_some());
    rig.errors = 0.0;
    rig.go_on(1).await;
    rig.journal.recover();
    rig.go_on(1).await;
    assert_eq!(rig.house.read().health.failing_since, None);
    assert_eq!(rig.incidents(), []);
}

fn order(kind: CommandKind) -> Command {
    Command { by: "ana".to_owned(), incident: IncidentId(1), kind }
}

/// Sends a command, and gives what is there to be known of it once its asker has no patience any more.
async fn ordered(rig: &mut Rig, kind: CommandKind) -> Option<Answer> {
    let (asker, asked) = ask();
    rig.take_in(Inbound::Command(order(kind), Some(asker))).await;
    asked.answer(std::future::ready(())).await
}

#[tokio::test]
async fn a_command_is_answered_with_what_came_of_it_or_why_not() {
    let mut rig = Rig::new().await;
    let unknown = ordered(&mut rig, CommandKind::Acknowledge).await;
    assert_eq!(unknown, Some(Answer::Unknown(IncidentId(1))));
    rig.errors = 20.0;
    rig.go_on(3).await;
    let Some(Answer::Done(events)) = ordered(&mut rig, CommandKind::Acknowledge).await else {
        panic!("done")
    };
    assert_eq!(events[0].what, What::Acknowledged { by: "ana".to_owned() });
    assert!(rig.house.read().book.get(IncidentId(1)).unwrap().acknowledged_at.is_some());
    assert_eq!(ordered(&mut rig, CommandKind::Acknowledge).await, Some(Answer::Done(Vec::new())));
    let refused = ordered(&mut rig, CommandKind::DiscardDraft).await;
    assert!(matches!(refused, Some(Answer::Refused(_))), "{refused:?}");
    // Without anybody who waits, one that makes no sense changes nothing.
    rig.take_in(Inbound::Command(order(CommandKind::DiscardDraft), None)).await;
}

#[tokio::test]
async fn what_could_not_be_committed_in_time_is_not_done_later() {
    let mut rig = Rig::new().await;
    rig.errors = 20.0;
    rig.go_on(3).await;
    rig.journal.fail();
    assert_eq!(ordered(&mut rig, CommandKind::Acknowledge).await, None);
    let note = || CommandKind::Note { text: "looking".to_owned() };
    let (asker, patient) = ask();
    rig.take_in(Inbound::Command(order(note()), Some(asker))).await;
    let (asker, gone) = ask();
    drop(gone);
    rig.take_in(Inbound::Command(order(note()), Some(asker))).await;

    rig.journal.recover();
    rig.go_on(1).await;
    let answer = patient.answer(std::future::pending()).await;
    assert!(matches!(answer, Some(Answer::Done(events)) if events.len() == 1));
    let house = rig.house.read();
    let incident = house.book.get(IncidentId(1)).unwrap();
    assert_eq!((incident.acknowledged_at, incident.notes.len()), (None, 1));
}

#[tokio::test]
async fn what_is_being_committed_is_waited_for() {
    let (asker, asked) = ask();
    let in_hand = asker.begin().await.expect("somebody waits");
    let waits = asked.answer(std::future::ready(()));
    tokio::pin!(waits);
    assert_eq!(waits.as_mut().now_or_never(), None);
    asker.answer(Answer::Done(Vec::new()));
    drop(in_hand);
    assert_eq!(waits.await, Some(Answer::Done(Vec::new())));
}

#[tokio::test]
async fn a_build_that_changes_is_a_change_of_its_component_and_a_suspect() {
    let mut rig = Rig::new().await;
    rig.go_on(10).await;
    assert_eq!(rig.house.read().book.changes(), []);
    rig.version = "2";
    rig.journal.fail();
    rig.go_on(2).await;
    assert_eq!(rig.house.read().book.changes(), [], "nothing is known of it before it is committed");
    rig.journal.recover();
    rig.errors = 20.0;
    rig.go_on(3).await;
    let seen = Change {
        at: Timestamp::from_secs(START + 11 * 15),
        component: Some(ComponentId::new("shop").unwrap()),
        kind: ChangeKind::Deploy,
        version: Some("2".to_owned()),
        summary: "version 1 → 2 (shop)".to_owned(),
        by: None,
    };
    assert_eq!(rig.house.read().book.changes(), std::slice::from_ref(&seen));
    let suspects = rig.suspects();
    assert!(suspects.iter().any(|suspect| suspect.contains("1 → 2")), "{suspects:?}");

    let mut rig = rig.restart().await;
    rig.go_on(10).await;
    assert_eq!(rig.house.read().book.changes(), [seen], "a start sees nothing new, and forgets nothing");
}

#[tokio::test]
async fn who_made_a_value_rise_is_known_when_its_alert_fires() {
    let mut rig = Rig::new().await;
    rig.reload(EXPLAINED).await;
    rig.errors = 1.0;
    rig.go_on(40).await;
    rig.errors = 21.0;
    rig.go_on(3).await;
    let suspects = rig.suspects();
    assert!(suspects.iter().any(|suspect| suspect.contains("client=\"app\" makes 75 %")), "{suspects:?}");
}

#[tokio::test]
async fn where_a_backlog_goes_is_known_as_soon_as_it_has_an_incident() {
    let mut rig = Rig::new().await;
    rig.reload(BACKLOG).await;
    rig.errors = 1000.0;
    while rig.incidents().is_empty() {
        rig.errors -= 10.0;
        rig.go_on(1).await;
    }
    rig.changed = 1.0;
    rig.go_on(2).await;
    let house = rig.house.read();
    let post = house.book.incidents().flat_map(|incident| &incident.posts).next().unwrap();
    assert!(post.item.body.contains("We expect it to be drained by about"), "{}", post.item.body);
}
