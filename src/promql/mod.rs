//! PromQL: from text to a checked expression to a value.
//!
//! In:   a text; anything that answers selectors (`Source`); an instant.
//! Out:  a value, with the series that fed it where asked; what an expression demands of `series`.
//! Not:  no storage and no clock; what is not supported yet is an error that names the construct.

mod demand;
mod source;

pub use demand::Demand;
pub use source::{Feed, Origin, Presence, Sample, SeriesId, Source};
