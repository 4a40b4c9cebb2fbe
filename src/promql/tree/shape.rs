//! What can be told from an expression without evaluating it.

use std::time::Duration;

use crate::promql::tree::ast::Expr;
use crate::promql::tree::demand::Demand;
use crate::promql::tree::functions::Function;
use crate::promql::tree::operators::BinaryOp;

/// A comparison with a number at the top of an expression: `expr > 0.9`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold<'a> {
    /// What is compared.
    pub of: &'a Expr,
    /// How, with the expression on the left: `5 < x` reads as `x > 5`.
    pub op: BinaryOp,
    /// With what.
    pub limit: f64,
}

impl Expr {
    /// The comparison with a number that filters this expression's elements, where it is one.
    pub fn threshold(&self) -> Option<Threshold<'_>> {
        let Self::Binary(binary) = self.without_parens() else { return None };
        if !binary.op.is_comparison() || binary.returns_bool {
            return None;
        }
        match (binary.left.without_parens(), binary.right.without_parens()) {
            (_, Self::Number { value, .. }) => {
                Some(Threshold { of: &binary.left, op: binary.op, limit: *value })
            }
            (Self::Number { value, .. }, _) => {
                Some(Threshold { of: &binary.right, op: mirrored(binary.op), limit: *value })
            }
            _ => None,
        }
    }

    /// Whether it asks for what is missing, so that missing data is its subject: `absent(…)`,
    /// `absent_over_time(…)` or the metric `up`.
    pub fn asks_for_absence(&self) -> bool {
        let mut found = false;
        self.walk(&mut |expr| {
            found |= match expr {
                Self::Call(call) => tells_absence(call.function),
                Self::Selector(selector) => selector.metric_name() == Some("up"),
                Self::Range(range) => range.selector.metric_name() == Some("up"),
                _ => false,
            };
        });
        found
    }

    /// What `absent` and `absent_over_time` in it ask for.
    pub fn absences(&self) -> Vec<Demand> {
        let mut asked = Vec::new();
        self.walk(&mut |expr| {
            if let Self::Call(call) = expr
                && tells_absence(call.function)
            {
                asked.extend(call.args.iter().flat_map(Self::demand));
            }
        });
        asked
    }

    /// The longest stretch that it looks at; zero where it looks at instants only.
    pub fn longest_range(&self) -> Duration {
        let mut longest = 0;
        self.walk(&mut |expr| {
            longest = longest.max(match expr {
                Self::Range(range) => range.range.least_millis(),
                Self::Subquery(subquery) => subquery.range.least_millis(),
                _ => 0,
            });
        });
        Duration::from_millis(longest.unsigned_abs())
    }
}

fn tells_absence(function: Function) -> bool {
    matches!(function, Function::Absent | Function::AbsentOverTime)
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        op => op,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    #[test]
    fn a_comparison_at_the_top_is_a_threshold() {
        let check = |text: &str, expected: Option<(&str, BinaryOp, f64)>| {
            let expr = parse(text).unwrap();
            let found = expr.threshold().map(|t| (t.of.to_string(), t.op, t.limit));
            assert_eq!(found, expected.map(|(of, op, limit)| (of.to_owned(), op, limit)), "{text}");
        };
        check("a > 5", Some(("a", BinaryOp::Greater, 5.0)));
        check("(5 >= a)", Some(("a", BinaryOp::LessEqual, 5.0)));
        check("a > bool 5", None);
        check("a > b", None);
        check("a", None);
    }

    #[test]
    fn the_longest_stretch_is_found() {
        let check = |text: &str, seconds| {
            assert_eq!(parse(text).unwrap().longest_range(), Duration::from_secs(seconds), "{text}");
        };
        check("a", 0);
        check("rate(a[2m]) / rate(b[5m])", 300);
        check("max_over_time(rate(a[2m])[1h:])", 3600);
    }

    #[test]
    fn absence_is_found_at_any_depth() {
        assert!(parse("a and absent(b)").unwrap().asks_for_absence());
        assert!(parse("sum(up{job=\"x\"}) == 0").unwrap().asks_for_absence());
        assert!(!parse("a > 1").unwrap().asks_for_absence());
    }
}
