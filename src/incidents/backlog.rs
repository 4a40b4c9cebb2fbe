//! How a backlog goes: growing, stalled or draining, and when it will be drained.
//!
//! In:   depths as they are measured, one after the other; the depth below which it counts as drained.
//! Out:  a trend, and an ETA with a band, rounded to what it is worth.
//! Not:  nothing is journaled: what is said carries its figures in its post. Whether it is worth saying again is
//!       decided in `promise`.
//!
//! The slope is that of Theil and Sen: the median of the slopes between all pairs of depths, which a few wild ones
//! do not move. Its band is Sen's (1968): the pairs' slopes at the ranks that Kendall's variance gives. What a
//! queue does can change from one minute to the next, so the stretch that the slope is taken over begins with the
//! last few minutes and grows backwards only as long as the longer slope agrees with the shorter.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use crate::model::Timestamp;

/// A slope is taken over at least this many depths.
const DEPTHS_LEAST: usize = 8;
/// And over no more than this many; closer ones are thinned out.
const DEPTHS_MOST: usize = 60;
/// The shortest stretch is this part of the window.
const SHORTEST_PART: u32 = 6;
/// A band is never narrower than this part of the time that is left: queues do not drain by the ruler.
const BAND_LEAST: f64 = 0.05;
/// Of the normal distribution, for a band that holds in 95 of 100 cases.
const Z_95: f64 = 1.96;
/// A time further ahead than this is worth nothing.
const FAR_AWAY: Duration = Duration::from_secs(7 * 24 * 3600);

/// A band over a longer stretch may be so much wider by chance.
const WIDER_AT_MOST: f64 = 1.25;
/// What is left of a width of nothing after rounding.
const EXACT: f64 = 1e-6;

const MINUTE: Duration = Duration::from_secs(60);

/// Where a backlog is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    /// It gets deeper.
    Growing,
    /// Neither can be told from the noise.
    Stalled,
    /// It gets shallower.
    Draining,
}

/// When it will be drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    pub(super) low: Timestamp,
    pub(super) best: Timestamp,
    pub(super) high: Timestamp,
}

/// How it goes, as far as can be told now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outlook {
    pub(super) trend: Trend,
    /// The ETA, where it drains and the time is near enough to be told.
    pub(super) eta: Option<Band>,
}

/// The depths that were measured lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Depths {
    measured: VecDeque<(Timestamp, f64)>,
    /// The slope of them, once somebody asked; to find it takes a while.
    slope: OnceLock<Option<Slope>>,
}

impl Depths {
    /// Takes a depth in, and forgets what lies before the window.
    pub(super) fn measure(&mut self, at: Timestamp, depth: f64, window: Duration) {
        // After a clock that was set back, what lies ahead is not known any more.
        while self.measured.back().is_some_and(|(last, _)| at < *last) {
            self.measured.pop_back();
        }
        let apart = window / DEPTHS_MOST as u32;
        let too_close = |(last, _): &(Timestamp, f64)| at.since(*last) < apart;
        if !depth.is_finite() || self.measured.back().is_some_and(too_close) {
            return;
        }
        self.measured.push_back((at, depth));
        while self.measured.front().is_some_and(|(first, _)| *first + window < at) {
            self.measured.pop_front();
        }
        self.slope = OnceLock::new();
    }

    /// How it went when it was last measured, with `drained_below` the depth that counts as drained; `None` while
    /// too little is known.
    pub(super) fn outlook(&self, drained_below: f64, window: Duration) -> Option<Outlook> {
        let (last, _) = self.measured.back()?;
        let slope = self.slope.get_or_init(|| self.find_slope(*last, window)).as_ref()?;
        let trend = match () {
            () if slope.high < 0.0 => Trend::Draining,
            () if 0.0 < slope.low => Trend::Growing,
            () => Trend::Stalled,
        };
        let eta = (trend == Trend::Draining).then(|| slope.reaches(drained_below, *last)).flatten();
        Some(Outlook { trend, eta })
    }

