//! What an expression needs to be kept for it.

use std::time::Duration;

use crate::model::Matcher;

/// One selector's wish: which series, and how far back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The conditions, the one on `__name__` among them where the expression has one.
    pub matchers: Vec<Matcher>,
    /// How long samples must be kept: look-back or range, plus offset, plus the subqueries around it.
    pub look_back: Duration,
    /// How much of that must be free of gaps for the value to be whole: zero for an instant selector without
    /// offset, else range plus offset.
    pub window: Duration,
}
