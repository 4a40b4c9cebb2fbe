//! All series that are kept, by id and by labels.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::model::{Labels, Timestamp};
use crate::promql::{Feed, Origin, SeriesId};
use crate::series::samples::Samples;

/// A series, its samples, and who gives it.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// Who wrote it last.
    pub(super) origin: Arc<Origin>,
    pub(super) samples: Samples,
    /// How far back the expression looks that looks back farthest.
    pub(super) look_back: Duration,
    /// The distance between its samples: so much longer it is kept.
    pub(super) interval: Duration,
    /// Whether it was there the last time that its origin spoke.
    pub(super) live: bool,
    /// Whether its samples carry the page's own times. No staleness markers are written for it then.
    pub(super) own_times: bool,
    /// The page that it was first kept of, where earlier pages may have had it before any rule wanted it.
    pub(super) unknown_before: Option<Timestamp>,
    /// When it was last there.
    pub(super) last_seen: Timestamp,
    /// The page or evaluation that it was last in.
    pub(super) turn: u64,
    /// What fed it, for a recorded one.
    pub(super) feeds: Box<[Feed]>,
}

impl Series {
    /// Whether `origin` wrote it last. Who writes has one `Origin` for all that it writes.
    pub(super) fn is_of(&self, origin: &Arc<Origin>) -> bool {
        Arc::ptr_eq(&self.origin, origin) || self.origin == *origin
    }

    /// Forgets the samples that are too old at `now`, and of the rest the oldest, where they are more than `limit`.
    /// Says how many went because of the limit.
    pub(super) fn forget_old(&mut self, now: Timestamp, limit: usize) -> u64 {
        self.samples.forget(now - self.look_back - self.interval);
        let mut too_many = 0;
        while limit.max(1) < self.samples.len() {
            self.samples.forget_first();
            too_many += 1;
        }
        too_many
    }

    /// Whether the `window` before `at` lies in the time for which samples were kept. It does not for a while
    /// after rules want a series anew, or want it for longer.
    pub(super) fn was_kept(&self, window: Duration, at: Timestamp) -> bool {
        // Nothing longer than the look-back is ever kept, so nothing longer can be asked for here.
        let window = window.min(self.look_back);
        self.unknown_before.is_none_or(|first| first + window <= at)
            && self.samples.forgotten_until().is_none_or(|last| last + window <= at)
    }
}

/// Where a series is: its place, and in which generation it was put there.
#[derive(Debug, Default)]
struct Place {
    generation: u32,
    /// On its own, so that a place whose series is gone costs little: ids name places, so only the last ones go.
    series: Option<Box<Series>>,
}

/// Series by id and by labels.
#[derive(Debug, Default)]
pub(super) struct Store {
    places: Vec<Place>,
    /// Places without a series, the first of them last.
    free: Vec<u32>,
    /// How often places became free. What is put in one later has another id than what went.
    generation: u32,
    by_labels: HashTable<u32>,
    // Seeded anew in each process: the keys come from pages that others write.
    hasher: DefaultHashBuilder,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    pub(super) fn get(&self, id: SeriesId) -> Option<&Series> {
        let (place, generation) = split(id);
        self.places.get(place).filter(|place| place.generation == generation)?.series.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: SeriesId) -> Option<&mut Series> {
        let (place, generation) = split(id);
        self.places.get_mut(place).filter(|place| place.generation == generation)?.series.as_deref_mut()
    }

    pub(super) fn find(&self, labels: &Labels) -> Option<SeriesId> {
        let place =
            self.by_labels.find(self.hasher.hash_one(labels), |at| self.labels_at(*at) == Some(labels))?;
        Some(join(*place, self.places[*place as usize].generation))
    }

