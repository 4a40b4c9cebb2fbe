//! The samples of one series, compressed.
//!
//! In:   samples, each later than the one before.
//! Out:  those of a span of time; the newest without any work.
//! Not:  nothing outside of this file knows how they are kept; native histograms stand beside numbers (`histograms`).
//!
//! A block holds its first and its last sample as they are, and each one after the first as what changed: a byte that
//! says how, and as few bytes as that takes. Scrapes come at even distances and most values are counters that grow by a
//! little or gauges that stand still, so a sample takes one to six bytes. Samples are read from the front of a block
//! on, which is why a block is short and old ones are dropped from its front.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::promql::{Histogram, HistogramSample, Sample};
use crate::series::codec::{Reader, WHOLE_MAX, Writer, read_number, unzigzag, write_number, zigzag};
use crate::series::histograms::{Histograms, read_after, write_after};

/// Samples of one block. Reading the newest few of a series reads at most so many.
const BLOCK_SAMPLES: u32 = 120;

/// The recent samples of a series in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// Full blocks, the oldest first. Few series are kept so long that they have any.
    full: Vec<Block>,
    newest: Option<Block>,
    /// Few series have any.
    histograms: Option<Box<Histograms>>,
    /// The newest that was forgotten because of its age.
    forgotten_until: Option<Timestamp>,
}

/// A stretch of samples; never empty.
#[derive(Debug, Clone)]
struct Block {
    first: Sample,
    last: Sample,
    /// The distance before the last sample, and before the one after the first, in milliseconds.
    last_step: i64,
    first_step: i64,
    len: u32,
    /// How many bytes at the front are of samples that were forgotten.
    skipped: u32,
    changes: Vec<u8>,
}

/// How a time is written: as far from the one before as that was from its own, a little more or less, or in full.
const SAME_STEP: u8 = 0;
const STEP_8: u8 = 1;
const STEP_16: u8 = 2;
const STEP_64: u8 = 3;

/// How a value is written: the bytes in which it differs from the one before, by how many there are and how many zero
/// bytes follow them. What eight bytes have no room for says something else.
const SAME_VALUE: u8 = 0b111_111;
const GROWN_8: u8 = 0b111_110;
const GROWN_16: u8 = 0b111_101;
const GROWN_32: u8 = 0b111_100;

