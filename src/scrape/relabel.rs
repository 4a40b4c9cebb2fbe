//! Relabelling: rules that rewrite, keep or drop a label set.
//!
//! In:   a label set in the making and the rules of a job.
//! Out:  the set rewritten, and whether it is kept.
//! Not:  nothing is remembered from one set to the next.
//!
//! Means the same as Prometheus 3 (`model/relabel`), in each of its actions. Two things are Go's and not Rust's:
//! how `$1` and `${name}` are expanded (see `expand`), and letter case, which is mapped one letter at a time.

use md5::{Digest, Md5};
use regex::{Captures, Regex};

use crate::model::LabelsBuilder;
use crate::scrape::{RelabelAction, RelabelRule};

/// Runs the rules in their order; `false` as soon as one of them drops the set.
#[must_use]
pub fn relabel(rules: &[RelabelRule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| run(rule, labels))
}

fn run(rule: &RelabelRule, labels: &mut LabelsBuilder) -> bool {
    let joined = joined_sources(rule, labels);
    match rule.action {
        RelabelAction::Keep => return rule.regex.is_match(&joined),
        RelabelAction::Drop => return !rule.regex.is_match(&joined),
        RelabelAction::KeepEqual => return labels.get(&rule.target_label).unwrap_or_default() == joined,
        RelabelAction::DropEqual => return labels.get(&rule.target_label).unwrap_or_default() != joined,
        RelabelAction::Replace => replace(rule, &joined, labels),
        RelabelAction::Lowercase => put_named(labels, &rule.target_label, &lowercase(&joined)),
        RelabelAction::Uppercase => put_named(labels, &rule.target_label, &uppercase(&joined)),
        RelabelAction::HashMod => {
            put_named(labels, &rule.target_label, &hash_remainder(&joined, rule.modulus).to_string());
        }
        RelabelAction::LabelMap => {
            for (name, value) in names_that(labels, |name| rule.regex.is_match(name)) {
                if let Some(found) = rule.regex.captures(&name) {
                    put_named(labels, &expand(&rule.replacement, &rule.regex, &found), &value);
                }
            }
        }
        RelabelAction::LabelDrop => {
            for (name, _) in names_that(labels, |name| rule.regex.is_match(name)) {
                labels.put(&name, "");
            }
        }
        RelabelAction::LabelKeep => {
            for (name, _) in names_that(labels, |name| !rule.regex.is_match(name)) {
                labels.put(&name, "");
            }
        }
    }
    true
}

/// A label that is not there counts as empty, but is joined all the same.
fn joined_sources(rule: &RelabelRule, labels: &LabelsBuilder) -> String {
    let mut joined = String::new();
    for (place, name) in rule.source_labels.iter().enumerate() {
        if place > 0 {
            joined.push_str(&rule.separator);
        }
        joined.push_str(labels.get(name).unwrap_or_default());
    }
    joined
}

fn replace(rule: &RelabelRule, joined: &str, labels: &mut LabelsBuilder) {
    let Some(found) = rule.regex.captures(joined) else { return };
    let target = expand(&rule.target_label, &rule.regex, &found);
    let value = expand(&rule.replacement, &rule.regex, &found);
    put_named(labels, &target, &value);
}

/// A name that an expansion left empty is no name; the rule then does nothing.
fn put_named(labels: &mut LabelsBuilder, name: &str, value: &str) {
    if !name.is_empty() {
        labels.put(name, value);
    }
}

/// What fits, taken out first: what a rule writes is not read again by the same rule.
fn names_that(labels: &LabelsBuilder, fits: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    labels
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The last eight bytes of the MD5 digest as a big-endian number, as Prometheus has always done it. A modulus of
/// zero is refused where the configuration is read; it counts as one here.
fn hash_remainder(text: &str, modulus: u64) -> u64 {
    let digest = Md5::digest(text.as_bytes());
    digest[8..].iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte)) % modulus.max(1)
}

