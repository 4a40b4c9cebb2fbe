//! The native histograms of one series, compressed.
//!
//! In:   histograms, each later than the one before.
//! Out:  those of a span of time; the newest without any work; one histogram as bytes.
//! Not:  numbers, which most series have alone, are kept in `samples`.
//!
//! Scrape after scrape a histogram has the same buckets and counts that grew by a little. So each one after the first
//! of a run is written as what changed: whether its buckets are others, and by how much each count grew.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::promql::{Histogram, HistogramSample, Reset};
use crate::series::codec::{Reader, Writer, unzigzag, zigzag};

/// Histograms of one run. Reading the newest few reads at most so many.
const RUN_HISTOGRAMS: usize = 40;

/// The recent native histograms of a series in the order of time; never empty.
#[derive(Debug)]
pub(super) struct Histograms {
    /// The oldest first, none without a histogram.
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    first: HistogramSample,
    last: HistogramSample,
    len: usize,
    /// How many bytes at the front are of histograms that were forgotten.
    skipped: usize,
    changes: Vec<u8>,
}

impl Histograms {
    pub(super) fn of(histogram: HistogramSample) -> Self {
        Self { runs: vec![Run::of(histogram)] }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let ends = |run: &Run| bytes_of(&run.first.value) + bytes_of(&run.last.value);
        let run = |run: &Run| size_of::<Run>() + ends(run) + run.changes.capacity();
        size_of::<Self>() + self.runs.iter().map(run).sum::<usize>()
    }

    pub(super) fn first_at(&self) -> Timestamp {
        self.runs[0].first.at
    }

    pub(super) fn last(&self) -> &HistogramSample {
        &self.runs[self.runs.len() - 1].last
    }

    /// Adds one, which must be later than the last.
    pub(super) fn push(&mut self, histogram: HistogramSample) {
        match self.runs.last_mut() {
            Some(run) if run.len < RUN_HISTOGRAMS => run.push(histogram),
            _ => self.runs.push(Run::of(histogram)),
        }
    }

    /// Puts those in `(after, until]` behind what is in `into`.
    pub(super) fn read(&self, after: Timestamp, until: Timestamp, into: &mut Vec<HistogramSample>) {
        for run in self.runs.iter().filter(|run| after < run.last.at && run.first.at <= until) {
            into.extend(run.iter().filter(|histogram| after < histogram.at && histogram.at <= until));
        }
    }

    /// The newest in `(after, until]`.
    pub(super) fn latest(&self, after: Timestamp, until: Timestamp) -> Option<HistogramSample> {
        let newest = self.last();
        if newest.at <= until {
            return Some(newest.clone()).filter(|histogram| after < histogram.at);
        }
        let run = self.runs.iter().rev().find(|run| run.first.at <= until)?;
        run.iter().take_while(|one| one.at <= until).last().filter(|histogram| after < histogram.at)
    }

    /// Those without the ones at or before `until`, and the newest of these.
    pub(super) fn forget(mut self: Box<Self>, until: Timestamp) -> (Option<Box<Self>>, Option<Timestamp>) {
        let whole = self.runs.iter().take_while(|run| run.last.at <= until).count();
        let mut gone = self.runs.drain(..whole).next_back().map(|run| run.last.at);
        if let Some(run) = self.runs.first_mut() {
            while run.first.at <= until {
                gone = Some(run.drop_first());
            }
        }
        (self.unless_empty(), gone)
    }

    /// Those without the oldest.
    pub(super) fn forget_first(mut self: Box<Self>) -> Option<Box<Self>> {
        match &mut self.runs[0] {
            run if run.len > 1 => drop(run.drop_first()),
            _ => drop(self.runs.remove(0)),
        }
        self.unless_empty()
    }

