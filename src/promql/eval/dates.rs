//! The parts of a date, of seconds since the epoch in UTC.

use chrono::{Datelike, NaiveDate, Timelike};

use crate::model::Timestamp;
use crate::promql::tree::functions::Function;

/// The part that `function` tells; `None` where it tells none.
pub(super) fn apply(function: Function, seconds: f64) -> Option<f64> {
    let tells = matches!(
        function,
        Function::Minute
            | Function::Hour
            | Function::DayOfWeek
            | Function::DayOfMonth
            | Function::DayOfYear
            | Function::DaysInMonth
            | Function::Month
            | Function::Year
    );
    if !tells {
        return None;
    }
    let date = (!seconds.is_nan()).then(|| Timestamp::from_secs(seconds as i64).in_zone(chrono_tz::UTC));
    let Some(date) = date.flatten() else { return Some(f64::NAN) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_in_utc() {
        // Monday 29 February 2016, 13:07:59
        let check = |function, expected| assert_eq!(apply(function, 1_456_751_279.0), Some(expected));
        check(Function::Minute, 7.0);
        check(Function::Hour, 13.0);
        check(Function::DayOfWeek, 1.0);
        check(Function::DayOfMonth, 29.0);
        check(Function::DayOfYear, 60.0);
        check(Function::DaysInMonth, 29.0);
        check(Function::Month, 2.0);
        check(Function::Year, 2016.0);
        assert_eq!(apply(Function::Abs, 0.0), None);
        assert!(apply(Function::Year, 1e30).is_some_and(f64::is_nan));
    }
}
