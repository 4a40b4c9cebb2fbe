//! An adapter to a foreign system over HTTP, as a definition says it: a file that a user can write.
//!
//! In:   a delivery, what is remembered of its incident there, and the definition.
//! Out:  the requests of one operation, one after the other; what their answers mean; what is to be remembered.
//! Not:  nothing is known here of any foreign system. No retries and no order: that is the pump's.
//!
//! `facts` says what templates may name, `template` and `tree` make texts and JSON of them, `definition` is what the file
//! says, `render` makes a request of a step, `send` carries an operation out, `rehearse` tries a definition on every kind of message.

mod definition;
mod facts;
mod rehearse;
mod render;
mod send;
mod template;
mod tree;

pub use definition::{
    Body, Definition, Find, LostAnswer, Operation, OperationName, Setting, StandDown, Step, Verdicts,
};
pub use rehearse::{Rehearsed, rehearse};
pub use render::Rendered;
pub use template::{Condition, Template};
pub use tree::Tree;

pub(super) use rehearse::simulate;
pub(super) use send::HttpSink;
