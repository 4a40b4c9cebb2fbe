//! `at T command …`: what an operator says, in words.
//!
//! In:   the words behind `command`.
//! Out:  the command as the engine takes it.
//! Not:  whether it makes sense then is for the engine to say; the view `refusals` shows what it says.

use crate::incidents::{CommandKind, Holdable, Impact, Status};
use crate::model::{ComponentId, IncidentId, SinkName, Span};

use super::words::{Words, Wrong};

/// The words that begin a command.
const KNOWN: &[&str] = &[
    "ack",
    "unack",
    "note",
    "retract-note",
    "action",
    "retract-action",
    "cause",
    "withdraw-cause",
    "status",
    "impact",
    "post",
    "approve",
    "edit-draft",
    "discard-draft",
    "mute",
    "unmute",
    "merge",
    "split",
    "dismiss",
    "reinstate",
    "resolve",
    "reopen",
    "release",
];

/// Reads a command; `by=` and `incident=` are left for the caller.
///
/// # Errors
/// Where it is none.
pub fn read(words: &mut Words<'_>) -> Result<CommandKind, Wrong> {
    let word = words.expect("a command, such as `ack`")?;
    Ok(match word.text.as_str() {
        "ack" => CommandKind::Acknowledge,
        "unack" => CommandKind::Unacknowledge,
        "note" => CommandKind::Note { text: words.expect_text("the note")? },
        "retract-note" => CommandKind::RetractNote { number: number(words, "the note's number")? },
        "action" => CommandKind::Action { text: words.expect_text("what was done")?, at: None },
        "retract-action" => CommandKind::RetractAction { number: number(words, "the action's number")? },
        "cause" => cause(words)?,
        "withdraw-cause" => CommandKind::WithdrawCause,
        "status" => CommandKind::Status { status: status(words)? },
        "impact" => CommandKind::Impact { impact: impact(words)? },
        "post" => CommandKind::Post { text: words.expect_text("what is posted")? },
        "approve" => CommandKind::Approve { text: optional_text(words) },
        "edit-draft" => CommandKind::EditDraft { text: words.expect_text("the text")? },
        "discard-draft" => CommandKind::DiscardDraft,
        "mute" => CommandKind::Mute,
        "unmute" => CommandKind::Unmute,
        "merge" => CommandKind::Merge { into: into(words)? },
        "split" => CommandKind::Split { alerts: alerts(words)? },
        "dismiss" => CommandKind::Dismiss { alert: words.expect_text("the alert")? },
        "reinstate" => CommandKind::Reinstate { alert: words.expect_text("the alert")? },
        "resolve" => CommandKind::Resolve,
        "reopen" => CommandKind::Reopen,
        "release" => CommandKind::Release { what: held(words)? },
        _ => return Err(words.unknown(&word, "command", KNOWN)),
    })
}

/// Reads `INC-1`.
///
/// # Errors
/// Where it is no incident.
pub fn incident(words: &Words<'_>, text: &str, span: Span) -> Result<IncidentId, Wrong> {
    let number = text.strip_prefix("INC-").and_then(|number| number.parse().ok());
    let wrong = || words.problem(span, format!("`{text}` is no incident")).hint("write `INC-1`");
    number.map(IncidentId).ok_or_else(wrong)
}

fn number(words: &mut Words<'_>, what: &str) -> Result<u32, Wrong> {
    let word = words.expect(what)?;
    word.text.parse().map_err(|_| words.problem(word.span, format!("expected {what}, found `{}`", word.text)))
}

fn cause(words: &mut Words<'_>) -> Result<CommandKind, Wrong> {
    let text = words.expect_text("the cause")?;
    let component = match words.take_option("component") {
        Some((id, span)) => Some(
            ComponentId::new(&id).map_err(|_| words.problem(span, format!("`{id}` is not a usable name")))?,
        ),
        None => None,
    };
    let internal = words.take_if("internal");
    Ok(CommandKind::Cause { text, component, internal })
}

fn status(words: &mut Words<'_>) -> Result<Status, Wrong> {
    let all = [Status::Investigating, Status::Identified, Status::Monitoring, Status::Resolved];
    one_of(words, "status", &all.map(|status| (status.as_str(), status)))
}

fn impact(words: &mut Words<'_>) -> Result<Impact, Wrong> {
    let all = [Impact::None, Impact::Minor, Impact::Major, Impact::Critical];
    one_of(words, "impact", &all.map(|impact| (impact.as_str(), impact)))
}

fn one_of<T: Copy>(words: &mut Words<'_>, what: &str, known: &[(&str, T)]) -> Result<T, Wrong> {
    let word = words.expect(&format!("the {what}"))?;
    let found = known.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| words.unknown(&word, what, &names))
}

fn optional_text(words: &mut Words<'_>) -> Option<String> {
    words.peek().is_some_and(|word| word.quoted).then(|| words.take()).flatten().map(|word| word.text)
}

fn into(words: &mut Words<'_>) -> Result<IncidentId, Wrong> {
    let word = words.expect("the incident that goes on: `into=INC-1`")?;
    match word.pair() {
        Some(("into", id)) => incident(words, id, word.span),
        _ => Err(words.problem(word.span, format!("expected `into=INC-1`, found `{}`", word.text))),
    }
}

fn alerts(words: &mut Words<'_>) -> Result<Vec<String>, Wrong> {
    let mut alerts = vec![words.expect_text("the alert to take out")?];
    while let Some(alert) = optional_text(words) {
        alerts.push(alert);
    }
    Ok(alerts)
}

fn held(words: &mut Words<'_>) -> Result<Holdable, Wrong> {
    let word = words.expect("`status`, `impact` or a sink")?;
    Ok(match word.text.as_str() {
        "status" => Holdable::Status,
        "impact" => Holdable::Impact,
        sink => Holdable::Sink(
            SinkName::new(sink)
                .map_err(|_| words.problem(word.span, format!("`{sink}` is not a usable name")))?,
        ),
    })
}
