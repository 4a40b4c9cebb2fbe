//! A record in which something was lost, reordered, said twice or left open, and what the verdict says of it.

#[path = "verdict.rs"]
mod verdict;

use fogsignal::incidents::Event;
use fogsignal::model::IncidentId;
use serde_json::{Value, json};

use verdict::{Arrival, Record, Row, Verdict};

const AT: i64 = 1_675_260_000_000;

fn event(seq: u64, what: Value) -> Event {
    let why = json!({"why": "follows", "because": "so"});
    let value = json!({"seq": seq, "at": AT, "incident": 1, "what": what, "why": why});
    serde_json::from_value(value).expect("an event as the journal has it")
}

fn status(from: &str, to: &str) -> Value {
    json!({"type": "status_changed", "from": from, "to": to, "watch_until": null})
}

fn post(number: u32, status: &str, next_update_by: Option<i64>) -> Value {
    json!({"type": "posted", "post": {
        "number": number, "title": "t", "status": status, "impact": "minor", "body": "b", "components": [],
        "affected": "", "started_at": AT, "mitigated_at": null, "next_update_by": next_update_by,
    }})
}

fn page(number: u32) -> Value {
    json!({"type": "paged", "page": {
        "number": number, "reason": "opened", "to": ["ops"], "step": 0, "title": "t", "status": "investigating",
        "severity": "major", "summary": "s", "details": "d", "components": [], "runbooks": [], "started_at": AT,
    }})
}

fn row(id: u64, seq: u64, sink: &str) -> Row {
    Row {
        id,
        key: format!("INC-1_e{seq}_{sink}"),
        sink: sink.to_owned(),
        incident: IncidentId(1),
        event_seq: seq,
        fate: "delivered".to_owned(),
    }
}

fn arrival(key: &str, number: u64) -> Arrival {
    Arrival {
        sink: key.rsplit('_').next().expect("a key ends with its sink").to_owned(),
        key: key.to_owned(),
        incident: "INC-1".to_owned(),
        number,
        body: vec![b'0' + number as u8],
        taken: true,
    }
}

/// One incident, its two posts and a page, each delivered once and in order.
fn good() -> Record {
    let opened = json!({"type": "opened", "key": null, "title": "t", "exposure": "public", "started_at": AT});
    Record {
        customers: vec!["site".to_owned()],
        events: vec![
            event(1, opened),
            event(2, page(1)),
            event(3, post(1, "investigating", Some(AT))),
            event(4, status("investigating", "resolved")),
            event(5, json!({"type": "promise_kept", "due": AT})),
            event(6, post(2, "resolved", None)),
        ],
        rows: vec![row(1, 2, "ops"), row(2, 3, "site"), row(3, 6, "site")],
        arrivals: vec![arrival("INC-1_e2_ops", 1), arrival("INC-1_e3_site", 1), arrival("INC-1_e6_site", 2)],
    }
}

/// What the verdict says of the good record after `spoil`, each word of it under its heading.
fn check(spoil: impl FnOnce(&mut Record), expected: &[&str]) {
    let mut record = good();
    spoil(&mut record);
    let Verdict { lost, reordered, duplicated, incomplete, .. } = Verdict::of(&record);
    let headed = |heading: &str, found: Vec<String>| {
        found.into_iter().map(|one| format!("{heading}: {one}")).collect::<Vec<_>>()
    };
    let found = [
        headed("lost", lost),
        headed("reordered", reordered),
        headed("duplicated", duplicated),
        headed("incomplete", incomplete),
    ];
    assert_eq!(found.concat(), expected);
}

#[test]
fn a_good_record_is_clean() {
    check(|_| {}, &[]);
    assert!(Verdict::of(&good()).is_clean());
}

#[test]
fn what_did_not_arrive_is_lost_unless_that_is_recorded() {
    check(|r| r.rows[1].fate = "waiting".to_owned(), &["lost: INC-1_e3_site still waits"]);
    let never_came = "lost: INC-1_e3_site is recorded as delivered and never came";
    check(|r| drop(r.arrivals.remove(1)), &[never_came]);
    check(|r| r.arrivals[1].taken = false, &[never_came]);
    check(
        |r| drop(r.rows.remove(0)),
        &[
            "lost: event 2 has no delivery to ops",
            "duplicated: INC-1_e2_ops came to ops and is not in the journal",
        ],
    );
    for fate in ["dead", "superseded"] {
        check(
            |r| {
                r.rows[1].fate = fate.to_owned();
                r.arrivals.remove(1);
            },
            &[],
        );
    }
}