    /// Takes in a series whose labels no other has.
    pub(super) fn insert(&mut self, series: Series) -> SeriesId {
        let hash = self.hasher.hash_one(&series.labels);
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).expect("the limit on series is far below 2^32")
        });
        self.places[at as usize] = Place { generation: self.generation, series: Some(Box::new(series)) };
        let (places, hasher) = (&self.places, &self.hasher);
        self.by_labels.insert_unique(hash, at, |at| {
            hasher.hash_one(places[*at as usize].series.as_ref().map_or(&Labels::empty(), |s| &s.labels))
        });
        join(at, self.generation)
    }

    /// Removes each series for which `goes` says yes, and says how many they were.
    pub(super) fn remove_where(&mut self, mut goes: impl FnMut(&mut Series) -> bool) -> usize {
        let before = self.len();
        for (at, place) in self.places.iter_mut().enumerate() {
            let Some(series) = &mut place.series else { continue };
            if !goes(series) {
                continue;
            }
            let hash = self.hasher.hash_one(&series.labels);
            if let Ok(entry) = self.by_labels.find_entry(hash, |have| *have as usize == at) {
                entry.remove();
            }
            place.series = None;
        }
        if self.len() < before {
            self.generation = self.generation.wrapping_add(1);
            self.give_places_back();
        }
        if self.by_labels.len() < self.by_labels.capacity() / 4 {
            let (places, hasher) = (&self.places, &self.hasher);
            self.by_labels.shrink_to(2 * self.by_labels.len(), |at| {
                hasher.hash_one(places[*at as usize].series.as_ref().map_or(&Labels::empty(), |s| &s.labels))
            });
        }
        before - self.len()
    }

    /// Lets go of the last places where no series has them any more, and of others says which are free.
    fn give_places_back(&mut self) {
        let used = self.places.iter().rposition(|place| place.series.is_some()).map_or(0, |last| last + 1);
        self.places.truncate(used);
        let free = self.places.iter().zip(0u32..).filter(|(place, _)| place.series.is_none());
        self.free = free.map(|(_, at)| at).collect();
        self.free.reverse();
        if used < self.places.capacity() / 4 {
            self.places.shrink_to(2 * used);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeriesId, &Series)> {
        self.places.iter().zip(0u32..).filter_map(|(place, at)| {
            place.series.as_deref().map(|series| (join(at, place.generation), series))
        })
    }

    fn labels_at(&self, at: u32) -> Option<&Labels> {
        self.places[at as usize].series.as_ref().map(|series| &series.labels)
    }

    pub(super) fn bytes(&self) -> usize {
        let series: usize = self
            .iter()
            .map(|(_, series)| size_of::<Series>() + series.labels.bytes() + series.samples.bytes())
            .sum();
        series + self.places.capacity() * size_of::<Place>() + self.by_labels.capacity() * 5
    }
}

fn split(id: SeriesId) -> (usize, u32) {
    ((id.0 & u64::from(u32::MAX)) as usize, (id.0 >> 32) as u32)
}

fn join(place: u32, generation: u32) -> SeriesId {
    SeriesId(u64::from(generation) << 32 | u64::from(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> Series {
        Series {
            labels: [("__name__", name)].into_iter().collect(),
            origin: Arc::new(Origin::Loaded),
            samples: Samples::default(),
            look_back: Duration::ZERO,
            interval: Duration::ZERO,
            live: true,
            own_times: false,
            unknown_before: None,
            last_seen: Timestamp::from_millis(0),
            turn: 0,
            feeds: Box::default(),
        }
    }

    #[test]
    fn an_id_is_never_given_twice() {
        let (mut store, mut given) = (Store::default(), std::collections::HashSet::new());
        for round in 0..20usize {
            for n in 0..1 + round * 7 % 11 {
                assert!(given.insert(store.insert(series(&format!("{round}-{n}")))), "in round {round}");
            }
            // Some of the first, all of the last: places go, and come anew.
            let mut at = 0;
            store.remove_where(|_| {
                at += 1;
                at % 3 == 0 || 4 < at
            });
        }
        assert!(store.places.len() <= 5, "{} places", store.places.len());
        let (free, live) = (store.free.len(), store.len());
        assert_eq!(free + live, store.places.len());
    }
}
