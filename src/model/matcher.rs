//! One condition on a label: `code=~"5.."`.

use std::fmt;
use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};

use crate::model::{Labels, METRIC_NAME};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// As PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label. A label that a set lacks counts as empty, as in PromQL.
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// A compiled regular expression may take this much memory; a longer one is refused, not run.
const REGEX_SIZE_LIMIT_BYTES: usize = 4 << 20;

/// The metric's name, where `matchers` ask for exactly one.
pub fn exact_metric_name(matchers: &[Matcher]) -> Option<&str> {
    let on_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    matchers.iter().find(on_name).map(Matcher::value)
}

impl Matcher {
    /// The condition `name op value`.
    ///
    /// # Errors
    /// Where `op` asks for a regular expression and `value` is none, or too large a one.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, regex::Error> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Self::anchored(value)?),
        };
        Ok(Self { name: name.to_owned(), op, value: value.to_owned(), regex })
    }

    /// A regular expression anchored at both ends in which `.` takes line ends too, as Prometheus 3 does.
    ///
    /// # Errors
    /// Where `pattern` is no regular expression, or too large a one.
    pub fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
        // Compiled by itself first: `a)|(b` is only made valid by the anchors around it.
        RegexBuilder::new(pattern).size_limit(REGEX_SIZE_LIMIT_BYTES).build()?;
        RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_SIZE_LIMIT_BYTES).build()
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label of this value fits; an absent label has the empty value.
    pub fn matches_value(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, regex) => regex.as_ref().is_some_and(|regex| regex.is_match(value)),
            (MatchOp::NotRegex, regex) => !regex.as_ref().is_some_and(|regex| regex.is_match(value)),
        }
    }

    /// Whether a label set fits.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or_default())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl Hash for Matcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: MatchOp, pattern: &str, value: &str, expected: bool) {
        let matcher = Matcher::new("a", op, pattern).expect("a valid pattern");
        assert_eq!(matcher.matches_value(value), expected, "{matcher} on {value:?}");
    }

    #[test]
    fn regular_expressions_are_anchored() {
        check(MatchOp::Regex, "5..", "503", true);
        check(MatchOp::Regex, "5..", "1503", false);
        check(MatchOp::Regex, "a|b", "ab", false);
        check(MatchOp::NotRegex, "a|b", "ab", true);
        check(MatchOp::Regex, "a.b", "a\nb", true);
    }

    #[test]
    fn an_absent_label_is_empty() {
        let labels = Labels::empty();
        assert!(Matcher::new("a", MatchOp::Equal, "").expect("valid").matches(&labels));
        assert!(Matcher::new("a", MatchOp::NotEqual, "x").expect("valid").matches(&labels));
    }

    #[test]
    fn anchors_do_not_mend_a_broken_pattern() {
        assert!(Matcher::new("a", MatchOp::Regex, "a)|(b").is_err());
    }
}
