//! Which group is evaluated when.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Timestamp};
use crate::rules::Group;

/// What is known of a group's last evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupReport {
    /// The instant that it was evaluated at.
    pub evaluated_at: Option<Timestamp>,
    /// How long it took, by the clock of the house.
    pub took: Duration,
    /// What its rules said where they failed: (rule, error).
    pub failures: Vec<(String, String)>,
}

/// A group with its place in time.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The group.
    pub group: Arc<Group>,
    /// The instant of its next evaluation.
    pub next: Timestamp,
    /// How its last evaluation went.
    pub report: GroupReport,
}

/// All groups. Each has its own phase within its interval, from its name, so that groups of one interval do not
/// come due together and the phase stays the same over restarts and replicas.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    entries: Vec<Entry>,
}

impl Agenda {
    /// The groups, each due at its first instant after `now`. Groups that `before` had keep their reports.
    pub fn new(groups: &[Arc<Group>], now: Timestamp, before: &Self) -> Self {
        let entries = groups
            .iter()
            .map(|group| {
                let old = before
                    .entries
                    .iter()
                    .find(|old| old.group.name == group.name && old.group.file == group.file);
                Entry {
                    group: group.clone(),
                    next: latest_instant(group, now) + group.interval,
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
        self.entries.iter().map(|entry| entry.next).min()
    }

    /// The group that is due now, the longest overdue first, with the instant to evaluate it at and how many
    /// instants were left out because the house was late.
    pub fn due(&self, now: Timestamp) -> Option<(usize, Timestamp, u64)> {
        let (place, entry) =
            self.entries.iter().enumerate().min_by_key(|(place, entry)| (entry.next, *place))?;
        if now < entry.next {
            return None;
        }
        let at = latest_instant(&entry.group, now).max(entry.next);
        let missed = at.since(entry.next).as_millis() / entry.group.interval.as_millis().max(1);
        Some((place, at, u64::try_from(missed).unwrap_or(u64::MAX)))
    }

    /// Notes that the group at `place` was evaluated at `at`.
    pub fn done(&mut self, place: usize, at: Timestamp, report: GroupReport) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.next = at + entry.group.interval;
            entry.report = report;
        }
    }
}

/// The last instant at or before `now` on which `group` is evaluated.
fn latest_instant(group: &Group, now: Timestamp) -> Timestamp {
    let interval = u64::try_from(group.interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let name: Labels = [("file", &*group.file), ("group", &*group.name)].into_iter().collect();
    let phase = Duration::from_millis(name.fingerprint() % interval);
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
        let mut agenda = Agenda::new(&every_15_s(), NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        assert!(NOW < first && first <= NOW + INTERVAL);
        assert_eq!(agenda.due(first - Duration::from_millis(1)), None);
        assert_eq!(agenda.due(first), Some((0, first, 0)));
        agenda.done(0, first, GroupReport::default());
        assert_eq!(agenda.next_due(), Some(first + INTERVAL));
        let restarted = Agenda::new(&every_15_s(), first + INTERVAL * 7, &Agenda::default());
        assert_eq!(restarted.next_due(), Some(first + INTERVAL * 8), "the phase outlives a restart");
    }

    #[test]
    fn a_late_house_evaluates_the_latest_instant_and_counts_the_others() {
        let agenda = Agenda::new(&every_15_s(), NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        let late = first + INTERVAL * 3 + Duration::from_secs(1);
        assert_eq!(agenda.due(late), Some((0, first + INTERVAL * 3, 3)));
    }

    #[test]
    fn what_is_not_done_stays_due_at_the_same_instant() {
        let agenda = Agenda::new(&every_15_s(), NOW, &Agenda::default());
        let first = agenda.next_due().expect("there is a group");
        assert_eq!(agenda.due(first + Duration::from_secs(5)), Some((0, first, 0)));
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_groups_that_stay() {
        let mut agenda = Agenda::new(&every_15_s(), NOW, &Agenda::default());
        let report = GroupReport { evaluated_at: Some(NOW), ..GroupReport::default() };
        agenda.done(0, NOW, report.clone());
        let two = groups("groups: [{name: b, rules: []}, {name: a, interval: 15s, rules: []}]");
        let agenda = Agenda::new(&two, NOW, &agenda);
        assert_eq!(agenda.entries()[1].report, report);
        assert_eq!(agenda.entries()[0].report, GroupReport::default());
    }
}
