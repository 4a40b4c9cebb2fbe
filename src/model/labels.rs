//! Label sets: what identifies a series or an alert.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable set of labels, sorted by name, each name once, no empty value. Cheap to clone.
/// Ordered pairwise by name, then value, bytewise.
///
/// One piece of memory, since there are as many of them as series: how many labels, the lengths of each name and value,
/// then their texts. Numbers are written in groups of six bits, the lowest first, each in one ASCII character whose seventh
/// bit says that another group follows; so all of it is one text. The same labels are always written in the same way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

const GROUP_BITS: u32 = 6;
const GROUP_MORE: usize = 1 << GROUP_BITS;

fn write_length(text: &mut String, mut length: usize) {
    while GROUP_MORE <= length {
        text.push(char::from((length % GROUP_MORE + GROUP_MORE) as u8));
        length >>= GROUP_BITS;
    }
    text.push(char::from(length as u8));
}

/// Reads a length at `at`, and moves `at` behind it.
fn read_length(bytes: &[u8], at: &mut usize) -> usize {
    let (mut length, mut shift) = (0, 0);
    while let Some(group) = bytes.get(*at).map(|byte| usize::from(*byte)) {
        *at += 1;
        length |= (group % GROUP_MORE) << shift;
        if group < GROUP_MORE {
            break;
        }
        shift += GROUP_BITS;
    }
    length
}

/// Walks along the labels of a set.
#[derive(Debug, Clone)]
struct Pairs<'a> {
    text: &'a str,
    left: usize,
    /// Where the next lengths are, and the next texts.
    lengths: usize,
    texts: usize,
}

impl<'a> Pairs<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut lengths = 0;
        let left = read_length(bytes, &mut lengths);
        let mut texts = lengths;
        for _ in 0..2 * left {
            read_length(bytes, &mut texts);
        }
        Self { text, left, lengths, texts }
    }

    /// Goes past one label, and says which bytes its name and its value are.
    fn pass(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        self.left = self.left.checked_sub(1)?;
        let bytes = self.text.as_bytes();
        let name_end = self.texts + read_length(bytes, &mut self.lengths);
        let value_end = name_end + read_length(bytes, &mut self.lengths);
        let name = std::mem::replace(&mut self.texts, value_end)..name_end;
        Some((name, name_end..value_end))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.pass()?;
        Some((&self.text[name], &self.text[value]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.is_the_same(other) { Ordering::Equal } else { self.iter().cmp(other.iter()) }
    }
}

impl Labels {
    /// No labels at all.
    pub fn empty() -> Self {
        Self(Arc::from("\0"))
    }

    /// Those of `pairs`, which are sorted by name, each name once, without an empty value.
    fn of_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let (mut count, mut bytes) = (0, 0);
        for (name, value) in pairs.clone() {
            count += 1;
            bytes += name.len() + value.len() + 4;
        }
        let mut text = String::with_capacity(bytes + 2);
        write_length(&mut text, count);
        for (name, value) in pairs.clone() {
            write_length(&mut text, name.len());
            write_length(&mut text, value.len());
        }
        for (name, value) in pairs {
            text.push_str(name);
            text.push_str(value);
        }
        Self(text.into())
    }

    /// Begins a set from this one.
    pub fn edit(&self) -> LabelsBuilder {
        let mut builder = LabelsBuilder::default();
        for (name, value) in self.iter() {
            let place = builder.written(name, value);
            builder.places.push(place);
        }
        builder
    }

    /// Whether it is the very same set, shared with `other`: found out without looking at a label. Another set of the
    /// same labels is equal to it all the same.
    pub fn is_the_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value of label `name`, where it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Along the lengths, of which most names differ; an evaluation asks this of each series.
        let (bytes, mut pairs) = (self.0.as_bytes(), Pairs::of(&self.0));
        while let Some((have, value)) = pairs.pass() {
            if have.len() == name.len() && bytes[have] == *name.as_bytes() {
                return Some(&self.0[value]);
            }
        }
        None
    }

    /// The metric's name, or an empty text.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// Every name with its value, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        Pairs::of(&self.0)
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes it takes, shared with all its clones.
    pub fn bytes(&self) -> usize {
        self.0.len() + 2 * size_of::<usize>()
    }

    /// The same set less those labels for which `keep` says no.
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let kept: Vec<(&str, &str)> = self.iter().filter(|(name, _)| keep(name)).collect();
        Self::of_sorted(kept.iter().copied())
    }

    /// The same set with `name` set to `value`; an empty value removes it.
    pub fn with(&self, name: &str, value: &str) -> Self {
        self.edit().set(name, value).build()
    }

    /// A 64-bit FNV-1a hash over the sorted names and values with 0xff between them: the fingerprint that
    /// Prometheus and Alertmanager show (`model.LabelsToSignature`).
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (name, value) in self.iter() {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        hash
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Labels {
    /// The last of several values of a name stands.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        pairs
            .into_iter()
            .fold(LabelsBuilder::default(), |builder, (name, value)| {
                builder.set(name.as_ref(), value.as_ref())
            })
            .build()
    }
}

