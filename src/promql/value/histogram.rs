//! A native histogram: observations counted in buckets that follow a schema.
//!
//! In:   what was scraped, or what arithmetic made.
//! Out:  its text, arithmetic, and whether it is a counter that was reset.
//! Not:  no quantile: what is estimated from buckets is in `eval::estimate`.
//!
//! Schemas −4 to 8 are exponential: bucket i holds what lies in (2^((i−1)·2^−s), 2^(i·2^−s)], and a zero bucket what is
//! next to zero. Schema −53 has custom bounds, and no negative and no zero bucket.

use std::fmt::{self, Display, Formatter};

use crate::promql::value::layout::{self, Incompatible};

/// The schema whose buckets have bounds of their own.
pub const CUSTOM_SCHEMA: i32 = -53;

/// What is known of a reset between a histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reset {
    /// Nothing: it has to be found out from the counts.
    #[default]
    Unknown,
    /// It was reset.
    Reset,
    /// It was not.
    NotReset,
    /// It is no counter.
    Gauge,
}

/// Observations counted in buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// −4 to 8, or `CUSTOM_SCHEMA`.
    pub schema: i32,
    /// The zero bucket reaches so far to both sides.
    pub zero_threshold: f64,
    /// What the zero bucket holds.
    pub zero_count: f64,
    /// How many observations there are in all.
    pub count: f64,
    /// The sum of their values.
    pub sum: f64,
    /// Index and count of the buckets above zero, in the order of indexes.
    pub positive: Vec<(i32, f64)>,
    /// Index and count of the buckets below zero, in the order of indexes: away from zero.
    pub negative: Vec<(i32, f64)>,
    /// The upper bounds of custom buckets, less that of the last, which is infinite.
    pub bounds: Vec<f64>,
    /// What is known of a reset.
    pub reset: Reset,
}

/// What adding or subtracting had to do besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::promql) struct Merged {
    /// One says that it was reset, the other that it was not.
    pub(in crate::promql) resets_collide: bool,
    /// Custom bounds differed; those in both were kept.
    pub(in crate::promql) reconciled: bool,
}

impl Histogram {
    /// Whether its buckets have bounds of their own.
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Makes all counts and the sum so many times as large; less than none makes it a gauge.
    pub(in crate::promql) fn scale(&mut self, factor: f64) {
        self.each(|count| count * factor);
        if factor < 0.0 {
            self.reset = Reset::Gauge;
        }
    }

    /// Divides all counts and the sum. By zero, what is in buckets can't be said any more.
    pub(in crate::promql) fn divide(&mut self, by: f64) {
        if by == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        self.each(|count| count / by);
        if by < 0.0 {
            self.reset = Reset::Gauge;
        }
    }

    fn each(&mut self, change: impl Fn(f64) -> f64) {
        self.zero_count = change(self.zero_count);
        self.count = change(self.count);
        self.sum = change(self.sum);
        self.positive.iter_mut().chain(&mut self.negative).for_each(|(_, count)| *count = change(*count));
    }

    pub(in crate::promql) fn add(&mut self, other: &Self) -> Result<Merged, Incompatible> {
        self.combine(other, 1.0)
    }

    pub(in crate::promql) fn subtract(&mut self, other: &Self) -> Result<Merged, Incompatible> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<Merged, Incompatible> {
        let mut other = other.clone();
        let reconciled = layout::align(self, &mut other)?;
        let (reset, resets_collide) = joined(self.reset, other.reset);
        self.reset = reset;
        self.zero_count += sign * other.zero_count;
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        for (into, from) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            layout::merge(into, from, |have, more| *have += sign * more);
        }
        Ok(Merged { resets_collide, reconciled })
    }

    /// Leaves out empty buckets.
    pub(in crate::promql) fn compact(&mut self) {
        self.positive.retain(|(_, count)| *count != 0.0);
        self.negative.retain(|(_, count)| *count != 0.0);
    }

    /// Whether the same was observed, bit by bit; what is known of resets does not count, nor do empty buckets.
    pub(in crate::promql) fn same(&self, other: &Self) -> bool {
        let scalars = |h: &Self| {
            [h.zero_threshold.to_bits(), h.zero_count.to_bits(), h.count.to_bits(), h.sum.to_bits()]
        };
        self.schema == other.schema
            && self.bounds == other.bounds
            && scalars(self) == scalars(other)
            && filled(&self.positive).eq(filled(&other.positive))
            && filled(&self.negative).eq(filled(&other.negative))
    }

    /// Whether the counter was reset since `before`: it says so, or something that was counted is not any more.
    pub(in crate::promql) fn was_reset_since(&self, before: &Self) -> bool {
        match self.reset {
            Reset::Reset => return true,
            Reset::NotReset => return false,
            Reset::Unknown | Reset::Gauge => {}
        }
        if self.count < before.count
            || self.is_custom() != before.is_custom()
            || before.schema < self.schema
            || self.zero_threshold < before.zero_threshold
        {
            return true;
        }
        let mut before = before.clone();
        if self.is_custom() {
            // Other bounds are no reset by themselves: what is counted between those that both have is compared.
            let mut now = self.clone();
            return layout::align(&mut now, &mut before).is_err() || fell(&now.positive, &before.positive);
        }
        if before.zero_threshold < self.zero_threshold {
            layout::widen_zero(&mut before, self.zero_threshold);
        }
        // Otherwise the new threshold cuts through a bucket that holds something.
        if before.zero_threshold != self.zero_threshold || self.zero_count < before.zero_count {
            return true;
        }
        layout::coarsen(&mut before, self.schema);
        fell(&self.positive, &before.positive) || fell(&self.negative, &before.negative)
    }
}

