use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::delivery::samples::{at, delivery, page, posted, quiet, sink};
use crate::delivery::{Page, PageReason, SinkNews, SinkReport, jitter};
use crate::journal::contract::batch;
use crate::journal::failing::Failing;
use crate::journal::{Batch, Memory, Sqlite};
use crate::model::SinkName;

/// Time that goes on only when a test says so.
#[derive(Clone)]
struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
    sleepers: Arc<watch::Sender<BTreeMap<u64, Timestamp>>>,
    next: Arc<Mutex<u64>>,
}

/// Takes a sleeper off the list, also when its future is dropped.
struct Sleeper<'a>(&'a ManualClock, u64);

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.0.sleepers.send_modify(|all| {
            all.remove(&self.1);
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, until: Timestamp) {
        let id = {
            let mut next = self.next.lock().unwrap();
            *next += 1;
            *next
        };
        let _listed = Sleeper(self, id);
        self.sleepers.send_modify(|all| {
            all.insert(id, until);
        });
        self.now.subscribe().wait_for(|now| *now >= until).await.expect("the sender is ours");
    }
}

impl ManualClock {
    fn new() -> Self {
        Self { now: Arc::new(watch::Sender::new(at(0))), sleepers: Arc::default(), next: Arc::default() }
    }

    fn set(&self, to: Timestamp) {
        self.now.send_replace(to);
    }

    /// Waits until somebody sleeps until a time to come, and makes it that time.
    async fn next_wake(&self) -> Timestamp {
        let now = self.now();
        let coming = |all: &BTreeMap<u64, Timestamp>| all.values().copied().filter(|at| *at > now).min();
        let mut sleepers = self.sleepers.subscribe();
        let to = coming(&sleepers.wait_for(|all| coming(all).is_some()).await.unwrap()).unwrap();
        self.set(to);
        to
    }
}

/// A sink whose answers the test gives.
struct AskedSink {
    name: SinkName,
    calls: mpsc::UnboundedSender<Call>,
}

struct Call {
    key: String,
    now: Timestamp,
    tried: Tried,
    opened: bool,
    answer: oneshot::Sender<Outcome>,
}

impl Call {
    fn answer(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

impl Sink for AskedSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let Sending { delivery, now, tried, remembered, .. } = sending;
            let (key, opened) = (delivery.key.clone(), remembered.opened);
            let _ = self.calls.send(Call { key, now, tried, opened, answer });
            answered.await.unwrap_or(Outcome::retry("the test is over"))
        })
    }
}

/// A pump at work, and what is around it.
struct House<J = Sqlite> {
    path: PathBuf,
    journal: Failing<J>,
    clock: ManualClock,
    calls: mpsc::UnboundedReceiver<Call>,
    committed: watch::Sender<()>,
    reports: Arc<Notify>,
    stats: Arc<OutboxStats>,
    stop: oneshot::Sender<End>,
    pump: JoinHandle<()>,
}

impl House {
    fn start(folder: &TempDir, clock: ManualClock) -> Self {
        let path = folder.path().join("journal.db");
        let journal = Sqlite::open(&path, clock.now()).expect("it opens");
        Self::with(journal, path, clock)
    }
}

impl<J: Journal> House<J> {
    fn with(journal: J, path: PathBuf, clock: ManualClock) -> Self {
        let journal = Failing::new(journal);
        let (sent, calls) = mpsc::unbounded_channel();
        let to = Arc::new(AskedSink { name: sink("hook"), calls: sent });
        let (committed, wake) = watch::channel(());
        let (reports, stats) = (Arc::new(Notify::new()), Arc::default());
        let (stop, told) = oneshot::channel();
        let pump = tokio::spawn(pump(
            journal.clone(),
            clock.clone(),
            to,
            wake,
            Arc::clone(&reports),
            Arc::clone(&stats),
            told,
        ));
        Self { path, journal, clock, calls, committed, reports, stats, stop, pump }
    }

    async fn commit(&self, batch: Batch) {
        self.journal.commit(self.clock.now(), batch).await.expect("it is committed");
        self.committed.send_replace(());
    }

