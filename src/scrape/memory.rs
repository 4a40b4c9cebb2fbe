//! What a target's last pages said of each series, so that a line like last time's needs no work.
//!
//! In:   the series of each page as they are written, and what was made of them.
//! Out:  for a series that is written as before: its final labels, or that nobody wants it.
//! Not:  no values, no times.
//!
//! A target writes nearly the same series in the same order each time: the one that is expected next is compared
//! first, and only where another comes is it looked up. What two good pages in a row lack is forgotten.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::model::Labels;
use crate::scrape::Family;

/// Series of one target that are remembered. What comes on top is read anew each time.
const MAX_SERIES: usize = 500_000;
/// Bytes of series of one target that are remembered.
const MAX_BYTES: usize = 64 << 20;

/// What was made of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A sample with these labels is kept.
    Kept(Labels),
    /// It passes relabelling, but no rule wants it.
    Unwanted,
    /// Relabelling drops it.
    Dropped,
}

/// The place of a remembered series; good until the page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u32);

#[derive(Debug)]
struct Entry {
    series: Box<[u8]>,
    family: Family,
    meaning: Meaning,
    /// The page in which it was last seen.
    seen: u64,
    /// Where it stood in the last good page.
    place: u32,
}

/// The memory of one target.
#[derive(Debug)]
pub(super) struct Memory {
    max_series: usize,
    entries: Vec<Entry>,
    by_series: HashTable<u32>,
    hasher: RandomState,
    bytes: usize,
    /// The last good page's series, in its order, and those of this page so far.
    order: Vec<Known>,
    next_order: Vec<Known>,
    cursor: usize,
    page: u64,
    last_good: u64,
    /// Whether series are written differently and mean the same one, and whether that is to be found out anew.
    has_twins: bool,
    has_news: bool,
    /// Which demand `Meaning::Unwanted` was said for.
    demand: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_room_for(MAX_SERIES)
    }
}

impl Memory {
    /// Empty, and never of more than so many series.
    pub(super) fn with_room_for(max_series: usize) -> Self {
        Self {
            max_series,
            entries: Vec::new(),
            by_series: HashTable::new(),
            hasher: RandomState::new(),
            bytes: 0,
            order: Vec::new(),
            next_order: Vec::new(),
            cursor: 0,
            page: 0,
            last_good: 0,
            has_twins: false,
            has_news: false,
            demand: 0,
        }
    }

    /// Begins a page under the demand numbered `demand`; where it is a new one, what was said under the old one
    /// is forgotten as far as `wants` says otherwise.
    pub(super) fn begin_page(&mut self, demand: u64, wants: &dyn Fn(&str) -> bool) {
        if self.demand != demand {
            self.demand = demand;
            self.retain(|entry| match &entry.meaning {
                Meaning::Kept(labels) => wants(labels.metric_name()),
                Meaning::Unwanted => false,
                Meaning::Dropped => true,
            });
        }
        self.page += 1;
        self.cursor = 0;
        self.next_order.clear();
    }

    /// The series that came next last time.
    #[inline]
    pub(super) fn expected(&self) -> Option<(Known, &[u8], Family)> {
        let known = *self.order.get(self.cursor)?;
        let entry = &self.entries[known.0 as usize];
        Some((known, &entry.series, entry.family))
    }

    /// A series by how it is written, and how it is read: under another `# TYPE` its labels may be others.
    pub(super) fn find(&self, series: &[u8], family: Family) -> Option<Known> {
        let hash = self.hasher.hash_one(series);
        let is_it = |at: &u32| {
            let entry = &self.entries[*at as usize];
            *entry.series == *series && entry.family == family
        };
        self.by_series.find(hash, is_it).copied().map(Known)
    }

    /// Remembers a series; `None` where there is no room.
    pub(super) fn remember(&mut self, series: &[u8], family: Family, meaning: Meaning) -> Option<Known> {
        if self.max_series <= self.entries.len() || MAX_BYTES < self.bytes + series.len() {
            return None;
        }
        let at = u32::try_from(self.entries.len()).ok()?;
        self.has_news = true;
        self.bytes += series.len();
        self.entries.push(Entry { series: series.into(), family, meaning, seen: 0, place: u32::MAX });
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash = hasher.hash_one(series);
        self.by_series.insert_unique(hash, at, |at| hasher.hash_one(&*entries[*at as usize].series));
        Some(Known(at))
    }

    /// Notes that the page has this series, and whether it had it before.
    pub(super) fn note(&mut self, known: Known) -> Times {
        let entry = &mut self.entries[known.0 as usize];
        if entry.seen == self.page {
            return Times::Again;
        }
        entry.seen = self.page;
        if let Some(after) = (entry.place as usize).checked_add(1).filter(|after| *after <= self.order.len())
        {
            self.cursor = after;
        }
        self.next_order.push(known);
        Times::First
    }

    /// What was made of a series.
    pub(super) fn meaning(&self, known: Known) -> &Meaning {
        &self.entries[known.0 as usize].meaning
    }

