//! Suspects, actions and what they changed, backlogs and when they will be drained.

use std::time::Duration;

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Critical, Major, Minor};
use crate::model::*;

fn change(at: Timestamp, component: &str, kind: ChangeKind, summary: &str) -> Change {
    let (component, summary) = (Some(id(component)), summary.to_owned());
    Change { at, component, kind, version: None, summary, by: Some("ci".to_owned()) }
}

fn ranked(world: &World) -> Vec<String> {
    world.the().suspects.iter().map(|suspect| format!("{} {:.2}", suspect.summary, suspect.score)).collect()
}

#[test]
fn yesterdays_change_with_most_of_the_rise_comes_before_a_bystander_of_today() {
    let mut world = World::new();
    world.now = clock("11:00");
    let evening = clock("00:00") - Duration::from_secs(2 * 3600);
    world.ask(&Input::Change(change(evening, "crm-consumers", ChangeKind::Config, "batch size raised")));
    world.ask(&Input::Change(change(clock("10:50"), "desk", ChangeKind::Deploy, "desk 2023.6")));
    world.explains("Cpu", 0.87);
    let events = world.at("11:11", [fires("Cpu", Critical, "user-db")]);
    assert_eq!(
        ranked(&world),
        [
            "batch size raised 0.48",
            "client=\"crm-consumers\" makes 87 % of the rise 0.21",
            "desk 2023.6 0.06"
        ]
    );
    let page = events.iter().find_map(|event| match &event.what {
        What::Paged { page } => Some(page),
        _ => None,
    });
    let page = page.expect("responders are paged");
    assert_eq!(page.suspects[0].summary, "batch size raised");
    let line = "1. batch size raised (CRM consumers), config, Jan 31, 2023 22:00: score 0.48 = time 0.68 × graph 0.80 × kind 1.00 × share 0.87";
    assert!(page.details.starts_with(&format!("suspects, the likeliest first:\n{line}")), "{}", page.details);
    assert!(!world.last_post().body.contains("batch size"), "customers do not read of suspects");
}

#[test]
fn a_change_that_is_told_twice_or_lies_too_far_away_is_no_further_suspect() {
    let mut world = World::new();
    world.now = clock("11:00");
    let told = change(clock("10:50"), "crm", ChangeKind::Deploy, "crm 7");
    assert_eq!(world.ask(&Input::Change(told.clone())).len(), 1);
    assert!(world.ask(&Input::Change(told)).is_empty());
    world.ask(&Input::Change(change(clock("10:50"), "billing", ChangeKind::Deploy, "unrelated")));
    let old = clock("00:00") - Duration::from_secs(40 * 3600);
    world.ask(&Input::Change(change(old, "crm", ChangeKind::Deploy, "long ago")));
    world.at("11:11", [fires("Errors", Major, "crm")]);
    assert_eq!(ranked(&world), ["crm 7 0.99"]);
}

#[test]
fn a_change_that_is_told_late_is_suspected_then() {
    let mut world = World::new();
    world.at("11:00", [fires("Errors", Major, "crm")]);
    assert!(world.the().suspects.is_empty());
    world.until(clock("11:05"));
    let events = world.ask(&Input::Change(change(clock("10:55"), "crm", ChangeKind::Deploy, "crm 7")));
    assert!(events.iter().any(|event| matches!(event.what, What::Suspected { .. })));
}

#[test]
fn where_users_set_a_bar_the_likeliest_suspect_is_the_cause() {
    let mut world = World::with(Settings { identify_at: Some(0.9), ..Settings::default() }, Vec::new());
    world.now = clock("11:00");
    world.ask(&Input::Change(change(clock("10:50"), "crm", ChangeKind::Deploy, "crm 7")));
    world.at("11:01", [fires("Errors", Major, "crm")]);
    assert_eq!(world.the().status, Status::Identified);
    assert!(!world.last_post().body.contains("crm 7"), "customers read only what an operator says");
}

#[test]
fn an_action_shows_what_it_changed() {
    let mut world = World::new();
    world.at("11:00", [fires("Cpu", Critical, "user-db")]);
    world.reads("Cpu", 97.0);
    let events = world.action("11:30", "consumers switched off");
    assert_eq!(posts(&events), ["11:30:00 investigating"]);
    world.until(clock("11:40"));
    world.reads("Cpu", 60.0);
    world.at("11:40", [resolves("Cpu")]);
    let outcome = world.the().actions[0].item.outcome.clone();
    let effect = Effect { what: "Cpu".to_owned(), from: 97.0, to: 60.0, within_ms: 600_000 };
    assert_eq!(outcome, ActionOutcome::Measured(effect));
    assert!(world.the().pages.last().unwrap().item.details.contains("Cpu 97 → 60 within 10m"));
}

