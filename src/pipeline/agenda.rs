//! Which group is evaluated when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{RuleId, Timestamp};
use crate::rules::Group;

/// What is known of a group's last evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupReport {
    /// The instant that it was evaluated at.
    pub evaluated_at: Option<Timestamp>,
    /// How long it took, by the clock of the house.
    pub took: Duration,
    /// What those of its rules said that failed.
    pub failures: BTreeMap<RuleId, String>,
}

/// Which instants of its interval a group is evaluated at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phases {
    /// All of them at whole intervals since the epoch: what the rules of several groups ask alike is worked out once, and
    /// the instants stay the same over restarts and replicas.
    #[default]
    Aligned,
    /// All of them at whole intervals from this moment, so that people can tell the instants beforehand.
    From(Timestamp),
}

/// A group with its place in time.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The group.
    pub group: Arc<Group>,
    phase: Duration,
    /// The instant of its next evaluation.
    pub next: Timestamp,
    /// It is not tried before, since its last try could not be committed.
    pub not_before: Timestamp,
    /// How its last evaluation went.
    pub report: GroupReport,
}

/// All groups, each with its phase within its interval.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    entries: Vec<Entry>,
}

impl Agenda {
    /// The groups, each due at its first instant after `now`. Groups that `before` had keep their reports.
    pub fn new(groups: &[Arc<Group>], phases: Phases, now: Timestamp, before: &Self) -> Self {
        let entries = groups
            .iter()
            .map(|group| {
                let old = before
                    .entries
                    .iter()
                    .find(|old| old.group.name == group.name && old.group.file == group.file);
                let phase = phase(group, phases);
                Entry {
                    group: group.clone(),
                    phase,
                    next: latest_instant(group, phase, now) + group.interval,
                    not_before: now,
                    report: old.map(|old| old.report.clone()).unwrap_or_default(),
                }
            })
            .collect();
        Self { entries }
    }

    /// The groups in the order of the configuration.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// When the next group is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.entries.iter().map(Entry::due_at).min()
    }

    /// The group that is due now, the longest overdue first, with the instant to evaluate it at and how many
    /// instants were left out because the house was late.
    pub fn due(&mut self, now: Timestamp) -> Option<(usize, Timestamp, u64)> {
        self.entries.iter_mut().for_each(|entry| entry.follow_a_clock_set_back(now));
        let due = self.entries.iter().enumerate().filter(|(_, entry)| entry.due_at() <= now);
        let (place, entry) = due.min_by_key(|(place, entry)| (entry.next, *place))?;
        let at = latest_instant(&entry.group, entry.phase, now).max(entry.next);
        let missed = at.since(entry.next).as_millis() / entry.group.interval.as_millis().max(1);
        Some((place, at, u64::try_from(missed).unwrap_or(u64::MAX)))
    }

    /// Tries the group at `place` again at `at`: what it gave could not be committed.
    pub fn put_off(&mut self, place: usize, at: Timestamp) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.not_before = at;
        }
    }

    /// Notes that the group at `place` was evaluated at `at`.
    pub fn done(&mut self, place: usize, at: Timestamp, report: GroupReport) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.tell_changes(&report);
            entry.next = at + entry.group.interval;
            entry.report = report;
        }
    }
}

impl Entry {
    fn due_at(&self) -> Timestamp {
        self.next.max(self.not_before)
    }

    /// Logs which rules fail since this evaluation, and which do no longer.
    fn tell_changes(&self, report: &GroupReport) {
        let (file, group) = (&*self.group.file, &*self.group.name);
        let before = &self.report.failures;
        for (rule, error) in report.failures.iter().filter(|(rule, error)| before.get(rule) != Some(error)) {
            tracing::warn!(file, group, %rule, error, "a rule cannot be evaluated");
        }
        for rule in before.keys().filter(|rule| !report.failures.contains_key(rule)) {
            tracing::info!(file, group, %rule, "a rule can be evaluated again");
        }
    }

    /// A next evaluation further ahead than one interval was planned by a clock that has been set back since.
    fn follow_a_clock_set_back(&mut self, now: Timestamp) {
        if now + self.group.interval < self.next {
            self.next = latest_instant(&self.group, self.phase, now) + self.group.interval;
            self.not_before = now;
        }
    }
}

/// How far into each interval, counted from the epoch, `group` is evaluated.
fn phase(group: &Group, phases: Phases) -> Duration {
    match phases {
        Phases::Aligned => Duration::ZERO,
        Phases::From(start) => start.since(start.floor_to(group.interval)),
    }
}

