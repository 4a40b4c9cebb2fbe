//! Opened, joined, identified, monitored, held, resolved, reopened.

use super::harness::*;
use crate::incidents::member::Family;
use crate::incidents::*;
use crate::model::Severity::{Critical, Major, Minor};
use crate::model::*;
use crate::rules::{AlertKey, Transition};

#[test]
fn a_symptom_opens_at_its_bar_and_a_cause_at_the_bar_of_pages() {
    let mut world = World::with(Settings { open_at: Major, ..Settings::default() }, Vec::new());
    assert!(world.at("10:00", [fires("Slow", Minor, "crm")]).is_empty());
    assert!(world.at("10:01", [cause("Disk", Minor, "user-db")]).is_empty());
    assert!(world.at("10:02", [backlog("Queue", Minor, "analytics")]).is_empty());
    world.at("10:03", [fires("Slow", Major, "crm")]);
    assert_eq!(world.the().title, "CRM: partial outage");
}

#[test]
fn what_is_only_recorded_opens_nothing() {
    let mut world = World::new();
    let recorded = fires("Info", Critical, "crm").with(|facts| facts.counts = false);
    assert!(world.at("10:00", [recorded]).is_empty());
}

#[test]
fn a_cause_is_internal_until_a_symptom_joins_and_then_the_start_is_the_symptoms() {
    let mut world = World::new();
    world.at("10:00", [cause("Disk", Major, "user-db")]);
    assert_eq!((world.the().exposure, world.the().status), (Exposure::Internal, Status::Identified));
    assert_eq!(world.the().posts.len(), 0);
    let events = world.at("10:05", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().exposure, Exposure::Public);
    assert_eq!(posts(&events), ["10:05:00 identified"]);
    assert_eq!(said(world.the().started_at), "10:04:30");
    assert_eq!(world.the().title, "CRM: partial outage");
}

#[test]
fn related_components_join_and_unrelated_ones_do_not() {
    let mut world = World::new();
    world.at("10:00", [fires("Cpu", Major, "user-db")]);
    world.at("10:01", [fires("Slow", Minor, "desk"), fires("Late", Minor, "billing")]);
    assert_eq!(world.incident(1).members.len(), 2);
    assert_eq!(world.incident(2).members.len(), 1);
    // Siblings under one database are related only through an alert on the database itself.
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [fires("Gaps", Minor, "analytics")]);
    assert_eq!(world.book.incidents().count(), 2);
}

#[test]
fn what_ended_lately_still_takes_in_what_belongs_to_it_and_later_no_more() {
    let mut world = World::new();
    world.at("10:00", [fires("Cpu", Major, "user-db"), backlog("Queue", Major, "analytics")]);
    world.at("10:01", [resolves("Cpu")]);
    world.at("10:31", [fires("Errors", Minor, "crm")]);
    assert_eq!(world.the().members.len(), 3);
    world.at("10:32", [resolves("Errors")]);
    world.at("11:03", [fires("Slow", Minor, "desk")]);
    assert_eq!(world.book.incidents().count(), 2);
}

#[test]
fn a_key_joins_whatever_the_components_say() {
    let mut world = World::new();
    let keyed = |name, component| {
        fires(name, Minor, component).with(|facts| facts.incident_key = Some("release-7".to_owned()))
    };
    world.at("10:00", [keyed("A", "billing")]);
    world.at("10:01", [keyed("B", "desk")]);
    assert_eq!(world.the().members.len(), 2);
}

#[test]
fn an_alert_without_a_component_stays_internal_and_alone() {
    let mut world = World::new();
    world.at("10:00", [fires("First", Critical, ""), fires("Second", Critical, "")]);
    assert_eq!(world.book.incidents().count(), 2);
    assert_eq!((world.incident(1).exposure, &*world.incident(1).title), (Exposure::Internal, "First"));
    assert!(world.log.iter().all(|event| !matches!(event.what, What::Posted { .. })));
}

#[test]
fn an_edge_that_propagates_affects_and_one_that_does_not_puts_at_risk() {
    let mut world = World::new();
    world.at("10:00", [fires("Cpu", Critical, "user-db")]);
    let incident = world.the();
    let shown = |name| incident.component_status(&id(name));
    assert_eq!(shown("user-db"), ComponentStatus::MajorOutage);
    assert_eq!(shown("crm"), ComponentStatus::DegradedPerformance);
    assert_eq!(shown("desk"), ComponentStatus::DegradedPerformance);
    assert_eq!(shown("smart-contact"), ComponentStatus::Operational);
    assert!(incident.pages[0].item.details.contains("at risk: CRM consumers, Analytics, Smart contact"));
}

#[test]
fn an_alert_that_is_clearing_still_counts() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    assert!(posts(&world.at("10:05", [clears("Errors")])).is_empty());
    assert_eq!(world.the().component_status(&id("crm")), ComponentStatus::PartialOutage);
    world.at("10:06", [resolves("Errors")]);
    assert_eq!(world.the().status, Status::Monitoring);
}