fn filled(buckets: &[(i32, f64)]) -> impl Iterator<Item = (i32, u64)> {
    buckets.iter().filter(|(_, count)| *count != 0.0).map(|(index, count)| (*index, count.to_bits()))
}

/// Whether a bucket holds less than before.
fn fell(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    before.iter().any(|(index, count)| {
        let now = now.binary_search_by_key(index, |(index, _)| *index).map_or(0.0, |at| now[at].1);
        now < *count
    })
}

/// What is known of a reset of a sum, and whether its parts contradict each other.
pub(super) fn joined(a: Reset, b: Reset) -> (Reset, bool) {
    match (a, b) {
        (a, b) if a == b => (a, false),
        (Reset::Gauge, _) | (_, Reset::Gauge) => (Reset::Gauge, false),
        (Reset::Unknown, _) | (_, Reset::Unknown) => (Reset::Unknown, false),
        _ => (Reset::Unknown, true),
    }
}

/// As Prometheus writes it: `{count:3, sum:5, (1,2]:3}`.
impl Display for Histogram {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", short(self.count), short(self.sum))?;
        for bucket in self.own_buckets().filter(|bucket| bucket.count != 0.0) {
            let open = if bucket.takes_lower { '[' } else { '(' };
            let close = if bucket.takes_upper { ']' } else { ')' };
            let (lower, upper) = (short(bucket.lower), short(bucket.upper));
            write!(f, ", {open}{lower},{upper}{close}:{}", short(bucket.count))?;
        }
        f.write_str("}")
    }
}

/// The shortest digits, with an exponent from 1e21 and below 1e-4 (Go's `%g`).
pub(in crate::promql) fn short(value: f64) -> String {
    crate::model::format_value(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(count: f64, positive: &[(i32, f64)]) -> Histogram {
        Histogram { count, sum: count, positive: positive.to_vec(), ..Histogram::default() }
    }

    #[test]
    fn a_histogram_prints_as_in_prometheus() {
        let all = Histogram {
            zero_threshold: 0.001,
            zero_count: 2.0,
            negative: vec![(0, 1.0), (1, 2.0)],
            ..histogram(20.0, &[(0, 1.0), (1, 0.0), (2, 2.0)])
        };
        assert_eq!(
            all.to_string(),
            "{count:20, sum:20, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:2}"
        );
        let narrow = Histogram { zero_count: 2.0, ..histogram(2.0, &[]) };
        assert_eq!(narrow.to_string(), "{count:2, sum:2, [-0,0]:2}");
        let custom = Histogram {
            schema: CUSTOM_SCHEMA,
            bounds: vec![-5.0, 5.0],
            ..histogram(2.0, &[(0, 1.0), (2, 1.0)])
        };
        assert_eq!(custom.to_string(), "{count:2, sum:2, [-Inf,-5]:1, (5,+Inf]:1}");
    }

    #[test]
    fn sums_merge_buckets() {
        let mut sum = histogram(3.0, &[(0, 1.0), (2, 2.0)]);
        assert_eq!(sum.add(&histogram(4.0, &[(1, 3.0), (2, 1.0)])), Ok(Merged::default()));
        assert_eq!(sum, histogram(7.0, &[(0, 1.0), (1, 3.0), (2, 3.0)]));
        assert!(sum.subtract(&histogram(4.0, &[(1, 3.0), (2, 1.0)])).is_ok());
        sum.compact();
        assert_eq!(sum, histogram(3.0, &[(0, 1.0), (2, 2.0)]));
    }

    #[test]
    fn what_is_known_of_resets_is_joined() {
        let check = |a, b, expected| assert_eq!(joined(a, b), expected);
        check(Reset::Reset, Reset::Reset, (Reset::Reset, false));
        check(Reset::Reset, Reset::NotReset, (Reset::Unknown, true));
        check(Reset::Gauge, Reset::NotReset, (Reset::Gauge, false));
        check(Reset::Unknown, Reset::NotReset, (Reset::Unknown, false));
    }

    #[test]
    fn a_reset_is_seen_in_what_fell() {
        let check = |before: &Histogram, now: &Histogram, expected| {
            assert_eq!(now.was_reset_since(before), expected, "{before} {now}");
        };
        let before = histogram(3.0, &[(0, 1.0), (2, 2.0)]);
        check(&before, &histogram(4.0, &[(0, 1.0), (2, 3.0)]), false);
        check(&before, &histogram(2.0, &[(0, 1.0), (2, 2.0)]), true);
        check(&before, &histogram(5.0, &[(0, 0.0), (2, 5.0)]), true);
        check(&before, &histogram(5.0, &[(0, 5.0)]), true);
        check(&before, &Histogram { schema: 1, ..before.clone() }, true);
        check(&before, &Histogram { reset: Reset::Reset, ..before.clone() }, true);
        check(&before, &Histogram { reset: Reset::NotReset, ..histogram(1.0, &[]) }, false);
        check(&before, &Histogram { schema: -1, ..histogram(3.0, &[(0, 1.0), (1, 2.0)]) }, false);
        let wide = Histogram { zero_threshold: 1.0, zero_count: 1.0, ..histogram(3.0, &[(2, 2.0)]) };
        check(&before, &wide, false);
        check(&before, &Histogram { zero_threshold: 3.0, ..wide }, true);
    }

    #[test]
    fn a_division_by_zero_leaves_no_bucket() {
        let mut divided = histogram(1.0, &[(0, 1.0)]);
        divided.divide(0.0);
        assert_eq!((divided.count, divided.positive.len()), (f64::INFINITY, 0));
        let mut turned = histogram(1.0, &[(0, 1.0)]);
        turned.scale(-2.0);
        assert_eq!((turned.count, turned.reset), (-2.0, Reset::Gauge));
    }
}
