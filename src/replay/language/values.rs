//! The values of a series over a scenario: a list in the notation of Prometheus's tests, or a curve with corners.
//!
//! In:   texts.
//! Out:  the value at the n-th scrape, or that there is none.
//! Not:  nothing is random: the noise of a curve is made of the series' labels and the time.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Timestamp};
use crate::promql::parse_series;

/// Values of a series.
#[derive(Debug, Clone)]
pub enum Values {
    /// One after the other, and then none; or, where `...` ends the list, on in the same way.
    Listed {
        /// The list. Shared by the series of a generator.
        values: Arc<[Option<f64>]>,
        /// What `...` goes on with: the last value, and by how much it grows.
        on: Option<(f64, f64)>,
    },
    /// A curve, for ever.
    Curve(Arc<Curve>),
}

/// A line with corners.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pieces: Vec<Piece>,
    /// The area under the curve up to each piece, where the curve is the rate of a counter.
    areas: Option<Vec<f64>>,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from: Timestamp,
    /// `None`: no value.
    value: Option<f64>,
    /// Where a straight line from here leads to.
    to: Option<(Timestamp, f64)>,
    noise: Noise,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    Absolute(f64),
    Relative(f64),
}

impl Values {
    /// Reads `NAME{…} VALUES`.
    ///
    /// # Errors
    /// In words, where it is no series.
    pub fn listed(text: &str, step: Duration) -> Result<(Labels, Self), String> {
        let (text, goes_on) = match text.strip_suffix("...").or_else(|| text.strip_suffix('…')) {
            Some(rest) if rest.ends_with([' ', '\t']) => (rest, true),
            _ => (text, false),
        };
        let (labels, samples) = parse_series(text, step)?;
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut values: Vec<Option<f64>> = Vec::new();
        for sample in &samples {
            let place = usize::try_from(sample.at.as_millis() / step_ms).unwrap_or(usize::MAX);
            values.resize(place, None);
            values.push(Some(sample.value));
        }
        let on = match (goes_on, values.last()) {
            (false, _) => None,
            (true, Some(Some(last))) => Some((*last, slope(text, &values))),
            (true, _) => {
                return Err("`...` goes on with the last value, and there is none before it".to_owned());
            }
        };
        Ok((labels, Self::Listed { values: values.into(), on }))
    }

    /// The value at the scrape number `nth` of a target, which is at `at`.
    pub fn at(&self, nth: usize, at: Timestamp) -> Option<f64> {
        match self {
            Self::Listed { values, on } => match (values.get(nth), on) {
                (Some(value), _) => *value,
                (None, Some((last, slope))) => Some(last + slope * (nth + 1 - values.len()) as f64),
                (None, None) => None,
            },
            Self::Curve(curve) => curve.at(at),
        }
    }

    /// How many scrapes it takes to see all that is written.
    pub fn len(&self) -> usize {
        match self {
            Self::Listed { values, .. } => values.len(),
            Self::Curve(_) => 0,
        }
    }

    /// The last corner of a curve.
    pub fn last_corner(&self) -> Option<Timestamp> {
        match self {
            Self::Listed { .. } => None,
            Self::Curve(curve) => curve.pieces.last().map(|piece| piece.to.map_or(piece.from, |to| to.0)),
        }
    }
}

/// By how much the last word of a list grows from one value to the next.
fn slope(text: &str, values: &[Option<f64>]) -> f64 {
    let word = text.split_whitespace().last().unwrap_or_default();
    match (word.contains('x'), values) {
        (true, [.., Some(a), Some(b)]) => b - a,
        _ => 0.0,
    }
}

impl Curve {
    /// Reads `10:30 31~2, 11:10 97~1, 12:30 97 -> 12:45 60, 13:00 _`: from each corner on its value holds, or a
    /// straight line leads to the corner behind `->`; `~` is noise, `_` no value. `read_time` reads a time.
    ///
    /// # Errors
    /// The part that cannot be read, with why.
    pub fn read(
        text: &str,
        seed: u64,
        read_time: &dyn Fn(&str) -> Option<Timestamp>,
    ) -> Result<Self, (String, String)> {
        let mut pieces: Vec<Piece> = Vec::new();
        for chain in text.split(',') {
            let mut before: Option<usize> = None;
            for corner in chain.split("->") {
                let piece =
                    read_corner(corner.trim(), read_time).map_err(|why| (corner.trim().to_owned(), why))?;
                if pieces.last().is_some_and(|last| piece.from <= last.from) {
                    return Err((
                        corner.trim().to_owned(),
                        "it is not later than the corner before it".to_owned(),
                    ));
                }
                if let Some(before) = before.map(|at| &mut pieces[at]) {
                    let value = piece.value.filter(|_| before.value.is_some());
                    let value = value
                        .ok_or((corner.trim().to_owned(), "a line needs a value at both ends".to_owned()))?;
                    before.to = Some((piece.from, value));
                }
                before = Some(pieces.len());
                pieces.push(piece);
            }
        }
        Ok(Self { pieces, areas: None, seed })
    }

    /// The counter that grows at this rate a second, from 0 at its first corner.
    ///
    /// # Errors
    /// In words, where the curve cannot be a rate.
    pub fn into_counter(mut self) -> Result<Self, String> {
        if self.pieces.iter().any(|piece| piece.noise != Noise::Absolute(0.0)) {
            return Err("the rate of a counter takes no noise".to_owned());
        }
        if self.pieces.iter().any(|piece| piece.value.is_some_and(|value| value < 0.0)) {
            return Err("the rate of a counter is not below 0".to_owned());
        }
        let mut area = 0.0;
        let mut areas = vec![0.0];
        for pair in self.pieces.windows(2) {
            area += pair[0].area(pair[1].from);
            areas.push(area);
        }
        self.areas = Some(areas);
        Ok(self)
    }

