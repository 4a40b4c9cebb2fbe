//! PromQL: from text to a checked expression to a value.
//!
//! In:   a text; anything that answers selectors (`Source`); an instant.
//! Out:  a value, with the series that fed it where asked; what an expression demands of `series`.
//! Not:  no storage and no clock; what is not supported yet is an error that names the construct.

mod aggregate;
mod ast;
mod binary;
mod check;
mod demand;
mod error;
mod evaluate;
mod functions;
mod lexer;
mod loaded;
mod numbers;
mod over_range;
mod parser;
mod print;
mod selectors;
mod shape;
mod source;
mod sums;
#[cfg(test)]
mod tests;
mod value;

pub use ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, Group, Grouping, MatchBy, Matching, RangeSelector,
    Selector, Side, Sign, ValueType,
};
pub use demand::Demand;
pub use error::ParseError;
pub use evaluate::{evaluate, evaluate_noting, evaluate_vector};
pub use functions::{Function, Signature};
pub use loaded::{Loaded, parse_series, split_series};
pub use parser::parse;
pub use shape::Threshold;
pub use source::{Feed, Origin, Presence, Recorded, Sample, SeriesId, Source};
pub use value::{Element, EvalError, LOOK_BACK, Note, Options, Track, Value};
