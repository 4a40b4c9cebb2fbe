//! `pipeline` in virtual time: a scenario is lived through, and compared with what it expects.
//!
//! In:   scenarios (`.scn`), the configurations and rule files that they name.
//! Out:  what was decided, said and sent; where that differs from what was expected; the story as text or JSON.
//! Not:  no rule of the business: live and replay turn the same house, send through the same pumps. Nothing sleeps,
//!       nothing leaves the process, and the same scenario gives the same bytes.
//!
//! The usual way: `language` reads a file, `run` lives through it, `views` list what changed, `compare` finds the
//! differences, or writes the answers into the file.

mod bless;
mod clock;
mod compare;
mod configure;
mod executor;
mod language;
mod laws;
mod ledger;
mod process;
mod report;
pub mod rule_tests;
mod run;
mod sink;
mod targets;
mod test;
mod views;

pub use compare::{Comparison, Pair, compare};
pub use language::{Scenario, View, noise, parse};
pub use report::{Report, markdown, report, schema, text};
pub use run::{Record, RunError, run};
pub use test::{Played, headline, play, problems_of};
pub use views::Told;