    async fn call(&mut self) -> Call {
        self.calls.recv().await.expect("the pump is there")
    }

    /// The next calls, by key: those of different incidents come in any order.
    async fn these<const N: usize>(&mut self, keys: [&str; N]) -> [Call; N] {
        let mut found = BTreeMap::new();
        for _ in keys {
            let call = self.call().await;
            found.insert(call.key.clone(), call);
        }
        keys.map(|key| found.remove(key).unwrap_or_else(|| panic!("no call of {key}")))
    }

    /// Waits until the journal says `wanted` of delivery `id`.
    async fn fate(&self, id: u64, wanted: impl Fn(&DeliveryStatus) -> bool) -> DeliveryStatus {
        loop {
            let all = self.journal.deliveries(DeliveryQuery::latest(1000)).await.unwrap();
            if let Some(status) = all.into_iter().find(|s| s.delivery.id.0 == id && wanted(s)) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    }

    /// As a kill does it: no attempt is finished, nothing more is recorded.
    async fn kill(self) -> ManualClock {
        self.pump.abort();
        let _ = self.pump.await;
        self.clock
    }
}

fn taken() -> Outcome {
    Outcome::delivered("ok")
}

fn later() -> Outcome {
    Outcome::retry("answered 503")
}

fn ended(status: &DeliveryStatus) -> bool {
    !matches!(status.fate, Fate::Waiting { .. })
}

fn key(incident: u64, number: u64) -> String {
    delivery(number, incident, "hook").key
}

#[tokio::test]
async fn an_incident_keeps_its_order_and_holds_up_no_other() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook"), posted(3, 2, "hook")])).await;
    let [first, other] = house.these(["INC-1_e1_hook", "INC-2_e3_hook"]).await;
    first.answer(later());
    other.answer(taken());
    house.fate(3, ended).await;
    let waiting = house.fate(1, |status| status.attempts == 1).await;
    let again_at = house.clock.next_wake().await;
    assert_eq!(waiting.fate, Fate::Waiting { next_attempt_at: again_at });
    let again = house.call().await;
    assert_eq!((again.key.as_str(), again.now), ("INC-1_e1_hook", again_at));
    again.answer(taken());
    let second = house.call().await;
    assert_eq!(second.key, "INC-1_e2_hook");
    second.answer(taken());
    house.fate(2, ended).await;
    let now = house.stats.now();
    assert_eq!((now.attempts, now.delivered, now.failed, now.dead, now.under_way), (4, 3, 1, 0, 0));
    assert_eq!(now.last_success, Some(again_at));
}

#[tokio::test]
async fn a_slow_attempt_does_not_hold_up_the_retry_of_another_incident() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 2, "hook")])).await;
    let [slow, other] = house.these(["INC-1_e1_hook", "INC-2_e2_hook"]).await;
    other.answer(later());
    house.clock.next_wake().await;
    assert_eq!(house.call().await.key, "INC-2_e2_hook");
    slow.answer(taken());
    house.fate(1, ended).await;
}

#[tokio::test]
async fn only_so_many_are_under_way() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch((1..=10).map(|number| posted(number, number, "hook")))).await;
    let mut under_way = Vec::new();
    for _ in 0..UNDER_WAY_AT_MOST {
        under_way.push(house.call().await);
    }
    assert_eq!(house.stats.now().under_way, 8);
    assert!(house.calls.try_recv().is_err());
    under_way.pop().unwrap().answer(taken());
    let ninth = house.call().await;
    assert!(under_way.iter().all(|call| call.key != ninth.key));
}

