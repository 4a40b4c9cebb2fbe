//! Durations as Prometheus writes them: `15s`, `1h30m`, `250ms`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("a duration is empty")]
    Empty,
    /// Not of the form number, unit, number, unit …
    #[error("`{0}` is not a duration; write for example `30s`, `5m`, `1h30m` or `250ms`")]
    Form(String),
    /// Longer than a 64-bit count of milliseconds holds.
    #[error("`{0}` is too long a duration")]
    TooLong(String),
}

/// Units from the longest to the shortest, with their milliseconds. A year has 365 days, as in Prometheus
/// (`model.ParseDuration`); there is no month.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a duration such as `1h30m`; units must go from long to short, each at most once. A bare `0` is zero.
///
/// # Errors
/// Where the text has another form or is too long to count.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let malformed = || DurationError::Form(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let (mut rest, mut total, mut next_unit) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit = &rest[digits..unit_end];
        let place = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if digits == 0 || place < next_unit {
            return Err(malformed());
        }
        let count: u64 = rest[..digits].parse().map_err(|_| too_long())?;
        total =
            count.checked_mul(UNITS[place].1).and_then(|ms| total.checked_add(ms)).ok_or_else(too_long)?;
        next_unit = place + 1;
        rest = &rest[unit_end..];
    }
    if total > i64::MAX.unsigned_abs() / 1_000_000 {
        return Err(too_long());
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration as `parse_duration` reads it, to the millisecond; zero is `0s`. Weeks and years are
/// written only where nothing is left over, as Prometheus does it.
pub fn format_duration(length: Duration) -> String {
    let mut ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        let exact_only = matches!(unit, "y" | "w");
        if ms / size > 0 && (!exact_only || ms % size == 0) {
            text.push_str(&format!("{}{unit}", ms / size));
            ms %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prometheus_reads() {
        let check = |text: &str, seconds: f64| {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        };
        check("0", 0.0);
        check("15s", 15.0);
        check("1h30m", 5400.0);
        check("250ms", 0.25);
        check("1m250ms", 60.25);
        check("1y2w", 365.0 * 86_400.0 + 14.0 * 86_400.0);
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for text in ["", "1", "s", "1.5m", "-1m", "1m1h", "1m 1s", "1M", "1s1s", "99999999999999y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0s", "15s", "1h30m", "250ms", "1m250ms", "1y", "2w", "8d"] {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), Ok(text));
        }
    }
}
