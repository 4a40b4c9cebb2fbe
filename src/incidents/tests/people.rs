//! What people say, and that the machine leaves it alone.

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Critical, Major, Minor};
use crate::model::*;

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.what.name()).collect()
}

fn refused(world: &World, incident: u64, kind: CommandKind) -> String {
    let command = Command { by: "ana".to_owned(), incident: IncidentId(incident), kind };
    world.book.check(world.now, &command).expect_err("it is refused").to_string()
}

#[test]
fn a_serious_alert_that_belongs_to_two_incidents_makes_them_one() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [fires("Gaps", Minor, "analytics")]);
    assert_eq!(world.book.incidents().count(), 2);
    let promised = world.incident(2).promise;
    world.at("10:10", [fires("Cpu", Critical, "user-db")]);
    let (older, younger) = (world.incident(1), world.incident(2));
    assert_eq!((younger.merged_into, younger.status), (Some(IncidentId(1)), Status::Resolved));
    assert_eq!(older.members.len(), 3);
    assert_eq!(older.root, Some(id("user-db")));
    let last = &younger.posts.last().unwrap().item;
    assert!(last.body.contains("goes on as a part of another one: CRM"), "{}", last.body);
    assert!(older.promise <= promised, "it takes over what was promised");
    assert_eq!(
        world.incident(1).posts.last().unwrap().item.affected,
        "Blip Platform (CRM, Analytics) and Desk"
    );
    world.at("10:20", [resolves("Errors"), resolves("Gaps"), resolves("Cpu")]);
    world.until(clock("12:00"));
    assert_eq!(world.incident(1).status, Status::Resolved);
    assert_eq!((world.incident(1).promises.missed, world.incident(2).promises.missed), (0, 0));
}

#[test]
fn minor_alerts_merge_nothing() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [fires("Gaps", Minor, "analytics")]);
    world.at("10:10", [fires("Cpu", Minor, "user-db")]);
    assert!(world.book.incidents().all(Incident::is_open));
    assert_eq!(world.incident(1).members.len(), 2);
}

#[test]
fn what_a_person_took_apart_stays_apart_until_a_person_merges_it() {
    let mut world = World::new();
    world.at("10:00", [fires("Cpu", Major, "user-db"), fires("Errors", Major, "crm")]);
    world.command("10:05", CommandKind::Split { alerts: vec!["Errors".to_owned()] });
    assert_eq!(world.book.incidents().count(), 2);
    assert_eq!(world.incident(2).title, "CRM: partial outage");
    world.at("10:10", [fires("Cpu", Critical, "user-db")]);
    assert_eq!(world.incident(2).members.len(), 1, "they stay apart");
    world.command("10:15", CommandKind::Merge { into: IncidentId(2) });
    assert_eq!(world.incident(1).merged_into, Some(IncidentId(2)));
    assert_eq!(world.incident(2).members.len(), 2);
    let all = vec!["Cpu".to_owned(), "Errors".to_owned()];
    world.now = clock("10:16");
    assert_eq!(refused(&world, 2, CommandKind::Split { alerts: all }), "nothing would be left of INC-2");
}

#[test]
fn a_status_that_a_person_set_is_held_until_it_is_released() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:05", CommandKind::Status { status: Status::Monitoring });
    assert_eq!(world.the().status, Status::Monitoring);
    world.until(clock("11:30"));
    assert_eq!(world.the().status, Status::Monitoring, "the watch passed, and it is held all the same");
    assert_eq!(world.the().held_by, ["the status monitoring is held by a person"]);
    world.command("11:31", CommandKind::Release { what: Holdable::Status });
    assert_eq!(world.the().status, Status::Investigating);
}

#[test]
fn an_impact_that_a_person_set_is_what_posts_say() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Critical, "crm")]);
    assert_eq!(world.last_post().impact, Impact::Critical);
    world.command("10:05", CommandKind::Impact { impact: Impact::Minor });
    assert_eq!(world.last_post().impact, Impact::Minor);
    world.command("10:10", CommandKind::Release { what: Holdable::Impact });
    assert_eq!(world.last_post().impact, Impact::Critical);
}

