//! What native histograms tell of their observations: figures, quantiles and fractions.
//!
//! In:   a histogram.
//! Out:  numbers, estimated where an observation's place within its bucket counts: spread evenly on a logarithmic scale
//!       in exponential buckets, and evenly in custom buckets and the zero bucket.
//! Not:  no classic histograms: those are series, and in `classic`.

use crate::promql::tree::functions::Function;
use crate::promql::value::sums::{self};
use crate::promql::value::{Bucket, Histogram};

/// One figure of a histogram as a whole.
pub(super) fn figure(function: Function, histogram: &Histogram) -> f64 {
    match function {
        Function::HistogramCount => histogram.count,
        Function::HistogramSum => histogram.sum,
        Function::HistogramAvg => histogram.sum / histogram.count,
        Function::HistogramStddev => variance(histogram).sqrt(),
        _ => variance(histogram),
    }
}

/// The variance, as if each observation lay in the middle of its bucket.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let middle = |bucket: &Bucket| {
        if histogram.is_custom() {
            return f64::midpoint(bucket.upper, bucket.lower);
        }
        if bucket.lower <= 0.0 && 0.0 <= bucket.upper {
            return 0.0;
        }
        let size = (bucket.upper * bucket.lower).sqrt();
        if bucket.upper < 0.0 { -size } else { size }
    };
    let buckets = histogram.all_buckets().filter(|bucket| bucket.count != 0.0);
    let squares = buckets.map(|bucket| {
        let distance = middle(&bucket) - mean;
        bucket.count * distance * distance
    });
    sums::sum(squares) / histogram.count
}

/// A quantile, and what observations that are no numbers do to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantile {
    pub(super) value: f64,
    pub(super) nans: Nans,
}

/// Observations that are no numbers are in no bucket, and count as the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nans {
    /// There is none.
    None,
    /// The result is larger than it would be without them.
    Skew,
    /// The result is one of them.
    Reached,
}

/// The value below which the `q`th part of the observations lies.
pub(super) fn quantile(q: f64, histogram: &Histogram) -> Quantile {
    let plain = |value| Quantile { value, nans: Nans::None };
    if q < 0.0 {
        return plain(f64::NEG_INFINITY);
    }
    if 1.0 < q {
        return plain(f64::INFINITY);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return plain(f64::NAN);
    }
    let nans = histogram.sum.is_nan();
    // From the nearer end, as what lies behind the other is lost in the sum. From below where some are in no bucket.
    let forward = nans || q < 0.5;
    let buckets = histogram.all_buckets().filter(|bucket| bucket.count != 0.0);
    let (found, rank) = if forward {
        let rank = q * histogram.count;
        (reached(buckets, rank), rank)
    } else {
        let rank = (1.0 - q) * histogram.count;
        (reached(buckets.rev(), rank), rank)
    };
    let Some((bucket, count)) = found else {
        return Quantile { value: f64::NAN, nans: if nans { Nans::Reached } else { Nans::None } };
    };
    let count = count.min(histogram.count);
    if count < rank && nans {
        return Quantile { value: f64::NAN, nans: Nans::Reached };
    }
    let into = if forward { rank - (count - bucket.count) } else { count - rank };
    let value = place(histogram, bucket, into / bucket.count);
    Quantile { value, nans: if nans { Nans::Skew } else { Nans::None } }
}

/// The bucket in which the count reaches `rank`, or the last; with what is counted up to its end.
fn reached(buckets: impl Iterator<Item = Bucket>, rank: f64) -> Option<(Bucket, f64)> {
    let (mut count, mut last) = (0.0, None);
    for bucket in buckets {
        count += bucket.count;
        last = Some((bucket, count));
        if rank <= count {
            break;
        }
    }
    last
}

/// The value at a part of the way through a bucket.
fn place(histogram: &Histogram, mut bucket: Bucket, part: f64) -> f64 {
    if histogram.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        }
        if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && 0.0 < bucket.upper {
        bucket = histogram.one_sided(bucket);
    }
    let Bucket { lower, upper, .. } = bucket;
    if histogram.is_custom() || (lower <= 0.0 && 0.0 <= upper) {
        return lower + (upper - lower) * part;
    }
    let (low, high) = (lower.abs().log2(), upper.abs().log2());
    if 0.0 < lower {
        (low + (high - low) * part).exp2()
    } else {
        -(high + (low - high) * (1.0 - part)).exp2()
    }
}