#[test]
fn it_is_identified_as_a_cause_fires_and_stays_so() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [cause("Disk", Minor, "user-db")]);
    assert_eq!(world.the().status, Status::Identified);
    assert_eq!(world.the().root, Some(id("user-db")));
    world.at("10:10", [resolves("Disk")]);
    assert_eq!(world.the().status, Status::Identified);
}

#[test]
fn a_cause_during_the_watch_sets_the_cause_and_not_the_status() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [resolves("Errors")]);
    world.at("10:06", [cause("Disk", Minor, "user-db")]);
    assert_eq!(world.the().status, Status::Monitoring);
    assert_eq!(world.the().identified_at.map(said).as_deref(), Some("10:06:00"));
    world.at("10:07", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().status, Status::Identified);
}

#[test]
fn a_broken_watch_doubles_the_next_up_to_its_cap() {
    let mut world = World::new();
    let mut watches = Vec::new();
    for hour in 10..15 {
        world.at(&format!("{hour}:00"), [fires("Errors", Major, "crm")]);
        world.at(&format!("{hour}:01"), [resolves("Errors")]);
        watches.push(world.the().watch_until.unwrap().since(world.now).as_secs() / 60);
        // The first watch passes before the next relapse, which then reopens the incident.
    }
    assert_eq!(watches, [15, 30, 60, 120, 120]);
    assert_eq!(world.book.incidents().count(), 1);
}

#[test]
fn a_lost_symptom_is_no_recovery() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [goes_missing("Errors")]);
    world.until(clock("20:00"));
    assert_eq!(world.the().status, Status::Investigating);
    assert!(world.last_post().body.contains("a measurement of CRM has been missing since 10:04"));
}

#[test]
fn a_lost_cause_holds_what_was_watched_long_enough() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm"), cause("Disk", Major, "user-db")]);
    world.at("10:05", [resolves("Errors"), goes_missing("Disk")]);
    world.until(clock("10:30"));
    assert_eq!(world.the().status, Status::Monitoring);
    assert_eq!(world.the().held_by.len(), 1);
    world.at("10:40", [resolves("Disk")]);
    assert_eq!(world.the().status, Status::Resolved);
}

#[test]
fn what_holds_it_is_told_again_when_it_is_something_else_and_then_only() {
    let mut world = World::new();
    let together = [fires("Errors", Major, "crm"), cause("Disk", Major, "user-db")];
    world.at("10:00", together.into_iter().chain([backlog("Queue", Minor, "analytics")]));
    world.at("10:05", [resolves("Errors"), goes_missing("Disk")]);
    world.until(clock("10:30"));
    world.at("10:40", [fires("Queue", Major, "analytics")]);
    world.at("11:00", [resolves("Disk")]);
    world.at("11:10", [goes_missing("Queue")]);
    // Neither time nor a new day makes it news.
    world.until(clock("23:00"));
    world.away_until("27:00");
    let held = world.log.iter().filter_map(|event| match &event.what {
        What::Held { by } => Some(format!("{} {} ({})", said(event.at), by.join(", "), event.why)),
        _ => None,
    });
    let host = "{instance=\"db-7.internal:9187\"}";
    assert_eq!(
        held.collect::<Vec<_>>(),
        [
            format!(
                "10:20:00 Disk{host} is not measured since 10:04, Queue{host} is not drained (the watch passed without a relapse)"
            ),
            format!("11:00:00 Queue{host} is not drained (Disk{host}: it is resolved)"),
            format!("11:10:00 Queue{host} is not measured since 11:09 (Queue{host}: it is lost)"),
        ]
    );
    world.at("27:10", [resolves("Queue")]);
    assert_eq!(world.the().status, Status::Resolved);
}

#[test]
fn a_backlog_alone_is_watched_once_it_is_drained() {
    let mut world = World::new();
    world.at("10:00", [backlog("Queue", Major, "analytics")]);
    assert_eq!((world.the().status, world.the().exposure), (Status::Investigating, Exposure::Internal));
    world.at("10:10", [resolves("Queue")]);
    assert_eq!(world.the().status, Status::Monitoring);
    world.until(clock("10:25"));
    assert_eq!(world.the().status, Status::Resolved);
}

#[test]
fn it_reopens_under_its_id_while_that_is_lately_and_later_opens_anew() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [resolves("Errors")]);
    let events = world.at("12:16", [fires("Errors", Major, "crm")]);
    assert_eq!(posts(&events), ["12:16:00 investigating"]);
    assert_eq!((world.the().reopened, world.the().resolved_at), (1, None));
    world.at("12:17", [resolves("Errors")]);
    world.at("15:00", [fires("Errors", Major, "crm")]);
    assert_eq!(world.book.incidents().count(), 2);
    assert_eq!(world.incident(2).status, Status::Investigating);
}

#[test]
fn a_cause_that_outlives_its_incident_reopens_it_only_when_it_gets_worse() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm"), cause("Disk", Major, "user-db")]);
    world.at("10:05", [resolves("Errors")]);
    world.until(clock("10:30"));
    assert_eq!(world.the().status, Status::Resolved);
    assert_eq!(world.the().component_status(&id("crm")), ComponentStatus::Operational);
    world.at("10:40", [cause("Disk", Minor, "user-db")]);
    assert_eq!(world.the().status, Status::Resolved);
    world.at("10:50", [cause("Disk", Critical, "user-db")]);
    assert_eq!(world.the().status, Status::Identified);
}

