//! What every journal must do. A store passes by calling `keeps_its_contract` with a way to open it; each part gets
//! a journal of its own, and opens it again where a restart is part of the promise.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use super::{Batch, DeliveryQuery, Journal, JournalError, Snapshot};
use crate::delivery::samples::{at, delivery, page, posted, sink};
use crate::delivery::{Attempt, Delivery, Fate, Message, Record, Remembered};
use crate::incidents::{Event, SinkNews, SinkReport};
use crate::model::{DeliveryId, IncidentId, Labels, RuleId, Severity, Timestamp};
use crate::rules::{AlertFacts, AlertKey, AlertRow, AlertState, LadderClock, Role};

/// Opens the journal of one part of the contract; the same again for the same name, once the one before is gone.
pub(crate) trait Opens {
    type Journal: Journal;
    fn open(&self, name: &str) -> impl Future<Output = Self::Journal>;
}

pub(crate) async fn keeps_its_contract(store: &impl Opens) {
    a_restart_keeps_everything(store).await;
    a_failed_commit_leaves_nothing(store).await;
    an_empty_commit_says_that_we_are_alive(store).await;
    alerts_are_replaced_and_forgotten(store).await;
    due_gives_the_oldest_of_each_incident(store).await;
    due_gives_the_longest_due_first(store).await;
    what_waits_is_counted_by_sink(store).await;
    an_ended_delivery_keeps_its_fate(store).await;
    dead_deliveries_are_told_until_they_are_read(store).await;
    an_expiry_is_no_attempt(store).await;
    an_unknown_delivery_is_an_error(store).await;
    what_is_remembered_changes_with_the_fate(store).await;
    those_behind_are_told_in_order(store).await;
    what_waits_may_go_at_once(store).await;
    a_dead_delivery_can_be_revived(store).await;
    people_can_ask_for_deliveries_and_attempts(store).await;
}

/// What the pipeline commits when it says these.
pub(crate) fn batch(parts: impl IntoIterator<Item = (Event, Delivery)>) -> Batch {
    let (events, deliveries) = parts.into_iter().unzip();
    Batch { events, deliveries, ..Batch::default() }
}

fn attempt(delivery: u64, number: u32, note: &str) -> Attempt {
    Attempt { delivery: DeliveryId(delivery), number, at: at(5), took_ms: 12, note: note.into() }
}

fn waiting(until: Timestamp) -> Fate {
    Fate::Waiting { next_attempt_at: until }
}

fn dead(why: &str) -> Fate {
    Fate::Dead { at: at(7), why: why.into() }
}

