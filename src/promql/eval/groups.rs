//! Elements that belong together because they are equal in some of their labels.
//!
//! In:   label sets, and which of their labels count.
//! Out:  the number of each one's group.
//! Not:  no label set is built but one for each group, at the end.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::{Labels, METRIC_NAME};
use crate::promql::tree::ast::{Grouping, MatchBy, Matching};

/// Which labels count.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// These.
    Only(&'a [String]),
    /// All but these and the metric's name.
    AllBut(&'a [String]),
    /// All but this.
    Less(&'a str),
}

impl<'a> From<&'a Grouping> for By<'a> {
    fn from(grouping: &'a Grouping) -> Self {
        match grouping {
            Grouping::By(labels) => Self::Only(labels),
            Grouping::Without(labels) => Self::AllBut(labels),
        }
    }
}

impl<'a> From<&'a Matching> for By<'a> {
    fn from(matching: &'a Matching) -> Self {
        match matching.by {
            MatchBy::On => Self::Only(&matching.labels),
            MatchBy::Ignoring => Self::AllBut(&matching.labels),
        }
    }
}

impl By<'_> {
    fn counts(self, label: &str) -> bool {
        let listed = |labels: &[String]| labels.iter().any(|listed| listed == label);
        match self {
            Self::Only(labels) => listed(labels),
            Self::AllBut(labels) => label != METRIC_NAME && !listed(labels),
            Self::Less(left_out) => label != left_out,
        }
    }

    /// The labels that count.
    pub(super) fn of(self, labels: &Labels) -> Labels {
        match self {
            Self::Only([]) => Labels::empty(),
            _ => labels.filtered(|label| self.counts(label)),
        }
    }

    fn hash(self, labels: &Labels, mut hasher: impl Hasher) -> u64 {
        match self {
            Self::Only(listed) => listed.iter().for_each(|label| labels.get(label).hash(&mut hasher)),
            Self::AllBut(_) | Self::Less(_) => {
                labels.iter().filter(|(label, _)| self.counts(label)).for_each(|pair| pair.hash(&mut hasher));
            }
        }
        hasher.finish()
    }

    fn same(self, a: &Labels, b: &Labels) -> bool {
        match self {
            Self::Only(listed) => listed.iter().all(|label| a.get(label) == b.get(label)),
            Self::AllBut(_) | Self::Less(_) => {
                let counting = |(label, _): &(&str, &str)| self.counts(label);
                a.iter().filter(counting).eq(b.iter().filter(counting))
            }
        }
    }
}

/// Groups in the order in which they are first met.
pub(super) struct Groups<'a> {
    by: By<'a>,
    hasher: DefaultHashBuilder,
    places: HashTable<usize>,
    firsts: Vec<Labels>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(by: By<'a>) -> Self {
        Self { by, hasher: DefaultHashBuilder::default(), places: HashTable::new(), firsts: Vec::new() }
    }

    /// The group of `labels`, where there is one.
    pub(super) fn find(&self, labels: &Labels) -> Option<usize> {
        let hash = self.by.hash(labels, self.hasher.build_hasher());
        self.places.find(hash, |place| self.by.same(&self.firsts[*place], labels)).copied()
    }

    /// The group of `labels`; a new one gets the next number.
    pub(super) fn place(&mut self, labels: &Labels) -> usize {
        let Self { by, hasher, places, firsts } = self;
        let hash = |labels: &Labels| by.hash(labels, hasher.build_hasher());
        let entry = places.entry(
            hash(labels),
            |place| by.same(&firsts[*place], labels),
            |place| hash(&firsts[*place]),
        );
        let next = firsts.len();
        let place = *entry.or_insert(next).get();
        if place == next {
            firsts.push(labels.clone());
        }
        place
    }

    /// The labels that all of a group have.
    pub(super) fn labels(&self, place: usize) -> Labels {
        self.by.of(&self.firsts[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_in_what_counts_comes_together() {
        let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Labels>();
        let all = [
            labels(&[(METRIC_NAME, "m"), ("a", "1"), ("b", "1")]),
            labels(&[(METRIC_NAME, "n"), ("a", "1"), ("b", "2")]),
            labels(&[("a", "2"), ("b", "1")]),
        ];
        let check = |by: By<'_>, expected: &[usize], first: &str| {
            let mut groups = Groups::new(by);
            let found: Vec<usize> = all.iter().map(|labels| groups.place(labels)).collect();
            assert_eq!(found, expected, "{by:?}");
            assert_eq!(groups.find(&all[2]), Some(expected[2]));
            assert_eq!(groups.labels(0).to_string(), first);
        };
        let (a, b) = (["a".to_owned()], ["b".to_owned()]);
        check(By::Only(&a), &[0, 0, 1], "{a=\"1\"}");
        check(By::AllBut(&b), &[0, 0, 1], "{a=\"1\"}");
        check(By::AllBut(&a), &[0, 1, 0], "{b=\"1\"}");
        check(By::Only(&[]), &[0, 0, 0], "{}");
        check(By::AllBut(&[]), &[0, 1, 2], "{a=\"1\", b=\"1\"}");
        check(By::Less("b"), &[0, 1, 2], "m{a=\"1\"}");
        check(By::Less(METRIC_NAME), &[0, 1, 2], "{a=\"1\", b=\"1\"}");
    }
}
