//! The configuration: what users write, checked once and for all.
//!
//! In:   a file, the environment, flags; the rule files that it names.
//! Out:  the rooms' own types, or every problem at once with its place.
//! Not:  no room uses this one; nothing is started or stopped here. Secrets in `*_file` are not kept: the rooms that
//!       need them read them at each use.
//!
//! The usual way: `tree` makes a tree of the text, `layers` lays the environment and flags over it, `raw` reads its
//! sections key by key, `check` turns them into the rooms' types. Each of them notes problems and goes on, so that
//! one run tells them all.

mod check;
mod files;
mod hidden;
mod layers;
mod load;
mod raw;
mod reload;
mod rule_files;
mod rule_schema;
mod rulebook;
pub mod schema;
mod selector;
mod settings;
mod tree;

pub use files::{Disk, Files, expand};
pub use load::{Sources, check_rules, load, load_with};
pub use reload::{Changes, changes};
pub use settings::{Config, ServerSettings};

#[cfg(test)]
mod tests;
