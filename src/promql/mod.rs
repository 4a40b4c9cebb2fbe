//! PromQL: from text to a checked expression to a value.
//!
//! In:   a text; anything that answers selectors (`Source`); an instant, or several.
//! Out:  a value, with the series that fed it where asked; what an expression demands of `series`.
//! Not:  no storage and no clock.
//!
//! The way of an expression: `text` reads it, `tree` checks it and says what it needs, `eval` gives its value, which is
//! made of what `value` holds.

mod error;
mod eval;
mod loaded;
mod notation;
mod script;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod value;

pub use error::ParseError;
pub use eval::{Round, Shares, Together, evaluate, evaluate_range, evaluate_vector, evaluate_within};
pub use loaded::Loaded;
pub use notation::{parse_series, read_series, split_series};
pub use script::{Evaluated, ScriptError, Unspoken, run_script};
pub use source::{
    Feed, HistogramSample, Origin, Presence, Recorded, Sample, Samples, SeriesId, Source, Started,
};
pub use text::{Dialect, parse, parse_as};
pub use tree::ast::{
    Aggregate, Binary, Call, Expr, Extension, Fill, Group, Grouping, MatchBy, Matching, Pattern,
    RangeSelector, Selector, Side, Sign, Subquery, ValueType,
};
pub use tree::demand::Demand;
pub use tree::functions::{Function, Signature};
pub use tree::length::{Instants, Length, Pin, Reckoning, Shift};
pub use tree::locality::Locality;
pub use tree::operators::{AggregateOp, BinaryOp};
pub use tree::shape::Threshold;
pub use value::{
    Amount, Bucket, CUSTOM_SCHEMA, Element, EvalError, Histogram, Item, LOOK_BACK, Names, Note, NoteKind,
    Options, Reset, Track, Value,
};