    /// Whether series that are kept are written in two ways and mean the same one, be it on one page or not.
    pub(super) fn has_twins(&mut self) -> bool {
        if std::mem::take(&mut self.has_news) {
            let mut known = HashSet::with_capacity(self.entries.len());
            self.has_twins = self.entries.iter().any(|entry| match &entry.meaning {
                Meaning::Kept(labels) => !known.insert(labels),
                Meaning::Unwanted | Meaning::Dropped => false,
            });
        }
        self.has_twins
    }

    /// The page was good: the next one is expected to look like it.
    pub(super) fn end_page(&mut self) {
        std::mem::swap(&mut self.order, &mut self.next_order);
        for (place, known) in (0..).zip(&self.order) {
            self.entries[known.0 as usize].place = place;
        }
        // Those of an earlier page have no place in this one.
        let (page, oldest) = (self.page, self.last_good);
        for entry in self.entries.iter_mut().filter(|entry| entry.seen < page) {
            entry.place = u32::MAX;
        }
        self.last_good = page;
        if self.entries.iter().any(|entry| entry.seen < oldest) {
            self.retain(|entry| oldest <= entry.seen);
        }
    }

    /// How many series are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let mut moved = Vec::with_capacity(self.entries.len());
        let mut left = 0;
        for entry in &self.entries {
            let kept = keep(entry);
            moved.push(kept.then_some(Known(left)));
            left += u32::from(kept);
        }
        let mut kept = moved.iter().map(Option::is_some);
        self.entries.retain(|_| kept.next().unwrap_or_default());
        self.order = self.order.iter().filter_map(|known| moved[known.0 as usize]).collect();
        for (place, known) in (0..).zip(&self.order) {
            self.entries[known.0 as usize].place = place;
        }
        self.bytes = self.entries.iter().map(|entry| entry.series.len()).sum();
        self.by_series.clear();
        let (entries, hasher) = (&self.entries, &self.hasher);
        for (at, entry) in (0..).zip(entries) {
            let hash = hasher.hash_one(&*entry.series);
            self.by_series.insert_unique(hash, at, |at| hasher.hash_one(&*entries[*at as usize].series));
        }
    }
}

/// Whether a page had a series before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// It had not.
    First,
    /// It had.
    Again,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(memory: &mut Memory, series: &[&str]) -> usize {
        memory.begin_page(0, &|_| true);
        let mut expected = 0;
        for text in series {
            let known = match memory.expected() {
                Some((known, next, _)) if next == text.as_bytes() => {
                    expected += 1;
                    Some(known)
                }
                _ => memory.find(text.as_bytes(), Family::Plain),
            };
            let known = known
                .or_else(|| memory.remember(text.as_bytes(), Family::Plain, Meaning::Dropped))
                .expect("there is room");
            memory.note(known);
        }
        memory.end_page();
        expected
    }

    #[test]
    fn the_order_of_the_last_page_is_expected_again() {
        let mut memory = Memory::default();
        assert_eq!(page(&mut memory, &["a", "b", "c", "d"]), 0);
        assert_eq!(page(&mut memory, &["a", "b", "c", "d"]), 4);
        // One new, one gone: only those two places miss.
        assert_eq!(page(&mut memory, &["a", "new", "b", "d"]), 2);
        assert_eq!(page(&mut memory, &["a", "new", "b", "d"]), 4);
    }

    #[test]
    fn what_two_good_pages_lack_is_forgotten() {
        let mut memory = Memory::default();
        page(&mut memory, &["a", "b"]);
        page(&mut memory, &["a"]);
        assert!(memory.find(b"b", Family::Plain).is_some());
        page(&mut memory, &["a"]);
        assert!(memory.find(b"b", Family::Plain).is_none());
        assert_eq!(memory.len(), 1);
        assert_eq!(page(&mut memory, &["a", "b"]), 1);
    }

    #[test]
    fn a_page_that_fails_makes_nothing_forgotten() {
        let mut memory = Memory::default();
        page(&mut memory, &["a", "b"]);
        for _ in 0..3 {
            memory.begin_page(0, &|_| true);
        }
        assert_eq!(page(&mut memory, &["a", "b"]), 2);
    }

    #[test]
    fn a_new_demand_forgets_what_was_unwanted() {
        let mut memory = Memory::default();
        memory.begin_page(0, &|_| true);
        let up: Labels = [("__name__", "up")].into_iter().collect();
        for (series, meaning) in
            [("up", Meaning::Kept(up)), ("down", Meaning::Unwanted), ("gone", Meaning::Dropped)]
        {
            let known = memory.remember(series.as_bytes(), Family::Plain, meaning).expect("there is room");
            assert_eq!(memory.note(known), Times::First);
            assert_eq!(memory.note(known), Times::Again);
        }
        memory.end_page();
        memory.begin_page(1, &|_| false);
        assert_eq!((memory.find(b"up", Family::Plain), memory.find(b"down", Family::Plain)), (None, None));
        assert!(memory.find(b"gone", Family::Plain).is_some());
    }
}
