//! Gates: holds, breadth, most posts an hour, and a person's approval.

use super::harness::*;
use crate::incidents::*;
use crate::model::Severity::{Major, Minor};

fn approving(fallback: Fallback) -> World {
    let otherwise = Gate { mode: PublishMode::Approve, fallback, ..Gate::default() };
    let publish = Publish { otherwise, gates: Vec::new() };
    World::with(Settings { publish, ..Settings::default() }, Vec::new())
}

fn kinds(world: &World) -> Vec<(String, PostKind)> {
    world.the().posts.iter().map(|post| (said(post.at), post.item.kind.clone())).collect()
}

fn by_ana() -> PostKind {
    PostKind::Written { by: "ana".to_owned(), own_words: false }
}

#[test]
fn a_draft_waits_and_goes_out_as_it_is_when_it_is_approved() {
    let mut world = approving(Fallback::HoldingStatement);
    let events = world.at("10:00", [fires("Errors", Major, "crm")]);
    assert_eq!(pages(&events), ["10:00:00 Opened → ops, phone", "10:00:00 DraftWaits → ops, phone"]);
    assert!(world.the().posts.is_empty() && world.the().promise.is_none());
    world.command("10:03", CommandKind::Approve { text: None });
    assert_eq!(kinds(&world), [("10:03:00".to_owned(), by_ana())]);
    assert!(
        world.last_post().body.contains("We are investigating a problem with Blip Platform (CRM) and Desk.")
    );
    assert_eq!(world.the().promise.map(said).as_deref(), Some("10:18:00"));
}

#[test]
fn unanswered_a_holding_statement_goes_out_and_what_it_promised_is_kept() {
    let mut world = approving(Fallback::HoldingStatement);
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.until(clock("10:40"));
    let holding = |at: &str| (at.to_owned(), PostKind::Holding);
    assert_eq!(kinds(&world), [holding("10:10:00"), holding("10:24:15"), holding("10:38:15")]);
    assert!(!world.last_post().body.contains("partial outage"), "{}", world.last_post().body);
    world.command("10:39:30", CommandKind::Approve { text: None });
    assert!(world.last_post().body.contains("partial outage"));
    assert_eq!(world.the().promises.missed, 0);
}

#[test]
fn unanswered_nothing_goes_out_where_that_is_wanted() {
    let mut world = approving(Fallback::Nothing);
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.until(clock("11:00"));
    assert!(world.the().posts.is_empty());
    world.at("11:01", [resolves("Errors")]);
    assert!(world.the().draft.is_none(), "what is over before anything was said stays unsaid");
}

#[test]
fn what_a_person_wrote_into_a_draft_stays_in_it() {
    let mut world = approving(Fallback::HoldingStatement);
    world.at("10:00", [fires("Errors", Major, "crm")]);
    world.command("10:01", CommandKind::EditDraft { text: "The CRM is slow. We know why.".to_owned() });
    world.at("10:03", [fires("Slow", Major, "desk")]);
    world.command("10:05", CommandKind::Approve { text: None });
    assert!(world.last_post().body.starts_with("The CRM is slow. We know why."));
    assert!(world.last_post().body.contains("Next update: by"));
}

#[test]
fn a_draft_follows_the_facts_until_a_person_writes_into_it() {
    let mut world = approving(Fallback::HoldingStatement);
    world.at("10:00", [fires("Errors", Minor, "crm")]);
    world.at("10:03", [fires("Errors", Major, "crm")]);
    let draft = world.the().draft.clone().unwrap();
    assert_eq!((said(draft.since), said(draft.revised_at)), ("10:00:00".into(), "10:03:00".into()));
    assert!(draft.post.body.contains("partial outage"));
    let events = world.command("10:04", CommandKind::DiscardDraft);
    assert!(matches!(events[0].what, What::DraftDropped { by: Some(_) }));
}

#[test]
fn a_gate_is_for_the_incidents_that_it_matches() {
    let billing = PolicyMatch { components: [id("billing")].into(), ..PolicyMatch::default() };
    let off = Gate { mode: PublishMode::Off, ..Gate::default() };
    let publish = Publish { otherwise: Gate::default(), gates: vec![(billing, off)] };
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Late", Major, "billing")]);
    world.at("10:05", [fires("Errors", Major, "crm")]);
    assert_eq!((world.incident(1).posts.len(), world.incident(2).posts.len()), (0, 1));
}