impl Samples {
    pub(super) fn len(&self) -> usize {
        let numbers: usize = self.blocks().map(|block| block.len as usize).sum();
        numbers + self.histograms.as_ref().map_or(0, |histograms| histograms.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_none() && self.histograms.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.full.capacity() * size_of::<Block>()
            + self.blocks().map(|block| block.changes.capacity()).sum::<usize>()
            + self.histograms.as_ref().map_or(0, |histograms| histograms.bytes())
    }

    /// The last number.
    pub(super) fn last(&self) -> Option<Sample> {
        self.newest.as_ref().map(|block| block.last)
    }

    /// The last native histogram.
    pub(super) fn last_histogram(&self) -> Option<&HistogramSample> {
        self.histograms.as_ref().map(|histograms| histograms.last())
    }

    /// When the last of either kind was taken.
    pub(super) fn last_at(&self) -> Option<Timestamp> {
        self.last().map(|sample| sample.at).max(self.last_histogram().map(|histogram| histogram.at))
    }

    /// The newest that was forgotten because of its age.
    pub(super) fn forgotten_until(&self) -> Option<Timestamp> {
        self.forgotten_until
    }

    /// Adds a sample, which must be later than the last.
    pub(super) fn push(&mut self, sample: Sample) {
        match &mut self.newest {
            None => self.newest = Some(Block::of(sample)),
            Some(block) if block.len < BLOCK_SAMPLES => block.push(sample),
            Some(block) => {
                let mut full = std::mem::replace(block, Block::of(sample));
                full.changes.shrink_to_fit();
                self.full.push(full);
            }
        }
    }

    /// Adds a native histogram, which must be later than the last.
    pub(super) fn push_histogram(&mut self, histogram: HistogramSample) {
        match &mut self.histograms {
            Some(histograms) => histograms.push(histogram),
            none => *none = Some(Box::new(Histograms::of(histogram))),
        }
    }

    /// Puts another value in the place of the last.
    pub(super) fn replace_last(&mut self, value: f64) {
        let Some(block) = &mut self.newest else { return };
        if block.len == 1 {
            (block.first.value, block.last.value) = (value, value);
            return;
        }
        // Seldom: a rule is evaluated again for an instant, or a series ends at the time of its last sample.
        let mut samples: Vec<Sample> = block.iter().collect();
        if let Some(last) = samples.last_mut() {
            last.value = value;
        }
        self.newest = Block::of_all(&samples);
    }

    /// Puts those in `(after, until]` behind what is in `into`.
    pub(super) fn read(&self, after: Timestamp, until: Timestamp, into: &mut Vec<Sample>) {
        for block in self.blocks().filter(|block| after < block.last.at && block.first.at <= until) {
            into.extend(block.iter().filter(|sample| after < sample.at && sample.at <= until));
        }
    }

    /// Puts the native histograms in `(after, until]` behind what is in `into`.
    pub(super) fn read_histograms(
        &self,
        after: Timestamp,
        until: Timestamp,
        into: &mut Vec<HistogramSample>,
    ) {
        if let Some(histograms) = &self.histograms {
            histograms.read(after, until, into);
        }
    }

    /// The newest native histogram in `(after, until]`.
    pub(super) fn latest_histogram(&self, after: Timestamp, until: Timestamp) -> Option<HistogramSample> {
        self.histograms.as_ref()?.latest(after, until)
    }

    /// The newest in `(after, until]`.
    pub(super) fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Sample> {
        let newest = self.newest.as_ref()?.last;
        if newest.at <= until {
            return Some(newest).filter(|sample| after < sample.at);
        }
        let block = self.blocks().rev().find(|block| block.first.at <= until)?;
        block.iter().take_while(|sample| sample.at <= until).last().filter(|sample| after < sample.at)
    }

    /// Forgets those at or before `until`.
    pub(super) fn forget(&mut self, until: Timestamp) {
        while let Some(block) = self.oldest_mut().filter(|block| block.first.at <= until) {
            if block.last.at <= until {
                self.forgotten_until = Some(block.last.at);
                self.drop_oldest();
            } else {
                let gone = block.drop_first();
                self.forgotten_until = Some(gone.at);
            }
        }
        if let Some(histograms) = self.histograms.take_if(|histograms| histograms.first_at() <= until) {
            let (left, gone) = histograms.forget(until);
            self.histograms = left;
            self.forgotten_until = self.forgotten_until.max(gone);
        }
    }

    /// Takes back those at or after `from`: a clock that was set back has not been there yet.
    pub(super) fn take_back(&mut self, from: Timestamp) {
        while let Some(block) = self.newest.take_if(|block| from <= block.last.at) {
            let left: Vec<Sample> = block.iter().take_while(|sample| sample.at < from).collect();
            self.newest = Block::of_all(&left).or_else(|| self.full.pop());
        }
        self.histograms = self.histograms.take().and_then(|histograms| histograms.take_back(from));
    }

    /// Forgets the oldest.
    pub(super) fn forget_first(&mut self) {
        let number = self.blocks().next().map(|block| block.first.at);
        let is_older = |histograms: &mut Box<Histograms>| number.is_none_or(|at| histograms.first_at() < at);
        if let Some(histograms) = self.histograms.take_if(is_older) {
            self.histograms = histograms.forget_first();
            return;
        }
        match self.oldest_mut() {
            Some(block) if block.len > 1 => drop(block.drop_first()),
            Some(_) => self.drop_oldest(),
            None => {}
        }
    }

    /// Writes them down as they are.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        write_number(to, self.blocks().count() as u64);
        for block in self.blocks() {
            let changes = &block.changes[block.skipped as usize..];
            for number in
                [block.first.at.as_millis(), block.last.at.as_millis(), block.first_step, block.last_step]
            {
                write_number(to, zigzag(number));
            }
            write_number(to, u64::from(block.len));
            write_number(to, changes.len() as u64);
            for value in [block.first.value, block.last.value] {
                to.extend(value.to_bits().to_le_bytes());
            }
            to.extend_from_slice(changes);
        }
        let mut writer = Writer(std::mem::take(to));
        writer.number(self.histograms.as_ref().map_or(0, |histograms| histograms.len()) as u64);
        let mut before = Arc::new(Histogram::default());
        for histogram in self.histograms.iter().flat_map(|histograms| histograms.iter()) {
            writer.time(histogram.at);
            write_after(&before, &histogram.value, &mut writer);
            before = histogram.value;
        }
        *to = writer.0;
    }

