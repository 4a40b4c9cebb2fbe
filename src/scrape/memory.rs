//! What a target's last pages said of each series, so that a line like last time's needs no work.
//!
//! In:   the series of each page as they are written, and what was made of them.
//! Out:  for a series that is written as before: its final labels, or that nobody wants it.
//! Not:  no values, no times.
//!
//! A target writes nearly the same series in the same order each time: the one that is expected next is compared
//! first, and only where another comes is it looked up. What two good pages in a row lack is forgotten.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::Labels;
use crate::scrape::{Family, Wants};

/// Series of one target that are remembered. What comes on top is read anew each time.
const MAX_SERIES: usize = 500_000;
/// Bytes of series of one target that are remembered.
const MAX_BYTES: usize = 64 << 20;

/// How far ahead a line is looked for that is not where it was.
const LOOK_AHEAD: usize = 64;

/// The place of a remembered series; good until the page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u32);

/// A line that nothing is kept of, by what its series is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    hash: u64,
    length: u32,
    family: Family,
    is_dropped: bool,
}

impl Passed {
    /// The length of its series.
    pub(super) fn length(self) -> usize {
        self.length as usize
    }

    /// Whether relabelling drops it.
    pub(super) fn is_dropped(self) -> bool {
        self.is_dropped
    }
}

/// What stood at one place of a page. Lines that nothing is kept of are told by a hash under a secret key of this
/// process: there are many of them, and none of what they say is needed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Known(Known),
    Passed(Passed),
}

/// What is expected next.
pub(super) enum Expected<'a> {
    /// A series of which a sample is kept, as it is written and read.
    Known(Known, &'a [u8], Family),
    /// One of which none is.
    Passed(Passed),
}