/// The part of the observations between two values.
pub(super) fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if upper <= lower {
        return 0.0;
    }
    // Observations that are no numbers are in no bucket.
    let all = if histogram.sum.is_nan() {
        histogram.all_buckets().map(|bucket| bucket.count).sum()
    } else {
        histogram.count
    };
    let below = |value: f64| below(histogram, value).unwrap_or(all).min(all);
    (below(upper) - below(lower)) / histogram.count
}

/// How many observations lie below `value`; `None` where all buckets do.
fn below(histogram: &Histogram, value: f64) -> Option<f64> {
    let mut count = 0.0;
    for mut bucket in histogram.all_buckets() {
        if !histogram.is_custom() && bucket.lower <= 0.0 && 0.0 <= bucket.upper {
            bucket = histogram.one_sided(bucket);
        }
        if histogram.is_custom() && bucket.lower == f64::NEG_INFINITY && 0.0 < bucket.upper {
            bucket.lower = 0.0;
        }
        if value <= bucket.lower {
            return Some(count);
        }
        if value < bucket.upper {
            return Some(count + bucket.count * share(histogram, bucket, value));
        }
        count += bucket.count;
    }
    None
}

/// The part of a bucket's observations below a value in it.
fn share(histogram: &Histogram, bucket: Bucket, value: f64) -> f64 {
    let Bucket { lower, upper, .. } = bucket;
    if lower == f64::NEG_INFINITY {
        // How it is filled is not known; all of it counts, as none of the last one does.
        return 1.0;
    }
    if histogram.is_custom() || (lower <= 0.0 && 0.0 <= upper) {
        return (value - lower) / (upper - lower);
    }
    let [low, high, at] = [lower, upper, value].map(|value| value.abs().log2());
    (at - low) / (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        Histogram {
            count: 8.0,
            sum: 20.0,
            zero_threshold: 0.5,
            zero_count: 2.0,
            positive: vec![(1, 2.0), (2, 4.0)],
            ..Histogram::default()
        }
    }

    #[test]
    fn quantiles_lie_within_buckets() {
        let check = |q: f64, expected: f64| {
            let found = quantile(q, &histogram()).value;
            assert!((found - expected).abs() < 1e-12 || found == expected, "{q}: {found}");
        };
        check(0.0, 0.0);
        check(0.125, 0.25);
        check(0.5, 2.0);
        check(0.75, 8f64.sqrt());
        check(1.0, 4.0);
        check(-1.0, f64::NEG_INFINITY);
        check(2.0, f64::INFINITY);
        assert!(quantile(0.5, &Histogram::default()).value.is_nan());
    }

    #[test]
    fn observations_that_are_no_numbers_are_the_largest() {
        let odd = Histogram { count: 16.0, sum: f64::NAN, ..histogram() };
        assert_eq!(quantile(0.25, &odd), Quantile { value: 2.0, nans: Nans::Skew });
        assert_eq!(quantile(0.75, &odd).nans, Nans::Reached);
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, &odd), 0.5);
    }

    #[test]
    fn fractions_undo_quantiles() {
        for q in [0.0, 0.1, 0.3, 0.6, 0.9, 1.0] {
            let found = fraction(f64::NEG_INFINITY, quantile(q, &histogram()).value, &histogram());
            assert!((found - q).abs() < 1e-9, "{q}: {found}");
        }
        assert_eq!(fraction(3.0, 1.0, &histogram()), 0.0);
        assert!(fraction(f64::NAN, 1.0, &histogram()).is_nan());
    }

    #[test]
    fn figures() {
        assert_eq!(figure(Function::HistogramAvg, &histogram()), 2.5);
        assert_eq!(figure(Function::HistogramCount, &histogram()), 8.0);
        assert!(figure(Function::HistogramStdvar, &histogram()) > 0.0);
    }
}
