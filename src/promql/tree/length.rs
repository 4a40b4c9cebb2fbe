//! Stretches of time within an expression, and what moves the instant that a selector looks at.
//!
//! In:   what was written: `5m`, `-1h`, `step() * 2`, `offset 1h @ end()`.
//! Out:  milliseconds and instants, where need be reckoned for a query.
//! Not:  no selecting.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::model::{Timestamp, format_duration, format_value};
use crate::promql::tree::operators::BinaryOp;

/// The longest offset and range: a thousand years.
pub(in crate::promql) const LENGTH_MAX: Duration = Duration::from_secs(1000 * 365 * 86_400);

/// What is said of a stretch that is none.
pub(in crate::promql) const NOT_POSITIVE: &str = "duration must be greater than 0";

/// The instants that a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    /// The first.
    pub start: Timestamp,
    /// None lies behind it.
    pub end: Timestamp,
    /// How far apart they are; zero where there is one only.
    pub step: Duration,
}

impl Instants {
    /// One instant.
    pub const fn one(at: Timestamp) -> Self {
        Self { start: at, end: at, step: Duration::ZERO }
    }
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Milliseconds; an offset may be negative.
    Fixed(i64),
    /// Known once the query is: `step() * 2`.
    Reckoned(Box<Reckoning>),
}

impl Default for Length {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

impl Length {
    /// Its milliseconds in a query.
    ///
    /// # Errors
    /// Where it can't be reckoned, or is too long.
    pub fn millis(&self, query: &Instants) -> Result<i64, &'static str> {
        match self {
            Self::Fixed(ms) => Ok(*ms),
            Self::Reckoned(reckoning) => millis(reckoning.seconds(query)?),
        }
    }

    /// Why it fails in each query, where it does; `positive` ones must be more than nothing.
    pub(in crate::promql) fn fault(&self, positive: bool) -> Option<&'static str> {
        match self {
            Self::Reckoned(reckoning) if reckoning.is_constant() => {
                match self.millis(&Instants::one(Timestamp::default())) {
                    Err(what) => Some(what),
                    Ok(..=0) if positive => Some(NOT_POSITIVE),
                    Ok(_) => None,
                }
            }
            _ => None,
        }
    }

    /// Its milliseconds where it is the same in each query, or in a query for one instant.
    pub fn least_millis(&self) -> i64 {
        self.millis(&Instants::one(Timestamp::default())).unwrap_or(0)
    }
}

/// Milliseconds of `seconds`, less any part of one.
///
/// # Errors
/// Where they are too many, or no number.
pub(in crate::promql) fn millis(seconds: f64) -> Result<i64, &'static str> {
    // What seconds can't say exactly must not cost a millisecond.
    let (exact, nearest) = (seconds * 1000.0, (seconds * 1000.0).round());
    let ms = if (exact - nearest).abs() < 1e-6 { nearest } else { exact.trunc() };
    if ms.is_nan() || LENGTH_MAX.as_millis() as f64 <= ms.abs() {
        return Err("this duration is too long");
    }
    Ok(ms as i64)
}

/// Arithmetic with durations, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Reckoning {
    /// `5m`, `300`
    Seconds(f64),
    /// `step()`: between two instants of the query.
    Step,
    /// `range()`: from the first instant of the query to the last.
    Range,
    /// `-x`
    Negated(Box<Self>),
    /// `a + b`, `a - b`, `a * b`, `a / b`, `a % b`, `a ^ b`
    Both(BinaryOp, Box<Self>, Box<Self>),
    /// `min_of(a, b)`
    Least(Box<Self>, Box<Self>),
    /// `max_of(a, b)`
    Most(Box<Self>, Box<Self>),
}

