//! Buckets of two histograms brought to one layout, so that they can be added bucket by bucket.
//!
//! In:   two histograms.
//! Out:  the same observations in the coarser schema, under the wider zero bucket, or between the custom bounds that
//!       both have.
//! Not:  exponential and custom buckets never meet.

use crate::promql::value::Histogram;
use crate::promql::value::buckets::bound;

/// One has exponential buckets and the other has custom ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::promql) struct Incompatible;

/// Brings both to one layout; whether custom bounds had to be reconciled.
pub(super) fn align(a: &mut Histogram, b: &mut Histogram) -> Result<bool, Incompatible> {
    match (a.is_custom(), b.is_custom()) {
        (true, true) => Ok(align_bounds(a, b)),
        (false, false) => {
            align_zero(a, b);
            let schema = a.schema.min(b.schema);
            coarsen(a, schema);
            coarsen(b, schema);
            Ok(false)
        }
        _ => Err(Incompatible),
    }
}

/// Brings a histogram to the layout of `other`, which is as coarse or coarser.
pub(super) fn conform(histogram: &mut Histogram, other: &Histogram) {
    if other.is_custom() {
        rebound(histogram, &other.bounds);
        return;
    }
    if histogram.zero_threshold < other.zero_threshold {
        widen_zero(histogram, other.zero_threshold);
    }
    histogram.zero_threshold = other.zero_threshold;
    coarsen(histogram, other.schema);
}

fn align_bounds(a: &mut Histogram, b: &mut Histogram) -> bool {
    if a.bounds == b.bounds {
        return false;
    }
    let shared: Vec<f64> = a.bounds.iter().copied().filter(|bound| b.bounds.contains(bound)).collect();
    rebound(a, &shared);
    rebound(b, &shared);
    true
}

/// Moves what custom buckets hold to those of `bounds`, which are a part of its own.
fn rebound(histogram: &mut Histogram, bounds: &[f64]) {
    if histogram.bounds == bounds {
        return;
    }
    let place = |index: i32| {
        let upper = usize::try_from(index).ok().and_then(|index| histogram.bounds.get(index));
        let place = upper.map_or(bounds.len(), |upper| bounds.partition_point(|bound| bound < upper));
        i32::try_from(place).unwrap_or(i32::MAX)
    };
    histogram.positive = gathered(&histogram.positive, place);
    histogram.bounds = bounds.to_vec();
}

/// Widens zero buckets in turn until both are equal and cut through no bucket that holds something.
fn align_zero(a: &mut Histogram, b: &mut Histogram) {
    while a.zero_threshold != b.zero_threshold {
        if a.zero_threshold.is_nan() || b.zero_threshold.is_nan() {
            return;
        }
        if a.zero_threshold < b.zero_threshold {
            widen_zero(a, b.zero_threshold);
        } else {
            widen_zero(b, a.zero_threshold);
        }
    }
}

/// Widens the zero bucket to `threshold`, or further to the end of a bucket that holds something and lies across it.
pub(super) fn widen_zero(histogram: &mut Histogram, mut threshold: f64) {
    let schema = histogram.schema;
    loop {
        let across = histogram.positive.iter().chain(&histogram.negative).find(|(index, count)| {
            let (lower, upper) = (bound(schema, index.saturating_sub(1)), bound(schema, *index));
            *count != 0.0 && lower < threshold && threshold < upper
        });
        match across {
            Some((index, _)) => threshold = bound(schema, *index),
            None => break,
        }
    }
    let mut swallowed = 0.0;
    for buckets in [&mut histogram.positive, &mut histogram.negative] {
        buckets.retain(|(index, count)| {
            let keeps = threshold <= bound(schema, index.saturating_sub(1));
            if !keeps {
                swallowed += count;
            }
            keeps
        });
    }
    histogram.zero_count += swallowed;
    histogram.zero_threshold = threshold;
}

/// Joins neighbouring buckets until the schema is as coarse as `schema`.
pub(super) fn coarsen(histogram: &mut Histogram, schema: i32) {
    let steps = histogram.schema.saturating_sub(schema);
    if steps <= 0 || histogram.is_custom() {
        return;
    }
    let place = |index: i32| (index.wrapping_sub(1) >> steps.min(31)).wrapping_add(1);
    histogram.positive = gathered(&histogram.positive, place);
    histogram.negative = gathered(&histogram.negative, place);
    histogram.schema = schema;
}

/// What buckets hold under new indexes, which keep their order.
fn gathered(buckets: &[(i32, f64)], place: impl Fn(i32) -> i32) -> Vec<(i32, f64)> {
    let mut result: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for (index, count) in buckets {
        let index = place(*index);
        match result.last_mut() {
            Some((last, sum)) if *last == index => *sum += count,
            _ => result.push((index, *count)),
        }
    }
    result
}

/// Goes through the buckets of both side by side; a bucket that `into` lacks begins with nothing.
pub(super) fn merge(into: &mut Vec<(i32, f64)>, from: &[(i32, f64)], mut join: impl FnMut(&mut f64, f64)) {
    let mut at = 0;
    for (index, count) in from {
        while into.get(at).is_some_and(|(have, _)| have < index) {
            at += 1;
        }
        if into.get(at).is_none_or(|(have, _)| have != index) {
            into.insert(at, (*index, 0.0));
        }
        join(&mut into[at].1, *count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::value::CUSTOM_SCHEMA;

    #[test]
    fn neighbours_are_joined() {
        let mut histogram = Histogram {
            schema: 1,
            positive: vec![(-1, 1.0), (0, 2.0), (1, 4.0), (2, 8.0), (3, 16.0)],
            ..Histogram::default()
        };
        coarsen(&mut histogram, 0);
        assert_eq!(histogram.positive, [(0, 3.0), (1, 12.0), (2, 16.0)]);
    }

    #[test]
    fn a_wider_zero_bucket_takes_in_whole_buckets() {
        let histogram = Histogram {
            positive: vec![(0, 1.0), (1, 2.0), (2, 4.0)],
            negative: vec![(1, 8.0)],
            ..Histogram::default()
        };
        let check = |threshold: f64, expected: (f64, f64, usize)| {
            let mut wide = histogram.clone();
            widen_zero(&mut wide, threshold);
            assert_eq!((wide.zero_threshold, wide.zero_count, wide.positive.len()), expected);
        };
        check(0.5, (0.5, 0.0, 3));
        check(1.0, (1.0, 1.0, 2));
        check(1.5, (2.0, 11.0, 1));
    }

    #[test]
    fn bounds_that_both_have_are_kept() {
        let custom = |bounds: &[f64], positive: &[(i32, f64)]| Histogram {
            schema: CUSTOM_SCHEMA,
            bounds: bounds.to_vec(),
            positive: positive.to_vec(),
            ..Histogram::default()
        };
        let mut a = custom(&[1.0, 5.0, 10.0], &[(0, 1.0), (1, 2.0), (3, 4.0)]);
        let mut b = custom(&[5.0, 20.0], &[(0, 1.0), (1, 2.0)]);
        assert_eq!(align(&mut a, &mut b), Ok(true));
        assert_eq!(a, custom(&[5.0], &[(0, 3.0), (1, 4.0)]));
        assert_eq!(b, custom(&[5.0], &[(0, 1.0), (1, 2.0)]));
        assert_eq!(align(&mut a, &mut Histogram::default()), Err(Incompatible));
    }
}