pub(crate) fn alert(instance: &str, state: AlertState) -> AlertRow {
    let labels: Labels = [("alertname", "Cpu"), ("instance", instance)].into_iter().collect();
    let feeds = format!(r#"[{{"labels": {{"job": "db"}}, "origin": {{"target": "db/{instance}"}}}}]"#);
    AlertRow {
        key: AlertKey { rule: RuleId::new("db", "Cpu", 0), labels },
        state,
        facts: AlertFacts {
            name: "Cpu".into(),
            role: Role::Cause,
            component: None,
            counts: true,
            status: None,
            annotations: [("summary", "CPU at 93 %")].into_iter().collect(),
            incident_key: None,
            public_cause: Some("the database is overloaded".into()),
            value: Some(93.1),
            threshold: Some(85.0),
            clear: None,
            interval_ms: 15_000,
        },
        ladder: vec![LadderClock {
            severity: Severity::Major,
            past_since: Some(at(1)),
            clear_since: None,
            held: true,
        }],
        missing_since: None,
        frozen_ms: 0,
        ended_since: None,
        feeds: serde_json::from_str(&feeds).expect("it is written as `Feed` is"),
        evaluated_at: at(2),
    }
}

fn pending() -> AlertState {
    AlertState::Pending { breached_at: at(1) }
}

fn same(a: &Snapshot, b: &Snapshot) {
    assert_eq!(a.events, b.events);
    assert_eq!(a.alerts, b.alerts);
    assert_eq!((a.last_delivery, a.last_commit), (b.last_delivery, b.last_commit));
}

async fn due_ids(journal: &impl Journal, to: &str, now: Timestamp, limit: usize) -> Vec<u64> {
    let due = journal.due(&sink(to), now, limit).await.expect("it is read");
    due.iter().map(|status| status.delivery.id.0).collect()
}

async fn a_restart_keeps_everything(store: &impl Opens) {
    let name = "restart";
    let firing = AlertState::Firing { breached_at: at(1), fired_at: at(2), severity: Severity::Major };
    let mut first = batch([posted(1, 1, "hook"), posted(2, 1, "hook")]);
    first.alerts = vec![alert("a", firing), alert("b", pending())];
    let page = Delivery { message: Message::Page(page(&["ops"])), ..delivery(3, 1, "ops") };
    first.deliveries.push(page.clone());
    let (before, statuses) = {
        let journal = store.open(name).await;
        same(&journal.load().await.unwrap(), &Snapshot::default());
        journal.commit(at(3), first.clone()).await.unwrap();
        journal.record(Record::new(attempt(1, 1, "answered 503"), waiting(at(60)))).await.unwrap();
        (journal.load().await.unwrap(), journal.deliveries(DeliveryQuery::latest(9)).await.unwrap())
    };
    let journal = store.open(name).await;
    let after = journal.load().await.unwrap();
    same(&after, &before);
    assert_eq!((after.events, after.alerts), (first.events, first.alerts));
    assert_eq!((after.last_delivery, after.last_commit), (3, Some(at(3))));
    assert_eq!(journal.deliveries(DeliveryQuery::latest(9)).await.unwrap(), statuses);
    assert_eq!(statuses.iter().map(|s| s.delivery.id.0).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(statuses[0].delivery, page);
    assert_eq!((&statuses[0].fate, statuses[0].attempts), (&waiting(at(0)), 0));
    assert_eq!((&statuses[2].fate, statuses[2].attempts), (&waiting(at(60)), 1));
    assert_eq!(statuses[2].last_note.as_deref(), Some("answered 503"));
}

async fn a_failed_commit_leaves_nothing(store: &impl Opens) {
    let journal = store.open("failed").await;
    journal.commit(at(1), batch([posted(1, 1, "hook")])).await.unwrap();
    let before = journal.load().await.unwrap();
    let again = |event: u64, id: u64, key: u64| {
        let mut parts = posted(2, 1, "hook");
        parts.0.seq = event;
        parts.1.id = DeliveryId(id);
        parts.1.key = delivery(key, 1, "hook").key;
        Batch { alerts: vec![alert("a", pending())], ..batch([parts]) }
    };
    for (what, bad) in [("event", again(1, 2, 2)), ("delivery", again(2, 1, 2)), ("key", again(2, 2, 1))] {
        let refused = journal.commit(at(2), bad).await;
        assert!(matches!(refused, Err(JournalError::Row { .. })), "{what}: {refused:?}");
        same(&journal.load().await.unwrap(), &before);
        assert_eq!(journal.deliveries(DeliveryQuery::latest(9)).await.unwrap().len(), 1, "{what}");
    }
    journal.commit(at(2), again(2, 2, 2)).await.unwrap();
    assert_eq!(journal.load().await.unwrap().events.len(), 2);
}

async fn an_empty_commit_says_that_we_are_alive(store: &impl Opens) {
    let journal = store.open("empty").await;
    assert_eq!(journal.load().await.unwrap().last_commit, None);
    journal.commit(at(1), Batch::default()).await.unwrap();
    journal.commit(at(2), Batch::default()).await.unwrap();
    assert_eq!(journal.load().await.unwrap().last_commit, Some(at(2)));
}

async fn alerts_are_replaced_and_forgotten(store: &impl Opens) {
    let journal = store.open("alerts").await;
    let firing = AlertState::Firing { breached_at: at(1), fired_at: at(2), severity: Severity::Major };
    let both = vec![alert("a", pending()), alert("b", pending())];
    journal.commit(at(1), Batch { alerts: both, ..Batch::default() }).await.unwrap();
    let moved = alert("a", firing);
    let next = Batch {
        alerts: vec![moved.clone()],
        forgotten: vec![alert("b", pending()).key, alert("never seen", pending()).key],
        ..Batch::default()
    };
    journal.commit(at(2), next).await.unwrap();
    assert_eq!(journal.load().await.unwrap().alerts, [moved]);
}

async fn due_gives_the_oldest_of_each_incident(store: &impl Opens) {
    let journal = store.open("order").await;
    let parts = [posted(1, 1, "hook"), posted(2, 1, "hook"), posted(3, 2, "hook"), posted(4, 1, "other")];
    journal.commit(at(0), batch(parts)).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(0), 9).await, [1, 3]);
    assert_eq!(due_ids(&journal, "hook", at(0), 1).await, [1]);
    assert_eq!(due_ids(&journal, "other", at(0), 9).await, [4]);
    assert_eq!(due_ids(&journal, "nobody", at(0), 9).await, [0; 0]);

    // While the first waits for its next attempt, the second of its incident waits behind it.
    journal.record(Record::new(attempt(1, 1, "answered 503"), waiting(at(60)))).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(10), 9).await, [3]);
    journal.record(Record::new(attempt(3, 1, "ok"), Fate::Delivered { at: at(10) })).await.unwrap();
    assert_eq!(journal.next_due(&sink("hook")).await.unwrap(), Some(at(60)));
    assert_eq!(due_ids(&journal, "hook", at(60), 9).await, [1]);
    journal.record(Record::new(attempt(1, 2, "ok"), Fate::Delivered { at: at(60) })).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(60), 9).await, [2]);
    journal.record(Record::new(attempt(2, 1, "answered 410"), dead("answered 410"))).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(60), 9).await, [0; 0]);
    assert_eq!(journal.next_due(&sink("hook")).await.unwrap(), None);
}

