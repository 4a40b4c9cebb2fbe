//! Operators' words, and what each does to an incident.
//!
//! In:   a command about one incident.
//! Out:  its events; what follows from them is settled afterwards. A command that makes no sense now is refused
//!       with the reason, and makes no event.
//! Not:  nobody's rights are checked here.

use serde::{Deserialize, Serialize};

use crate::model::{ComponentId, IncidentId, SinkName, Timestamp};
use crate::rules::AlertKey;

use super::draft::Draft;
use super::event::{Fixed, What};
use super::incident::Incident;
use super::message::PageReason;
use super::status::{Impact, Status};
use super::why::Why;
use super::{action, lifecycle, merge, publish};

/// An operator's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Who says it.
    pub by: String,
    /// About which incident.
    pub incident: IncidentId,
    /// What.
    pub kind: CommandKind,
}

/// What an operator can say. Each is reversed by another; what was said in public can only be said otherwise by
/// another post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CommandKind {
    /// 'I am on it': stops escalation.
    Acknowledge,
    /// 'I am not': escalation starts again.
    Unacknowledge,
    /// An internal line.
    Note {
        /// The line.
        text: String,
    },
    /// Takes a note back.
    RetractNote {
        /// Its number, from 1.
        number: u32,
    },
    /// Something people did against the incident.
    Action {
        /// What they did.
        text: String,
        /// When; now where it is left out.
        at: Option<Timestamp>,
    },
    /// Takes an action back.
    RetractAction {
        /// Its number, from 1.
        number: u32,
    },
    /// Names the cause.
    Cause {
        /// The cause, in words.
        text: String,
        /// The component that it lies in.
        component: Option<ComponentId>,
        /// Whether customers must not read it.
        #[serde(default)]
        internal: bool,
    },
    /// Takes the named cause back.
    WithdrawCause,
    /// Sets the status, and holds it.
    Status {
        /// `investigating`, `identified` or `monitoring`.
        status: Status,
    },
    /// Sets the public impact, and holds it.
    Impact {
        /// The impact.
        impact: Impact,
    },
    /// A public word, as written.
    Post {
        /// The text.
        text: String,
    },
    /// Publishes the draft that waits, with another text where one is given.
    Approve {
        /// The text instead.
        text: Option<String>,
    },
    /// Writes another text into the draft that waits.
    EditDraft {
        /// The text.
        text: String,
    },
    /// Throws the draft that waits away.
    DiscardDraft,
    /// Says nothing more in public until `unmute` or the end.
    Mute,
    /// Speaks again.
    Unmute,
    /// Makes this incident a part of another one.
    Merge {
        /// Which one goes on.
        into: IncidentId,
    },
    /// Takes alerts out into an incident of their own.
    Split {
        /// The alerts, as they are shown, or by name.
        alerts: Vec<String>,
    },
    /// Lets an alert not count any more, until it moves by itself.
    Dismiss {
        /// The alert, as it is shown, or by name.
        alert: String,
    },
    /// Lets a dismissed alert count again.
    Reinstate {
        /// The alert, as it is shown, or by name.
        alert: String,
    },
    /// Ends it. What fires still is no reason to reopen it before it has cleared once.
    Resolve,
    /// Opens it again.
    Reopen,
    /// Lets the machine decide again what a person had set.
    Release {
        /// What.
        what: Holdable,
    },
}

/// What a person can set, and the machine then leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holdable {
    /// The status.
    Status,
    /// The public impact.
    Impact,
    /// What a sink shows, after somebody changed it there.
    Sink(SinkName),
}