/// The last instant at or before `now` on which `group` is evaluated.
fn latest_instant(group: &Group, phase: Duration, now: Timestamp) -> Timestamp {
    (now - phase).floor_to(group.interval) + phase
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{self, Context};

    fn groups(text: &str) -> Vec<Arc<Group>> {
        let (groups, problems) = rules::load(&"rules.yml".into(), text, &Context::default());
        assert!(problems.is_empty(), "{problems}");
        groups.into_iter().map(Arc::new).collect()
    }

    fn every_15_s() -> Vec<Arc<Group>> {
        groups("groups: [{name: a, interval: 15s, rules: []}]")
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);
    const INTERVAL: Duration = Duration::from_secs(15);

    #[test]
    fn a_group_comes_due_once_an_interval_in_its_own_phase() {
        let mut agenda = Agenda::new(&every_15_s(), Phases::Aligned, NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        assert!(NOW < first && first <= NOW + INTERVAL);
        assert_eq!(agenda.due(first - Duration::from_millis(1)), None);
        assert_eq!(agenda.due(first), Some((0, first, 0)));
        agenda.done(0, first, GroupReport::default());
        assert_eq!(agenda.next_due(), Some(first + INTERVAL));
        let restarted = Agenda::new(&every_15_s(), Phases::Aligned, first + INTERVAL * 7, &Agenda::default());
        assert_eq!(restarted.next_due(), Some(first + INTERVAL * 8), "the phase outlives a restart");
    }

    #[test]
    fn groups_may_all_begin_at_one_moment() {
        let start = NOW + Duration::from_secs(7);
        let mut agenda = Agenda::new(&every_15_s(), Phases::From(start), start, &Agenda::default());
        assert_eq!(agenda.next_due(), Some(start + INTERVAL));
        assert_eq!(agenda.due(start + INTERVAL * 2), Some((0, start + INTERVAL * 2, 1)));
    }

    #[test]
    fn a_late_house_evaluates_the_latest_instant_and_counts_the_others() {
        let mut agenda = Agenda::new(&every_15_s(), Phases::Aligned, NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        let late = first + INTERVAL * 3 + Duration::from_secs(1);
        assert_eq!(agenda.due(late), Some((0, first + INTERVAL * 3, 3)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_evaluation() {
        let mut agenda = Agenda::new(&every_15_s(), Phases::Aligned, NOW, &Agenda::default());
        let earlier = NOW - Duration::from_secs(3600);
        assert_eq!(agenda.due(earlier), None);
        let next = agenda.next_due().expect("there is a group");
        assert!(earlier < next && next <= earlier + INTERVAL);
    }

    #[test]
    fn what_could_not_be_committed_rests_and_lets_others_go_ahead() {
        let two =
            groups("groups: [{name: a, interval: 15s, rules: []}, {name: b, interval: 15s, rules: []}]");
        let mut agenda = Agenda::new(&two, Phases::Aligned, NOW, &Agenda::default());
        let late = NOW + INTERVAL * 2;
        let (first, at, _) = agenda.due(late).expect("both are due");
        agenda.put_off(first, late + Duration::from_secs(1));
        let (second, ..) = agenda.due(late).expect("the other is due");
        assert_ne!(first, second);
        agenda.done(second, late, GroupReport::default());
        assert_eq!(agenda.due(late), None);
        assert_eq!(
            agenda.due(late + Duration::from_secs(1)).map(|(place, at, _)| (place, at)),
            Some((first, at))
        );
    }

    #[test]
    fn what_is_not_done_stays_due_at_the_same_instant() {
        let mut agenda = Agenda::new(&every_15_s(), Phases::Aligned, NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        assert_eq!(agenda.due(first + Duration::from_secs(5)), Some((0, first, 0)));
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_groups_that_stay() {
        let mut agenda = Agenda::new(&every_15_s(), Phases::Aligned, NOW, &Agenda::default());
        let report = GroupReport { evaluated_at: Some(NOW), ..GroupReport::default() };
        agenda.done(0, NOW, report.clone());
        let two = groups("groups: [{name: b, rules: []}, {name: a, interval: 15s, rules: []}]");
        let agenda = Agenda::new(&two, Phases::Aligned, NOW, &agenda);
        assert_eq!(agenda.entries()[1].report, report);
        assert_eq!(agenda.entries()[0].report, GroupReport::default());
    }
}