#[test]
fn a_cause_that_is_named_identifies_it_and_withdrawn_it_is_investigated_again() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let cause = |internal| CommandKind::Cause {
        text: "a bad release".to_owned(),
        component: Some(id("crm")),
        internal,
    };
    let events = world.command("10:05", cause(false));
    assert_eq!(posts(&events), ["10:05:00 identified"]);
    assert!(world.last_post().body.contains("What generated the failure: a bad release"));
    world.command("10:10", CommandKind::WithdrawCause);
    assert_eq!(world.the().status, Status::Investigating);
    assert!(!world.last_post().body.contains("a bad release"));
    world.command("10:15", cause(true));
    assert_eq!(world.the().status, Status::Identified);
    assert!(!world.last_post().body.contains("a bad release"));
}

#[test]
fn muted_it_calls_its_promise_off_and_says_nothing_until_it_may() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let events = world.command("10:05", CommandKind::Mute);
    assert_eq!(names(&events), ["promise_withdrawn", "posted", "muted"]);
    assert!(world.last_post().body.contains("paused") && world.the().promise.is_none());
    world.at("10:10", [fires("Slow", Major, "desk")]);
    world.until(clock("11:00"));
    assert_eq!(world.the().posts.len(), 2);
    let events = world.command("11:05", CommandKind::Unmute);
    assert_eq!(posts(&events), ["11:05:00 investigating"]);
    let Promises { made, kept, missed, withdrawn } = world.the().promises;
    assert_eq!((made, kept, missed, withdrawn), (2, 0, 0, 1));
}

#[test]
fn resolved_by_a_person_it_reopens_only_for_what_has_cleared_once() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let events = world.command("10:05", CommandKind::Resolve);
    assert_eq!(posts(&events), ["10:05:00 resolved"]);
    world.at("10:10", [fires("Errors", Critical, "crm")]);
    assert_eq!(world.the().status, Status::Resolved, "it fires since before");
    world.at("10:15", [resolves("Errors")]);
    world.at("10:20", [fires("Errors", Major, "crm")]);
    assert_eq!((world.the().status, world.the().reopened), (Status::Investigating, 1));
}

#[test]
fn reopened_by_a_person_it_is_investigated_until_a_person_says_otherwise() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [resolves("Errors")]);
    world.until(clock("10:30"));
    assert_eq!(world.the().status, Status::Resolved);
    world.command("10:31", CommandKind::Reopen);
    assert_eq!(world.the().status, Status::Investigating);
    world.until(clock("12:00"));
    assert_eq!(world.the().status, Status::Investigating);
    world.command("12:01", CommandKind::Release { what: Holdable::Status });
    assert_eq!(world.the().status, Status::Monitoring);
}

#[test]
fn a_dismissed_alert_holds_nothing_and_counts_again_when_it_moves() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm"), fires("Slow", Minor, "desk")]);
    world.at("10:05", [goes_missing("Slow")]);
    world.at("10:10", [resolves("Errors")]);
    assert_eq!(world.the().status, Status::Investigating, "a lost symptom is no recovery");
    world.command("10:11", CommandKind::Dismiss { alert: "Slow".to_owned() });
    assert_eq!(world.the().status, Status::Monitoring);
    world.command("10:12", CommandKind::Reinstate { alert: "Slow".to_owned() });
    assert_eq!(world.the().status, Status::Investigating);
    world.command("10:13", CommandKind::Dismiss { alert: "Slow".to_owned() });
    world.at("10:14", [fires("Slow", Minor, "desk")]);
    assert_eq!(world.the().status, Status::Investigating, "it moved by itself");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let text = || "x".to_owned();
    assert_eq!(refused(&world, 7, CommandKind::Acknowledge), "there is no incident `INC-7`");
    assert_eq!(
        refused(&world, 1, CommandKind::Approve { text: None }),
        "no draft of INC-1 waits for an approval"
    );
    assert_eq!(refused(&world, 1, CommandKind::Note { text: " ".to_owned() }), "the text is empty");
    assert_eq!(refused(&world, 1, CommandKind::Dismiss { alert: text() }), "INC-1 has no alert `x`");
    assert_eq!(refused(&world, 1, CommandKind::RetractNote { number: 1 }), "INC-1 has no note 1");
    assert_eq!(
        refused(&world, 1, CommandKind::Merge { into: IncidentId(1) }),
        "INC-1 cannot become a part of itself"
    );
    let nowhere = CommandKind::Cause { text: text(), component: Some(id("nowhere")), internal: false };
    assert_eq!(refused(&world, 1, nowhere), "there is no component `nowhere`");
    let later = CommandKind::Action { text: text(), at: Some(clock("10:01")) };
    assert_eq!(refused(&world, 1, later), "an action cannot lie in the future");
    world.command("10:05", CommandKind::Resolve);
    assert_eq!(refused(&world, 1, CommandKind::Acknowledge), "INC-1 is resolved; `reopen` opens it again");
}

