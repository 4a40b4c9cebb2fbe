//! The story of a scenario, for machines and people.
//!
//! In:   the record of a scenario.
//! Out:  a `Report`: incidents with all that was said of them, and one scorecard; as JSON, text or Markdown.
//! Not:  nothing is decided or judged here; the figures are those of events.

mod build;
mod events;
mod scorecard;
mod text;
mod types;

pub use build::report;
pub use text::{markdown, text};
pub use types::{Report, schema};
