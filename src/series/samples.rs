//! The samples of one series.
//!
//! In:   samples, each later than the one before.
//! Out:  those of a span of time, as one slice.
//! Not:  nothing outside of this file knows how they are kept.

use crate::model::Timestamp;
use crate::promql::Sample;

/// The recent samples of a series in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples {
    all: Vec<Sample>,
    /// How many at the front have been forgotten. They are moved out when they are as many as the rest, so that
    /// forgetting costs no more than adding did.
    forgotten: usize,
    /// The newest that was forgotten because of its age.
    forgotten_until: Option<Timestamp>,
}

impl Samples {
    fn kept(&self) -> &[Sample] {
        &self.all[self.forgotten..]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len() - self.forgotten
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Sample>()
    }

    pub(super) fn last(&self) -> Option<Sample> {
        self.kept().last().copied()
    }

    /// The newest that was forgotten because of its age.
    pub(super) fn forgotten_until(&self) -> Option<Timestamp> {
        self.forgotten_until
    }

    /// Adds a sample, which must be later than the last.
    pub(super) fn push(&mut self, sample: Sample) {
        debug_assert!(
            self.last().is_none_or(|last| last.at < sample.at),
            "samples come in the order of time"
        );
        self.all.push(sample);
    }

    /// Puts another value in the place of the last.
    pub(super) fn replace_last(&mut self, value: f64) {
        if self.len() > 0
            && let Some(last) = self.all.last_mut()
        {
            last.value = value;
        }
    }

    /// Those in `(after, until]`.
    pub(super) fn range(&self, after: Timestamp, until: Timestamp) -> &[Sample] {
        let kept = self.kept();
        // Nearly all questions are about the newest samples.
        let end = match kept.last() {
            Some(last) if last.at <= until => kept.len(),
            _ => kept.partition_point(|sample| sample.at <= until),
        };
        // What a question does not reach back to is soon forgotten, so the first is seldom far away.
        let start = match &kept[..end] {
            [first, ..] if after < first.at => 0,
            [_, second, ..] if after < second.at => 1,
            kept => kept.partition_point(|sample| sample.at <= after),
        };
        &kept[start..end]
    }

    /// Forgets those at or before `until`.
    pub(super) fn forget(&mut self, until: Timestamp) {
        match self.kept().first() {
            Some(first) if first.at <= until => {}
            _ => return,
        }
        // It is asked at each sample that comes, so most often one goes.
        let gone = self.kept().iter().take_while(|sample| sample.at <= until).count();
        self.forgotten_until = gone.checked_sub(1).map(|last| self.kept()[last].at);
        self.forget_first(gone);
    }

    /// Takes back those at or after `from`: a clock that was set back has not been there yet.
    pub(super) fn take_back(&mut self, from: Timestamp) {
        let left = self.kept().partition_point(|sample| sample.at < from);
        self.all.truncate(self.forgotten + left);
    }

    /// Forgets the first `count`.
    pub(super) fn forget_first(&mut self, count: usize) {
        self.forgotten += count.min(self.len());
        if self.forgotten * 2 >= self.all.len() {
            self.all.drain(..self.forgotten);
            self.forgotten = 0;
            if self.all.capacity() > 4 * self.all.len().max(4) {
                self.all.shrink_to(2 * self.all.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_what_a_plain_list_keeps(steps in proptest::collection::vec((1..50i64, 0..300i64, 0..400i64), 0..80)) {
            let (mut samples, mut plain, mut now) = (Samples::default(), VecDeque::new(), 0);
            for (step, forget, span) in steps {
                now += step;
                let sample = Sample { at: Timestamp::from_millis(now), value: now as f64 };
                samples.push(sample);
                plain.push_back(sample);
                let until = Timestamp::from_millis(now - forget);
                samples.forget(until);
                plain.retain(|sample| sample.at > until);
                let (after, until) = (Timestamp::from_millis(now - span), Timestamp::from_millis(now - span / 3));
                let expected: Vec<_> =
                    plain.iter().copied().filter(|sample| after < sample.at && sample.at <= until).collect();
                prop_assert_eq!(samples.range(after, until), &expected[..]);
                prop_assert_eq!(samples.len(), plain.len());
                prop_assert_eq!(samples.last(), plain.back().copied());
            }
        }
    }
}
