//! What an expression needs to be kept for it.

use std::time::Duration;

use crate::model::Matcher;
use crate::promql::ast::{Expr, Selector};
use crate::promql::value::LOOK_BACK;

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

impl Expr {
    /// What each selector in it needs, in the order of the text, each wish once.
    pub fn demand(&self) -> Vec<Demand> {
        let mut demands = Vec::new();
        self.walk(&mut |expr| {
            let demand = match expr {
                Self::Selector(selector) => demand(selector, LOOK_BACK, Duration::ZERO),
                Self::Range(range) => demand(&range.selector, range.range, range.range),
                _ => return,
            };
            if !demands.contains(&demand) {
                demands.push(demand);
            }
        });
        demands
    }
}

/// A negative offset looks ahead, so that less has to be kept.
fn demand(selector: &Selector, look_back: Duration, window: Duration) -> Demand {
    let offset = Duration::from_millis(selector.offset_ms.unsigned_abs());
    let shift = |length: Duration| match selector.offset_ms {
        ..0 => length.saturating_sub(offset),
        0.. => length.saturating_add(offset),
    };
    Demand { matchers: selector.matchers.clone(), look_back: shift(look_back), window: shift(window) }
}

#[cfg(test)]
mod tests {
    use crate::promql::parse;

    #[test]
    fn each_selector_says_how_far_back_it_looks() {
        let check = |text: &str, expected: &[(u64, u64)]| {
            let demands = parse(text).unwrap().demand();
            let found: Vec<(u64, u64)> =
                demands.iter().map(|d| (d.look_back.as_secs(), d.window.as_secs())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("1", &[]);
        check("up", &[(300, 0)]);
        check("up offset 10m", &[(900, 600)]);
        check("up offset -1m", &[(240, 0)]);
        check("rate(x[2m])", &[(120, 120)]);
        check("sum(rate(x[2m] offset 1m)) / up > up", &[(180, 180), (300, 0)]);
    }
}
