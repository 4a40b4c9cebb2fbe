//! What is said in public, when, and the promise that it makes.

use std::time::Duration;

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Major, Minor};

fn due(world: &World) -> String {
    said(world.the().promise.unwrap())
}

#[test]
fn the_first_post_comes_with_the_opening_and_promises_the_next() {
    let mut world = World::new();
    let events = world.at("10:00:20", [fires("Errors", Major, "crm")]);
    assert_eq!(posts(&events), ["10:00:20 investigating"]);
    assert_eq!(due(&world), "10:15:00");
    assert_eq!(posts(&world.until(clock("10:15"))), ["10:14:15 investigating"]);
    assert_eq!(world.the().promises, Promises { made: 2, kept: 1, missed: 0, withdrawn: 0 });
}

#[test]
fn the_cadence_follows_the_status_and_a_grave_symptom_outranks_it() {
    let mut world = World::new();
    world.at("10:00", [fires("Slow", Minor, "crm")]);
    assert_eq!(due(&world), "10:30:00");
    world.at("10:05", [fires("Errors", Major, "crm")]);
    assert_eq!(due(&world), "10:20:00");
    world.at("10:10", [resolves("Slow"), resolves("Errors")]);
    assert_eq!(due(&world), "11:10:00");
}

#[test]
fn it_gets_worse_without_a_new_fact_and_the_next_update_comes_sooner_than_promised() {
    let mut world = World::new();
    let slow = |severity| {
        fires("Slow", severity, "crm")
            .with(|facts| facts.status = Some(crate::model::ComponentStatus::DegradedPerformance))
    };
    world.at("10:00", [slow(Minor)]);
    assert!(posts(&world.at("10:05", [slow(Major)])).is_empty());
    assert_eq!(posts(&world.until(clock("10:15"))), ["10:14:15 investigating"]);
}

#[test]
fn new_facts_close_to_each_other_go_into_one_post() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    assert!(posts(&world.action("10:00:10", "restarted it")).is_empty());
    assert!(posts(&world.at("10:00:20", [cause("Disk", Minor, "user-db")])).is_empty());
    assert_eq!(posts(&world.until(clock("10:02"))), ["10:01:00 identified"]);
    assert!(world.last_post().body.contains("- 10:00: restarted it"));
}

#[test]
fn what_was_new_and_is_no_more_is_not_said() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:00:20", [resolves("Errors")]);
    world.at("10:00:40", [fires("Errors", Major, "crm")]);
    assert!(posts(&world.until(clock("10:10"))).is_empty());
}

#[test]
fn nothing_new_is_said_as_such() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.until(clock("10:15"));
    let body = &world.last_post().body;
    assert!(body.contains("No change since 10:00: CRM has shown partial outage for 14m"), "{body}");
}

#[test]
fn a_promise_that_was_not_kept_is_said_at_once() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let events = world.away_until("10:40");
    assert!(
        matches!(events[0].what, What::Paged { .. }) && matches!(events[1].what, What::PromiseMissed { .. })
    );
    assert_eq!(posts(&events), ["10:40:00 investigating"]);
    assert!(world.last_post().body.starts_with("This update comes late: it was promised by 10:15."));
    assert_eq!(world.the().promises, Promises { made: 2, kept: 0, missed: 1, withdrawn: 0 });
}

#[test]
fn an_update_at_the_promised_time_is_still_kept() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.away_until("10:15");
    assert_eq!(world.the().promises, Promises { made: 2, kept: 1, missed: 0, withdrawn: 0 });
}

#[test]
fn a_hold_keeps_short_ones_unsaid() {
    let publish = gated(PublishMode::Auto, minutes(2));
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [resolves("Errors")]);
    world.until(clock("14:00"));
    assert!(posts(&world.log).is_empty());
    world.at("14:00", [fires("Errors", Major, "crm")]);
    world.until(clock("14:10"));
    assert_eq!(posts(&world.log), ["14:02:00 investigating"]);
}

#[test]
fn a_hold_begins_anew_when_an_unsaid_incident_reopens() {
    let publish = gated(PublishMode::Auto, minutes(2));
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:01", [resolves("Errors")]);
    world.at("11:00", [fires("Errors", Major, "crm")]);
    world.until(clock("11:03"));
    assert_eq!(posts(&world.log), ["11:02:00 investigating"]);
    assert_eq!(world.the().reopened, 1);
}

#[test]
fn with_publishing_off_nothing_is_said_and_nothing_promised() {
    let publish = gated(PublishMode::Off, Duration::ZERO);
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.until(clock("12:00"));
    assert!(posts(&world.log).is_empty());
    assert_eq!(world.the().promise, None);
}

#[test]
fn a_cause_is_said_only_as_its_rule_says() {
    let mut world = World::new();
    let public = |facts: &mut crate::rules::AlertFacts| facts.public_cause = Some("a full disk".to_owned());
    world.at("10:00", [fires("Errors", Major, "crm"), cause("Disk", Major, "user-db").with(public)]);
    assert!(world.last_post().body.contains("What generated the failure: a full disk"));
}

#[test]
fn a_cadence_shorter_than_its_lead_does_not_post_without_end() {
    let cadence = Cadence { major: Duration::from_secs(30), ..Cadence::default() };
    let mut world = World::with(Settings { cadence, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Errors", Major, "crm")]);
    assert!(posts(&world.until(clock("10:10"))).len() <= 20);
    assert_eq!(world.the().promises.missed, 0);
}

#[test]
fn a_clock_that_steps_back_does_not_keep_news_back() {
    let mut world = World::new();
    world.at("12:00", [fires("Errors", Major, "crm")]);
    world.now = clock("11:00");
    let transition = world.transition(&resolves("Errors"));
    let events =
        world.ask(&Input::Evaluation(Evaluation { transitions: vec![transition], changes: Vec::new() }));
    assert_eq!(posts(&events), ["11:00:00 monitoring"]);
}

#[test]
fn with_publishing_off_on_the_way_what_was_promised_is_kept_and_nothing_new_is_begun() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let publish = gated(PublishMode::Off, Duration::ZERO);
    let settings = |publish| std::sync::Arc::new(Settings { publish, ..Settings::default() });
    world.book.reconfigure(settings(publish), platform(), std::sync::Arc::from([]), Vec::new());
    world.at("10:05", [fires("Slow", Major, "desk"), fires("Late", Major, "billing")]);
    assert_eq!(
        posts(&world.until(clock("10:30"))),
        ["10:14:15 investigating", "10:28:15 investigating"],
        "news waits for what was promised"
    );
    assert!(world.incident(2).posts.is_empty());
    let publish = Settings::default().publish;
    world.book.reconfigure(settings(publish), platform(), std::sync::Arc::from([]), Vec::new());
    world.until(clock("10:31"));
    assert_eq!((world.incident(2).posts.len(), world.incident(1).promises.missed), (1, 0));
}
