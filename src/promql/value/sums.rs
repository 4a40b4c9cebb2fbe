//! Sums and what is made of them, with the error of each addition carried along (Neumaier's form of Kahan
//! summation), as Prometheus does it, so that results agree to the last digits.

/// A sum in the making.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::promql) struct Sum {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl Sum {
    pub(in crate::promql) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if value.abs() <= self.sum.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(in crate::promql) fn total(&self) -> f64 {
        self.sum + self.lost
    }

    fn scaled(self, factor: f64) -> Self {
        Self { sum: self.sum * factor, lost: self.lost * factor }
    }
}

pub(in crate::promql) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.for_each(|value| sum.add(value));
    sum.total()
}

/// A mean in the making; once the sum would overflow it is carried on as a running mean.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::promql) struct Mean {
    sum: Sum,
    count: f64,
    running: bool,
}

impl Mean {
    pub(in crate::promql) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.running {
            let mut next = self.sum;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.running = true;
            self.sum = self.sum.scaled(1.0 / (self.count - 1.0));
        }
        self.sum = self.sum.scaled((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    pub(in crate::promql) fn total(self) -> f64 {
        if self.running { self.sum.total() } else { self.sum.sum / self.count + self.sum.lost / self.count }
    }
}

/// The mean.
pub(in crate::promql) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut mean = Mean::default();
    values.for_each(|value| mean.add(value));
    mean.total()
}

/// A population variance in the making, by Welford's way.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::promql) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    pub(in crate::promql) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean.total();
        self.mean.add(distance / self.count);
        self.squares.add(distance * (value - self.mean.total()));
    }

    pub(in crate::promql) fn total(self) -> f64 {
        self.squares.total() / self.count
    }
}

/// The population variance.
pub(in crate::promql) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let mut variance = Variance::default();
    values.for_each(|value| variance.add(value));
    variance.total()
}

/// The `q`-quantile with linear interpolation; infinite outside 0 to 1.
pub(in crate::promql) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if 1.0 < q {
        return f64::INFINITY;
    }
    // NaN comes first, as in Prometheus.
    values.sort_by(|a, b| (!a.is_nan()).cmp(&!b.is_nan()).then_with(|| a.total_cmp(b)));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// The smaller; NaN only where both are.
pub(in crate::promql) fn smaller(least: f64, value: f64) -> f64 {
    if least.is_nan() || value < least { value } else { least }
}

/// The larger; NaN only where both are.
pub(in crate::promql) fn larger(most: f64, value: f64) -> f64 {
    if most.is_nan() || most < value { value } else { most }
}

/// The smallest; NaN only where there is nothing else.
pub(in crate::promql) fn smallest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NAN, smaller)
}

/// The largest; NaN only where there is nothing else.
pub(in crate::promql) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NAN, larger)
}

/// Slope and value at `x` = 0 of the straight line nearest to `points` by least squares.
pub(in crate::promql) fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let first = points.clone().next().map_or(f64::NAN, |(_, y)| y);
    if points.clone().all(|(_, y)| y == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let count = points.clone().count() as f64;
    let x = sum(points.clone().map(|(x, _)| x));
    let y = sum(points.clone().map(|(_, y)| y));
    let xy = sum(points.clone().map(|(x, y)| x * y));
    let xx = sum(points.map(|(x, _)| x * x));
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_survive_large_ones() {
        assert_eq!(sum([1e100, 1.0, -1e100].into_iter()), 1.0);
        assert_eq!(mean([1e100, 3.0, -1e100].into_iter()), 1.0);
    }

    #[test]
    fn a_mean_does_not_overflow() {
        assert_eq!(mean([f64::MAX, f64::MAX].into_iter()), f64::MAX);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(0.5, vec![3.0, 1.0]), 2.0);
        assert_eq!(quantile(2.0, vec![1.0]), f64::INFINITY);
    }

    #[test]
    fn nan_is_taken_only_where_nothing_else_is() {
        assert_eq!(smallest([f64::NAN, 2.0, 1.0].into_iter()), 1.0);
        assert_eq!(largest([1.0, f64::NAN].into_iter()), 1.0);
        assert!(largest([f64::NAN].into_iter()).is_nan());
    }
}