async fn due_gives_the_longest_due_first(store: &impl Opens) {
    let journal = store.open("fair").await;
    journal.commit(at(0), batch([posted(1, 1, "hook"), posted(2, 2, "hook")])).await.unwrap();
    journal.record(Record::new(attempt(1, 1, "answered 503"), waiting(at(30)))).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(30), 1).await, [2]);
    assert_eq!(due_ids(&journal, "hook", at(30), 2).await, [2, 1]);
}

async fn what_waits_is_counted_by_sink(store: &impl Opens) {
    let journal = store.open("waiting").await;
    let parts = [posted(1, 1, "hook"), posted(2, 1, "hook"), posted(3, 2, "other"), posted(4, 2, "done")];
    journal.commit(at(0), batch(parts)).await.unwrap();
    journal.record(Record::new(attempt(1, 1, "answered 503"), waiting(at(60)))).await.unwrap();
    journal.record(Record::new(attempt(4, 1, "ok"), Fate::Delivered { at: at(1) })).await.unwrap();
    let counted = journal.waiting().await.unwrap();
    assert_eq!(counted, BTreeMap::from([(sink("hook"), 2), (sink("other"), 1)]));
}

async fn an_ended_delivery_keeps_its_fate(store: &impl Opens) {
    let journal = store.open("ended").await;
    journal.commit(at(0), batch([posted(1, 1, "hook")])).await.unwrap();
    let taken = Fate::Delivered { at: at(5) };
    journal.record(Record::new(attempt(1, 1, "ok"), taken.clone())).await.unwrap();
    let ended = journal.deliveries(DeliveryQuery::latest(9)).await.unwrap();
    journal.record(Record::new(attempt(1, 1, "ok"), taken)).await.unwrap();
    journal.record(Record::new(attempt(1, 2, "late"), dead("late"))).await.unwrap();
    assert_eq!(journal.deliveries(DeliveryQuery::latest(9)).await.unwrap(), ended);
    assert_eq!(journal.unread_reports().await.unwrap(), []);
}