    /// The slope over the longest stretch that goes on as the last few minutes do.
    fn find_slope(&self, last: Timestamp, window: Duration) -> Option<Slope> {
        let mut stretch = window / SHORTEST_PART;
        let mut known: Option<Slope> = None;
        loop {
            let from = self.measured.partition_point(|(at, _)| *at + stretch < last);
            let is_whole = from == 0;
            if let Some(longer) = Slope::of(&self.measured.range(from..).copied().collect::<Vec<_>>(), last) {
                match known {
                    Some(shorter) if !longer.goes_on_as(&shorter) => return known,
                    _ => known = Some(longer),
                }
            }
            if is_whole || window <= stretch {
                return known;
            }
            stretch = (stretch * 3 / 2).min(window);
        }
    }
}

/// A line through depths: how fast they change, with a band, and where it is at its end.
#[derive(Debug, Clone, Copy)]
struct Slope {
    /// Per second.
    low: f64,
    best: f64,
    high: f64,
    /// The depth on the line at its end.
    depth: f64,
}

impl Slope {
    fn of(depths: &[(Timestamp, f64)], end: Timestamp) -> Option<Self> {
        let count = depths.len();
        if count < DEPTHS_LEAST {
            return None;
        }
        let seconds = |at: Timestamp| (at.as_millis() - end.as_millis()) as f64 / 1000.0;
        let mut slopes = Vec::with_capacity(count * (count - 1) / 2);
        for (place, (at, depth)) in depths.iter().enumerate() {
            for (later, deeper) in &depths[place + 1..] {
                slopes.push((deeper - depth) / (seconds(*later) - seconds(*at)));
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        let n = count as f64;
        let spread = Z_95 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
        let pairs = slopes.len() as f64;
        let rank = |place: f64| slopes[(place.max(0.0) as usize).min(slopes.len() - 1)];
        let best = median(&slopes);
        let mut ends: Vec<f64> = depths.iter().map(|(at, depth)| depth - best * seconds(*at)).collect();
        ends.sort_unstable_by(f64::total_cmp);
        Some(Self {
            low: rank((pairs - spread) / 2.0),
            best,
            high: rank((pairs + spread) / 2.0),
            depth: median(&ends),
        })
    }

    /// Whether this slope, over a longer stretch, is the same as the shorter one: their bands meet, and more depths
    /// made the band narrower, as they do where nothing else happens.
    fn goes_on_as(&self, shorter: &Self) -> bool {
        let meet = self.low <= shorter.high && shorter.low <= self.high;
        let width = |slope: &Self| slope.high - slope.low;
        meet && width(self) <= width(shorter) * WIDER_AT_MOST + shorter.best.abs() * EXACT
    }

    /// When a line that falls reaches `goal`, rounded to what it is worth.
    fn reaches(&self, goal: f64, end: Timestamp) -> Option<Band> {
        let left = |slope: f64| ((self.depth - goal) / -slope).max(0.0);
        let best = left(self.best);
        if FAR_AWAY.as_secs_f64() < best {
            return None;
        }
        // The steepest slope is the earliest end.
        let low = left(self.low).min(best * (1.0 - BAND_LEAST));
        let high = left(self.high).max(best * (1.0 + BAND_LEAST)).min(2.0 * FAR_AWAY.as_secs_f64());
        let step = worth(Duration::from_secs_f64(best), Duration::from_secs_f64(high - low));
        let at = |seconds: f64| end + Duration::from_secs_f64(seconds);
        let half = step / 2;
        Some(Band {
            low: at(low).floor_to(step),
            best: (at(best) + half).floor_to(step),
            high: (at(high) + step - Duration::from_millis(1)).floor_to(step),
        })
    }
}

/// To what a time is rounded that is `left` away and known to `width`.
fn worth(left: Duration, width: Duration) -> Duration {
    let least = if left < 10 * MINUTE { MINUTE } else { 5 * MINUTE };
    let steps = [MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE];
    steps.into_iter().find(|step| least <= *step && width <= 4 * *step).unwrap_or(60 * MINUTE)
}

/// Of what is sorted and not empty.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(30 * 60);

    fn minute(number: f64) -> Timestamp {
        Timestamp::from_millis(1_675_260_000_000 + (number * 60_000.0) as i64)
    }

    /// What is known at `until` after depths each 15 s from minute 0 on, with noise of so much.
    fn after(until: f64, noise: f64, depth: impl Fn(f64) -> f64) -> Option<Outlook> {
        let mut depths = Depths::default();
        let (mut at, mut seed) = (0.0, 7_u64);
        while at <= until {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let wild = (seed >> 33) as f64 / f64::from(1_u32 << 30) - 1.0;
            depths.measure(minute(at), depth(at) * (1.0 + noise * wild), WINDOW);
            at += 0.25;
        }
        depths.outlook(1000.0, WINDOW)
    }

    #[test]
    fn too_little_says_nothing() {
        assert_eq!(after(1.0, 0.0, |_| 5000.0), None);
    }

    #[test]
    fn a_line_that_rises_grows_and_a_level_one_with_noise_is_stalled() {
        assert_eq!(after(20.0, 0.01, |m| 1000.0 + 4000.0 * m).map(|o| o.trend), Some(Trend::Growing));
        assert_eq!(after(40.0, 0.01, |_| 100_000.0).map(|o| o.trend), Some(Trend::Stalled));
    }

    #[test]
    fn an_exact_line_gives_its_own_end() {
        let outlook = after(30.0, 0.0, |m| 121_000.0 - 1000.0 * m).expect("enough is known");
        let eta = outlook.eta.expect("it drains");
        assert_eq!(eta.best, minute(120.0));
        assert!(eta.low < eta.best && eta.best < eta.high, "{eta:?}");
    }

    #[test]
    fn a_bend_is_followed_before_the_window_has_passed_it() {
        // Rises for 40 minutes, then falls: 10 minutes after the bend the fall counts.
        let bent = |m: f64| if m < 40.0 { 4000.0 * m } else { 160_000.0 - 2000.0 * (m - 40.0) };
        let outlook = after(50.0, 0.005, bent).expect("enough is known");
        assert_eq!(outlook.trend, Trend::Draining);
        let best = outlook.eta.expect("it drains").best;
        assert!(minute(109.5) <= best && best <= minute(129.5), "{best}");
    }

    #[test]
    fn once_it_drains_it_does_so_at_every_later_look() {
        let bent = |m: f64| if m < 20.0 { 2500.0 * m } else { 50_000.0 - 700.0 * (m - 20.0) };
        for noise in [0.0, 0.01] {
            for minute in 32..80 {
                let outlook = after(f64::from(minute), noise, bent).expect("enough is known");
                assert_eq!(outlook.trend, Trend::Draining, "with noise {noise} at minute {minute}");
            }
        }
    }

    #[test]
    fn a_few_wild_depths_move_nothing() {
        let wild = |m: f64| if (m * 4.0) as u64 % 11 == 3 { 0.0 } else { 121_000.0 - 1000.0 * m };
        let best = after(30.0, 0.0, wild).and_then(|o| o.eta).expect("it drains").best;
        assert!(minute(114.0) <= best && best <= minute(126.0), "{best}");
    }

    #[test]
    fn a_time_is_rounded_to_what_it_is_worth() {
        let check = |left: u64, width: u64, expected: u64| {
            assert_eq!(worth(MINUTE * left as u32, MINUTE * width as u32), MINUTE * expected as u32);
        };
        check(5, 1, 1);
        check(60, 6, 5);
        check(120, 30, 10);
        check(300, 200, 60);
    }

    proptest! {
        #[test]
        fn the_band_holds_the_best_and_a_drain_ends_in_the_future(
            depths in prop::collection::vec(0.0..1e6_f64, 8..120), below in 0.0..1e5_f64,
        ) {
            let mut known = Depths::default();
            for (place, depth) in depths.iter().enumerate() {
                known.measure(minute(place as f64 / 4.0), *depth, WINDOW);
            }
            let now = minute((depths.len() - 1) as f64 / 4.0);
            if let Some(eta) = known.outlook(below, WINDOW).and_then(|outlook| outlook.eta) {
                prop_assert!(eta.low <= eta.best && eta.best <= eta.high, "{eta:?}");
                prop_assert!(now.floor_to(60 * MINUTE) <= eta.best);
            }
        }
    }
}
