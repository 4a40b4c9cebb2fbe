//! Whether each result of an expression comes from one series alone, so that it can be evaluated for some of them.
//!
//! In:   a checked expression.
//! Out:  one word.
//! Not:  no sample is looked at. Where in doubt, an expression is taken for a joint one.

use crate::promql::tree::ast::{Expr, Selector, ValueType};
use crate::promql::tree::functions::Function;

/// What each result of an expression depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Locality<'a> {
    /// On one series of it: what it gives for some series and what it gives for the others is what it gives for all.
    PerSeries,
    /// On whether any series fits this selector (`absent`).
    AbsenceOf(&'a Selector),
    /// On several series together.
    Joint,
}

impl Expr {
    /// What each of its results depends on.
    pub fn locality(&self) -> Locality<'_> {
        match self {
            Self::Selector(_) | Self::Range(_) => Locality::PerSeries,
            Self::Paren { inner, .. } => inner.locality(),
            Self::Unary { of, .. } => of.locality(),
            Self::Subquery(subquery) => subquery.of.locality(),
            Self::Binary(node) => match (is_plain_number(&node.left), is_plain_number(&node.right)) {
                (true, false) => node.right.locality(),
                (false, true) => node.left.locality(),
                _ => Locality::Joint,
            },
            Self::Call(call) => match call.function {
                Function::Absent | Function::AbsentOverTime => {
                    match call.args.first().map(Self::without_parens) {
                        Some(Self::Selector(selector)) => Locality::AbsenceOf(selector),
                        Some(Self::Range(range)) => Locality::AbsenceOf(&range.selector),
                        _ => Locality::Joint,
                    }
                }
                function if maps_each_series(function) => of_arguments(&call.args),
                _ => Locality::Joint,
            },
            Self::Aggregate(_) | Self::Number { .. } | Self::Text { .. } => Locality::Joint,
        }
    }
}

/// The one argument that holds series decides; the others must be numbers.
fn of_arguments(args: &[Expr]) -> Locality<'_> {
    let mut with_series = args.iter().filter(|arg| !is_plain_number(arg));
    match (with_series.next(), with_series.next()) {
        (Some(only), None) => only.locality(),
        _ => Locality::Joint,
    }
}

/// A number that no series has a part in.
fn is_plain_number(expr: &Expr) -> bool {
    let mut asks = false;
    expr.walk(&mut |part| asks |= matches!(part, Expr::Selector(_) | Expr::Range(_)));
    expr.value_type() == ValueType::Scalar && !asks
}

/// Whether a function gives one result for each series of its argument, under the labels of that series.
fn maps_each_series(function: Function) -> bool {
    use Function::{
        Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, AvgOverTime, Ceil, Changes, Clamp, ClampMax, ClampMin,
        Cos, Cosh, CountOverTime, Deg, Delta, Deriv, Exp, FirstOverTime, Floor, Idelta, Increase, Irate,
        LastOverTime, Ln, Log2, Log10, MaxOverTime, MinOverTime, PredictLinear, PresentOverTime,
        QuantileOverTime, Rad, Rate, Resets, Round, Sgn, Sin, Sinh, Sort, SortDesc, Sqrt, StddevOverTime,
        StdvarOverTime, SumOverTime, Tan, Tanh, Timestamp,
    };
    matches!(
        function,
        Rate | Increase
            | Delta
            | Irate
            | Idelta
            | Deriv
            | PredictLinear
            | Changes
            | Resets
            | AvgOverTime
            | MinOverTime
            | MaxOverTime
            | SumOverTime
            | CountOverTime
            | FirstOverTime
            | LastOverTime
            | PresentOverTime
            | StddevOverTime
            | StdvarOverTime
            | QuantileOverTime
            | Timestamp
            | Sort
            | SortDesc
            | Clamp
            | ClampMin
            | ClampMax
            | Round
            | Abs
            | Ceil
            | Floor
            | Exp
            | Ln
            | Log2
            | Log10
            | Sqrt
            | Sgn
            | Sin
            | Cos
            | Tan
            | Asin
            | Acos
            | Atan
            | Sinh
            | Cosh
            | Tanh
            | Asinh
            | Acosh
            | Atanh
            | Deg
            | Rad
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    #[test]
    fn what_results_depend_on() {
        let check = |text: &str, expected: &str| {
            let expr = parse(text).unwrap();
            let found = match expr.locality() {
                Locality::PerSeries => "series".to_owned(),
                Locality::AbsenceOf(selector) => Expr::Selector(selector.clone()).to_string(),
                Locality::Joint => "joint".to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        };
        for text in [
            "a",
            "-(a)",
            "a > 5",
            "5 < bool a",
            "rate(a[1m]) * 60 > 1 + 2",
            "max_over_time(rate(a[1m])[5m:]) > 1",
            "time() - timestamp(a) > 60",
            "predict_linear(a[1h], 3600) < 0",
            "clamp_max(abs(a), time())",
            "a offset 5m > 1",
        ] {
            check(text, "series");
        }
        check("absent(a{x=\"1\"})", "a{x=\"1\"}");
        check("absent_over_time(a{x=\"1\"}[5m])", "a{x=\"1\"}");
        for text in [
            "1",
            "time()",
            "vector(1)",
            "sum(a)",
            "a / b",
            "a and b",
            "a > 1 or a < -1",
            "a > scalar(b)",
            "label_replace(a, \"x\", \"y\", \"z\", \"\")",
            "histogram_quantile(0.9, a)",
            "rate(a[1m]) > scalar(sum(b))",
            "absent(sum(a))",
            "absent(a) > 0 and b",
        ] {
            check(text, "joint");
        }
    }
}