#[tokio::test]
async fn what_expired_is_dead_without_being_sent_and_the_next_goes() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new();
    let mut house = House::start(&folder, clock.clone());
    let (mut parts, next) = (posted(1, 1, "hook"), posted(2, 1, "hook"));
    parts.1.expires_at = at(0);
    // No later word stands for that something could not be delivered.
    let page = Page { reason: PageReason::DeliveryFailed, ..page(&["hook"]) };
    parts.1.message = Message::Page(page);
    house.commit(batch([parts, next])).await;
    let call = house.call().await;
    assert_eq!(call.key, "INC-1_e2_hook");
    house.reports.notified().await;
    let why = "expired before it could be sent".to_owned();
    let status = house.fate(1, ended).await;
    assert_eq!((status.fate, status.attempts), (Fate::Dead { at: at(0), why: why.clone() }, 0));
    let reports = house.journal.unread_reports().await.unwrap();
    assert_eq!((reports.len(), reports[0].news.clone()), (1, SinkNews::Dead { because: why }));
    assert_eq!((house.stats.now().dead, house.stats.now().failed), (1, 0));
}

#[tokio::test]
async fn what_is_given_up_is_reported_and_lets_the_next_go() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    house.call().await.answer(Outcome::GiveUp { why: "answered 410".into() });
    assert_eq!(house.call().await.key, "INC-1_e2_hook");
    house.reports.notified().await;
    assert_eq!(
        house.journal.unread_reports().await.unwrap()[0].news,
        SinkNews::Dead { because: "answered 410".into() }
    );
}

#[tokio::test]
async fn a_sink_may_ask_to_wait() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook")])).await;
    let wait = Some(Duration::from_secs(120));
    house.call().await.answer(Outcome::Retry { why: "answered 429".into(), wait });
    assert_eq!(house.clock.next_wake().await, at(120));
    house.call().await.answer(taken());
    house.fate(1, ended).await;
}

#[tokio::test]
async fn a_journal_that_fails_delays_and_sends_nothing_twice() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    let call = house.call().await;
    house.journal.fail();
    call.answer(taken());
    for _ in 0..3 {
        house.clock.next_wake().await;
    }
    assert!(house.calls.try_recv().is_err());
    assert!(house.stats.now().journal_failures >= 3);
    // The pump is not yet awake from the last of these: this time it finds the journal well.
    house.journal.recover();
    let second = house.call().await;
    assert_eq!(second.key, "INC-1_e2_hook");
    assert_eq!(house.fate(1, ended).await.attempts, 1);
}

#[tokio::test]
async fn a_stop_sends_what_is_due_and_waits_for_no_later_attempt() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    let parts = [posted(1, 1, "hook"), posted(2, 1, "hook"), posted(3, 2, "hook"), posted(4, 2, "hook")];
    house.commit(batch(parts)).await;
    let [first, failing] = house.these(["INC-1_e1_hook", "INC-2_e3_hook"]).await;
    house.stop.send(End::Drain).unwrap();
    failing.answer(later());
    first.answer(taken());
    let second = house.calls.recv().await.unwrap();
    assert_eq!(second.key, "INC-1_e2_hook");
    second.answer(taken());
    house.pump.await.unwrap();
    let all = house.journal.deliveries(DeliveryQuery::latest(9)).await.unwrap();
    assert_eq!(all.iter().map(ended).collect::<Vec<_>>(), [false, false, true, true]);
    assert!(house.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_stop_asks_a_journal_that_failed_again() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    let first = house.call().await;
    house.journal.fail();
    house.stop.send(End::Drain).unwrap();
    first.answer(taken());
    assert_eq!(house.clock.next_wake().await, at(1));
    house.journal.recover();
    let second = house.calls.recv().await.unwrap();
    assert_eq!(second.key, "INC-1_e2_hook");
    second.answer(taken());
    house.pump.await.unwrap();
    assert!(house.journal.deliveries(DeliveryQuery::latest(9)).await.unwrap().iter().all(ended));
}

#[tokio::test]
async fn a_hand_over_lets_attempts_under_way_finish_and_begins_none() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    let call = house.call().await;
    house.stop.send(End::HandOver).unwrap();
    call.answer(taken());
    house.pump.await.unwrap();
    let all = house.journal.deliveries(DeliveryQuery::latest(9)).await.unwrap();
    assert_eq!(all.iter().map(ended).collect::<Vec<_>>(), [false, true]);
    assert!(house.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook")])).await;
    let _unanswered = house.call().await;
    house.stop.send(End::Drain).unwrap();
    assert_eq!(house.clock.next_wake().await, at(0) + DRAIN);
    house.pump.await.unwrap();
    assert!(!ended(&house.journal.deliveries(DeliveryQuery::latest(1)).await.unwrap()[0]));
}