#[test]
fn a_gate_of_breadth_waits_for_more_than_one_component() {
    let otherwise = Gate { breadth: 2, ..Gate::default() };
    let publish = Publish { otherwise, gates: Vec::new() };
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Slow", Minor, "desk")]);
    assert!(world.the().posts.is_empty());
    let events = world.at("10:05", [fires("Errors", Minor, "crm")]);
    assert_eq!(posts(&events), ["10:05:00 investigating"]);
}

#[test]
fn at_most_so_many_posts_an_hour_but_for_promises_and_the_end() {
    let otherwise = Gate { most_posts_an_hour: Some(2), ..Gate::default() };
    let publish = Publish { otherwise, gates: Vec::new() };
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("10:00", [fires("Slow", Minor, "desk")]);
    world.at("10:05", [fires("Errors", Minor, "crm")]);
    world.at("10:10", [fires("Errors", Major, "crm")]);
    world.at("10:12", [fires("Errors", Minor, "crm")]);
    world.until(clock("11:00"));
    // 10:19:15 is the promise that the major symptom made sooner; its post takes the news along.
    let at: Vec<String> = world.the().posts.iter().map(|post| said(post.at)).collect();
    assert_eq!(at, ["10:00:00", "10:05:00", "10:34:15"]);
    assert_eq!(world.the().promises.missed, 0);
}

#[test]
fn a_gate_that_closes_later_still_lets_out_what_was_promised_and_the_end() {
    let minor = PolicyMatch { severities: [Minor].into(), ..PolicyMatch::default() };
    let off = Gate { mode: PublishMode::Off, ..Gate::default() };
    let publish = Publish { otherwise: Gate::default(), gates: vec![(minor, off)] };
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("09:05", [fires("Errors", Major, "crm")]);
    world.at("09:12", [fires("Errors", Minor, "crm")]);
    world.at("09:40", [resolves("Errors")]);
    world.until(clock("12:00"));
    let said: Vec<String> = world.the().posts.iter().map(|post| said(post.at)).collect();
    assert_eq!(said, ["09:05:00", "09:19:15", "09:40:00", "09:55:00"]);
    assert_eq!(world.last_post().status, Status::Resolved);
    assert_eq!(world.the().promises.missed, 0);
    assert_eq!(world.book.next_wake(), None);
}

#[test]
fn what_a_person_posts_with_publishing_off_is_followed_up() {
    let publish = gated(PublishMode::Off, minutes(0));
    let mut world = World::with(Settings { publish, ..Settings::default() }, Vec::new());
    world.at("09:05", [fires("Errors", Major, "crm")]);
    world.command("09:10", CommandKind::Post { text: "We know.".to_owned() });
    world.at("09:30", [resolves("Errors")]);
    world.until(clock("12:00"));
    assert_eq!(world.last_post().status, Status::Resolved);
    assert_eq!(world.the().promises.missed, 0);
}

#[test]
fn a_draft_takes_a_cause_in_that_came_after_it() {
    let mut world = approving(Fallback::HoldingStatement);
    world.at("10:00", [fires("Errors", Major, "crm")]);
    let cause = |facts: &mut crate::rules::AlertFacts| facts.public_cause = Some("a full disk".to_owned());
    world.at("10:02", [super::harness::cause("Disk", Major, "user-db").with(cause)]);
    world.until(clock("10:04"));
    let draft = &world.the().draft.as_ref().unwrap().post;
    assert!(draft.body.contains("a full disk"), "{}", draft.body);
}

#[test]
fn a_clock_that_steps_back_brings_no_holding_statement_forward() {
    let mut world = approving(Fallback::Nothing);
    world.at("10:00", [fires("Errors", Minor, "crm")]);
    world.command("10:01", CommandKind::Approve { text: None });
    world.at("10:05", [fires("Slow", Minor, "desk")]);
    world.now = clock("09:50");
    world.ask(&Input::Tick);
    assert_eq!(world.the().posts.len(), 1);
}
