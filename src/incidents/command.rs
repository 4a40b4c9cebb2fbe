//! Operators' words.
//!
//! In:   a command about one incident.
//! Out:  its event; what follows from it is settled afterwards.
//! Not:  nobody's rights are checked here. A command about an unknown incident makes no event.

use super::draft::Draft;
use super::event::{What, Why};
use super::input::{Command, CommandKind};

/// Does what an operator says.
pub(super) fn obey(draft: &mut Draft<'_>, command: &Command) {
    let Some(incident) = draft.get(command.incident) else { return };
    let by = command.by.clone();
    let what = match &command.kind {
        // The first to take it on stands; the acknowledgement of what is over or taken on says nothing new.
        CommandKind::Acknowledge if incident.is_open() && incident.acknowledged_at.is_none() => {
            What::Acknowledged { by: by.clone() }
        }
        CommandKind::Acknowledge => return,
        CommandKind::Note { text } => What::Noted { by: by.clone(), text: text.clone() },
        CommandKind::Action { text } => What::Acted { by: by.clone(), text: text.clone() },
    };
    draft.push(command.incident, what, Why::Operator { by });
}
