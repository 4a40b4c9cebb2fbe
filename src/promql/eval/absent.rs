//! What stands for series that are not there.

use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher};
use crate::promql::tree::ast::Expr;
use crate::promql::value::{Feeds, Point};

/// One element if there is `nothing`, with the labels that the selector pins.
pub(super) fn point(arg: &Expr, nothing: bool) -> Vec<Point> {
    if nothing { vec![Point::new(pinned(arg), 1.0, Feeds::default())] } else { Vec::new() }
}

fn pinned(arg: &Expr) -> Labels {
    let matchers: &[Matcher] = match arg {
        Expr::Selector(selector) => &selector.matchers,
        Expr::Range(range) => &range.selector.matchers,
        _ => &[],
    };
    let pinned = |matcher: &&Matcher| {
        matcher.name() != METRIC_NAME
            && matcher.op() == MatchOp::Equal
            && matchers.iter().filter(|other| other.name() == matcher.name()).count() == 1
    };
    matchers.iter().filter(pinned).map(|matcher| (matcher.name(), matcher.value())).collect()
}