impl Reckoning {
    /// What comes out in a query.
    ///
    /// # Errors
    /// On a division by zero.
    pub fn seconds(&self, query: &Instants) -> Result<f64, &'static str> {
        Ok(match self {
            Self::Seconds(seconds) => *seconds,
            Self::Step => query.step.as_secs_f64(),
            Self::Range => query.end.since(query.start).as_secs_f64(),
            Self::Negated(of) => -of.seconds(query)?,
            Self::Least(a, b) => a.seconds(query)?.min(b.seconds(query)?),
            Self::Most(a, b) => a.seconds(query)?.max(b.seconds(query)?),
            Self::Both(op, a, b) => {
                let (a, b) = (a.seconds(query)?, b.seconds(query)?);
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div | BinaryOp::Mod if b == 0.0 => {
                        return Err("a duration can't be divided by zero");
                    }
                    BinaryOp::Div => a / b,
                    BinaryOp::Mod => a % b,
                    _ => a.powf(b),
                }
            }
        })
    }

    /// Whether it is the same in every query.
    pub(in crate::promql) fn is_constant(&self) -> bool {
        match self {
            Self::Seconds(_) => true,
            Self::Step | Self::Range => false,
            Self::Negated(of) => of.is_constant(),
            Self::Both(_, a, b) | Self::Least(a, b) | Self::Most(a, b) => a.is_constant() && b.is_constant(),
        }
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(ms) => {
                let sign = if *ms < 0 { "-" } else { "" };
                write!(f, "{sign}{}", format_duration(Duration::from_millis(ms.unsigned_abs())))
            }
            Self::Reckoned(reckoning) => write!(f, "{reckoning}"),
        }
    }
}

impl Display for Reckoning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) if *seconds < 0.0 => write!(f, "({})", format_value(*seconds)),
            Self::Seconds(seconds) => f.write_str(&format_value(*seconds)),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negated(of) => write!(f, "(-{of})"),
            Self::Both(op, a, b) => write!(f, "({a} {} {b})", op.as_str()),
            Self::Least(a, b) => write!(f, "min_of({a}, {b})"),
            Self::Most(a, b) => write!(f, "max_of({a}, {b})"),
        }
    }
}

/// An instant of its own, whatever the query asks for: `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// `@ 1609746000`
    At(Timestamp),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

impl Pin {
    /// The instant that it names.
    pub fn instant(self, query: &Instants) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Start => query.start,
            Self::End => query.end,
        }
    }
}

/// What moves the instant that a selector or a subquery looks at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    /// How far back from the instant; negative looks ahead.
    pub offset: Length,
    /// An instant of its own.
    pub pin: Option<Pin>,
}

impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.pin {
            Some(Pin::At(at)) => write!(f, " @ {}", format_value(at.as_millis() as f64 / 1000.0))?,
            Some(Pin::Start) => f.write_str(" @ start()")?,
            Some(Pin::End) => f.write_str(" @ end()")?,
            None => {}
        }
        match &self.offset {
            Length::Fixed(0) => Ok(()),
            offset => write!(f, " offset {offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Instants {
        Instants {
            start: Timestamp::from_secs(100),
            end: Timestamp::from_secs(160),
            step: Duration::from_secs(15),
        }
    }

    #[test]
    fn lengths_are_reckoned_for_a_query() {
        let seconds = |seconds| Box::new(Reckoning::Seconds(seconds));
        let check = |reckoning: Reckoning, expected: Result<i64, &str>| {
            assert_eq!(Length::Reckoned(Box::new(reckoning)).millis(&query()), expected);
        };
        check(Reckoning::Step, Ok(15_000));
        check(Reckoning::Range, Ok(60_000));
        check(Reckoning::Both(BinaryOp::Mul, Box::new(Reckoning::Step), seconds(2.0)), Ok(30_000));
        check(Reckoning::Least(Box::new(Reckoning::Step), seconds(2.5)), Ok(2500));
        check(Reckoning::Most(Box::new(Reckoning::Range), seconds(2.5)), Ok(60_000));
        check(Reckoning::Negated(seconds(3.0)), Ok(-3000));
        check(
            Reckoning::Both(BinaryOp::Div, seconds(1.0), seconds(0.0)),
            Err("a duration can't be divided by zero"),
        );
        check(Reckoning::Seconds(1.001), Ok(1001));
        check(Reckoning::Seconds(0.0019), Ok(1));
        check(Reckoning::Seconds(1e300), Err("this duration is too long"));
    }

    #[test]
    fn a_pin_names_an_instant() {
        assert_eq!(Pin::Start.instant(&query()), Timestamp::from_secs(100));
        assert_eq!(Pin::End.instant(&query()), Timestamp::from_secs(160));
        assert_eq!(Pin::At(Timestamp::from_secs(5)).instant(&query()), Timestamp::from_secs(5));
    }

    #[test]
    fn shifts_print_as_they_are_read() {
        let shift =
            Shift { offset: Length::Fixed(-90_000), pin: Some(Pin::At(Timestamp::from_millis(1500))) };
        assert_eq!(shift.to_string(), " @ 1.5 offset -1m30s");
        assert_eq!(Shift::default().to_string(), "");
    }
}
