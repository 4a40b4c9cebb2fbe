//! Series by chance: gauges, counters that restart, histograms; with gaps, and with values that are no numbers.

use fogsignal::model::{Labels, Timestamp};
use fogsignal::promql::Sample;

use super::dice::Dice;

/// When the first sample may be.
pub const BEGIN_S: i64 = 1_700_000_000;
/// For so long there are samples.
pub const LENGTH_S: i64 = 3 * 3600;
const EVERY_MS: i64 = 15_000;

/// A series.
pub struct Series {
    pub labels: Labels,
    pub samples: Vec<Sample>,
}

pub fn some(dice: &mut Dice) -> Vec<Series> {
    let mut all = Vec::new();
    for job in ["api", "db"] {
        for instance in ["i0", "i1", "i2"] {
            for (name, odd) in [("temperature", 0), ("queue_length", 3)] {
                let labels = [("__name__", name), ("job", job), ("instance", instance)];
                all.push(Series { labels: labels.into_iter().collect(), samples: gauge(dice, odd) });
            }
            for code in ["200", "500"] {
                let labels =
                    [("__name__", "requests_total"), ("job", job), ("instance", instance), ("code", code)];
                all.push(Series { labels: labels.into_iter().collect(), samples: counter(dice) });
            }
        }
        let labels = [("__name__", "job_info"), ("job", job), ("team", if job == "api" { "a" } else { "b" })];
        all.push(Series {
            labels: labels.into_iter().collect(),
            samples: times(dice).map(|at| Sample { at, value: 1.0 }).collect(),
        });
        all.extend(histogram(dice, job));
    }
    all
}

/// Never on a whole second, and exact in seconds as a float.
fn times(dice: &mut Dice) -> impl Iterator<Item = Timestamp> + use<> {
    let phase = dice.pick(&[(1, 125), (1, 4250), (1, 7500), (1, 11_875)]);
    let mut dice = dice.apart(dice.clone().below(u64::MAX));
    let mut silent_for = 0;
    (0..LENGTH_S * 1000 / EVERY_MS).filter_map(move |n| {
        if silent_for > 0 {
            silent_for -= 1;
            return None;
        }
        silent_for = dice.pick(&[(300, 0), (15, 1), (3, 3), (2, 30)]);
        Some(Timestamp::from_millis(BEGIN_S * 1000 + n * EVERY_MS + phase))
    })
}

fn gauge(dice: &mut Dice, odd: u64) -> Vec<Sample> {
    let mut value = dice.below(100) as f64;
    let mut sample = |at| {
        value += dice.below(21) as f64 / 4.0 - 2.5;
        let odd = dice.pick(&[(500, value), (odd, f64::NAN), (odd, f64::INFINITY), (5, 0.0)]);
        Sample { at, value: odd }
    };
    let times: Vec<Timestamp> = times(&mut Dice::new(sample(Timestamp::default()).value.to_bits())).collect();
    times.into_iter().map(sample).collect()
}

fn counter(dice: &mut Dice) -> Vec<Sample> {
    let times: Vec<Timestamp> = times(dice).collect();
    let mut value = 0.0;
    let sample = |at| {
        value = if dice.below(150) == 0 { 0.0 } else { value + dice.below(40) as f64 };
        Sample { at, value }
    };
    times.into_iter().map(sample).collect()
}

fn histogram(dice: &mut Dice, job: &str) -> Vec<Series> {
    let bounds = ["0.1", "0.5", "1", "5", "+Inf"];
    let mut counts = [0.0; 5];
    let mut all: Vec<Series> = bounds
        .iter()
        .map(|le| Series {
            labels: [("__name__", "latency_bucket"), ("job", job), ("le", le)].into_iter().collect(),
            samples: Vec::new(),
        })
        .collect();
    let times: Vec<Timestamp> = times(dice).collect();
    for at in times {
        let mut sum = 0.0;
        for (series, count) in all.iter_mut().zip(&mut counts) {
            *count += dice.below(6) as f64;
            sum += *count;
            series.samples.push(Sample { at, value: sum });
        }
    }
    all
}