#[derive(Debug)]
struct Entry {
    series: Box<[u8]>,
    family: Family,
    labels: Labels,
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
    hasher: DefaultHashBuilder,
    bytes: usize,
    /// The last good page's series, in its order, and those of this page so far.
    order: Vec<Place>,
    next_order: Vec<Place>,
    cursor: usize,
    page: u64,
    last_good: u64,
    /// Whether series are written differently and mean the same one, and whether that is to be found out anew.
    has_twins: bool,
    has_news: bool,
    /// Whether each entry was on the last good page.
    all_are_placed: bool,
    /// The demand that was asked when lines were passed.
    demand: u64,
    /// The series of the samples of the last good page.
    pub(super) series: Arc<[Labels]>,
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
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            order: Vec::new(),
            next_order: Vec::new(),
            cursor: 0,
            page: 0,
            last_good: 0,
            has_twins: false,
            has_news: false,
            all_are_placed: true,
            demand: 0,
            series: Arc::default(),
        }
    }

    /// Begins a page under the demand numbered `demand`; where it is a new one, what was said under the old one
    /// is forgotten as far as `wants` says otherwise.
    pub(super) fn begin_page(&mut self, demand: u64, wants: &dyn Wants) {
        if self.demand != demand {
            self.demand = demand;
            self.order.retain(|place| {
                matches!(place, Place::Known(_) | Place::Passed(Passed { is_dropped: true, .. }))
            });
            self.retain(|entry| wants.series(&entry.labels));
        }
        self.page += 1;
        self.cursor = 0;
        self.next_order.clear();
    }

    /// What came next last time.
    #[inline]
    pub(super) fn expected(&self) -> Option<Expected<'_>> {
        Some(match *self.order.get(self.cursor)? {
            Place::Known(known) => {
                let entry = &self.entries[known.0 as usize];
                Expected::Known(known, &entry.series, entry.family)
            }
            Place::Passed(passed) => Expected::Passed(passed),
        })
    }

    /// Whether a series is the one that was passed.
    #[inline]
    pub(super) fn passes(&self, passed: Passed, series: &[u8], family: Family) -> bool {
        passed.family == family && passed.hash == self.hasher.hash_one(series)
    }

    /// Notes that the page has what was expected, and nothing is kept of it.
    #[inline]
    pub(super) fn pass(&mut self, passed: Passed) {
        self.cursor += 1;
        self.next_order.push(Place::Passed(passed));
    }

    /// Notes that the page has a series that nothing is kept of, where another was expected.
    pub(super) fn pass_new(&mut self, series: &[u8], family: Family, is_dropped: bool) {
        let Ok(length) = u32::try_from(series.len()) else { return };
        if self.max_series <= self.next_order.len() {
            return;
        }
        let place = Place::Passed(Passed { hash: self.hasher.hash_one(series), length, family, is_dropped });
        // Where some lines are gone, the page goes on a little further on.
        let ahead = self.order.iter().skip(self.cursor).take(LOOK_AHEAD);
        if let Some(gone) = ahead.into_iter().position(|known| *known == place) {
            self.cursor += gone + 1;
        }
        self.next_order.push(place);
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

    /// Remembers a series of which samples are kept, with its final labels; gives them back where there is no room.
    pub(super) fn remember(
        &mut self,
        series: &[u8],
        family: Family,
        labels: Labels,
    ) -> Result<Known, Labels> {
        if self.max_series <= self.entries.len() || MAX_BYTES < self.bytes + series.len() {
            return Err(labels);
        }
        let Ok(at) = u32::try_from(self.entries.len()) else { return Err(labels) };
        self.has_news = true;
        self.bytes += series.len();
        self.entries.push(Entry { series: series.into(), family, labels, seen: 0, place: u32::MAX });
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash = hasher.hash_one(series);
        self.by_series.insert_unique(hash, at, |at| hasher.hash_one(&*entries[*at as usize].series));
        Ok(Known(at))
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
        self.next_order.push(Place::Known(known));
        Times::First
    }

    /// The final labels of a series.
    #[inline]
    pub(super) fn labels(&self, known: Known) -> &Labels {
        &self.entries[known.0 as usize].labels
    }

    /// Whether series that are kept are written in two ways and mean the same one, be it on one page or not.
    pub(super) fn has_twins(&mut self) -> bool {
        if std::mem::take(&mut self.has_news) {
            let mut known = HashSet::with_capacity(self.entries.len());
            self.has_twins = self.entries.iter().any(|entry| !known.insert(&entry.labels));
        }
        self.has_twins
    }

    /// The page was good: the next one is expected to look like it.
    pub(super) fn end_page(&mut self) {
        let is_alike = self.order == self.next_order;
        std::mem::swap(&mut self.order, &mut self.next_order);
        let (page, oldest) = (self.page, std::mem::replace(&mut self.last_good, self.page));
        if is_alike && self.all_are_placed {
            return;
        }
        self.place_all();
        // Those of an earlier page have no place in this one.
        self.all_are_placed = true;
        let mut has_old = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.seen < page) {
            entry.place = u32::MAX;
            self.all_are_placed = false;
            has_old |= entry.seen < oldest;
        }
        if has_old {
            self.retain(|entry| oldest <= entry.seen);
        }
    }

    fn place_all(&mut self) {
        for (at, place) in (0..).zip(&self.order) {
            if let Place::Known(known) = place {
                self.entries[known.0 as usize].place = at;
            }
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
        // A page that is small from now on needs no room for what it was.
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(2 * self.entries.len());
            self.next_order = Vec::new();
            self.by_series = HashTable::with_capacity(2 * self.entries.len());
        }
        let order = std::mem::take(&mut self.order).into_iter();
        let moved = |place| match place {
            Place::Known(known) => moved[known.0 as usize].map(Place::Known),
            Place::Passed(_) => Some(place),
        };
        self.order = order.filter_map(moved).collect();
        self.place_all();
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

    /// Reads a page, and says how many lines were expected where they came. Those in capitals are wanted.
    fn page(memory: &mut Memory, series: &[&str]) -> usize {
        memory.begin_page(0, &|_: &str| true);
        let mut expected = 0;
        for text in series.iter().map(|text| text.as_bytes()) {
            match memory.expected() {
                Some(Expected::Known(known, next, _)) if next == text => {
                    expected += 1;
                    memory.note(known);
                    continue;
                }
                Some(Expected::Passed(passed)) if memory.passes(passed, text, Family::Plain) => {
                    expected += 1;
                    memory.pass(passed);
                    continue;
                }
                _ => {}
            }
            if text.iter().all(u8::is_ascii_lowercase) {
                memory.pass_new(text, Family::Plain, false);
            } else {
                let known = memory.find(text, Family::Plain);
                let known = known.or_else(|| memory.remember(text, Family::Plain, Labels::empty()).ok());
                memory.note(known.expect("there is room"));
            }
        }
        memory.end_page();
        expected
    }

    #[test]
    fn the_order_of_the_last_page_is_expected_again() {
        let mut memory = Memory::default();
        assert_eq!(page(&mut memory, &["A", "b", "C", "d"]), 0);
        assert_eq!(page(&mut memory, &["A", "b", "C", "d"]), 4);
        // One new, one gone: only those two places miss.
        assert_eq!(page(&mut memory, &["A", "new", "b", "d"]), 2);
        assert_eq!(page(&mut memory, &["A", "new", "b", "d"]), 4);
        assert_eq!(page(&mut memory, &["A", "New", "d"]), 1);
        assert_eq!(page(&mut memory, &["A", "New", "d"]), 3);
        assert_eq!(page(&mut memory, &["d", "New", "A"]), 0);
    }

    #[test]
    fn what_two_good_pages_lack_is_forgotten() {
        let mut memory = Memory::default();
        page(&mut memory, &["A", "B"]);
        page(&mut memory, &["A"]);
        assert!(memory.find(b"B", Family::Plain).is_some());
        page(&mut memory, &["A"]);
        assert!(memory.find(b"B", Family::Plain).is_none());
        assert_eq!(memory.len(), 1);
        assert_eq!(page(&mut memory, &["A", "B"]), 1);
    }

    #[test]
    fn a_page_that_fails_makes_nothing_forgotten() {
        let mut memory = Memory::default();
        page(&mut memory, &["A", "b"]);
        for _ in 0..3 {
            memory.begin_page(0, &|_: &str| true);
        }
        assert_eq!(page(&mut memory, &["A", "b"]), 2);
    }

    #[test]
    fn a_new_demand_forgets_what_was_unwanted() {
        let mut memory = Memory::default();
        memory.begin_page(0, &|_: &str| true);
        let up: Labels = [("__name__", "up")].into_iter().collect();
        let known = memory.remember(b"up", Family::Plain, up).expect("there is room");
        assert_eq!(memory.note(known), Times::First);
        assert_eq!(memory.note(known), Times::Again);
        memory.pass_new(b"unwanted", Family::Plain, false);
        memory.pass_new(b"dropped", Family::Plain, true);
        memory.end_page();
        memory.begin_page(1, &|_: &str| false);
        assert_eq!(memory.find(b"up", Family::Plain), None);
        assert!(matches!(memory.expected(), Some(Expected::Passed(passed)) if passed.is_dropped()));
        assert_eq!(memory.order.len(), 1);
    }
}
