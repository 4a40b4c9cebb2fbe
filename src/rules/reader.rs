//! Takes a tree of YAML apart, and notes everything that is wrong with it.
//!
//! In:   nodes of a file.
//! Out:  texts, numbers, durations, expressions and templates with their places; problems.
//! Not:  nothing is known here of what a rule needs. Whoever asks for a value gets `None` where there is none
//!       to be had, and the problem is noted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::yaml::{Content, Node, Scalar};
use crate::model::{Place, Problem, Problems, Span, parse_duration, parse_value, suggest};
use crate::promql::{self, Expr};

use super::UnknownKeys;
use super::template::Template;

/// Reads nodes of one file.
pub(super) struct Reader<'a> {
    pub(super) file: &'a Arc<str>,
    text: &'a str,
    pub(super) problems: Problems,
    unknown_keys: UnknownKeys,
    /// Those read so far by their texts, since many rules say the same in other numbers.
    templates: HashMap<String, Template>,
}

/// The entries of a mapping, each of which is to be taken once.
pub(super) struct Fields<'n> {
    pub(super) span: Span,
    entries: Vec<(&'n Scalar, &'n Node)>,
    taken: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The value of `key`, unless it is not there or empty.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.taken.contains(&key) {
            self.taken.push(key);
        }
        let (_, node) = self.entries.iter().find(|(have, _)| have.value == key)?;
        (!matches!(node.content, Content::Null)).then_some(*node)
    }

    /// Where `key` itself stands.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.entries.iter().find(|(have, _)| have.value == key).map_or(self.span, |(have, _)| have.at)
    }

    /// A key that is probably one of `known`, mistyped: its place, itself, and what it should be.
    pub(super) fn misspelt<const N: usize>(
        &self,
        known: [&'static str; N],
    ) -> Option<(Span, &'n str, &'static str)> {
        self.entries.iter().find_map(|(key, _)| {
            let close = suggest::closest(&key.value, known)?;
            Some((key.at, key.value.as_str(), close))
        })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(have, node)| have.value == key && !matches!(node.content, Content::Null))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Arc<str>, text: &'a str, unknown_keys: UnknownKeys) -> Self {
        Self { file, text, problems: Problems::new(), unknown_keys, templates: HashMap::new() }
    }

    pub(super) fn place(&self, span: Span) -> Place {
        Place::new(self.file, self.text, span)
    }

    pub(super) fn error(&mut self, span: Span, what: impl Into<String>) {
        let problem = Problem::error(self.place(span), what);
        self.problems.add(problem);
    }

    pub(super) fn error_with_hint(&mut self, span: Span, what: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem::error(self.place(span), what).hint(hint);
        self.problems.add(problem);
    }

    pub(super) fn warning(&mut self, span: Span, what: impl Into<String>) {
        let problem = Problem::warning(self.place(span), what);
        self.problems.add(problem);
    }

    /// Notes what is wrong within the value of a scalar.
    fn error_inside(&mut self, scalar: &Scalar, within: Span, what: String, hint: Option<String>) {
        let problem = Problem::error(self.place(scalar.place_of(self.text, within)), what);
        self.problems.add(Problem { hint, ..problem });
    }

    /// The entries of a mapping.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        match &node.content {
            Content::Map(entries) => Some(Fields {
                span: node.at,
                entries: entries.iter().map(|(key, node)| (key, node)).collect(),
                taken: Vec::new(),
            }),
            _ => {
                self.error(node.at, format!("{what} must be a mapping, not {}", node.kind()));
                None
            }
        }
    }

    /// Notes every key that nobody took.
    pub(super) fn finish(&mut self, fields: &Fields<'_>, what: &str) {
        if self.unknown_keys == UnknownKeys::Ignore {
            return;
        }
        for (key, _) in &fields.entries {
            if fields.taken.contains(&key.value.as_str()) {
                continue;
            }
            let message = format!("{what} has no key `{}`", key.value);
            let hint = suggest::meant(&key.value, fields.taken.iter().copied())
                .unwrap_or_else(|| format!("there are {}", fields.taken.join(", ")));
            self.error_with_hint(key.at, message, hint);
        }
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.content {
            Content::List(items) => items,
            _ => {
                self.error(node.at, format!("{what} must be a list, not {}", node.kind()));
                &[]
            }
        }
    }

    /// A single value.
    pub(super) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => {
                self.error(node.at, format!("{what} must be a single value, not {}", node.kind()));
                None
            }
        }
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let scalar = self.scalar(node, what)?;
        match parse_duration(&scalar.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error(scalar.at, format!("{what}: {error}"));
                None
            }
        }
    }

    /// A number that is one: neither NaN nor infinite.
    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let scalar = self.scalar(node, what)?;
        match parse_value(&scalar.value).filter(|value| value.is_finite()) {
            Some(value) => Some(value),
            None => {
                self.error(scalar.at, format!("{what} must be a number, not `{}`", scalar.value));
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let scalar = self.scalar(node, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == scalar.value) {
            return Some(*meaning);
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = suggest::meant(&scalar.value, all.iter().copied())
            .unwrap_or_else(|| format!("write one of {}", all.join(", ")));
        self.error_with_hint(scalar.at, format!("{what} can't be `{}`", scalar.value), hint);
        None
    }

    /// PromQL. A problem points into the expression.
    pub(super) fn expression(&mut self, node: &Node, what: &str) -> Option<Expr> {
        let scalar = self.scalar(node, what)?;
        let read = promql::parse(&scalar.value);
        match read.and_then(|expr| expr.fault().map_or(Ok(expr), Err)) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.error_inside(scalar, error.span, format!("{what}: {}", error.what), error.hint);
                None
            }
        }
    }

    /// A template. A problem points into it.
    pub(super) fn template(&mut self, scalar: &Scalar, what: &str) -> Option<Template> {
        if let Some(known) = self.templates.get(&scalar.value) {
            return Some(known.clone());
        }
        match Template::parse(&scalar.value) {
            Ok(template) => {
                self.templates.insert(scalar.value.clone(), template.clone());
                Some(template)
            }
            Err(error) => {
                self.error_inside(scalar, error.span, format!("{what}: {}", error.what), error.hint);
                None
            }
        }
    }

    /// A mapping of names to single values; one without a value is an empty text.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<(Scalar, Scalar)> {
        let Content::Map(entries) = &node.content else {
            self.error(node.at, format!("{what} must be a mapping, not {}", node.kind()));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (key, node) in entries {
            match &node.content {
                Content::Scalar(value) => texts.push((key.clone(), value.clone())),
                Content::Null => {
                    texts.push((key.clone(), Scalar { at: node.at, value: String::new(), typed: false }));
                }
                _ => self.error(
                    node.at,
                    format!("`{}` in {what} must be a single value, not {}", key.value, node.kind()),
                ),
            }
        }
        texts
    }
}