async fn dead_deliveries_are_told_until_they_are_read(store: &impl Opens) {
    let report = SinkReport {
        number: 1,
        delivery: DeliveryId(1),
        incident: IncidentId(4),
        sink: sink("hook"),
        at: at(5),
        news: crate::incidents::SinkNews::Dead { because: "answered 410".into() },
    };
    {
        let journal = store.open("fates").await;
        let page = Delivery { message: Message::Page(page(&["ops"])), ..delivery(2, 4, "ops") };
        let mut batch = batch([posted(1, 4, "hook"), posted(3, 5, "hook")]);
        batch.deliveries.push(page);
        journal.commit(at(0), batch).await.unwrap();
        journal.record(Record::new(attempt(1, 1, "gone"), dead("answered 410"))).await.unwrap();
        journal.record(Record::new(attempt(2, 1, "gone"), dead("answered 404"))).await.unwrap();
        journal.record(Record::new(attempt(3, 1, "ok"), Fate::Delivered { at: at(7) })).await.unwrap();
    }
    let journal = store.open("fates").await;
    let unread = journal.unread_reports().await.unwrap();
    assert_eq!(unread[0], report);
    assert_eq!(unread.iter().map(|r| r.delivery.0).collect::<Vec<_>>(), [1, 2]);
    journal.commit(at(8), Batch { reports_read: vec![unread[0].number], ..Batch::default() }).await.unwrap();
    assert_eq!(journal.unread_reports().await.unwrap().len(), 1);
    journal.commit(at(9), Batch { reports_read: vec![unread[1].number], ..Batch::default() }).await.unwrap();
    assert_eq!(journal.unread_reports().await.unwrap(), []);
}

async fn an_expiry_is_no_attempt(store: &impl Opens) {
    let journal = store.open("expiry").await;
    journal.commit(at(0), batch([posted(1, 1, "hook")])).await.unwrap();
    journal.record(Record::new(attempt(1, 1, "answered 503"), waiting(at(9)))).await.unwrap();
    let late = Attempt { at: at(0) + Duration::from_secs(90_000), took_ms: 0, ..attempt(1, 0, "expired") };
    journal.record(Record::new(late, dead("expired"))).await.unwrap();
    let status = &journal.deliveries(DeliveryQuery::latest(1)).await.unwrap()[0];
    assert_eq!((status.attempts, status.last_note.as_deref()), (1, Some("expired")));
    assert_eq!(status.fate, dead("expired"));
}

async fn an_unknown_delivery_is_an_error(store: &impl Opens) {
    let journal = store.open("unknown").await;
    let refused = journal.record(Record::new(attempt(9, 1, "ok"), Fate::Delivered { at: at(1) })).await;
    assert!(matches!(refused, Err(JournalError::Row { .. })), "{refused:?}");
}

async fn what_is_remembered_changes_with_the_fate(store: &impl Opens) {
    let remembered = Remembered { opened: true, values: [("id".to_owned(), "x1".to_owned())].into() };
    {
        let journal = store.open("remembered").await;
        journal.commit(at(0), batch([posted(1, 4, "hook"), posted(2, 4, "hook")])).await.unwrap();
        assert_eq!(journal.remembered(&sink("hook"), IncidentId(4)).await.unwrap(), Remembered::default());
        let taken = Record::new(attempt(1, 1, "ok"), Fate::Delivered { at: at(1) });
        let taken = Record { remember: Some(remembered.clone()), ..taken };
        journal.record(taken.clone()).await.unwrap();
        // An attempt that is recorded once more after it ended changes nothing.
        let again = Record { remember: Some(Remembered::default()), ..taken };
        journal.record(again).await.unwrap();
        let news = Some(SinkNews::Adopted { id: "x1".into() });
        journal
            .record(Record { news, ..Record::new(attempt(2, 1, "ok"), Fate::Delivered { at: at(1) }) })
            .await
            .unwrap();
    }
    let journal = store.open("remembered").await;
    assert_eq!(journal.remembered(&sink("hook"), IncidentId(4)).await.unwrap(), remembered);
    assert_eq!(journal.remembered(&sink("other"), IncidentId(4)).await.unwrap(), Remembered::default());
    let reports = journal.unread_reports().await.unwrap();
    assert_eq!(reports.iter().map(|r| r.delivery.0).collect::<Vec<_>>(), [2]);
    assert_eq!(reports[0].news, SinkNews::Adopted { id: "x1".into() });
}