    /// Those before `from`.
    pub(super) fn take_back(self: Box<Self>, from: Timestamp) -> Option<Box<Self>> {
        if self.last().at < from {
            return Some(self);
        }
        Self::of_all(self.iter().take_while(|histogram| histogram.at < from))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = HistogramSample> {
        self.runs.iter().flat_map(Run::iter)
    }

    /// As many as there are, in the order of time.
    pub(super) fn of_all(all: impl IntoIterator<Item = HistogramSample>) -> Option<Box<Self>> {
        let mut all = all.into_iter();
        let mut histograms = Self::of(all.next()?);
        all.for_each(|histogram| histograms.push(histogram));
        Some(Box::new(histograms))
    }

    fn unless_empty(self: Box<Self>) -> Option<Box<Self>> {
        (!self.runs.is_empty()).then_some(self)
    }
}

impl Run {
    fn of(histogram: HistogramSample) -> Self {
        Self { first: histogram.clone(), last: histogram, len: 1, skipped: 0, changes: Vec::new() }
    }

    fn push(&mut self, histogram: HistogramSample) {
        debug_assert!(self.last.at < histogram.at, "histograms come in the order of time");
        let mut to = Writer(std::mem::take(&mut self.changes));
        to.number(histogram.at.as_millis().wrapping_sub(self.last.at.as_millis()).cast_unsigned());
        write_after(&self.last.value, &histogram.value, &mut to);
        self.changes = to.0;
        self.last = histogram;
        self.len += 1;
    }

    /// Forgets the first of several, and says when that was.
    fn drop_first(&mut self) -> Timestamp {
        let gone = self.first.at;
        let mut walk = self.walk();
        if let Some(next) = walk.next() {
            self.skipped = walk.from.at;
            self.first = next;
            self.len -= 1;
        }
        if self.changes.len() < 2 * self.skipped {
            self.changes.drain(..self.skipped);
            self.skipped = 0;
        }
        gone
    }

    fn iter(&self) -> impl Iterator<Item = HistogramSample> {
        std::iter::once(self.first.clone()).chain(self.walk())
    }

    /// Those after the first.
    fn walk(&self) -> Walk<'_> {
        Walk { from: Reader { bytes: &self.changes, at: self.skipped }, before: self.first.clone() }
    }
}

/// Reads the histograms of a run after its first.
struct Walk<'a> {
    from: Reader<'a>,
    before: HistogramSample,
}

impl Iterator for Walk<'_> {
    type Item = HistogramSample;

    fn next(&mut self) -> Option<HistogramSample> {
        let step = self.from.number()?.cast_signed();
        let at = Timestamp::from_millis(self.before.at.as_millis().wrapping_add(step));
        let value = Arc::new(read_after(&self.before.value, &mut self.from)?);
        self.before = HistogramSample { at, value };
        Some(self.before.clone())
    }
}

fn bytes_of(histogram: &Histogram) -> usize {
    let buckets = histogram.positive.capacity() + histogram.negative.capacity();
    size_of::<Histogram>()
        + buckets * size_of::<(i32, f64)>()
        + histogram.bounds.capacity() * size_of::<f64>()
}

/// Whether both have the same buckets.
fn is_alike(one: &Histogram, other: &Histogram) -> bool {
    let same = |ours: &[(i32, f64)], theirs: &[(i32, f64)]| {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(our, their)| our.0 == their.0)
    };
    one.schema == other.schema
        && one.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && one.bounds.len() == other.bounds.len()
        && one.bounds.iter().zip(&other.bounds).all(|(our, their)| our.to_bits() == their.to_bits())
        && same(&one.positive, &other.positive)
        && same(&one.negative, &other.negative)
}

/// Whether both are of one time and the same to the last bit.
pub(super) fn is_the_same(one: &HistogramSample, other: &HistogramSample) -> bool {
    let (ours, theirs) = (&*one.value, &*other.value);
    one.at == other.at
        && ours.reset == theirs.reset
        && is_alike(ours, theirs)
        && figures(ours).map(f64::to_bits).eq(figures(theirs).map(f64::to_bits))
}

