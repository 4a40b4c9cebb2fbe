//! The bounds of a histogram's buckets, and what is told from them.

use crate::promql::value::{CUSTOM_SCHEMA, Histogram};

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Whether an observation of just that is in it.
    pub takes_lower: bool,
    /// Where it ends.
    pub upper: f64,
    /// Whether an observation of just that is in it.
    pub takes_upper: bool,
    /// How many observations there are.
    pub count: f64,
}

/// The upper bound of bucket `index` in an exponential schema.
pub(super) fn bound(schema: i32, index: i32) -> f64 {
    let exponent = f64::from(index) * 2f64.powi(schema.saturating_neg());
    // The last bucket ends with the last number.
    if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
}

impl Histogram {
    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        if self.schema != CUSTOM_SCHEMA {
            let (lower, upper) = (bound(self.schema, index.saturating_sub(1)), bound(self.schema, index));
            return Bucket { lower, takes_lower: false, upper, takes_upper: true, count };
        }
        let at = |index: i32| usize::try_from(index).ok().and_then(|index| self.bounds.get(index)).copied();
        let lower = at(index.saturating_sub(1)).unwrap_or(f64::NEG_INFINITY);
        let upper = at(index).unwrap_or(f64::INFINITY);
        Bucket { lower, takes_lower: index == 0, upper, takes_upper: true, count }
    }

    /// The buckets above zero, in the order of their bounds.
    pub(in crate::promql) fn positives(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.positive.iter().map(|(index, count)| self.positive_bucket(*index, *count))
    }

    /// The buckets below zero, away from zero.
    pub(in crate::promql) fn negatives(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.negative.iter().map(|(index, count)| {
            let Bucket { lower, takes_lower, upper, takes_upper, count } =
                self.positive_bucket(*index, *count);
            Bucket { lower: -upper, takes_lower: takes_upper, upper: -lower, takes_upper: takes_lower, count }
        })
    }

    pub(in crate::promql) fn zero_bucket(&self) -> Bucket {
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        Bucket { lower, takes_lower: true, upper, takes_upper: true, count: self.zero_count }
    }

    /// All buckets in the order of their bounds, as they are.
    pub fn own_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let zero = (!self.is_custom() && 0.0 < self.zero_count).then(|| self.zero_bucket());
        self.negatives().rev().chain(zero).chain(self.positives())
    }

    /// All buckets in the order of their bounds; those that reach into the zero bucket begin where it ends.
    pub(in crate::promql) fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let zero = self.zero_threshold;
        let overlaps = !self.is_custom() && 0.0 < self.zero_count;
        self.own_buckets().map(move |mut bucket| {
            if overlaps && 0.0 <= bucket.lower && bucket.lower < zero && zero < bucket.upper {
                bucket.lower = zero;
            }
            if overlaps && bucket.upper <= 0.0 && -zero < bucket.upper && bucket.lower < -zero {
                bucket.upper = -zero;
            }
            bucket
        })
    }

    /// The zero bucket's bounds less the side of zero on which nothing else was observed.
    pub(in crate::promql) fn one_sided(&self, mut bucket: Bucket) -> Bucket {
        match (self.negative.is_empty(), self.positive.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
        bucket
    }
}

/// The value that stands for what was observed between two bounds: halfway where observations are taken as spread
/// evenly, else the geometric mean.
pub(in crate::promql) fn midpoint(lower: f64, upper: f64, evenly: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if 0.0 < upper => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if evenly => f64::midpoint(lower, upper),
        (false, false) => {
            let size = (lower * upper).abs().sqrt();
            if upper <= 0.0 { -size } else { size }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_schema() {
        let check = |schema, index, expected| assert_eq!(bound(schema, index), expected, "{schema} {index}");
        check(0, 0, 1.0);
        check(0, 3, 8.0);
        check(0, -1, 0.5);
        check(1, 1, std::f64::consts::SQRT_2);
        check(-2, 1, 16.0);
        check(0, 1024, f64::MAX);
        check(0, 1025, f64::INFINITY);
        check(i32::MIN, 1, f64::INFINITY);
        check(i32::MAX, 1, 1.0);
    }

    #[test]
    fn buckets_come_in_the_order_of_their_bounds() {
        let histogram = Histogram {
            zero_threshold: 0.75,
            zero_count: 1.0,
            positive: vec![(0, 2.0), (1, 3.0)],
            negative: vec![(0, 4.0), (1, 5.0)],
            ..Histogram::default()
        };
        let found: Vec<(f64, f64, f64)> =
            histogram.all_buckets().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
        let expected =
            [(-2.0, -1.0, 5.0), (-1.0, -0.75, 4.0), (-0.75, 0.75, 1.0), (0.75, 1.0, 2.0), (1.0, 2.0, 3.0)];
        assert_eq!(found, expected);
    }

    #[test]
    fn midpoints_are_told_also_where_a_bound_is_infinite() {
        let check = |lower, upper, evenly, expected| assert_eq!(midpoint(lower, upper, evenly), expected);
        check(2.0, 8.0, true, 5.0);
        check(2.0, 8.0, false, 4.0);
        check(-8.0, -2.0, false, -4.0);
        check(f64::NEG_INFINITY, 4.0, true, 2.0);
        check(f64::NEG_INFINITY, -4.0, true, -4.0);
        check(4.0, f64::INFINITY, true, 4.0);
    }
}