async fn those_behind_are_told_in_order(store: &impl Opens) {
    let journal = store.open("behind").await;
    let parts = [posted(1, 1, "hook"), posted(2, 2, "hook"), posted(3, 1, "hook"), posted(4, 1, "hook")];
    journal.commit(at(0), batch(parts)).await.unwrap();
    let behind = |id| {
        let journal = journal.clone();
        async move {
            let behind = journal.behind(&delivery(id, 1, "hook")).await.unwrap();
            behind.iter().map(|delivery| delivery.id.0).collect::<Vec<_>>()
        }
    };
    assert_eq!(behind(1).await, [3, 4]);
    let superseded = Fate::Superseded { at: at(1), by: DeliveryId(4) };
    journal.record(Record::of_fate(DeliveryId(3), at(1), "by D-4", superseded.clone())).await.unwrap();
    assert_eq!(behind(1).await, [4]);
    let status = journal.delivery(DeliveryId(3)).await.unwrap().expect("it is kept");
    assert_eq!((status.fate, status.attempts), (superseded, 0));
    assert_eq!(journal.unread_reports().await.unwrap(), [], "the book need not know");
}

async fn what_waits_may_go_at_once(store: &impl Opens) {
    let journal = store.open("hasten").await;
    journal.commit(at(0), batch([posted(1, 1, "hook"), posted(2, 2, "other")])).await.unwrap();
    for id in [1, 2] {
        journal.record(Record::new(attempt(id, 1, "answered 503"), waiting(at(60)))).await.unwrap();
    }
    journal.hasten(&sink("hook"), at(9)).await.unwrap();
    assert_eq!(journal.next_due(&sink("hook")).await.unwrap(), Some(at(9)));
    assert_eq!(journal.next_due(&sink("other")).await.unwrap(), Some(at(60)));
}

async fn a_dead_delivery_can_be_revived(store: &impl Opens) {
    let journal = store.open("revive").await;
    journal.commit(at(0), batch([posted(1, 1, "hook"), posted(2, 1, "hook")])).await.unwrap();
    let refused = journal.revive(DeliveryId(1), at(9), at(99)).await;
    assert!(matches!(refused, Err(JournalError::Row { .. })), "it waits: {refused:?}");
    assert!(journal.revive(DeliveryId(7), at(9), at(99)).await.is_err(), "there is none");
    journal.record(Record::new(attempt(1, 1, "answered 410"), dead("answered 410"))).await.unwrap();
    journal.revive(DeliveryId(1), at(9), at(99)).await.unwrap();
    let revived = &journal.due(&sink("hook"), at(9), 9).await.unwrap()[0];
    assert_eq!((revived.delivery.id.0, revived.attempts, revived.delivery.expires_at), (1, 1, at(99)));
    journal.record(Record::new(attempt(1, 2, "ok"), Fate::Delivered { at: at(10) })).await.unwrap();
    assert_eq!(due_ids(&journal, "hook", at(10), 9).await, [2]);
}

async fn people_can_ask_for_deliveries_and_attempts(store: &impl Opens) {
    let journal = store.open("asked").await;
    let parts = [posted(1, 1, "hook"), posted(2, 2, "hook"), posted(3, 2, "other")];
    journal.commit(at(0), batch(parts)).await.unwrap();
    let first = attempt(2, 1, "answered 503");
    let second = attempt(2, 2, "answered 410");
    journal.record(Record::new(first.clone(), waiting(at(1)))).await.unwrap();
    journal.record(Record::new(second.clone(), dead("answered 410"))).await.unwrap();
    assert_eq!(journal.attempts(DeliveryId(2)).await.unwrap(), [first, second]);
    assert_eq!(journal.attempts(DeliveryId(1)).await.unwrap(), []);
    let ids = |query| {
        let journal = journal.clone();
        async move {
            let found = journal.deliveries(query).await.unwrap();
            found.iter().map(|status| status.delivery.id.0).collect::<Vec<_>>()
        }
    };
    let all = DeliveryQuery::latest(9);
    assert_eq!(ids(DeliveryQuery { incident: Some(IncidentId(2)), ..all.clone() }).await, [3, 2]);
    assert_eq!(ids(DeliveryQuery { sink: Some(sink("hook")), ..all.clone() }).await, [2, 1]);
    assert_eq!(ids(DeliveryQuery { fate: Some("dead".into()), ..all.clone() }).await, [2]);
    assert_eq!(ids(DeliveryQuery { limit: 1, ..all }).await, [3]);
    assert_eq!(journal.delivery(DeliveryId(9)).await.unwrap(), None);
}