/// What changes from scrape to scrape: the count, the sum, and what is in each bucket.
fn figures(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let buckets = histogram.positive.iter().chain(&histogram.negative).map(|(_, count)| *count);
    [histogram.count, histogram.sum, histogram.zero_count].into_iter().chain(buckets)
}

/// Writes `now` as what changed since `before`.
pub(super) fn write_after(before: &Histogram, now: &Histogram, to: &mut Writer) {
    let reset = match now.reset {
        Reset::Unknown => 0,
        Reset::Reset => 1,
        Reset::NotReset => 2,
        Reset::Gauge => 3,
    };
    let alike = is_alike(before, now);
    to.number(u64::from(alike) | reset << 1);
    if !alike {
        to.number(zigzag(now.schema.into()));
        to.value(now.zero_threshold);
        for buckets in [&now.positive, &now.negative] {
            to.number(buckets.len() as u64);
            let mut last = 0;
            for (index, _) in buckets {
                to.number(zigzag(i64::from(*index) - last));
                last = i64::from(*index);
            }
        }
        to.number(now.bounds.len() as u64);
        now.bounds.iter().for_each(|bound| to.value(*bound));
    }
    let mut known = alike.then(|| figures(before)).into_iter().flatten();
    figures(now).for_each(|figure| to.value_after(known.next().unwrap_or(0.0), figure));
}

/// Reads what `write_after` wrote; `None` where it makes no sense.
pub(super) fn read_after(before: &Histogram, from: &mut Reader<'_>) -> Option<Histogram> {
    let flags = from.number()?;
    let alike = flags & 1 == 1;
    let reset = match flags >> 1 {
        0 => Reset::Unknown,
        1 => Reset::Reset,
        2 => Reset::NotReset,
        3 => Reset::Gauge,
        _ => return None,
    };
    let mut now = if alike { before.clone() } else { read_buckets(from)? };
    now.reset = reset;
    for value in [&mut now.count, &mut now.sum, &mut now.zero_count] {
        *value = from.value_after(*value)?;
    }
    for (_, count) in now.positive.iter_mut().chain(&mut now.negative) {
        *count = from.value_after(*count)?;
    }
    Some(now)
}