/// Writes as PromQL does: `name{a="b"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        f.write_str(name)?;
        let rest: Vec<String> = self
            .iter()
            .filter(|(label, _)| *label != METRIC_NAME)
            .map(|(label, value)| format!("{label}={value:?}"))
            .collect();
        if rest.is_empty() && !name.is_empty() { Ok(()) } else { write!(f, "{{{}}}", rest.join(", ")) }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::<String, String>::deserialize(from)?.into_iter().collect())
    }
}

/// A set of labels in the making: sorted by name, each name once.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    /// All texts that were put, also those that others took the place of.
    text: String,
    places: Vec<Place>,
}

/// Where a label stands in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    name_end: usize,
    end: usize,
}

impl LabelsBuilder {
    /// Sets `name` to `value`; an empty value removes it, as a label without a value is no label.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.put(name, value);
        self
    }

    /// As `set`, in place.
    pub fn put(&mut self, name: &str, value: &str) {
        match (self.place(name), value.is_empty()) {
            (Ok(at), true) => drop(self.places.remove(at)),
            (Ok(at), false) => self.places[at] = self.written(name, value),
            (Err(_), true) => {}
            (Err(at), false) => {
                let place = self.written(name, value);
                self.places.insert(at, place);
            }
        }
    }

    /// The value of `name` as it stands.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.place(name).ok().map(|at| self.pair(self.places[at]).1)
    }

    /// The names and values as they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.places.iter().map(|place| self.pair(*place))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.places.binary_search_by(|place| self.pair(*place).0.cmp(name))
    }

    fn pair(&self, place: Place) -> (&str, &str) {
        (&self.text[place.start..place.name_end], &self.text[place.name_end..place.end])
    }

    fn written(&mut self, name: &str, value: &str) -> Place {
        let start = self.text.len();
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        Place { start, name_end, end: self.text.len() }
    }

    /// The finished set.
    pub fn build(self) -> Labels {
        Labels::of_sorted(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_sorted_and_an_empty_value_is_none() {
        let labels: Labels = [("b", "2"), ("a", "1"), ("c", "")].into_iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!(labels.get("b"), Some("2"));
        assert_eq!(labels.get("c"), None);
    }

    #[test]
    fn a_label_that_is_set_again_has_its_last_value() {
        let labels =
            Labels::empty().edit().set("b", "1").set("a", "1").set("b", "2").set("c", "3").set("a", "");
        assert_eq!((labels.get("b"), labels.get("a")), (Some("2"), None));
        assert_eq!(labels.build().iter().collect::<Vec<_>>(), [("b", "2"), ("c", "3")]);
    }

    proptest! {
        #[test]
        fn a_set_is_what_a_sorted_map_is(
            one in prop::collection::btree_map("[a-e_ü]{0,3}", ".{1,200}", 0..20),
            other in prop::collection::btree_map("[a-e_ü]{0,3}", "[x-z]", 0..3),
            changes in prop::collection::vec(("[a-e_ü]{0,3}", "[x-z]{0,1}"), 0..6),
        ) {
            let [labels, others] = [&one, &other].map(|map| map.iter().collect::<Labels>());
            prop_assert!(labels.iter().eq(one.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
            prop_assert_eq!(labels.len(), one.len());
            prop_assert_eq!(labels.cmp(&others), one.iter().cmp(other.iter()));
            let (mut map, mut builder) = (one, labels.edit());
            for (name, value) in changes {
                builder.put(&name, &value);
                if value.is_empty() { map.remove(&name); } else { map.insert(name.clone(), value); }
                prop_assert_eq!(builder.get(&name), map.get(&name).map(String::as_str));
            }
            let built = builder.build();
            prop_assert_eq!(&built, &map.iter().collect::<Labels>());
            map.retain(|name, _| name.contains('a'));
            prop_assert_eq!(built.filtered(|name| name.contains('a')), map.iter().collect());
        }
    }

    #[test]
    fn labels_print_as_promql_writes_them() {
        let labels: Labels = [("__name__", "up"), ("job", "a\"b")].into_iter().collect();
        assert_eq!(labels.to_string(), r#"up{job="a\"b"}"#);
        assert_eq!(Labels::empty().to_string(), "{}");
    }

    #[test]
    fn the_fingerprint_of_nothing_is_the_offset_of_fnv() {
        assert_eq!(Labels::empty().fingerprint(), 0xcbf2_9ce4_8422_2325);
        let (a, b): (Labels, Labels) =
            ([("a", "bc")].into_iter().collect(), [("ab", "c")].into_iter().collect());
        assert_ne!(a.fingerprint(), b.fingerprint());
    }
}
