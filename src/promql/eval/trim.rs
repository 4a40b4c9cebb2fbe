//! What a histogram has observed below or above a value: `</` and `>/`.
//!
//! In:   a histogram and a value.
//! Out:  the histogram with the buckets on one side, that across the value in part.
//! Not:  the sum that is left is guessed from the middles of buckets, as the observations themselves are not known.

use crate::promql::value::{Bucket, Histogram, midpoint};

/// Which side of the value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Below,
    Above,
}

/// What is left of `histogram`.
pub(super) fn trimmed(histogram: &Histogram, keep: Keep, at: f64) -> Histogram {
    let mut result = histogram.clone();
    let (mut left, mut sum, mut cut) = (0.0, 0.0, false);
    let evenly = histogram.is_custom();
    let positives: Vec<Bucket> = histogram.positives().collect();
    let negatives: Vec<Bucket> = histogram.negatives().collect();
    for (counts, buckets) in [(&mut result.positive, positives), (&mut result.negative, negatives)] {
        for ((_, count), bucket) in counts.iter_mut().zip(buckets) {
            if bucket.count == 0.0 {
                continue;
            }
            let (kept, middle) = part(bucket, keep, at, evenly);
            cut |= kept != bucket.count;
            *count = kept;
            left += kept;
            sum += kept * middle;
        }
    }
    if 0.0 < histogram.zero_count {
        let filled = |buckets: &[(i32, f64)]| buckets.iter().any(|(_, count)| *count != 0.0);
        let mut zero = histogram.zero_bucket();
        match (filled(&histogram.negative), filled(&histogram.positive)) {
            (true, false) => zero.upper = 0.0,
            (false, true) => zero.lower = 0.0,
            _ => {}
        }
        let (kept, middle) = across(zero, keep, at, true);
        cut |= kept != zero.count;
        result.zero_count = kept;
        left += kept;
        sum += kept * middle;
    }
    if cut {
        result.count = left;
        result.sum = sum;
        result.compact();
    }
    result
}

/// How much of a bucket is kept, and the value that stands for it.
fn part(bucket: Bucket, keep: Keep, at: f64, evenly: bool) -> (f64, f64) {
    let whole = (bucket.count, midpoint(bucket.lower, bucket.upper, evenly));
    match keep {
        Keep::Below if bucket.upper <= at => whole,
        Keep::Above if at <= bucket.lower => whole,
        Keep::Below if at <= bucket.lower => (0.0, 0.0),
        Keep::Above if bucket.upper <= at => (0.0, 0.0),
        _ if bucket.lower.is_infinite() || bucket.upper.is_infinite() => endless(bucket, keep, at),
        _ => across(bucket, keep, at, evenly),
    }
}

/// A bucket with two ends, which may lie across the value.
fn across(bucket: Bucket, keep: Keep, at: f64, evenly: bool) -> (f64, f64) {
    let Bucket { lower, upper, count, .. } = bucket;
    let at = at.max(lower).min(upper);
    let below = if lower == upper {
        f64::from(u8::from(lower < at))
    } else if evenly {
        (at - lower) / (upper - lower)
    } else {
        // Spread evenly on a logarithmic scale.
        let [lower, upper, at] = [lower, upper, at].map(|value| value.abs().log2());
        (at - lower) / (upper - lower)
    };
    match keep {
        Keep::Below => (count * below, midpoint(lower, at, evenly)),
        Keep::Above if evenly && lower < at => {
            (count * ((upper - at) / (upper - lower)), midpoint(at, upper, evenly))
        }
        Keep::Above => (count - count * below, midpoint(at, upper, evenly)),
    }
}

/// A bucket without an end on one side, which the value lies in. How it is filled is not known: what lies below its
/// upper bound counts as positive where it can, else nothing is kept of it but where all of it may have been.
fn endless(bucket: Bucket, keep: Keep, at: f64) -> (f64, f64) {
    let Bucket { lower, upper, count, .. } = bucket;
    match (keep, lower == f64::NEG_INFINITY, upper == f64::INFINITY) {
        (Keep::Below, true, false) if 0.0 < at && 0.0 < upper => (count * at / upper, at / 2.0),
        (Keep::Below, true, false) if upper <= 0.0 => (count, at),
        (Keep::Above, true, false) if 0.0 <= at => (count * (1.0 - at / upper), f64::midpoint(at, upper)),
        (Keep::Above, false, true) => (count, at),
        _ => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::value::CUSTOM_SCHEMA;

    fn check(histogram: &Histogram, keep: Keep, at: f64, expected: (f64, f64)) {
        let left = trimmed(histogram, keep, at);
        assert_eq!((left.count, left.sum), expected, "{histogram} at {at}");
    }

    #[test]
    fn custom_buckets_are_cut_evenly() {
        let histogram = Histogram {
            schema: CUSTOM_SCHEMA,
            bounds: vec![10.0, 20.0],
            positive: vec![(0, 2.0), (1, 4.0), (2, 1.0)],
            count: 7.0,
            sum: 100.0,
            ..Histogram::default()
        };
        check(&histogram, Keep::Below, 15.0, (4.0, 2.0 * 5.0 + 2.0 * 12.5));
        check(&histogram, Keep::Above, 15.0, (3.0, 2.0 * 17.5 + 20.0));
        check(&histogram, Keep::Below, 5.0, (1.0, 2.5));
        check(&histogram, Keep::Above, 30.0, (1.0, 30.0));
        check(&histogram, Keep::Above, f64::NEG_INFINITY, (7.0, 100.0));
        check(&histogram, Keep::Below, f64::NEG_INFINITY, (0.0, 0.0));
    }

    #[test]
    fn exponential_buckets_are_cut_on_a_logarithmic_scale() {
        let histogram = Histogram {
            positive: vec![(2, 4.0)],
            negative: vec![(2, 4.0)],
            zero_threshold: 0.5,
            zero_count: 2.0,
            count: 10.0,
            sum: 3.0,
            ..Histogram::default()
        };
        let left = trimmed(&histogram, Keep::Above, 8f64.sqrt());
        assert!((left.count - 2.0).abs() < 1e-9, "{left}");
        let left = trimmed(&histogram, Keep::Below, -(8f64.sqrt()));
        assert!((left.count - 2.0).abs() < 1e-9, "{left}");
        check(&histogram, Keep::Below, f64::INFINITY, (10.0, 3.0));
        assert_eq!(trimmed(&histogram, Keep::Above, 0.0).zero_count, 1.0);
    }
}