#[test]
fn an_action_that_changes_nothing_says_so_after_a_while() {
    let mut world = World::new();
    world.at("11:00", [fires("Cpu", Critical, "user-db")]);
    world.reads("Cpu", 97.0);
    world.action("11:30", "cache cleared");
    world.until(clock("11:46"));
    assert_eq!(world.the().actions[0].item.outcome, ActionOutcome::NoEffect);
    world.command("11:50", CommandKind::RetractAction { number: 1 });
    world.until(clock("12:00"));
    assert!(!world.last_post().body.contains("cache cleared"));
}

#[test]
fn a_version_that_goes_back_in_metrics_is_an_action() {
    let mut world = World::new();
    world.at("11:00", [fires("Cpu", Critical, "user-db")]);
    world.until(clock("11:30"));
    let back =
        Change { by: None, ..change(clock("11:29"), "crm-consumers", ChangeKind::Rollback, "7.4 → 7.3") };
    world.ask(&Input::Evaluation(Evaluation { transitions: Vec::new(), changes: vec![back] }));
    assert_eq!(world.the().actions[0].item.text, "CRM consumers: 7.4 → 7.3");
    world.until(clock("12:00"));
    assert!(
        world.the().posts.iter().all(|post| !post.item.body.contains("7.3")),
        "customers do not read of it"
    );
}

#[test]
fn an_action_that_is_told_late_makes_no_claim() {
    let mut world = World::new();
    world.at("11:00", [fires("Cpu", Critical, "user-db")]);
    world.reads("Cpu", 60.0);
    let told = CommandKind::Action { text: "restarted".to_owned(), at: Some(clock("11:10")) };
    world.command("11:30", told);
    world.until(clock("12:30"));
    assert_eq!(world.the().actions[0].item.outcome, ActionOutcome::Open);
}

#[test]
fn after_a_restart_the_last_eta_stands_until_enough_is_measured() {
    let mut world = World::new();
    let queue = backlog("Queue", Minor, "analytics").with(|facts| facts.clear = Some(1000.0));
    world.at("12:00", [fires("Gaps", Major, "analytics"), queue]);
    a_queue(&mut world, "12:40");
    let said = world.last_post().etas.clone();
    assert!(!said.is_empty());
    world.book = world.restored();
    world.until(clock("13:05"));
    assert_eq!(world.last_post().etas, said);
}

/// A queue that grows for ten minutes and drains for two hours, measured each half minute.
fn a_queue(world: &mut World, until: &str) {
    let start = clock("12:00");
    let mut at = world.now;
    while at < clock(until) {
        at = at + Duration::from_secs(30);
        world.until(at);
        let minutes = at.since(start).as_secs_f64() / 60.0;
        let depth = if minutes < 10.0 { 6000.0 * minutes } else { 60_000.0 - 500.0 * (minutes - 10.0) };
        world.reads("Queue", depth);
    }
}

#[test]
fn a_backlog_says_how_it_goes_and_when_it_will_be_drained() {
    let mut world = World::new();
    let queue = backlog("Queue", Minor, "analytics").with(|facts| facts.clear = Some(1000.0));
    world.at("12:00", [fires("Gaps", Major, "analytics"), queue]);
    a_queue(&mut world, "12:08");
    world.at("12:08", [fires("Gaps", Critical, "analytics")]);
    assert!(world.last_post().body.contains("and it is growing"), "{}", world.last_post().body);
    assert!(world.last_post().etas.is_empty());
    a_queue(&mut world, "12:40");
    let eta = world.last_post().etas.first().expect("it is told once it drains").clone();
    // 118 minutes after 12:10.
    assert!(clock("14:00") <= eta.best && eta.best <= clock("14:15"), "{}", said(eta.best));
    assert!(world.last_post().body.contains("We expect it to be drained by about 14:"));
    let stated = world.the().posts.iter().filter(|post| !post.item.etas.is_empty()).count();
    assert!(stated <= 4, "it is not said again and again: {stated}");
}

#[test]
fn an_eta_that_slips_raises_the_severity_where_that_is_wanted() {
    let raise = vec![Raise { to: Critical, when: RaiseWhen::EtaSlips(minutes(30)) }];
    let mut world = World::with(Settings { raise, ..Settings::default() }, Vec::new());
    let queue = backlog("Queue", Major, "analytics").with(|facts| facts.clear = Some(1000.0));
    world.at("12:00", [fires("Gaps", Minor, "analytics"), queue]);
    let mut at = world.now;
    let mut depth = 100_000.0;
    while at < clock("14:30") {
        at = at + Duration::from_secs(30);
        world.until(at);
        depth -= if at < clock("13:00") { 500.0 } else { 250.0 };
        world.reads("Queue", depth);
    }
    assert_eq!(world.the().severity(), Some(Critical));
}

#[test]
fn what_customers_may_read_of_a_rule_stands_in_posts_with_its_figure() {
    let mut world = World::new();
    world.at("12:00", [fires("Errors", Major, "crm")]);
    assert!(!world.last_post().body.contains("Measured:"));
    world.tells("Errors", "12 % of the requests to the CRM fail");
    world.at("12:05", [fires("Slow", Major, "desk")]);
    assert!(world.last_post().body.contains("Measured:\n- 12 % of the requests to the CRM fail"));
}