#[test]
fn a_sink_that_a_person_changed_is_left_alone_until_it_is_released() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let report = |what: &str| {
        Input::SinkReport(SinkReport {
            number: 1,
            delivery: DeliveryId(1),
            incident: IncidentId(1),
            sink: sink("status-page"),
            at: clock("10:05"),
            news: SinkNews::ForeignEdit { what: what.to_owned() },
        })
    };
    world.now = clock("10:05");
    let events = world.ask(&report("somebody resolved it there"));
    assert_eq!(names(&events), ["stood_down", "paged"]);
    assert!(world.ask(&report("again")).is_empty());
    world.at("10:06", [fires("Slow", Major, "desk")]);
    assert!(world.last_post().except.contains(&sink("status-page")));
    world.command("10:07", CommandKind::Release { what: Holdable::Sink(sink("status-page")) });
    world.command("10:08", CommandKind::Post { text: "All is well here.".to_owned() });
    assert!(world.last_post().except.is_empty());
}

#[test]
fn an_acknowledgement_expires_when_nothing_is_heard() {
    let settings = Settings { ack_timeout: Some(minutes(30)), ..Settings::default() };
    let mut world = World::with(settings, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:05", CommandKind::Acknowledge);
    world.command("10:20", CommandKind::Note { text: "looking".to_owned() });
    let events = world.until(clock("11:00"));
    assert_eq!(pages(&events), ["10:50:00 AcknowledgementExpired → ops, phone"]);
    assert_eq!(world.the().first_acknowledged_at, Some(clock("10:05")));
    world.command("11:01", CommandKind::Acknowledge);
    let events = world.command("11:02", CommandKind::Unacknowledge);
    assert_eq!(pages(&events), ["11:02:00 NotAcknowledged → ops, phone"]);
}

#[test]
fn a_severity_rises_with_time_and_breadth() {
    let raise = vec![
        Raise { to: Major, when: RaiseWhen::Lasts(minutes(30)) },
        Raise { to: Critical, when: RaiseWhen::Components(3) },
    ];
    let mut world = World::with(Settings { raise, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Minor, "billing")]);
    let events = world.until(clock("10:30"));
    assert_eq!(pages(&events), ["10:30:00 Opened → ops, phone"]);
    assert_eq!(world.the().severity(), Some(Major));
    world.at("10:40", [fires("Cpu", Minor, "user-db")]);
    assert_eq!(world.incident(2).severity(), Some(Critical), "the database, CRM and Desk");
}

#[test]
fn a_dismissed_alert_that_gets_worse_counts_again() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Minor, "crm")]);
    world.command("10:01", CommandKind::Dismiss { alert: "Errors".to_owned() });
    assert_eq!(world.the().status, Status::Monitoring);
    let events = world.at("10:05", [fires("Errors", Critical, "crm")]);
    assert_eq!((world.the().status, posts(&events).len()), (Status::Investigating, 1));
    assert_eq!(pages(&events).len(), 1, "responders hear of it");
}

#[test]
fn a_dismissed_alert_that_begins_to_recover_is_no_relapse() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Minor, "crm")]);
    world.command("10:01", CommandKind::Dismiss { alert: "Errors".to_owned() });
    world.at("10:05", [clears("Errors")]);
    assert_eq!((world.the().status, world.the().breaks), (Status::Monitoring, 0));
}

#[test]
fn a_dismissed_cause_is_no_cause() {
    let mut world = World::new();
    let public = |facts: &mut crate::rules::AlertFacts| facts.public_cause = Some("a full disk".to_owned());
    world.at("10:00", [fires("Errors", Major, "crm"), cause("Disk", Major, "user-db").with(public)]);
    assert_eq!(world.the().status, Status::Identified);
    world.command("10:05", CommandKind::Dismiss { alert: "Disk".to_owned() });
    assert_eq!(world.the().status, Status::Investigating);
    assert!(!world.last_post().body.contains("a full disk"), "{}", world.last_post().body);
}

