//! The language of `.scn` files.
//!
//! In:   the text of a file.
//! Out:  a `Scenario`, or every problem in it with its place and what was expected there.
//! Not:  nothing is run here.

mod command;
mod expect;
mod load;
mod parse;
mod scenario;
mod time;
mod values;
mod words;

#[cfg(test)]
mod tests;

pub use expect::{Expected, View, squeezed};
pub use parse::parse;
pub use scenario::{Answer, ConfigText, Deed, Happening, Inline, Mood, Outage, Scenario, Series};
pub use time::Calendar;
pub use values::{Values, noise};
pub use words::{Line, Wrong};
