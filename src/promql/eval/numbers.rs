//! Functions of one number, and of one number and parameters.

use crate::promql::eval::dates;
use crate::promql::tree::functions::Function;

/// The value of `function` for one element; `None` where it is no function of one number.
pub(super) fn apply(function: Function, value: f64, params: &[f64]) -> Option<f64> {
    let param = |at: usize| params.get(at).copied().unwrap_or(f64::NAN);
    Some(match function {
        Function::Abs => value.abs(),
        Function::Ceil => value.ceil(),
        Function::Floor => value.floor(),
        Function::Exp => value.exp(),
        Function::Ln => value.ln(),
        Function::Log2 => value.log2(),
        Function::Log10 => value.log10(),
        Function::Sqrt => value.sqrt(),
        Function::Sgn if value < 0.0 => -1.0,
        Function::Sgn if 0.0 < value => 1.0,
        Function::Sgn => value,
        Function::Sin => value.sin(),
        Function::Cos => value.cos(),
        Function::Tan => value.tan(),
        Function::Asin => value.asin(),
        Function::Acos => value.acos(),
        Function::Atan => value.atan(),
        Function::Sinh => value.sinh(),
        Function::Cosh => value.cosh(),
        Function::Tanh => value.tanh(),
        Function::Asinh => value.asinh(),
        Function::Acosh => value.acosh(),
        Function::Atanh => value.atanh(),
        Function::Deg => value.to_degrees(),
        Function::Rad => value.to_radians(),
        Function::Round => {
            let inverse = 1.0 / params.first().copied().unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        }
        Function::Clamp => at_least(param(0), at_most(param(1), value)),
        Function::ClampMin => at_least(param(0), value),
        Function::ClampMax => at_most(param(0), value),
        _ => return dates::apply(function, value),
    })
}

/// The larger; NaN where either is, unless nothing can be larger than the other (as in Go's `math.Max`).
fn at_least(least: f64, value: f64) -> f64 {
    if least == f64::INFINITY || value == f64::INFINITY {
        return f64::INFINITY;
    }
    if least.is_nan() || value.is_nan() { f64::NAN } else { least.max(value) }
}

/// The smaller; NaN where either is, unless nothing can be smaller than the other.
fn at_most(most: f64, value: f64) -> f64 {
    if most == f64::NEG_INFINITY || value == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if most.is_nan() || value.is_nan() { f64::NAN } else { most.min(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_one_number() {
        let check = |function, value: f64, params: &[f64], expected: f64| {
            let found = apply(function, value, params).unwrap();
            assert!(found == expected || (found.is_nan() && expected.is_nan()), "{function:?}: {found}");
        };
        check(Function::Round, -2.5, &[], -2.0);
        check(Function::Round, 7.3, &[0.5], 7.5);
        check(Function::Sgn, -0.0, &[], 0.0);
        check(Function::Sgn, f64::NAN, &[], f64::NAN);
        check(Function::Clamp, 7.0, &[1.0, 5.0], 5.0);
        check(Function::ClampMin, f64::NAN, &[1.0], f64::NAN);
        check(Function::ClampMax, 3.0, &[f64::NAN], f64::NAN);
        check(Function::ClampMin, f64::NAN, &[f64::INFINITY], f64::INFINITY);
        check(Function::ClampMax, f64::NEG_INFINITY, &[f64::NAN], f64::NEG_INFINITY);
        check(Function::Deg, std::f64::consts::PI, &[], 180.0);
        assert_eq!(apply(Function::Rate, 1.0, &[]), None);
    }
}
