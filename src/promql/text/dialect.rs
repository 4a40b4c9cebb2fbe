//! Which parts of the language are switched on, where Prometheus has them behind switches.

use crate::model::Span;
use crate::promql::error::ParseError;

/// The parts of PromQL that Prometheus has behind switches, and whether they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Dialect {
    /// Functions and aggregations that may still change: `info`, `mad_over_time`, `limitk`, …
    pub experimental_functions: bool,
    /// Arithmetic with durations: `x[5m * 2]`, `x offset step()`.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed`.
    pub extended_ranges: bool,
    /// `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self::STABLE
    }
}

impl Dialect {
    /// What does not change any more.
    pub const STABLE: Self = Self {
        experimental_functions: false,
        duration_expressions: false,
        extended_ranges: false,
        fill_modifiers: false,
    };

    /// All of it.
    pub const EVERYTHING: Self = Self {
        experimental_functions: true,
        duration_expressions: true,
        extended_ranges: true,
        fill_modifiers: true,
    };
}

/// Refuses `construct` where it is `switched_on` not.
pub(super) fn allow(switched_on: bool, span: Span, construct: &str) -> Result<(), ParseError> {
    if switched_on {
        return Ok(());
    }
    Err(ParseError::new(span, format!("{construct} experimental"))
        .hint("PromQL may still change it, so that rules can't use it"))
}