/// Why a command is not obeyed: in words, for the one who gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// Does what an operator says, and tells which incidents are to be settled after it. What is so already makes no
/// event.
///
/// # Errors
/// Why it makes no sense now.
pub(super) fn obey(draft: &mut Draft<'_>, command: &Command) -> Result<Vec<IncidentId>, Refused> {
    let (id, by) = (command.incident, command.by.clone());
    if draft.get(id).is_none() {
        return refuse(format!("there is no incident `{id}`"));
    }
    let why = Why::Operator { by: by.clone() };
    match &command.kind {
        CommandKind::Acknowledge | CommandKind::Unacknowledge => on_call(draft, command, &why)?,
        CommandKind::Note { .. }
        | CommandKind::RetractNote { .. }
        | CommandKind::Action { .. }
        | CommandKind::RetractAction { .. }
        | CommandKind::Cause { .. }
        | CommandKind::WithdrawCause => say_what_is_known(draft, command, &why)?,
        CommandKind::Status { .. } | CommandKind::Impact { .. } | CommandKind::Release { .. } => {
            hold(draft, command, &why)?;
        }
        CommandKind::Post { .. }
        | CommandKind::Approve { .. }
        | CommandKind::EditDraft { .. }
        | CommandKind::DiscardDraft
        | CommandKind::Mute
        | CommandKind::Unmute => speak(draft, command, &why)?,
        CommandKind::Merge { into } => {
            merge::on_command(draft, id, *into, &why)?;
            return Ok(vec![id, *into]);
        }
        CommandKind::Split { alerts } => {
            let keys = pick_all(draft, id, alerts)?;
            let new = merge::split(draft, id, &keys, &by, &why)?;
            return Ok(vec![id, new]);
        }
        CommandKind::Dismiss { alert } => {
            open(draft, id)?;
            for key in pick(known(draft, id)?, alert)? {
                let incident = known(draft, id)?;
                if incident.members.get(&key).is_some_and(|member| incident.counts(member)) {
                    draft.push(id, What::Dismissed { key, by: by.clone() }, why.clone());
                }
            }
        }
        CommandKind::Reinstate { alert } => {
            for key in pick(known(draft, id)?, alert)? {
                if known(draft, id)?.dismissed.contains(&key) {
                    draft.push(id, What::Reinstated { key, by: by.clone() }, why.clone());
                }
            }
        }
        CommandKind::Resolve => {
            if known(draft, id)?.active().next().is_some() && known(draft, id)?.is_open() {
                draft.push(id, What::Fixed { fixed: Fixed::Resolved, by }, why.clone());
            }
            if known(draft, id)?.is_open() {
                lifecycle::close(draft, id, &why);
            }
        }
        CommandKind::Reopen => {
            let incident = known(draft, id)?;
            if let Some(into) = incident.merged_into {
                return refuse(format!(
                    "{id} became a part of {into}; take its alerts out there with `split`"
                ));
            }
            if !incident.is_open() {
                lifecycle::reopen(draft, id, &why);
                let fixed = Fixed::Status { status: Status::Investigating };
                draft.push(id, What::Fixed { fixed, by }, why);
            }
        }
    }
    Ok(vec![id])
}

fn on_call(draft: &mut Draft<'_>, command: &Command, why: &Why) -> Result<(), Refused> {
    let (id, by) = (command.incident, command.by.clone());
    open(draft, id)?;
    let taken_on = known(draft, id)?.acknowledged_at.is_some();
    match &command.kind {
        // The first to take it on stands.
        CommandKind::Acknowledge if !taken_on => draft.push(id, What::Acknowledged { by }, why.clone()),
        CommandKind::Unacknowledge if taken_on => {
            draft.push(id, What::Unacknowledged { by: Some(by) }, why.clone());
            if let Some(severity) = known(draft, id)?.severity() {
                let reason = PageReason::NotAcknowledged;
                draft.push(id, What::Escalating { severity, reason }, why.clone());
            }
        }
        _ => {}
    }
    Ok(())
}

fn say_what_is_known(draft: &mut Draft<'_>, command: &Command, why: &Why) -> Result<(), Refused> {
    let (id, by) = (command.incident, command.by.clone());
    let what = match &command.kind {
        CommandKind::Note { text } => What::Noted { by, text: written(text)? },
        CommandKind::RetractNote { number } => {
            let note = nth(&known(draft, id)?.notes, *number);
            match note {
                None => return refuse(format!("{id} has no note {number}")),
                Some(note) if note.item.retracted => return Ok(()),
                Some(_) => What::NoteRetracted { number: *number, by },
            }
        }
        CommandKind::Action { text, at } => {
            let at = at.unwrap_or(draft.now());
            if draft.now() < at {
                return refuse("an action cannot lie in the future");
            }
            let measured = action::figures(draft, known(draft, id)?, at);
            What::Acted { by, text: written(text)?, done_at: Some(at), measured, seen: false }
        }
        CommandKind::RetractAction { number } => {
            let action = nth(&known(draft, id)?.actions, *number);
            match action {
                None => return refuse(format!("{id} has no action {number}")),
                Some(action) if action.item.retracted => return Ok(()),
                Some(_) => What::ActionRetracted { number: *number, by },
            }
        }
        CommandKind::Cause { text, component, internal } => {
            open(draft, id)?;
            if let Some(component) = component
                && draft.config().graph.get(component).is_none()
            {
                return refuse(format!("there is no component `{component}`"));
            }
            What::CauseNamed { by, text: written(text)?, component: component.clone(), public: !internal }
        }
        CommandKind::WithdrawCause if known(draft, id)?.cause_is_known() => What::CauseWithdrawn { by },
        _ => return Ok(()),
    };
    draft.push(id, what, why.clone());
    Ok(())
}

