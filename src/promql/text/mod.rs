//! From text to a checked tree.
//!
//! In:   a text, and which parts of the language are switched on.
//! Out:  an expression, or one error that says what was expected and where.

mod dialect;
mod durations;
mod lexer;
mod modifiers;
mod numbers;
mod parser;
mod selectors;

pub use dialect::Dialect;
pub use parser::{parse, parse_as};
