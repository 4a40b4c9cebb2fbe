//! The core of the seed's day.

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Critical, Major, Minor};
use crate::model::*;
use crate::rules::Role;

fn the_day() -> World {
    let mut world = World::new();
    world.at("11:11", [fires("UserDatabaseCpu", Critical, "user-db")]);
    world.at("11:12", [fires("CrmErrors", Major, "crm")]);
    world.command("11:25", CommandKind::Acknowledge);
    world.at("12:01:15", [goes_missing("CrmErrors")]);
    world.at("12:04:15", [fires("CrmErrors", Major, "crm")]);
    world.action("12:30", "consumers of the failing application switched off");
    world.action("12:40", "database scaled up");
    world.at(
        "12:43",
        [backlog("AnalyticsBacklog", Minor, "analytics").with(|facts| facts.clear = Some(1000.0))],
    );
    world.at("12:43:30", [resolves("UserDatabaseCpu")]);
    world.at("12:46", [resolves("CrmErrors")]);
    world.at("13:06", [fires("UserDatabaseCpu", Critical, "user-db")]);
    world.at("13:08:30", [resolves("UserDatabaseCpu")]);
    world.action("14:30", "change of 2023-01-31 22:00 rolled back");
    world.until(clock("15:00"));
    world.reads("AnalyticsBacklog", 498_211.0);
    world.at("20:00", [resolves("AnalyticsBacklog")]);
    world.until(clock("23:00"));
    world
}

#[test]
fn it_is_one_incident_with_the_seeds_component_line() {
    let world = the_day();
    let incident = world.the();
    assert_eq!(incident.status, Status::Resolved);
    assert_eq!(world.last_post().affected, "Blip Platform (CRM, Analytics) and Desk");
    assert_eq!(said(incident.started_at), "11:10:30");
    assert_eq!(incident.root, Some(id("user-db")));
    assert_eq!(incident.title, "CRM: partial outage");
}

#[test]
fn its_first_word_is_said_as_it_opens_and_none_is_late() {
    let world = the_day();
    let incident = world.the();
    assert_eq!(incident.posts[0].at, incident.opened_at);
    let monitoring = incident.monitoring_at.unwrap();
    let before: Vec<Timestamp> = incident.posts.iter().map(|p| p.at).filter(|at| *at <= monitoring).collect();
    for pair in before.windows(2) {
        assert!(pair[1].since(pair[0]) <= minutes(15), "{} to {}", said(pair[0]), said(pair[1]));
    }
    assert_eq!(incident.promises.missed, 0);
    assert_eq!(incident.promises.kept, incident.promises.made);
}

#[test]
fn it_is_monitored_as_its_symptoms_end_and_again_after_the_relapse() {
    let world = the_day();
    let turns: Vec<String> = world
        .log
        .iter()
        .filter_map(|event| match event.what {
            What::StatusChanged { to, watch_until, .. } => {
                let watch = watch_until.map(|until| format!(" until {}", said(until))).unwrap_or_default();
                Some(format!("{} {to}{watch}", said(event.at)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        turns,
        [
            "12:46:00 monitoring until 13:01:00",
            "13:06:00 investigating",
            "13:08:30 monitoring until 13:38:30",
            "20:00:00 resolved"
        ]
    );
    let recovery = world.the().posts.iter().find(|post| post.item.status == Status::Monitoring).unwrap();
    assert_eq!(said(recovery.at), "12:46:00");
    assert_eq!(recovery.item.mitigated_at.map(said).as_deref(), Some("12:46:00"));
}

#[test]
fn the_backlog_holds_it_and_analytics_stays_degraded_until_the_drain() {
    let mut world = the_day();
    let held: Vec<String> = world
        .log
        .iter()
        .filter(|event| matches!(event.what, What::Held { .. }))
        .map(|event| said(event.at))
        .collect();
    assert_eq!(held, ["13:01:00", "13:38:30"]);
    let spans = &world.the().components[&id("analytics")];
    assert_eq!(spans.len(), 1);
    assert_eq!((said(spans[0].from), spans[0].until.map(said)), ("12:43:00".into(), Some("20:00:00".into())));
    let while_draining =
        world.the().posts.iter().rfind(|post| post.item.status == Status::Monitoring).unwrap();
    assert!(while_draining.item.body.contains("Analytics still works off a backlog of 498,211."));
    assert!(while_draining.item.body.contains("It counts as drained below 1,000."));
    // Nothing moves any more.
    assert_eq!(world.book.next_wake(), None);
    assert!(world.until(clock("47:00")).is_empty());
}

#[test]
fn responders_hear_of_the_lost_measurement_once() {
    let world = the_day();
    assert_eq!(
        pages(&world.log),
        [
            "11:11:00 Opened → ops, phone",
            "12:01:15 MeasurementLost → ops, phone",
            "12:46:00 Monitoring → ops, phone",
            "13:06:00 Reopened → ops, phone",
            "13:08:30 Monitoring → ops, phone",
            "20:00:00 Resolved → ops, phone",
        ]
    );
    assert!(world.the().members.values().any(|member| member.role() == Role::Backlog));
}

#[test]
fn the_journal_alone_tells_the_same_day() {
    let world = the_day();
    let live: Vec<&Incident> = world.book.incidents().collect();
    let restored = world.restored();
    assert_eq!(restored.incidents().collect::<Vec<_>>(), live);
    assert_eq!(restored.next_wake(), world.book.next_wake());
}
