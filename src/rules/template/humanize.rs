//! The humanizing functions of Prometheus's templates, to the letter of its `template/template.go`.
//!
//! In:   a number, or a text that is one.
//! Out:  what a person reads: `1.234k`, `2h 3m 4s`, `5.5%`.
//! Not:  no rounding of our own; each writes four significant digits as Prometheus does.

use crate::model::{Timestamp, parse_value};

use super::go_format::{GoValue, four_digits};

/// A number, or a text that is one.
pub(super) fn number(value: &GoValue) -> Result<f64, String> {
    match value {
        GoValue::Float(value) => Ok(*value),
        GoValue::Int(value) => Ok(*value as f64),
        GoValue::Text(text) => parse_value(text).ok_or_else(|| format!("`{text}` is not a number")),
        value => Err(format!("can't convert {} to a number", value.type_name())),
    }
}

const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Takes steps of 1000 up to at least 1, and names the last.
fn scale_up(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// Takes steps of `step` down to below one step, and names the last.
fn scale_down(mut value: f64, step: f64, prefixes: [&'static str; 8]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < step {
            break;
        }
        prefix = next;
        value /= step;
    }
    (value, prefix)
}

/// `1.234k`, `5m`
pub(super) fn humanize(value: &GoValue) -> Result<String, String> {
    let value = number(value)?;
    if value == 0.0 || !value.is_finite() {
        return Ok(four_digits(value));
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        scale_down(value, 1000.0, ["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        scale_up(value)
    };
    Ok(format!("{}{prefix}", four_digits(value)))
}

/// `1.5Mi`
pub(super) fn humanize_1024(value: &GoValue) -> Result<String, String> {
    let value = number(value)?;
    if value.abs() <= 1.0 || !value.is_finite() {
        return Ok(four_digits(value));
    }
    let (value, prefix) = scale_down(value, 1024.0, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    Ok(format!("{}{prefix}", four_digits(value)))
}

/// `1d 2h 3m 4s`, `5ms`
pub(super) fn humanize_duration(value: &GoValue) -> Result<String, String> {
    let value = number(value)?;
    if !value.is_finite() {
        return Ok(four_digits(value));
    }
    if value == 0.0 {
        return Ok(format!("{}s", four_digits(value)));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = scale_up(value);
        return Ok(format!("{}{prefix}s", four_digits(value)));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    // Whole seconds; a float beyond 64 bits stops at their end.
    let whole = size as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    Ok(match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(size)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    })
}

/// `5.5%` of 0.055
pub(super) fn humanize_percentage(value: &GoValue) -> Result<String, String> {
    Ok(format!("{}%", four_digits(number(value)? * 100.0)))
}

/// `2023-02-01 14:10:00 +0000 UTC` of seconds since the epoch, as Go prints a time.
pub(super) fn humanize_timestamp(value: &GoValue) -> Result<String, String> {
    let value = number(value)?;
    if !value.is_finite() {
        return Ok(four_digits(value));
    }
    let nanoseconds = value * 1e9;
    if nanoseconds.abs() > i64::MAX as f64 {
        return Err(format!(
            "{} seconds are beyond the times that can be said",
            GoValue::Float(value).show()
        ));
    }
    let at = Timestamp::from_millis((nanoseconds / 1e6) as i64).to_rfc3339();
    let (date, time) = at.trim_end_matches('Z').split_once('T').unwrap_or((&at, ""));
    let time = if time.contains('.') { time.trim_end_matches('0').trim_end_matches('.') } else { time };
    Ok(format!("{date} {time} +0000 UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: fn(&GoValue) -> Result<String, String>, value: f64, expected: &str) {
        assert_eq!(function(&GoValue::Float(value)).as_deref(), Ok(expected), "{value}");
    }

    #[test]
    fn humanize_names_thousands_and_thousandths() {
        check(humanize, 0.0, "0");
        check(humanize, 1.0, "1");
        check(humanize, 1_234_567.0, "1.235M");
        check(humanize, -1_500.0, "-1.5k");
        check(humanize, 0.001_2, "1.2m");
        check(humanize, 1e-30, "1e-06y");
        check(humanize, f64::INFINITY, "+Inf");
    }

    #[test]
    fn humanize_1024_names_powers_of_1024() {
        check(humanize_1024, 0.5, "0.5");
        check(humanize_1024, 1024.0, "1ki");
        check(humanize_1024, 1_572_864.0, "1.5Mi");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        check(humanize_duration, 0.0, "0s");
        check(humanize_duration, 0.1, "100ms");
        check(humanize_duration, 1.0, "1s");
        check(humanize_duration, 12.345, "12.35s");
        check(humanize_duration, 60.0, "1m 0s");
        check(humanize_duration, 3600.0, "1h 0m 0s");
        check(humanize_duration, 86_400.0 + 7_384.0, "1d 2h 3m 4s");
        check(humanize_duration, -90.0, "-1m 30s");
        check(humanize_duration, f64::NAN, "NaN");
    }

    #[test]
    fn shares_and_times() {
        check(humanize_percentage, 0.055, "5.5%");
        check(humanize_percentage, -1.0, "-100%");
        check(humanize_timestamp, 0.0, "1970-01-01 00:00:00 +0000 UTC");
        check(humanize_timestamp, 1_435_065_584.128, "2015-06-23 13:19:44.128 +0000 UTC");
        assert!(humanize_timestamp(&GoValue::Float(1e20)).is_err());
    }

    #[test]
    fn a_text_that_is_a_number_is_one() {
        assert_eq!(humanize(&GoValue::Text("1234".to_owned())).as_deref(), Ok("1.234k"));
        assert!(humanize(&GoValue::Text("many".to_owned())).is_err());
    }
}
