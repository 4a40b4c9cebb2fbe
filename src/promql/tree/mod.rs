//! What an expression is, and what can be told of it without evaluating it.

pub(super) mod ast;
pub(super) mod check;
pub(super) mod demand;
pub(super) mod faults;
pub(super) mod functions;
pub(super) mod length;
pub(super) mod locality;
pub(super) mod operators;
pub(super) mod print;
pub(super) mod shape;
