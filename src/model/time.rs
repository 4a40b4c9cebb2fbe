//! A moment in time, in milliseconds, as Prometheus counts it.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z; may be negative. Serialized as that number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// The moment `seconds` after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, as PromQL's `time()` says it.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// The latest moment at or before this one that lies on a whole multiple of `step` since the epoch.
    pub fn floor_to(self, step: Duration) -> Self {
        let step = millis(step).max(1);
        Self(self.0 - self.0.rem_euclid(step))
    }

    /// RFC 3339 in UTC with milliseconds, such as `2023-02-01T14:10:00.000Z`.
    pub fn to_rfc3339(self) -> String {
        match self.utc() {
            Some(utc) => utc.to_rfc3339_opts(SecondsFormat::Millis, true),
            None => format!("{}ms", self.0),
        }
    }

    /// The moment that a text names as RFC 3339 has it; `None` where it names none.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc().into())
    }

    /// RFC 3339 in `zone` with its offset and whole seconds, such as `2023-02-01T11:10:00-03:00`.
    pub fn to_rfc3339_in(self, zone: Tz) -> String {
        match self.in_zone(zone) {
            Some(local) => local.to_rfc3339_opts(SecondsFormat::Secs, false),
            None => format!("{}ms", self.0),
        }
    }

    /// This moment in `zone`; `None` outside the years that the calendar knows.
    pub fn in_zone(self, zone: Tz) -> Option<DateTime<Tz>> {
        self.utc().map(|utc| utc.with_timezone(&zone))
    }

    fn utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(millis(length)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(millis(length)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_to_the_minute_also_before_the_epoch() {
        let minute = Duration::from_secs(60);
        assert_eq!(Timestamp::from_secs(119).floor_to(minute), Timestamp::from_secs(60));
        assert_eq!(Timestamp::from_secs(-1).floor_to(minute), Timestamp::from_secs(-60));
    }

    #[test]
    fn says_times_in_a_zone_with_its_offset() {
        let at = Timestamp::from_secs(1_675_260_600);
        assert_eq!(at.to_rfc3339(), "2023-02-01T14:10:00.000Z");
        assert_eq!(at.to_rfc3339_in(chrono_tz::America::Sao_Paulo), "2023-02-01T11:10:00-03:00");
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        assert_eq!(Timestamp::from_millis(i64::MAX) + Duration::MAX, Timestamp::from_millis(i64::MAX));
        assert_eq!(Timestamp::from_secs(1).since(Timestamp::from_secs(2)), Duration::ZERO);
    }
}