    /// Reads what `write` wrote; `None` where it makes no sense.
    pub(super) fn read_back(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let mut all = Self::default();
        for _ in 0..read_number(bytes, at)? {
            let block = Block::read_back(bytes, at)?;
            if all.last().is_some_and(|last| block.first.at <= last.at) {
                return None;
            }
            all.full.extend(all.newest.replace(block));
        }
        let mut from = Reader { bytes, at: *at };
        let mut before = Arc::new(Histogram::default());
        for _ in 0..from.number()? {
            let (at, value) = (from.time()?, Arc::new(read_after(&before, &mut from)?));
            if all.last_histogram().is_some_and(|last| at <= last.at) {
                return None;
            }
            before = value.clone();
            all.push_histogram(HistogramSample { at, value });
        }
        *at = from.at;
        Some(all)
    }

    /// All of them, in the order of time.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = Sample> {
        self.blocks().flat_map(Block::iter)
    }

    fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.full.iter().chain(&self.newest)
    }

    fn oldest_mut(&mut self) -> Option<&mut Block> {
        self.full.first_mut().or(self.newest.as_mut())
    }

    fn drop_oldest(&mut self) {
        if self.full.is_empty() {
            self.newest = None;
        } else {
            self.full.remove(0);
        }
    }
}

impl Block {
    fn of(sample: Sample) -> Self {
        let (first, last) = (sample, sample);
        Self { first, last, last_step: 0, first_step: 0, len: 1, skipped: 0, changes: Vec::new() }
    }

    fn of_all(samples: &[Sample]) -> Option<Self> {
        let (first, rest) = samples.split_first()?;
        let mut block = Self::of(*first);
        rest.iter().for_each(|sample| block.push(*sample));
        Some(block)
    }

    fn push(&mut self, sample: Sample) {
        debug_assert!(self.last.at < sample.at, "samples come in the order of time");
        let step = sample.at.as_millis() - self.last.at.as_millis();
        let before = if self.len == 1 {
            self.first_step = step;
            step
        } else {
            self.last_step
        };
        // Room grows by a little: most series are as long as they will ever be, and stay so.
        if self.len > 1 && self.changes.capacity() < self.changes.len() + 17 {
            self.changes.reserve_exact(24.max(self.changes.len() / 4));
        }
        write(&mut self.changes, before, step, self.last.value, sample.value);
        (self.last, self.last_step) = (sample, step);
        self.len += 1;
    }

    /// Forgets the first of several samples.
    fn drop_first(&mut self) -> Sample {
        let gone = self.first;
        let mut walk = self.walk();
        if let Some(next) = walk.next() {
            (self.skipped, self.first_step) = (u32::try_from(walk.at).unwrap_or(u32::MAX), walk.step);
            self.first = next;
            self.len -= 1;
        }
        if self.changes.len() < 2 * self.skipped as usize {
            self.changes.drain(..self.skipped as usize);
            self.skipped = 0;
        }
        gone
    }

    fn read_back(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let mut number = || read_number(bytes, at);
        let (first_at, last_at) = (unzigzag(number()?), unzigzag(number()?));
        let (first_step, last_step) = (unzigzag(number()?), unzigzag(number()?));
        let (len, length) = (u32::try_from(number()?).ok()?, usize::try_from(number()?).ok()?);
        let mut rest = bytes.get(*at..at.checked_add(16)?.checked_add(length)?)?;
        *at += rest.len();
        let sample = |at, bits| Sample { at: Timestamp::from_millis(at), value: f64::from_bits(bits) };
        let first = sample(first_at, u64::from_le_bytes(take(&mut rest)));
        let last = sample(last_at, u64::from_le_bytes(take(&mut rest)));
        let block = Self { first, last, last_step, first_step, len, skipped: 0, changes: rest.to_vec() };
        // What is told of the block must be what is in it.
        let (mut count, mut before) = (0, None);
        for sample in block.iter() {
            if before.is_some_and(|before: Sample| sample.at <= before.at) {
                return None;
            }
            count += 1;
            before = Some(sample);
        }
        let ends = before.is_some_and(|end| end.at == last.at && end.value.to_bits() == last.value.to_bits());
        (ends && count == len).then_some(block)
    }

