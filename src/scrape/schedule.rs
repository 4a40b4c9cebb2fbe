//! When each target is due.
//!
//! In:   targets' intervals and offsets, and the time.
//! Out:  when to look again, and who is due then.
//! Not:  no clock and no task: `scraper` has both.
//!
//! A target is due whenever the time since the epoch is its offset more than a multiple of its interval. So the
//! phase outlives restarts, and a late scrape moves nothing. A target whose beat fell into the time between an earlier
//! process and this one is due soon after the start as well: what is not measured holds alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{TargetKey, Timestamp};

/// A target's beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// From one scrape to the next.
    pub(super) interval: Duration,
    /// How far into each interval.
    pub(super) offset: Duration,
}

impl Rhythm {
    /// The first beat that is not before `from`.
    fn next(self, from: Timestamp) -> Timestamp {
        let interval = self.interval.max(Duration::from_millis(1));
        let beat = (from - self.offset).floor_to(interval) + self.offset;
        if beat < from { beat + interval } else { beat }
    }

    /// The first turn of a target after a start at `now` that was scraped last at `last`. Targets that are all late are
    /// not asked in the same moment, but in the order of their offsets, within a tenth of the interval.
    fn first(self, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let next = self.next(now);
        let is_late = last.is_some_and(|last| last < next - self.interval);
        if is_late { next.min(now + self.offset / 10) } else { next }
    }
}

/// Where a target stands.
#[derive(Debug, Clone, Copy)]
struct Turn {
    rhythm: Rhythm,
    next: Timestamp,
    /// The beat of its last scrape.
    taken: Option<Timestamp>,
    /// Whether its last beat was passed over.
    passed: bool,
}

/// The schedule of all targets.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    turns: BTreeMap<TargetKey, Turn>,
    due: BTreeSet<(Timestamp, TargetKey)>,
    asked_last: Option<Timestamp>,
    /// When an earlier process last scraped the targets that were not set yet.
    before: BTreeMap<TargetKey, Timestamp>,
}

impl Schedule {
    /// One that goes on after an earlier process, which last scraped each target then.
    pub(super) fn after(before: BTreeMap<TargetKey, Timestamp>) -> Self {
        Self { before, ..Self::default() }
    }

    /// All targets of the start are set: those that come later are new.
    pub(super) fn forget_before(&mut self) {
        self.before.clear();
    }

    /// Adds a target, or changes its rhythm; one that keeps its rhythm keeps its turn.
    pub(super) fn set(&mut self, key: &TargetKey, rhythm: Rhythm, now: Timestamp) {
        match self.turns.get(key) {
            Some(known) if known.rhythm == rhythm => return,
            Some(known) => drop(self.due.remove(&(known.next, key.clone()))),
            None => {}
        }
        let next = rhythm.first(now, self.before.remove(key));
        self.turns.insert(key.clone(), Turn { rhythm, next, taken: None, passed: false });
        self.due.insert((next, key.clone()));
    }

    /// Takes a target out.
    pub(super) fn remove(&mut self, key: &TargetKey) {
        if let Some(turn) = self.turns.remove(key) {
            self.due.remove(&(turn.next, key.clone()));
        }
    }

