//! Sums and means of histograms, with the error of each addition carried along.

use crate::promql::value::histogram::joined;
use crate::promql::value::layout::{self, Incompatible};
use crate::promql::value::sums::Sum;
use crate::promql::value::{Histogram, Reset};

/// A sum or mean of histograms in the making, and what was odd about its parts.
#[derive(Debug, Clone)]
pub(in crate::promql) struct Tally {
    sum: Histogram,
    /// What additions have lost, in the layout of `sum`.
    lost: Histogram,
    /// How many were added.
    count: f64,
    /// The sum would overflow, so that `sum` is the mean of what was added.
    running: bool,
    seen: (bool, bool),
    reconciled: bool,
}

impl Tally {
    pub(in crate::promql) fn new(first: &Histogram) -> Self {
        let lost = Histogram {
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            bounds: first.bounds.clone(),
            ..Histogram::default()
        };
        let seen = (first.reset == Reset::Reset, first.reset == Reset::NotReset);
        Self { sum: first.clone(), lost, count: 1.0, running: false, seen, reconciled: false }
    }

    /// Whether one of them says that it was reset and another that it was not.
    pub(in crate::promql) fn resets_collide(&self) -> bool {
        self.seen == (true, true)
    }

    /// Whether custom bounds had to be reconciled.
    pub(in crate::promql) fn reconciled(&self) -> bool {
        self.reconciled
    }

    /// Takes another in, for a sum.
    pub(in crate::promql) fn add(&mut self, other: &Histogram) -> Result<(), Incompatible> {
        self.see(other);
        self.count += 1.0;
        self.accumulate(other.clone())
    }

    /// Takes another in, for a mean: once the sum would overflow it is carried on as a running mean.
    pub(in crate::promql) fn add_to_mean(&mut self, other: &Histogram) -> Result<(), Incompatible> {
        self.see(other);
        self.count += 1.0;
        if !self.running {
            let mut next = self.clone();
            next.accumulate(other.clone())?;
            if !overflows(&next.sum) {
                *self = next;
                return Ok(());
            }
            self.running = true;
            self.sum.divide(self.count - 1.0);
            self.lost.divide(self.count - 1.0);
        }
        let kept = (self.count - 1.0) / self.count;
        self.sum.scale(kept);
        self.lost.scale(kept);
        let mut part = other.clone();
        part.divide(self.count);
        self.accumulate(part)
    }

    /// The sum of what was added.
    pub(in crate::promql) fn total(mut self) -> Histogram {
        settle(&mut self.sum, &self.lost);
        self.sum
    }

    /// The mean of what was added.
    pub(in crate::promql) fn mean(mut self) -> Histogram {
        if !self.running {
            self.sum.divide(self.count);
            self.lost.divide(self.count);
        }
        self.total()
    }

    fn see(&mut self, other: &Histogram) {
        self.seen.0 |= other.reset == Reset::Reset;
        self.seen.1 |= other.reset == Reset::NotReset;
    }

    fn accumulate(&mut self, mut other: Histogram) -> Result<(), Incompatible> {
        self.reconciled |= layout::align(&mut self.sum, &mut other)?;
        layout::conform(&mut self.lost, &self.sum);
        self.sum.reset = joined(self.sum.reset, other.reset).0;
        let (sum, lost) = (&mut self.sum, &mut self.lost);
        add(&mut sum.zero_count, &mut lost.zero_count, other.zero_count);
        add(&mut sum.count, &mut lost.count, other.count);
        add(&mut sum.sum, &mut lost.sum, other.sum);
        add_buckets(&mut sum.positive, &mut lost.positive, &other.positive);
        add_buckets(&mut sum.negative, &mut lost.negative, &other.negative);
        Ok(())
    }
}

fn add(sum: &mut f64, lost: &mut f64, value: f64) {
    let mut both = Sum { sum: *sum, lost: *lost };
    both.add(value);
    (*sum, *lost) = (both.sum, both.lost);
}

fn add_buckets(sum: &mut Vec<(i32, f64)>, lost: &mut Vec<(i32, f64)>, values: &[(i32, f64)]) {
    // Both get each bucket. Those whose index lies at the end of all numbers need not be in order, and may be missed.
    layout::merge(sum, values, |_, _| {});
    let wanted = sum.clone();
    layout::merge(lost, &wanted, |_, _| {});
    let find = |all: &[(i32, f64)], index: i32| all.binary_search_by_key(&index, |(have, _)| *have).ok();
    for (index, value) in values {
        if let (Some(at), Some(place)) = (find(sum, *index), find(lost, *index)) {
            add(&mut sum[at].1, &mut lost[place].1, *value);
        }
    }
}

/// Adds what was lost.
fn settle(sum: &mut Histogram, lost: &Histogram) {
    let settled = |sum: f64, lost: f64| if sum.is_infinite() { sum } else { sum + lost };
    sum.zero_count = settled(sum.zero_count, lost.zero_count);
    sum.count = settled(sum.count, lost.count);
    sum.sum = settled(sum.sum, lost.sum);
    layout::merge(&mut sum.positive, &lost.positive, |sum, lost| *sum = settled(*sum, lost));
    layout::merge(&mut sum.negative, &lost.negative, |sum, lost| *sum = settled(*sum, lost));
}

fn overflows(histogram: &Histogram) -> bool {
    let buckets = histogram.positive.iter().chain(&histogram.negative).map(|(_, count)| *count);
    [histogram.zero_count, histogram.count, histogram.sum].into_iter().chain(buckets).any(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(count: f64, sum: f64, positive: &[(i32, f64)]) -> Histogram {
        Histogram { count, sum, positive: positive.to_vec(), ..Histogram::default() }
    }

    #[test]
    fn small_sums_survive_large_ones() {
        let mut tally = Tally::new(&histogram(1.0, 1.0, &[(0, 1.0)]));
        for sum in [1e100, 1.0, -1e100] {
            tally.add(&histogram(1.0, sum, &[(1, 1.0)])).unwrap();
        }
        assert_eq!(tally.total(), histogram(4.0, 2.0, &[(0, 1.0), (1, 3.0)]));
    }

    #[test]
    fn a_mean_does_not_overflow() {
        let mut tally = Tally::new(&histogram(f64::MAX, 1.0, &[]));
        tally.add_to_mean(&histogram(f64::MAX, 3.0, &[])).unwrap();
        assert_eq!(tally.mean(), histogram(f64::MAX, 2.0, &[]));
    }

    #[test]
    fn parts_that_contradict_each_other_are_noticed() {
        let mut tally = Tally::new(&Histogram { reset: Reset::Reset, ..Histogram::default() });
        tally.add(&Histogram { reset: Reset::Unknown, ..Histogram::default() }).unwrap();
        assert!(!tally.resets_collide());
        tally.add(&Histogram { reset: Reset::NotReset, ..Histogram::default() }).unwrap();
        assert!(tally.resets_collide());
    }
}