    fn iter(&self) -> impl Iterator<Item = Sample> {
        std::iter::once(self.first).chain(self.walk())
    }

    /// Those after the first.
    fn walk(&self) -> Walk<'_> {
        let at = self.skipped as usize;
        Walk { changes: &self.changes, at, sample: self.first, step: self.first_step }
    }
}

/// Reads the samples of a block after its first.
struct Walk<'a> {
    changes: &'a [u8],
    at: usize,
    sample: Sample,
    step: i64,
}

impl Iterator for Walk<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let rest = self.changes.get(self.at..)?;
        let (how, mut rest) = rest.split_first().map(|(how, rest)| (*how, rest))?;
        let whole = rest.len();
        self.step = match how >> 6 {
            SAME_STEP => self.step,
            STEP_8 => self.step.wrapping_add(i64::from(i8::from_le_bytes(take(&mut rest)))),
            STEP_16 => self.step.wrapping_add(i64::from(i16::from_le_bytes(take(&mut rest)))),
            _ => i64::from_le_bytes(take(&mut rest)),
        };
        let value = self.sample.value;
        let value = match how & 0b11_1111 {
            SAME_VALUE => value,
            GROWN_8 => value + f64::from(i8::from_le_bytes(take(&mut rest))),
            GROWN_16 => value + f64::from(i16::from_le_bytes(take(&mut rest))),
            GROWN_32 => value + f64::from(i32::from_le_bytes(take(&mut rest))),
            shape => {
                let (zeros, count) = (usize::from(shape >> 3), usize::from(shape & 7) + 1);
                let mut bytes = [0; 8];
                let (changed, after) = rest.split_at(count.min(rest.len()));
                if let Some(place) = bytes.get_mut(zeros..zeros + changed.len()) {
                    place.copy_from_slice(changed);
                }
                rest = after;
                f64::from_bits(value.to_bits() ^ u64::from_le_bytes(bytes))
            }
        };
        self.at += 1 + whole - rest.len();
        let at = Timestamp::from_millis(self.sample.at.as_millis().wrapping_add(self.step));
        self.sample = Sample { at, value };
        Some(self.sample)
    }
}

/// The next bytes; zeros where there are too few, which there never are.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk::<N>() {
        Some((chunk, after)) => {
            *rest = after;
            *chunk
        }
        None => [0; N],
    }
}

fn write(changes: &mut Vec<u8>, before: i64, step: i64, from: f64, to: f64) {
    let place = changes.len();
    changes.push(0);
    let more = step - before;
    let time = if more == 0 {
        SAME_STEP
    } else if let Ok(more) = i8::try_from(more) {
        changes.extend(more.to_le_bytes());
        STEP_8
    } else if let Ok(more) = i16::try_from(more) {
        changes.extend(more.to_le_bytes());
        STEP_16
    } else {
        changes.extend(step.to_le_bytes());
        STEP_64
    };
    let value = write_value(changes, from, to);
    changes[place] = time << 6 | value;
}

fn write_value(changes: &mut Vec<u8>, from: f64, to: f64) -> u8 {
    let differs = from.to_bits() ^ to.to_bits();
    if differs == 0 {
        return SAME_VALUE;
    }
    if let Some(grown) = grown(from, to) {
        if let Ok(grown) = i8::try_from(grown) {
            changes.extend(grown.to_le_bytes());
            return GROWN_8;
        }
        if let Ok(grown) = i16::try_from(grown) {
            changes.extend(grown.to_le_bytes());
            return GROWN_16;
        }
        // Three bytes of a pattern are fewer than four.
        if differs.trailing_zeros() < 32 {
            changes.extend(grown.to_le_bytes());
            return GROWN_32;
        }
    }
    let zeros = (differs.trailing_zeros() / 8) as usize;
    let end = 8 - (differs.leading_zeros() / 8) as usize;
    changes.extend(&differs.to_le_bytes()[zeros..end]);
    let (zeros, count) = (zeros as u8, (end - zeros) as u8);
    zeros << 3 | (count - 1)
}