fn hold(draft: &mut Draft<'_>, command: &Command, why: &Why) -> Result<(), Refused> {
    let (id, by) = (command.incident, command.by.clone());
    let incident = open(draft, id)?;
    let what = match &command.kind {
        CommandKind::Status { status: Status::Resolved } => {
            return refuse(
                "`resolve` ends an incident; a status is `investigating`, `identified` or `monitoring`",
            );
        }
        CommandKind::Status { status } if incident.fixed_status != Some(*status) => {
            What::Fixed { fixed: Fixed::Status { status: *status }, by }
        }
        CommandKind::Impact { impact } if incident.fixed_impact != Some(*impact) => {
            What::Fixed { fixed: Fixed::Impact { impact: *impact }, by }
        }
        CommandKind::Release { what } => {
            let is_held = match what {
                Holdable::Status => incident.fixed_status.is_some(),
                Holdable::Impact => incident.fixed_impact.is_some(),
                Holdable::Sink(sink) => incident.stood_down.contains_key(sink),
            };
            if !is_held {
                return Ok(());
            }
            What::Released { what: what.clone(), by }
        }
        _ => return Ok(()),
    };
    draft.push(id, what, why.clone());
    Ok(())
}

fn speak(draft: &mut Draft<'_>, command: &Command, why: &Why) -> Result<(), Refused> {
    let (id, by) = (command.incident, command.by.clone());
    let incident = known(draft, id)?;
    let no_draft = || Refused(format!("no draft of {id} waits for an approval"));
    match &command.kind {
        CommandKind::Post { text } => publish::as_written(draft, id, &by, &written(text)?, why),
        CommandKind::Approve { text } => {
            let waiting = incident.draft.as_ref().ok_or_else(no_draft)?;
            let edited = waiting.edited.as_ref().map(|(_, text)| text.clone());
            let text = text.as_deref().map(written).transpose()?.or(edited);
            publish::approved(draft, id, &by, text, why);
        }
        CommandKind::EditDraft { text } => {
            incident.draft.as_ref().ok_or_else(no_draft)?;
            draft.push(id, What::DraftEdited { by, text: written(text)? }, why.clone());
        }
        CommandKind::DiscardDraft => {
            incident.draft.as_ref().ok_or_else(no_draft)?;
            draft.push(id, What::DraftDropped { by: Some(by) }, why.clone());
        }
        CommandKind::Mute => {
            open(draft, id)?;
            if known(draft, id)?.muted_by.is_none() {
                publish::mute(draft, id, &by, why);
            }
        }
        CommandKind::Unmute if incident.muted_by.is_some() => {
            draft.push(id, What::Unmuted { by }, why.clone());
        }
        _ => {}
    }
    Ok(())
}

/// A text that says something.
fn written(text: &str) -> Result<String, Refused> {
    match text.trim() {
        "" => refuse("the text is empty"),
        text => Ok(text.to_owned()),
    }
}

fn known<'a>(draft: &'a Draft<'_>, id: IncidentId) -> Result<&'a Incident, Refused> {
    draft.get(id).ok_or_else(|| Refused(format!("there is no incident `{id}`")))
}

fn open<'a>(draft: &'a Draft<'_>, id: IncidentId) -> Result<&'a Incident, Refused> {
    let incident = known(draft, id)?;
    if incident.is_open() {
        Ok(incident)
    } else {
        refuse(format!("{id} is resolved; `reopen` opens it again"))
    }
}

fn nth<T>(items: &[T], number: u32) -> Option<&T> {
    items.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

fn pick_all(draft: &Draft<'_>, id: IncidentId, alerts: &[String]) -> Result<Vec<AlertKey>, Refused> {
    let mut keys = Vec::new();
    for alert in alerts {
        keys.extend(pick(known(draft, id)?, alert)?);
    }
    keys.sort();
    keys.dedup();
    if keys.is_empty() { refuse("name the alerts to take out") } else { Ok(keys) }
}

/// The alerts of an incident that are shown so, or have this name.
fn pick(incident: &Incident, alert: &str) -> Result<Vec<AlertKey>, Refused> {
    let shown: Vec<AlertKey> =
        incident.members.keys().filter(|key| key.to_string() == alert).cloned().collect();
    let named =
        || incident.members.values().filter(|m| m.facts.name == alert).map(|m| m.key.clone()).collect();
    let keys: Vec<AlertKey> = if shown.is_empty() { named() } else { shown };
    if keys.is_empty() { refuse(format!("{} has no alert `{alert}`", incident.id)) } else { Ok(keys) }
}