#[test]
fn what_moves_together_belongs_together_in_whatever_order() {
    let mut world = World::new();
    world.at("10:00", [cause("Disk", Minor, "user-db"), fires("Errors", Major, "crm")]);
    assert_eq!((world.the().members.len(), world.the().status), (2, Status::Identified));
}

#[test]
fn a_storm_is_one_incident_and_a_handful_of_messages() {
    let mut world = World::new();
    let storm = (0..10_000).map(|n| fires(&format!("Pod{n}"), Major, "crm"));
    let events = world.at("10:00", storm);
    assert_eq!(world.the().members.len(), 10_000);
    assert_eq!((posts(&events).len(), pages(&events).len()), (1, 1));
    assert!(world.the().pages[0].item.details.lines().count() < 60);
}

#[test]
fn a_rule_without_a_component_makes_one_incident_and_one_page_of_all_its_alerts() {
    let mut world = World::new();
    let down = |n: usize| fires("InstDown", Major, "").of(&format!("host-{n:03}"));
    let up = |n: usize| resolves("InstDown").of(&format!("host-{n:03}"));
    let events = world.at("10:00", (0..200).map(down));
    assert_eq!((world.the().members.len(), pages(&events).len()), (200, 1));
    let incident = world.the();
    assert_eq!((&*incident.title, incident.exposure, &incident.key), ("InstDown", Exposure::Internal, &None));
    let details = &incident.pages[0].item.details;
    assert!(details.contains("host-019") && !details.contains("host-020"), "{details}");
    assert!(details.contains("180 more"), "{details}");
    // Later ones join while it is open, and reopen it a while after.
    world.at("10:10", [down(200)]);
    world.at("10:20", (0..201).map(up));
    world.until(clock("10:40"));
    assert_eq!((world.the().members.len(), world.the().status), (201, Status::Resolved));
    world.at("11:00", [down(201)]);
    assert_eq!((world.the().reopened, world.the().status), (1, Status::Investigating));
    // A rule of the same name with a component or a key goes by that.
    world.at("11:01", [fires("InstDown", Major, "billing").of("host-300")]);
    world.at("11:02", [down(301).with(|facts| facts.incident_key = Some("rack-7".to_owned()))]);
    assert_eq!(
        world.book.incidents().map(|incident| incident.members.len()).collect::<Vec<_>>(),
        [202, 1, 1]
    );
    assert_eq!(world.restored().incidents().collect::<Vec<_>>(), world.book.incidents().collect::<Vec<_>>());
}

#[test]
fn variants_of_a_rule_in_one_group_are_a_family_and_those_of_other_groups_are_not() {
    let family = |group: &str, name: &str, nth: usize| {
        let mut world = World::new();
        let fired = world.transition(&fires(name, Major, ""));
        let key = AlertKey { rule: RuleId::new(group, name, nth), ..fired.key };
        Family::of(&key, &fired.facts)
    };
    assert_eq!(family("disks", "Full", 0), family("disks", "Full", 1));
    assert_eq!(family("a/Full", "Full", 0), family("a/Full", "Full", 3));
    assert_ne!(family("disks", "Full", 0), family("nodes", "Full", 0));
    assert_ne!(family("disks", "Full", 0), family("disks", "Fuller", 0));
    assert_ne!(family("disks", "a/Full", 0), family("disks/a", "Full", 0));
}

#[test]
fn an_alert_that_is_offered_again_joins_what_opened_since_and_is_no_news_else() {
    let mut world = World::new();
    assert!(world.at("10:00", [cause("Disk", Minor, "user-db")]).is_empty());
    world.at("10:05", [fires("Errors", Major, "crm")]);
    world.at("10:05:15", [cause("Disk", Minor, "user-db")]);
    assert_eq!(world.the().status, Status::Identified);
    let known = world.the().members.values().next().unwrap().clone();
    let again = Transition {
        key: known.key.clone(),
        from: None,
        to: known.state.clone(),
        facts: known.facts.clone(),
        because: "offered again".to_owned(),
    };
    assert!(
        world.ask(&Input::Evaluation(Evaluation { transitions: vec![again], changes: vec![] })).is_empty()
    );
}

#[test]
fn an_alert_that_fires_anew_after_its_incident_is_not_one_that_outlived_it() {
    let mut world = World::new();
    world.at("09:05", [cause("Disk", Major, "user-db")]);
    world.at("09:10", [resolves("Disk")]);
    world.until(clock("14:00"));
    assert_eq!(world.the().status, Status::Resolved);
    // Too little by itself to open anything; then as bad as it was.
    assert!(pages(&world.at("15:00", [cause("Disk", Minor, "user-db")])).is_empty());
    world.at("15:05", [cause("Disk", Major, "user-db")]);
    assert_eq!(world.book.incidents().count(), 2);
}