#[test]
fn a_post_while_it_is_muted_does_not_silence_it_for_good() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:05", CommandKind::Mute);
    world.command("10:07", CommandKind::Post { text: "We know.".to_owned() });
    assert!(world.the().promise.is_none());
    world.command("10:10", CommandKind::Unmute);
    assert!(world.the().promise.is_some());
    world.until(clock("11:00"));
    assert!(5 <= world.the().posts.len());
}

#[test]
fn a_cause_that_a_person_took_back_is_not_named_again_by_the_machine() {
    let mut world = World::with(Settings { identify_at: Some(0.5), ..Settings::default() }, Vec::new());
    world.now = clock("10:00");
    let change = Change {
        at: clock("09:55"),
        component: Some(id("crm")),
        kind: ChangeKind::Deploy,
        version: None,
        summary: "crm 7".to_owned(),
        by: None,
    };
    world.ask(&Input::Change(change));
    world.at("10:01", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().status, Status::Identified);
    world.command("10:05", CommandKind::WithdrawCause);
    world.until(clock("10:30"));
    assert_eq!(world.the().status, Status::Investigating);
}

#[test]
fn what_gets_worse_while_it_is_only_watched_calls_responders() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Minor, "crm")]);
    world.command("10:01", CommandKind::Status { status: Status::Monitoring });
    let events = world.at("10:05", [fires("Errors", Critical, "crm")]);
    assert_eq!(pages(&events), ["10:05:00 Opened → ops, phone"]);
}

#[test]
fn resolved_by_a_person_nothing_of_it_counts_before_all_of_it_has_cleared() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm"), fires("Slow", Major, "desk")]);
    world.command("10:05", CommandKind::Resolve);
    world.at("10:10", [resolves("Errors")]);
    world.at("10:15", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().status, Status::Resolved, "the other one fires still");
    world.at("10:20", [resolves("Errors"), resolves("Slow")]);
    world.at("10:25", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().status, Status::Investigating);
}

#[test]
fn what_people_said_goes_over_when_incidents_merge() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [fires("Gaps", Minor, "analytics")]);
    let said = |kind| Command { by: "ana".to_owned(), incident: IncidentId(2), kind };
    let cause = CommandKind::Cause { text: "a bad import".to_owned(), component: None, internal: false };
    world.ask(&Input::Command(said(cause)));
    world.ask(&Input::Command(said(CommandKind::Action { text: "import stopped".to_owned(), at: None })));
    world.at("10:10", [fires("Cpu", Critical, "user-db")]);
    let survivor = world.incident(1);
    assert_eq!(survivor.cause.as_ref().map(|cause| cause.text.as_str()), Some("a bad import"));
    assert_eq!(survivor.actions.len(), 1);
    assert_eq!(survivor.status, Status::Identified);
}

#[test]
fn what_a_person_muted_is_not_merged_by_the_machine() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [fires("Gaps", Minor, "analytics")]);
    world.ask(&Input::Command(Command {
        by: "ana".to_owned(),
        incident: IncidentId(2),
        kind: CommandKind::Mute,
    }));
    world.at("10:10", [fires("Cpu", Critical, "user-db")]);
    assert!(world.incident(2).is_open());
}

#[test]
fn a_promise_that_was_taken_over_is_kept_by_an_incident_that_had_said_nothing() {
    let billing = PolicyMatch { components: [id("crm")].into(), ..PolicyMatch::default() };
    let held = Gate { after: minutes(60), ..Gate::default() };
    let publish = Publish { otherwise: Gate::default(), gates: vec![(billing, held)] };
    let mut world = World::with(Settings { publish, watch: minutes(5), ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [fires("Gaps", Minor, "analytics")]);
    world.at("10:05", [fires("Cpu", Critical, "user-db")]);
    assert_eq!(world.incident(2).merged_into, Some(IncidentId(1)));
    world.at("10:06", [resolves("Errors"), resolves("Gaps"), resolves("Cpu")]);
    world.until(clock("12:00"));
    assert_eq!(world.incident(1).posts.last().map(|post| post.item.status), Some(Status::Resolved));
    assert_eq!(world.incident(1).promises.missed, 0);
}