    fn at(&self, at: Timestamp) -> Option<f64> {
        let place = self.pieces.partition_point(|piece| piece.from <= at).checked_sub(1)?;
        let piece = &self.pieces[place];
        let value = piece.on_the_line(at)?;
        if let Some(areas) = &self.areas {
            return Some(areas[place] + piece.area(at));
        }
        let size = match piece.noise {
            Noise::Absolute(0.0) => return Some(value),
            Noise::Absolute(size) => size,
            Noise::Relative(part) => value * part,
        };
        // Three digits behind the point: nobody writes a measurement with more, and they are read by people.
        let second = at.as_millis().div_euclid(1000).unsigned_abs();
        Some(((value + size * noise(self.seed, second)) * 1000.0).round() / 1000.0)
    }
}

impl Piece {
    fn on_the_line(&self, at: Timestamp) -> Option<f64> {
        let (value, Some((until, end))) = (self.value?, self.to) else { return self.value };
        let part = at.since(self.from).as_secs_f64() / until.since(self.from).as_secs_f64();
        Some(value + (end - value) * part.min(1.0))
    }

    fn area(&self, until: Timestamp) -> f64 {
        let height = |at| self.on_the_line(at).unwrap_or(0.0);
        until.since(self.from).as_secs_f64() * f64::midpoint(height(self.from), height(until))
    }
}

fn read_corner(text: &str, read_time: &dyn Fn(&str) -> Option<Timestamp>) -> Result<Piece, String> {
    let form = "a corner is a time and a value, such as `11:10 97~1`";
    let (time, value) = text.split_once(char::is_whitespace).ok_or(form)?;
    let from = read_time(time).ok_or_else(|| format!("`{time}` is no time"))?;
    let (value, noise) = match value.trim().split_once('~') {
        Some((value, noise)) => (value, read_noise(noise)?),
        None => (value.trim(), Noise::Absolute(0.0)),
    };
    let value = match value {
        "_" => None,
        value => Some(read_number(value)?),
    };
    Ok(Piece { from, value, to: None, noise })
}

fn read_noise(text: &str) -> Result<Noise, String> {
    match text.strip_suffix('%') {
        Some(percent) => Ok(Noise::Relative(read_number(percent)? / 100.0)),
        None => Ok(Noise::Absolute(read_number(text)?)),
    }
}

fn read_number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| format!("`{text}` is no number"))
}

/// A number strictly between -1 and 1 that looks random and is the same in every run, of its own for each tick.
pub fn noise(seed: u64, tick: u64) -> f64 {
    // The finisher of SplitMix64: each bit of the input moves about half of the output's bits.
    let mut bits = tick.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let unit = (bits >> 12) as f64 / (1u64 << 52) as f64;
    (unit * 2.0 - 1.0) * 0.999
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(15);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn curve(text: &str) -> Result<Curve, (String, String)> {
        Curve::read(text, 1, &|word| Some(at(word.strip_suffix('s')?.parse().ok()?)))
    }

    #[test]
    fn a_list_ends_or_goes_on_in_the_same_way() {
        let check = |text: &str, expected: &[Option<f64>]| {
            let (_, values) = Values::listed(text, STEP).unwrap();
            let found: Vec<_> = (0..expected.len()).map(|nth| values.at(nth, at(0))).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("m 1 _ 2", &[Some(1.0), None, Some(2.0), None]);
        check("m 1 2 ...", &[Some(1.0), Some(2.0), Some(2.0), Some(2.0)]);
        check("m 0+10x1 ...", &[Some(0.0), Some(10.0), Some(20.0), Some(30.0)]);
        check("m 5 0+1x1 7 …", &[Some(5.0), Some(0.0), Some(1.0), Some(7.0), Some(7.0)]);
        assert!(Values::listed("m _ ...", STEP).is_err());
    }

    #[test]
    fn a_curve_holds_leads_and_leaves_out() {
        let curve = curve("10s 31, 20s 90 -> 30s 60 -> 40s 50, 50s _").unwrap();
        let check = |seconds, value| assert_eq!(curve.at(at(seconds)), value, "{seconds}");
        check(9, None);
        check(19, Some(31.0));
        check(20, Some(90.0));
        check(25, Some(75.0));
        check(35, Some(55.0));
        check(49, Some(50.0));
        check(50, None);
    }

    #[test]
    fn noise_stays_within_its_size_and_is_the_same_each_time() {
        let curve = curve("0s 100~2, 500s 100~10%").unwrap();
        for seconds in 0..1000 {
            let value = curve.at(at(seconds)).unwrap();
            assert!((value - 100.0).abs() < if seconds < 500 { 2.0 } else { 10.0 }, "{value}");
            assert_eq!(curve.at(at(seconds)), Some(value));
        }
        assert_ne!(curve.at(at(1)), curve.at(at(2)));
    }

    #[test]
    fn a_counter_is_the_area_under_its_rate() {
        let counter = curve("0s 2, 10s 0 -> 20s 10").unwrap().into_counter().unwrap();
        assert_eq!(counter.at(at(10)), Some(20.0));
        assert_eq!(counter.at(at(20)), Some(70.0));
        assert_eq!(counter.at(at(30)), Some(170.0));
        assert!(curve("0s 1~1").unwrap().into_counter().is_err());
    }

    #[test]
    fn the_part_that_cannot_be_read_is_named() {
        let check = |text: &str, part: &str| assert_eq!(curve(text).unwrap_err().0, part, "{text}");
        check("1s 1, x 2", "x 2");
        check("1s 1, 1s 2", "1s 2");
        check("1s 1, 2s a", "2s a");
        check("1s _ -> 2s 1", "2s 1");
        check("1s", "1s");
    }
}