fn lowercase(text: &str) -> String {
    // One letter for one letter, as in Go: `İ` alone has a lower case of two, of which Go takes the first.
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

fn uppercase(text: &str) -> String {
    // Letters such as `ß` whose upper case is longer than one letter stay as they are, as in Go.
    text.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

/// Expands `$1`, `$name`, `${1}` and `${name}` as Go's `Regexp.Expand` does. The name after a bare `$` is as long
/// as letters, digits and `_` go: `$1x` is the group called `1x`, which is empty where there is none (Rust reads
/// that the same way). Unlike in Rust, `$01` is a name and not group 1, letters of any script belong to a name,
/// and a `${…}` with anything else between the braces is plain text.
fn expand(template: &str, regex: &Regex, found: &Captures<'_>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some((name, after)) = split_reference(after) {
            text.push_str(group(name, regex, found));
            rest = after;
        } else {
            text.push('$');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// Splits what follows a `$` into the group's name and the rest; `None` where it is no reference.
fn split_reference(after: &str) -> Option<(&str, &str)> {
    let (braced, body) = match after.strip_prefix('{') {
        Some(body) => (true, body),
        None => (false, after),
    };
    let end = body.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

fn group<'t>(name: &str, regex: &Regex, found: &Captures<'t>) -> &'t str {
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    let place =
        if is_number { name.parse().ok() } else { regex.capture_names().position(|have| have == Some(name)) };
    place.and_then(|place: usize| found.get(place)).map_or("", |group| group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Labels, Matcher};

    fn rule(action: RelabelAction, sources: &[&str], regex: &str, target: &str, to: &str) -> RelabelRule {
        RelabelRule {
            source_labels: sources.iter().map(|name| (*name).to_owned()).collect(),
            separator: ";".to_owned(),
            regex: Matcher::anchored(regex).expect("a valid pattern"),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: to.to_owned(),
            action,
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    /// `None` stands for dropped.
    fn check(rules: &[RelabelRule], given: &[(&str, &str)], expected: Option<&[(&str, &str)]>) {
        let mut builder = labels(given).edit();
        let kept = relabel(rules, &mut builder);
        assert_eq!(kept.then(|| builder.build()), expected.map(labels), "{rules:?} on {given:?}");
    }

    #[test]
    fn replace_sets_what_fits_and_leaves_what_does_not() {
        use RelabelAction::Replace;
        let given = [("a", "foo"), ("b", "bar"), ("c", "baz")];
        check(
            &[rule(Replace, &["a"], "f(.*)", "d", "ch${1}-ch${1}")],
            &given,
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-choo")]),
        );
        check(&[rule(Replace, &["a"], "x(.*)", "d", "$1")], &given, Some(&given));
        check(
            &[rule(Replace, &["a", "b"], "(f).*;(.*)r", "a", "b${1}${2}m")],
            &given,
            Some(&[("a", "bfbam"), ("b", "bar"), ("c", "baz")]),
        );
        // An expansion to nothing removes the label; without a source the regex sees an empty text.
        check(&[rule(Replace, &["a"], "f.*", "b", "")], &given, Some(&[("a", "foo"), ("c", "baz")]));
        check(
            &[rule(Replace, &[], "(.*)", "b", "const")],
            &[("a", "x")],
            Some(&[("a", "x"), ("b", "const")]),
        );
    }

    #[test]
    fn the_target_of_a_replace_is_expanded_too() {
        use RelabelAction::Replace;
        check(
            &[rule(Replace, &["a"], "some-([^-]+)-([^,]+)", "${1}", "${2}")],
            &[("a", "some-name-value")],
            Some(&[("a", "some-name-value"), ("name", "value")]),
        );
        check(
            &[rule(Replace, &["a"], "some-([^-]+)", "${3}", "x")],
            &[("a", "some-name")],
            Some(&[("a", "some-name")]),
        );
    }

    #[test]
    fn keep_and_drop_judge_the_joined_sources() {
        use RelabelAction::{Drop, DropEqual, Keep, KeepEqual};
        let given = [("a", "foo"), ("b", "bar"), ("same", "foo")];
        check(&[rule(Keep, &["a", "b"], "foo;bar", "", "")], &given, Some(&given));
        check(&[rule(Keep, &["a"], "fo", "", "")], &given, None);
        check(&[rule(Drop, &["a"], ".*o", "", "")], &given, None);
        check(&[rule(Drop, &["a"], "f", "", "")], &given, Some(&given));
        check(&[rule(Drop, &["none"], "", "", "")], &given, None);
        check(&[rule(KeepEqual, &["a"], "(.*)", "same", "")], &given, Some(&given));
        check(&[rule(KeepEqual, &["b"], "(.*)", "same", "")], &given, None);
        check(&[rule(DropEqual, &["a"], "(.*)", "same", "")], &given, None);
        check(&[rule(DropEqual, &["b"], "(.*)", "same", "")], &given, Some(&given));
    }

    #[test]
    fn a_dropped_set_is_not_looked_at_again() {
        use RelabelAction::{Drop, Replace};
        check(
            &[rule(Drop, &["a"], "foo", "", ""), rule(Replace, &["a"], "(.*)", "a", "bar")],
            &[("a", "foo")],
            None,
        );
    }

    #[test]
    fn hashmod_gives_the_remainder_that_prometheus_gives() {
        // Worked out with another implementation of MD5: the last eight bytes of the digest, modulo 1000.
        let hashed = |sources: &[&str], expected| {
            let mut hashing = rule(RelabelAction::HashMod, sources, "(.*)", "d", "");
            hashing.modulus = 1000;
            let given = [("a", "foo"), ("b", "bar"), ("c", "baz")];
            check(&[hashing], &given, Some(&[given[0], given[1], given[2], ("d", expected)]));
        };
        hashed(&["c"], "976");
        hashed(&["a", "b", "c"], "719");
    }

    #[test]
    fn label_names_are_mapped_dropped_and_kept() {
        use RelabelAction::{LabelDrop, LabelKeep, LabelMap};
        let given = [("a", "foo"), ("b1", "bar"), ("b2", "baz")];
        check(
            &[rule(LabelMap, &[], "(b.*)", "", "bar_${1}")],
            &given,
            Some(&[("a", "foo"), ("b1", "bar"), ("b2", "baz"), ("bar_b1", "bar"), ("bar_b2", "baz")]),
        );
        check(&[rule(LabelDrop, &[], "b.*", "", "")], &given, Some(&[("a", "foo")]));
        check(&[rule(LabelKeep, &[], "b.*", "", "")], &given, Some(&[("b1", "bar"), ("b2", "baz")]));
        // What the rule writes does not become its own input.
        check(&[rule(LabelMap, &[], "a(.*)", "", "aa$1")], &[("a", "1")], Some(&[("a", "1"), ("aa", "1")]));
    }

    #[test]
    fn no_label_without_a_name_is_made() {
        use RelabelAction::{HashMod, Lowercase, Uppercase};
        for action in [HashMod, Lowercase, Uppercase] {
            check(&[rule(action, &["a"], "(.*)", "", "")], &[("a", "B")], Some(&[("a", "B")]));
        }
    }

    #[test]
    fn letter_case_goes_letter_by_letter() {
        use RelabelAction::{Lowercase, Uppercase};
        check(
            &[rule(Lowercase, &["a"], "(.*)", "a", ""), rule(Uppercase, &["b"], "(.*)", "b", "")],
            &[("a", "BaRΣ"), ("b", "fooß")],
            Some(&[("a", "barσ"), ("b", "FOOß")]),
        );
    }

    #[test]
    fn references_expand_as_in_go() {
        let regex = Matcher::anchored("(?P<first>a+)-(b+)").expect("a valid pattern");
        let found = regex.captures("aa-bbb").expect("it fits");
        let check = |template: &str, expected: &str| {
            assert_eq!(expand(template, &regex, &found), expected, "{template}");
        };
        check("$1/$2", "aa/bbb");
        check("${first}x$first", "aaxaa");
        check("$1x", "");
        check("${1}x", "aax");
        check("$0", "aa-bbb");
        check("$01", "");
        check("$9", "");
        check("$99999999999999999999", "");
        check("$$1", "$1");
        check("a$", "a$");
        check("$-$1", "$-aa");
        check("${1", "${1");
        check("${a-b}", "${a-b}");
        check("${}", "${}");
    }
}
