//! Functions of one number, and of one number and parameters.

use chrono::{Datelike, NaiveDate, Timelike};

use crate::model::Timestamp;
use crate::promql::functions::Function;

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
        _ => return calendar(function, value),
    })
}

/// The larger; NaN where either is.
fn at_least(least: f64, value: f64) -> f64 {
    if least.is_nan() || value.is_nan() { f64::NAN } else { least.max(value) }
}

/// The smaller; NaN where either is.
fn at_most(most: f64, value: f64) -> f64 {
    if most.is_nan() || value.is_nan() { f64::NAN } else { most.min(value) }
}

/// The parts of a date, of seconds since the epoch in UTC.
fn calendar(function: Function, seconds: f64) -> Option<f64> {
    let day_of = |function| {
        matches!(
            function,
            Function::Minute
                | Function::Hour
                | Function::DayOfWeek
                | Function::DayOfMonth
                | Function::DayOfYear
                | Function::DaysInMonth
                | Function::Month
                | Function::Year
        )
    };
    if !day_of(function) {
        return None;
    }
    let Some(date) = Timestamp::from_secs(seconds as i64).in_zone(chrono_tz::UTC) else {
        return Some(f64::NAN);
    };
    Some(f64::from(match function {
        Function::Minute => date.minute(),
        Function::Hour => date.hour(),
        Function::DayOfWeek => date.weekday().num_days_from_sunday(),
        Function::DayOfMonth => date.day(),
        Function::DayOfYear => date.ordinal(),
        Function::DaysInMonth => days_in_month(date.year(), date.month()),
        Function::Month => date.month(),
        _ => return Some(f64::from(date.year())),
    }))
}

fn days_in_month(year: i32, month: u32) -> u32 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let last = NaiveDate::from_ymd_opt(next_year, next, 1).and_then(|first| first.pred_opt());
    last.map_or(31, |last| last.day())
}
