//! The configuration: what users write, checked once and for all.
//!
//! In:   a file, the environment, flags; the rule files that it names.
//! Out:  the rooms' own types, or every problem at once with its place.
//! Not:  no room uses this one; nothing is started or stopped here.

mod settings;

pub use settings::{Config, ServerSettings};
