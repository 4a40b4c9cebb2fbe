//! Who is paged when, and what stops it.

use std::time::Duration;

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Critical, Major, Minor};
use crate::model::*;

fn policy(severities: &[Severity], steps: Vec<EscalationStep>) -> EscalationPolicy {
    let severities = severities.iter().copied().collect();
    EscalationPolicy {
        matches: PolicyMatch { severities, ..PolicyMatch::default() },
        steps,
        ack_timeout: None,
    }
}

fn step(after: u64, to: &str, repeat: Option<u64>) -> EscalationStep {
    EscalationStep { after: minutes(after), page: vec![sink(to)], repeat: repeat.map(minutes) }
}

fn two_levels() -> World {
    let steps = vec![step(0, "ops", None), step(15, "boss", Some(10))];
    let for_critical = policy(&[Critical], vec![step(0, "phone", None)]);
    World::with(Settings::default(), vec![policy(&[Major], steps), for_critical])
}

#[test]
fn without_a_policy_every_responder_is_paged_at_once_and_once_more() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.until(clock("18:00"));
    assert_eq!(pages(&world.log), ["10:00:00 Opened → ops, phone", "10:15:00 NotAcknowledged → ops, phone"]);
}

#[test]
fn below_the_bar_nobody_is_paged() {
    let mut world = World::new();
    world.at("10:00", [fires("Slow", Minor, "crm")]);
    world.at("10:05", [resolves("Slow")]);
    world.until(clock("11:00"));
    assert!(pages(&world.log).is_empty());
}

#[test]
fn steps_come_after_their_delay_and_repeat_until_somebody_acknowledges() {
    let mut world = two_levels();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:30", CommandKind::Acknowledge);
    world.until(clock("12:00"));
    assert_eq!(
        pages(&world.log),
        ["10:00:00 Opened → ops", "10:15:00 NotAcknowledged → boss", "10:25:00 NotAcknowledged → boss"]
    );
    assert_eq!(world.the().acknowledged_by.as_deref(), Some("ana"));
}

#[test]
fn a_raised_severity_starts_its_own_policy_and_asks_anew() {
    let mut world = two_levels();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:01", CommandKind::Acknowledge);
    let events = world.at("10:05", [fires("Errors", Critical, "crm")]);
    assert_eq!(pages(&events), ["10:05:00 SeverityRaised → phone"]);
    assert_eq!(world.the().acknowledged_at, None);
    // Down and up again is no news.
    world.at("10:06", [fires("Errors", Major, "crm")]);
    assert!(pages(&world.at("10:07", [fires("Errors", Critical, "crm")])).is_empty());
}

#[test]
fn while_it_is_only_watched_nobody_is_called() {
    let mut world = two_levels();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [resolves("Errors")]);
    let events = world.until(clock("12:00"));
    assert_eq!(pages(&events), ["10:20:00 Resolved → ops"]);
}

#[test]
fn a_relapse_calls_again_and_restarts_the_policy_where_nobody_took_it_on() {
    let mut world = two_levels();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.at("10:05", [resolves("Errors")]);
    assert_eq!(pages(&world.at("10:10", [fires("Errors", Major, "crm")])), ["10:10:00 Reopened → ops"]);
    assert_eq!(pages(&world.until(clock("10:26"))), ["10:25:00 NotAcknowledged → boss"]);
}

#[test]
fn several_lost_measurements_are_one_page() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Minor, "crm"), fires("Slow", Minor, "crm")]);
    let first = world.at("10:05", [goes_missing("Errors")]);
    assert_eq!(pages(&first), ["10:05:00 MeasurementLost → ops, phone"]);
    assert!(pages(&world.at("10:06", [goes_missing("Slow")])).is_empty());
    world.at("10:07", [resolves("Errors"), resolves("Slow")]);
    world.at("10:08", [fires("Errors", Minor, "crm")]);
    assert_eq!(pages(&world.at("10:09", [goes_missing("Errors")])).len(), 1);
}

#[test]
fn a_message_that_never_arrives_is_told_once_to_those_who_can_be_reached() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let report = |delivery, name: &str| {
        Input::SinkReport(SinkReport {
            number: 1,
            delivery: DeliveryId(delivery),
            incident: IncidentId(1),
            sink: sink(name),
            at: clock("10:01"),
            news: SinkNews::Dead { because: "410 gone".to_owned() },
        })
    };
    assert_eq!(pages(&world.ask(&report(1, "ops"))), ["10:00:00 DeliveryFailed → phone"]);
    assert!(world.ask(&report(1, "ops")).is_empty());
    assert!(pages(&world.ask(&report(2, "ops"))).is_empty());
    assert_eq!(pages(&world.ask(&report(3, "status-page"))), ["10:00:00 DeliveryFailed → ops, phone"]);
    assert!(
        world.the().pages.last().unwrap().item.details.contains("not delivered to status-page: 410 gone")
    );
}

#[test]
fn a_policy_that_names_no_severity_is_for_all() {
    let mut world = World::with(Settings::default(), vec![policy(&[], vec![step(0, "ops", None)])]);
    world.at("10:00", [fires("Slow", Minor, "crm")]);
    world.at("10:05", [fires("Slow", Major, "crm")]);
    assert_eq!(pages(&world.log), ["10:00:00 Opened → ops", "10:05:00 SeverityRaised → ops"]);
}

#[test]
fn without_a_policy_the_bar_of_pages_decides() {
    let mut world = World::with(Settings { page_at: Critical, ..Settings::default() }, Vec::new());
    assert!(pages(&world.at("10:00", [fires("Errors", Major, "crm")])).is_empty());
    assert_eq!(pages(&world.at("10:05", [fires("Errors", Critical, "crm")])).len(), 1);
}

#[test]
fn a_policy_may_be_for_some_components_only() {
    let mut only_billing = policy(&[], vec![step(0, "billing-team", None)]);
    only_billing.matches.components.insert(id("billing"));
    let mut world = World::with(Settings::default(), vec![only_billing]);
    assert!(pages(&world.at("10:00", [fires("Errors", Major, "crm")])).is_empty());
    assert_eq!(
        pages(&world.at("10:01", [fires("Late", Major, "billing")])),
        ["10:01:00 Opened → billing-team"]
    );
}

#[test]
fn a_repeat_of_nothing_is_a_minute() {
    let endless = EscalationStep { repeat: Some(Duration::ZERO), ..step(0, "ops", None) };
    let mut world = World::with(Settings::default(), vec![policy(&[], vec![endless])]);
    world.at("10:00", [fires("Errors", Major, "crm")]);
    assert_eq!(pages(&world.until(clock("10:02"))).len(), 2);
}

#[test]
fn a_page_says_everything() {
    let mut world = World::new();
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let page = &world.the().pages[0].item;
    assert_eq!(page.runbooks, ["https://runbooks.example/Errors"]);
    assert!(page.details.contains("Errors{instance=\"db-7.internal:9187\"}: 97 (threshold 85)"));
    assert!(page.details.contains("Errors of db-7.internal is bad"));
    assert_eq!(page.components.len(), 3);
}
