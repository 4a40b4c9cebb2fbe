//! When each target is due.
//!
//! In:   targets' intervals and offsets, and the time.
//! Out:  when to look again, and who is due then.
//! Not:  no clock and no task: `scraper` has both.
//!
//! A target is due whenever the time since the epoch is its offset more than a multiple of its interval. So the
//! phase outlives restarts, and a late scrape moves nothing.

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
}

/// The schedule of all targets.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    rhythms: BTreeMap<TargetKey, (Rhythm, Timestamp)>,
    due: BTreeSet<(Timestamp, TargetKey)>,
    asked_last: Option<Timestamp>,
}

impl Schedule {
    /// Adds a target, or changes its rhythm; one that keeps its rhythm keeps its turn.
    pub(super) fn set(&mut self, key: &TargetKey, rhythm: Rhythm, now: Timestamp) {
        match self.rhythms.get(key) {
            Some((known, _)) if *known == rhythm => return,
            Some((_, next)) => drop(self.due.remove(&(*next, key.clone()))),
            None => {}
        }
        let next = rhythm.next(now);
        self.rhythms.insert(key.clone(), (rhythm, next));
        self.due.insert((next, key.clone()));
    }

    /// Takes a target out.
    pub(super) fn remove(&mut self, key: &TargetKey) {
        if let Some((_, next)) = self.rhythms.remove(key) {
            self.due.remove(&(next, key.clone()));
        }
    }

    /// How many targets there are, and how many turns wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.rhythms.len(), self.due.len())
    }

    /// When somebody is due next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Who is due, with the beat that they are due for, and puts each on its next beat. Beats that were missed
    /// are not made up for.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<(TargetKey, Timestamp)> {
        if self.asked_last.replace(now).is_some_and(|last| now < last) {
            self.start_over(now);
        }
        let mut taken = Vec::new();
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((at, key)) = self.due.pop_first()
        {
            if let Some((rhythm, next)) = self.rhythms.get_mut(&key) {
                *next = rhythm.next(now + Duration::from_millis(1));
                self.due.insert((*next, key.clone()));
            }
            taken.push((key, at));
        }
        taken
    }

    /// The clock was set back: nobody shall wait until it is where it was.
    fn start_over(&mut self, now: Timestamp) {
        self.due.clear();
        for (key, (rhythm, next)) in &mut self.rhythms {
            *next = rhythm.next(now);
            self.due.insert((*next, key.clone()));
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
        assert_eq!(schedule.take_due(at(128)), [(key("a"), at(103))]);
        assert_eq!(schedule.next(), Some(at(133)));
        assert_eq!(schedule.take_due(at(133)), [(key("a"), at(133))]);
        assert_eq!(schedule.next(), Some(at(143)));
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
}