#[tokio::test]
async fn a_kill_between_sending_and_recording_sends_again_under_the_same_key() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    let before = house.call().await.key;
    let clock = house.kill().await;
    let mut house = House::start(&folder, clock);
    let again = house.call().await;
    assert_eq!(again.key, before);
    again.answer(taken());
    house.call().await.answer(taken());
    house.fate(2, ended).await;
    assert!(house.path.exists());
}

/// Many incidents, a sink that fails as a seed has it, and kills in between: every message arrives or is dead, each
/// under its own key, and no message arrives for the first time before an older one of its incident has ended.
#[tokio::test]
async fn nothing_is_lost_or_reordered_whatever_fails() {
    for seed in 1..=6 {
        whatever_fails(seed).await;
    }
}

async fn whatever_fails(seed: u64) {
    let mut rolls = 0;
    let mut roll = || {
        rolls += 1;
        jitter(DeliveryId(seed), rolls)
    };
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    let plan: Vec<_> = (1..=24).map(|number| (number, 1 + number % 3)).collect();
    house.commit(batch(plan.iter().map(|(number, incident)| posted(*number, *incident, "hook")))).await;
    let mut ended_keys = BTreeSet::new();
    while !house.journal.waiting().await.unwrap().is_empty() {
        let call = tokio::select! {
            biased;
            Some(call) = house.calls.recv() => call,
            _ = house.clock.next_wake() => continue,
        };
        let (number, incident) = *plan
            .iter()
            .find(|(number, incident)| key(*incident, *number) == call.key)
            .expect("a key of ours");
        let older = plan.iter().filter(|(n, i)| *i == incident && *n < number);
        for (n, i) in older {
            let status = house.fate(*n, |_| true).await;
            let superseded = matches!(status.fate, Fate::Superseded { .. });
            assert!(superseded || ended_keys.contains(&key(*i, *n)), "seed {seed}: {} before e{n}", call.key);
        }
        match roll() {
            x if x < 0.3 => call.answer(later()),
            x if x < 0.4 => house = House::start(&folder, house.kill().await),
            x => {
                let outcome = if x < 0.5 { Outcome::GiveUp { why: "no".into() } } else { taken() };
                let key = call.key.clone();
                call.answer(outcome);
                // A kill may come between here and the record: then the same key comes again.
                if roll() < 0.15 {
                    house = House::start(&folder, house.kill().await);
                    if !ended(&house.fate(number, |_| true).await) {
                        continue;
                    }
                }
                house.fate(number, ended).await;
                ended_keys.insert(key);
            }
        }
    }
    let all = house.journal.deliveries(DeliveryQuery::latest(99)).await.unwrap();
    assert!(all.len() == plan.len() && all.iter().all(ended), "seed {seed}: {all:?}");
    // Whatever was superseded: the last word of each incident was said, or given up by the sink.
    for incident in 1..=3 {
        let last = plan.iter().filter(|(_, of)| *of == incident).map(|(number, _)| *number).max().unwrap();
        let status = house.fate(last, ended).await;
        assert!(!matches!(status.fate, Fate::Superseded { .. }), "seed {seed}: {status:?}");
    }
}

#[tokio::test]
async fn a_first_attempt_is_known_from_one_that_may_have_been_taken() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    // The pump looks first at what is there already; what the journal is asked after that it does after that.
    tokio::task::yield_now().await;
    house.journal.waiting().await.unwrap();
    house.commit(batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await;
    let call = house.call().await;
    assert_eq!((call.tried, call.opened), (Tried::Never, false));
    call.answer(later());
    house.clock.next_wake().await;
    let call = house.call().await;
    assert_eq!((call.tried, call.opened), (Tried::Perhaps, false));
    call.answer(taken());
    let call = house.call().await;
    assert_eq!((call.tried, call.opened), (Tried::Never, true));
    drop(call);
    let mut house = House::start(&folder, house.kill().await);
    let call = house.call().await;
    assert_eq!((call.tried, call.opened), (Tried::Perhaps, true), "the process before us may have sent it");
}