/// By how much an integer grew or shrank, where that says exactly what it became: not beyond `WHOLE_MAX`.
fn grown(from: f64, to: f64) -> Option<i32> {
    if from.abs() > WHOLE_MAX || to.abs() > WHOLE_MAX {
        return None;
    }
    let by = to - from;
    let whole = by as i32;
    let is_exact = f64::from(whole) == by && (from + by).to_bits() == to.to_bits();
    is_exact.then_some(whole)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::model::STALE_NAN;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn bits(samples: impl IntoIterator<Item = Sample>) -> Vec<(i64, u64)> {
        samples.into_iter().map(|sample| (sample.at.as_millis(), sample.value.to_bits())).collect()
    }

    /// What values do: counters, gauges, markers, and whatever has all its bits.
    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (0..1000i32).prop_map(f64::from),
            2 => (-1e6..1e6).prop_map(|value: f64| value),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop::sample::select(vec![0.0, -0.0, 1e300, 0.1, 9e15, -9e15, f64::INFINITY]),
            1 => Just(f64::from_bits(STALE_NAN)),
            1 => (0..1u64 << 40).prop_map(|value| value as f64),
        ]
    }

    proptest! {
        #[test]
        fn keeps_what_a_plain_list_keeps(
            steps in prop::collection::vec(
                (prop_oneof![4 => Just(15_000i64), 1 => 14_998..15_003i64, 1 => 1..100_000_000i64], any_value(),
                 0..40usize, 0..10u8), 0..400),
        ) {
            let (mut samples, mut plain, mut now) = (Samples::default(), VecDeque::new(), 0);
            for (step, value, keep, what) in steps {
                now += step;
                let sample = Sample { at: at(now), value };
                samples.push(sample);
                plain.push_back(sample);
                match what {
                    0 => {
                        samples.replace_last(value + 1.0);
                        plain.back_mut().unwrap().value = value + 1.0;
                    }
                    1 => {
                        let from = plain.get(plain.len().saturating_sub(keep)).map_or(at(now + 1), |one| one.at);
                        samples.take_back(from);
                        plain.retain(|sample| sample.at < from);
                        now = plain.back().map_or(0, |last| last.at.as_millis());
                    }
                    2 | 3 => {
                        let until = plain[plain.len().saturating_sub(keep + 1)].at;
                        samples.forget(until);
                        plain.retain(|sample| until < sample.at);
                        prop_assert_eq!(samples.forgotten_until(), Some(until));
                    }
                    4 => {
                        samples.forget_first();
                        plain.pop_front();
                    }
                    _ => {}
                }
                prop_assert_eq!(samples.len(), plain.len());
                prop_assert_eq!(bits(samples.last()), bits(plain.back().copied()));
                let after = plain.get(keep).map_or(at(0), |sample| sample.at);
                let until = plain.get(keep * 2).map_or(at(now), |sample| sample.at);
                let expected: Vec<_> =
                    plain.iter().copied().filter(|sample| after < sample.at && sample.at <= until).collect();
                let mut found = Vec::new();
                samples.read(after, until, &mut found);
                prop_assert_eq!(bits(found), bits(expected.clone()));
                prop_assert_eq!(bits(samples.latest(after, until)), bits(expected.last().copied()));
            }
            let mut bytes = Vec::new();
            samples.write(&mut bytes);
            let read = Samples::read_back(&bytes, &mut 0).expect("it was just written");
            prop_assert_eq!(bits(read.iter()), bits(samples.iter()));
            prop_assert_eq!(bits(samples.iter()), bits(plain));
        }
    }

    #[test]
    fn a_sample_takes_few_bytes() {
        let check = |what: &str, value: fn(i64) -> f64, most: usize| {
            let mut samples = Samples::default();
            (0..100).for_each(|n| samples.push(Sample { at: at(n * 15_000), value: value(n) }));
            let bytes = samples.newest.as_ref().map_or(0, |block| block.changes.len());
            assert!(bytes <= 99 * most, "{what}: {bytes} bytes for 99 samples");
        };
        check("a gauge that stands still", |_| 0.1, 1);
        check("a counter that grows by a little", |n| 1e9 + (n * 7) as f64, 2);
        check("a counter that grows by thousands", |n| 1e9 + (n * 7000) as f64, 3);
        check("a measurement with all its bits", |n| (n as f64).sqrt(), 9);
    }
}