    /// How many targets there are, and how many turns wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.turns.len(), self.due.len())
    }

    /// When somebody is due next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Who is due, the longest waiting first, with the beat that they are due for, and puts each on its next beat.
    /// Beats that were missed are not made up for: after the clock was set ahead, or the machine slept, nobody is
    /// asked at once and again on the beat that follows, nor all of them in the same moment.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<(TargetKey, Timestamp)> {
        if self.asked_last.replace(now).is_some_and(|last| now < last) {
            self.start_over(now);
        }
        let mut taken = Vec::new();
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((at, key)) = self.due.pop_first()
        {
            let Some(turn) = self.turns.get_mut(&key) else { continue };
            // Not twice in a row: a wheel that is always late turns all the same.
            turn.passed = turn.rhythm.interval <= now.since(at) && !turn.passed;
            if turn.passed {
                turn.next = turn.rhythm.next(now);
                self.due.insert((turn.next, key));
                continue;
            }
            turn.taken = Some(at);
            turn.next = turn.rhythm.next(now + Duration::from_millis(1));
            self.due.insert((turn.next, key.clone()));
            taken.push((key, at));
        }
        taken
    }

    /// The clock was set back: nobody shall wait until it is where it was. A beat that comes a second time because
    /// it was set back a little is left out.
    fn start_over(&mut self, now: Timestamp) {
        self.due.clear();
        for (key, turn) in &mut self.turns {
            let interval = turn.rhythm.interval;
            turn.next = turn.rhythm.next(now);
            turn.passed = false;
            if let Some(taken) = turn.taken.filter(|taken| turn.next <= *taken && taken.since(now) < interval)
            {
                turn.next = taken + interval;
            }
            self.due.insert((turn.next, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> TargetKey {
        TargetKey::from(name.to_owned())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn rhythm(interval: u64, offset: u64) -> Rhythm {
        Rhythm { interval: Duration::from_secs(interval), offset: Duration::from_secs(offset) }
    }

    #[test]
    fn beats_stand_on_the_clock() {
        let check = |interval, offset, from, expected| {
            assert_eq!(rhythm(interval, offset).next(at(from)), at(expected), "{interval} {offset} {from}");
        };
        check(15, 0, 30, 30);
        check(15, 4, 30, 34);
        check(15, 4, 34, 34);
        check(15, 4, 35, 49);
        check(15, 4, 0, 4);
        check(15, 4, -20, -11);
    }

    #[test]
    fn a_late_turn_keeps_the_phase_and_makes_up_for_nothing() {
        let mut schedule = Schedule::default();
        schedule.set(&key("a"), rhythm(10, 3), at(100));
        assert_eq!(schedule.next(), Some(at(103)));
        assert_eq!(schedule.take_due(at(102)), []);
        assert_eq!(schedule.take_due(at(112)), [(key("a"), at(103))]);
        assert_eq!(schedule.next(), Some(at(113)));
        // Past a whole beat: the next one is not far.
        assert_eq!(schedule.take_due(at(123)), [(key("a"), at(123))]);
        assert_eq!(schedule.next(), Some(at(133)));
        assert_eq!(schedule.take_due(at(3755)), []);
        assert_eq!(schedule.next(), Some(at(3763)));
        // Late again: it is taken, or it never would be.
        assert_eq!(schedule.take_due(at(3781)), [(key("a"), at(3763))]);
        assert_eq!(schedule.next(), Some(at(3783)));
    }

    #[test]
    fn after_a_restart_those_that_are_late_are_asked_soon_and_keep_their_beat() {
        let lasts = [("late", 93), ("in time", 98), ("soon", 88)].map(|(name, last)| (key(name), at(last)));
        let mut schedule = Schedule::after(BTreeMap::from(lasts));
        schedule.set(&key("late"), rhythm(10, 3), at(104));
        schedule.set(&key("in time"), rhythm(10, 8), at(104));
        schedule.set(&key("new"), rhythm(10, 3), at(104));
        // Its beat comes before a tenth of its offset is over.
        schedule.set(&key("soon"), rhythm(1000, 105), at(104));
        let soon = at(104) + Duration::from_millis(300);
        assert_eq!(schedule.take_due(soon), [(key("late"), soon)]);
        assert_eq!(schedule.take_due(at(105)), [(key("soon"), at(105))]);
        assert_eq!(schedule.take_due(at(108)), [(key("in time"), at(108))]);
        assert_eq!(schedule.take_due(at(113)), [(key("late"), at(113)), (key("new"), at(113))]);
        // Only what is there at the start can be late.
        schedule.remove(&key("late"));
        schedule.set(&key("late"), rhythm(10, 3), at(114));
        assert_eq!(schedule.take_due(at(120)), [(key("in time"), at(118))]);
    }

    #[test]
    fn the_same_rhythm_set_again_changes_nothing() {
        let mut schedule = Schedule::default();
        schedule.set(&key("a"), rhythm(10, 3), at(100));
        schedule.set(&key("b"), rhythm(10, 5), at(100));
        schedule.set(&key("a"), rhythm(10, 3), at(104));
        assert_eq!(schedule.next(), Some(at(103)));
        schedule.set(&key("a"), rhythm(20, 3), at(104));
        assert_eq!(schedule.next(), Some(at(105)));
        schedule.remove(&key("b"));
        assert_eq!(schedule.next(), Some(at(123)));
        schedule.remove(&key("a"));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait() {
        let mut schedule = Schedule::default();
        schedule.set(&key("a"), rhythm(10, 3), at(1000));
        assert_eq!(schedule.take_due(at(1003)).len(), 1);
        assert_eq!(schedule.take_due(at(500)), []);
        assert_eq!(schedule.next(), Some(at(503)));
    }

    /// Turns the wheel each half second of real time from `from`, while the clock is set by `jumps` (after so many
    /// half seconds, to that many milliseconds ahead); the real times and beats of each target's scrapes.
    fn lived(
        targets: usize,
        halves: u64,
        jumps: &[(u64, i64)],
    ) -> BTreeMap<TargetKey, Vec<(i64, Timestamp)>> {
        let mut schedule = Schedule::default();
        let start = at(1_000_000);
        for n in 0..targets {
            let offset = Duration::from_millis(n as u64 * 15_000 / targets as u64);
            schedule.set(
                &key(&format!("{n:03}")),
                Rhythm { interval: Duration::from_secs(15), offset },
                start,
            );
        }
        let (mut ahead, mut lived) = (0, BTreeMap::<_, Vec<_>>::new());
        for half in 0..halves {
            ahead += jumps.iter().filter(|(when, _)| *when == half).map(|(_, by)| by).sum::<i64>();
            let real = half as i64 * 500;
            for (key, beat) in schedule.take_due(Timestamp::from_millis(start.as_millis() + real + ahead)) {
                lived.entry(key).or_default().push((real, beat));
            }
        }
        lived
    }

    #[test]
    fn jumps_of_the_clock_lose_no_turn_and_make_none_twice() {
        let hour = 3_600_000;
        // How often in real time a target of 15 s is asked at the least and at the most.
        let check = |jumps: &[(u64, i64)], shortest: i64, longest: i64| {
            let lived = lived(60, 240, jumps);
            assert_eq!(lived.len(), 60);
            for (key, scrapes) in lived {
                for pair in scrapes.windows(2) {
                    let gap = pair[1].0 - pair[0].0;
                    assert!((shortest..=longest).contains(&gap), "{jumps:?} {key}: {scrapes:?}");
                    assert_ne!(pair[0].1, pair[1].1, "{jumps:?} {key} has a beat twice");
                }
                let phase = scrapes[0].1.as_millis().rem_euclid(15_000);
                assert!(scrapes.iter().all(|(_, beat)| beat.as_millis().rem_euclid(15_000) == phase));
            }
        };
        check(&[], 14_500, 15_500);
        // A beat that the jump went over is lost with it; the next one is at most an interval away.
        check(&[(100, hour)], 14_500, 30_500);
        check(&[(100, -hour)], 14_500, 30_500);
        check(&[(100, hour + 7_000)], 500, 30_500);
        check(&[(100, -hour - 7_000)], 500, 30_500);
        check(&[(100, -1_000)], 14_500, 16_500);
        check(&[(100, 1_000)], 13_500, 15_500);
        check(&[(60, -400), (90, 300), (120, -3_000), (150, 2_000)], 12_500, 18_500);
    }

    #[test]
    fn after_a_long_sleep_turns_stay_spread() {
        let mut schedule = Schedule::default();
        for n in 0..150 {
            schedule.set(&key(&format!("{n}")), rhythm(15, n % 15), at(1000));
        }
        assert_eq!(schedule.take_due(at(9_000)).len(), 10, "those whose beat this is");
        for second in 9_001..9_015 {
            assert_eq!(schedule.take_due(at(second)).len(), 10);
        }
    }
}