/// A day without an answer: one probe at a time, at most half a minute apart; then the present, within a minute.
#[tokio::test]
async fn after_a_day_of_outage_people_are_told_the_present() {
    const INCIDENTS: u64 = 40;
    const DAY: i64 = 24 * 3600;
    let mut house = House::with(Memory::new(), PathBuf::new(), ManualClock::new());
    let (mut number, mut probes, mut most_under_way) = (0, 0, 0);
    let mut last_probe = at(0);
    let until = at(3 * DAY);
    // Each incident has something new to say each half hour.
    let mut say = |house: &House<Memory>| {
        let now = house.clock.now();
        let parts = (1..=INCIDENTS).map(|incident| {
            number += 1;
            let mut parts = posted(number, incident, "hook");
            (parts.1.created_at, parts.1.expires_at) = (now, until);
            parts
        });
        batch(parts.collect::<Vec<_>>())
    };
    let first = say(&house);
    house.commit(first).await;
    let mut next_word = at(1800);
    while house.clock.now() < at(DAY) {
        if next_word <= house.clock.now() {
            next_word = next_word + Duration::from_secs(1800);
            let words = say(&house);
            house.commit(words).await;
        }
        let call = tokio::select! {
            biased;
            Some(call) = house.calls.recv() => call,
            _ = house.clock.next_wake() => continue,
        };
        // Those that were under way when the circuit opened end first.
        if at(60) < call.now {
            let gap = call.now.since(last_probe);
            assert!(gap <= Duration::from_secs(30), "{gap:?} without a probe");
            most_under_way = most_under_way.max(house.stats.now().under_way);
        }
        last_probe = call.now;
        probes += 1;
        call.answer(later());
    }
    assert_eq!(most_under_way, 1, "one probe at a time");
    assert!(probes < 24 * 3600 / 10, "{probes} attempts in a day");
    let back = house.clock.now();
    while !house.journal.waiting().await.unwrap().is_empty() {
        tokio::select! {
            biased;
            Some(call) = house.calls.recv() => call.answer(taken()),
            // The last answers are being recorded, or somebody waits for time to go on.
            () = tokio::task::yield_now() => {
                let _ = house.clock.next_wake().now_or_never();
            }
        }
    }
    assert!(house.clock.now().since(back) <= Duration::from_secs(60));
    let mut taken_of: BTreeMap<u64, u64> = BTreeMap::new();
    for status in house.journal.deliveries(DeliveryQuery::latest(10_000)).await.unwrap() {
        match status.fate {
            Fate::Delivered { .. } => *taken_of.entry(status.delivery.incident.0).or_default() += 1,
            Fate::Superseded { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken_of, (1..=INCIDENTS).map(|incident| (incident, 1)).collect(), "the last word, once");
    assert_eq!(house.stats.now().superseded, 47 * INCIDENTS);
    // Responders were told once, long before anything was lost.
    let news = house.journal.unread_reports().await.unwrap();
    assert!(matches!(news.as_slice(), [SinkReport { news: SinkNews::Late { .. }, .. }]), "{news:?}");
}

#[tokio::test]
async fn events_that_say_nothing_wake_nobody() {
    let folder = TempDir::new().unwrap();
    let mut house = House::start(&folder, ManualClock::new());
    let batch = Batch { events: vec![quiet(1, 1)], ..Batch::default() };
    house.commit(batch).await;
    house.stop.send(End::Drain).unwrap();
    house.pump.await.unwrap();
    assert!(house.calls.try_recv().is_err());
}

#[test]
fn notes_are_cut_at_whole_characters() {
    assert_eq!(bounded("ok".into()), "ok");
    let long = bounded("ü".repeat(600));
    assert!(long.ends_with("ü…") && long.len() <= NOTE_MAX_BYTES);
}