#[test]
fn a_later_word_that_came_first_is_reordered() {
    check(|r| r.arrivals.swap(1, 2), &["reordered: INC-1_e3_site came after INC-1_e6_site"]);
    // To another sink there is no order, and what comes again was heard before.
    check(|r| r.arrivals.swap(0, 2), &["reordered: INC-1_e3_site came after INC-1_e6_site"]);
    check(|r| r.arrivals.rotate_left(1), &[]);
    check(|r| r.arrivals.push(arrival("INC-1_e3_site", 1)), &[]);
}

#[test]
fn the_same_word_under_another_key_is_duplicated() {
    check(
        |r| r.arrivals.push(arrival("INC-1_e9_site", 2)),
        &[
            "duplicated: INC-1_e9_site came to site and is not in the journal",
            "duplicated: INC-1_e9_site says what INC-1_e6_site said",
        ],
    );
    check(
        |r| r.rows.push(row(4, 4, "site")),
        &[
            "lost: INC-1_e4_site is recorded as delivered and never came",
            "duplicated: INC-1_e4_site for no event",
        ],
    );
    check(
        |r| {
            let mut again = row(4, 2, "ops");
            again.key = "again".to_owned();
            r.arrivals.push(Arrival { key: again.key.clone(), ..arrival("INC-1_e2_ops", 1) });
            r.rows.push(again);
        },
        &[
            "duplicated: INC-1_e2_ops and again for one event",
            "duplicated: again says what INC-1_e2_ops said",
        ],
    );
}

#[test]
fn the_same_key_may_come_again_with_the_same_bytes_only() {
    let mut record = good();
    record.arrivals.push(arrival("INC-1_e3_site", 1));
    assert_eq!(Verdict::of(&record), Verdict { repeated: 1, ..Verdict::default() });
    for taken in [true, false] {
        check(
            |r| {
                r.arrivals.push(Arrival { body: b"else".to_vec(), taken, ..arrival("INC-1_e3_site", 1) });
            },
            &["duplicated: INC-1_e3_site came with two texts"],
        );
    }
}

#[test]
fn an_incident_with_a_hole_or_no_end_is_incomplete() {
    check(
        |r| r.events[5].seq = 7,
        &[
            "lost: event 7 has no delivery to site",
            "duplicated: INC-1_e6_site for no event",
            "incomplete: event 7 stands where event 6 should",
        ],
    );
    check(
        |r| r.events[3] = event(4, status("investigating", "monitoring")),
        &["incomplete: INC-1 is still monitoring"],
    );
    check(
        |r| r.events[0] = event(1, json!({"type": "exposed"})),
        &["incomplete: INC-1 does not begin with its opening"],
    );
    check(
        |r| r.events[5] = event(6, post(2, "monitoring", None)),
        &["incomplete: INC-1 is over, and its last post does not say so"],
    );
    check(
        |r| r.events[5] = event(6, post(3, "resolved", None)),
        &["incomplete: INC-1 has post 3 where post 2 should be"],
    );
    check(|r| r.events[1] = event(2, page(2)), &["incomplete: INC-1 has page 2 where page 1 should be"]);
    check(
        |r| r.events.iter_mut().for_each(|event| event.incident = IncidentId(2)),
        &["incomplete: INC-2 is the 1th incident"],
    );
}

#[test]
fn a_promise_is_kept_or_its_end_is_told() {
    let due = serde_json::from_value::<fogsignal::model::Timestamp>(json!(AT)).expect("a time");
    check(
        |r| r.events[4] = event(5, json!({"type": "exposed"})),
        &[&format!("incomplete: INC-1 promised a word until {due} and did not say how that went")],
    );
    check(
        |r| r.events[5] = event(6, post(2, "resolved", Some(AT))),
        &[&format!("incomplete: INC-1 promised a word until {due}, which never came")],
    );
    check(|r| r.events[4] = event(5, json!({"type": "promise_missed", "due": AT})), &[]);
}