/// A histogram of buckets with nothing in them.
fn read_buckets(from: &mut Reader<'_>) -> Option<Histogram> {
    let mut empty = Histogram {
        schema: i32::try_from(unzigzag(from.number()?)).ok()?,
        zero_threshold: from.value()?,
        ..Histogram::default()
    };
    for buckets in [&mut empty.positive, &mut empty.negative] {
        let mut last = 0i64;
        for _ in 0..from.number()? {
            last = last.checked_add(unzigzag(from.number()?))?;
            buckets.push((i32::try_from(last).ok()?, 0.0));
        }
    }
    for _ in 0..from.number()? {
        empty.bounds.push(from.value()?);
    }
    Some(empty)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn any_count() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (0..100_000i32).prop_map(f64::from),
            1 => prop::sample::select(vec![0.0, -0.0, 0.5, 9e15, -9e15, 1e300, f64::INFINITY]),
            1 => (0..u64::MAX).prop_map(f64::from_bits),
        ]
    }

    fn any_buckets() -> impl Strategy<Value = Vec<(i32, f64)>> {
        let indexes = prop_oneof![3 => Just(vec![1, 2, 5]), 1 => prop::collection::vec(any::<i32>(), 0..4)];
        (indexes, prop::collection::vec(any_count(), 4))
            .prop_map(|(indexes, counts)| indexes.into_iter().zip(counts).collect())
    }

    fn any_histogram() -> impl Strategy<Value = Histogram> {
        let reset = prop::sample::select(vec![Reset::Unknown, Reset::Reset, Reset::NotReset, Reset::Gauge]);
        let bounds = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(any_count(), 0..3)];
        (prop_oneof![4 => Just(3), 1 => any::<i32>()], any_buckets(), any_buckets(), bounds, reset)
            .prop_flat_map(|(schema, positive, negative, bounds, reset)| {
                (any_count(), any_count(), any_count()).prop_map(move |(count, sum, zero_count)| Histogram {
                    schema,
                    zero_threshold: 0.001,
                    zero_count,
                    count,
                    sum,
                    positive: positive.clone(),
                    negative: negative.clone(),
                    bounds: bounds.clone(),
                    reset,
                })
            })
    }

    /// All bits of them, which `==` does not look at.
    fn bits<'a>(all: impl IntoIterator<Item = &'a HistogramSample>) -> Vec<String> {
        let text = |one: &HistogramSample| {
            let (h, mut bits) = (&*one.value, Vec::new());
            bits.extend([h.zero_threshold, h.zero_count, h.count, h.sum].map(f64::to_bits));
            for (index, count) in h.positive.iter().chain(&h.negative) {
                bits.extend([u64::from(index.cast_unsigned()), count.to_bits()]);
            }
            bits.extend(h.bounds.iter().map(|bound| bound.to_bits()));
            format!("{} {} {} {:?} {bits:?}", one.at.as_millis(), h.schema, h.positive.len(), h.reset)
        };
        all.into_iter().map(text).collect()
    }

    proptest! {
        #[test]
        fn keeps_what_a_plain_list_keeps(
            steps in prop::collection::vec((1..100_000i64, any_histogram(), 0..60usize, 0..8u8), 1..120),
        ) {
            let (mut kept, mut plain, mut now) = (None::<Box<Histograms>>, Vec::new(), 0);
            for (step, histogram, keep, what) in steps {
                now += step;
                let sample = HistogramSample { at: at(now), value: Arc::new(histogram) };
                plain.push(sample.clone());
                match &mut kept {
                    Some(kept) => kept.push(sample),
                    none => *none = Some(Box::new(Histograms::of(sample))),
                }
                let some = kept.take().expect("one was just pushed");
                let place = plain.len().saturating_sub(keep + 1);
                kept = match what {
                    0 => {
                        let (left, gone) = some.forget(plain[place].at);
                        prop_assert_eq!(gone, Some(plain[place].at));
                        plain.drain(..=place);
                        left
                    }
                    1 => {
                        plain.remove(0);
                        some.forget_first()
                    }
                    2 => {
                        let from = plain[place].at;
                        plain.truncate(place);
                        now = plain.last().map_or(0, |last| last.at.as_millis());
                        some.take_back(from)
                    }
                    _ => Some(some),
                };
                prop_assert_eq!(kept.as_ref().map_or(0, |kept| kept.len()), plain.len());
                let Some(kept) = &kept else { continue };
                prop_assert_eq!(bits([kept.last()]), bits(plain.last()));
                prop_assert_eq!(kept.first_at(), plain[0].at);
                let (after, until) = (plain[plain.len() / 3].at, plain[plain.len() / 2].at);
                let within: Vec<_> =
                    plain.iter().filter(|one| after < one.at && one.at <= until).cloned().collect();
                let mut found = Vec::new();
                kept.read(after, until, &mut found);
                prop_assert_eq!(bits(&found), bits(&within));
                prop_assert_eq!(bits(&kept.latest(after, until)), bits(within.last()));
                prop_assert_eq!(bits(&kept.iter().collect::<Vec<_>>()), bits(&plain));
            }
        }
    }

    #[test]
    fn a_histogram_takes_about_a_byte_a_bucket() {
        let histogram = |n: i64| Histogram {
            schema: 3,
            count: (n * 100) as f64,
            sum: n as f64 / 3.0,
            positive: (0..80).map(|index| (index, (n * i64::from(index % 16)) as f64)).collect(),
            ..Histogram::default()
        };
        let sample = |n: i64| HistogramSample { at: at(n * 15_000), value: Arc::new(histogram(n)) };
        let kept = Histograms::of_all((1..=RUN_HISTOGRAMS as i64).map(sample)).expect("there are some");
        let bytes = kept.runs[0].changes.len() / (RUN_HISTOGRAMS - 1);
        assert!(bytes < 100, "{bytes} bytes for 80 buckets");
    }
}
