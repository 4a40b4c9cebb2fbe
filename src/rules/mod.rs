//! Rules: from files to groups, and from measurements to alert states.
//!
//! In:   rule files as text; an instant and a `promql::Source`; the table of alerts as it stands; components.
//! Out:  recorded samples, alert transitions, readings, what explains them; the new rows of the table, to be
//!       committed; changes of components that metrics show.
//! Not:  no file is opened and no clock is read; `rules` does not know that incidents or sinks exist.

mod alert;
mod build;
mod detect;
mod evaluate;
mod explain;
mod file;
mod follow;
mod kubernetes;
mod ladder;
mod limit;
mod mapping;
mod missing;
mod reader;
mod recall;
mod rule;
mod sighting;
mod table;
mod template;
mod watched;

pub use alert::{
    AlertFacts, AlertKey, AlertRow, AlertState, Ending, LadderClock, Reading, Role, StateName, Transition,
    lost_after,
};
pub use evaluate::{Outcome, evaluate, evaluate_portion, is_of_alerts};
pub use explain::{Explained, Share};
pub use file::load;
pub use follow::{Follows, follows};
pub use ladder::OnMissing;
pub use mapping::{Context, Mapping, UnknownKeys};
pub use recall::recall;
pub use rule::{Breakdown, Group, Rule, RuleKind, Watch, unique_ids};
pub use sighting::{Sighting, SightingKind, Sightings, look};
pub use table::Alerts;
pub use watched::Watched;
