//! From a YAML text to a tree in which everything knows its place.
//!
//! In:   a file's name and its text.
//! Out:  a tree of maps, lists and scalars, each with its span; or where the text is no YAML.
//! Not:  no scalar is given a type here: `y`, `on`, `1.10` and `0x1F` stay the text that was written, and the typed
//!       structs of `raw` say what they should be. So one mistyped value does not hide the next one.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::model::{Place, Problem, Span};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// The configuration file.
    File(Span),
    /// A variable of the environment or a flag, by its name.
    Setting(Arc<str>),
}

/// A value and where it stands.
pub struct Node {
    /// Its place.
    pub at: Where,
    /// Where its text stands, when this is an alias for it.
    pub anchor: Option<Span>,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
pub enum Kind {
    /// Nothing: `~`, `null`, or no text at all.
    Null,
    /// A text, as written; it may hold a secret, so that it is never shown unasked.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it stands.
pub struct Key {
    /// The key.
    pub text: String,
    /// Its place.
    pub at: Where,
}

impl Node {
    /// The value of `key`, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(have, _)| have.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, where this is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a text as one YAML document.
///
/// # Errors
/// Where it is none: with the place, and nothing of a line that seems to hold a secret.
pub fn parse(file: &Arc<str>, text: &str) -> Result<Node, Box<Problem>> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options) {
        Ok(tree) => Ok(node(tree, text)),
        Err(error) => {
            let location = error.location();
            let what = words(&error);
            let place = location.map_or_else(
                || Place::whole_file(file),
                |location| Place::new(file, &super::hidden::mask_lines(text), span_of(location, text)),
            );
            Err(Box::new(Problem::error(place, format!("not valid YAML: {what}"))))
        }
    }
}

/// What is wrong, without the place, which `Place` says.
fn words(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error.without_snippet() {
        return format!("the key `{key}` is given twice");
    }
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or("it cannot be read");
    first.rsplit_once(" at line ").map_or(first, |(what, _)| what).to_owned()
}

/// The bytes that a location covers; where it does not say, from its line and column.
fn span_of(location: Location, text: &str) -> Span {
    let span = location.span();
    if let Some(start) = span.byte_offset().and_then(|at| usize::try_from(at).ok()) {
        let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        return Span::new(start, start.saturating_add(length));
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let in_line = text[line_start..].char_indices().nth(column - 1).map_or(0, |(at, _)| at);
    Span::new(line_start + in_line, line_start + in_line)
}

fn node(tree: Spanned<Tree>, text: &str) -> Node {
    let (used, defined) = (span_of(tree.referenced, text), span_of(tree.defined, text));
    let (at, anchor) = (Where::File(used), (used != defined).then_some(defined));
    let kind = match tree.value {
        Tree::Null => Kind::Null,
        Tree::Quoted(scalar) => Kind::Scalar(scalar),
        // An alias stands for the text at its anchor.
        Tree::Plain(shown) => {
            let written = text.get(defined.start..defined.end).map(str::trim).unwrap_or_default();
            Kind::Scalar(if written.is_empty() { shown } else { written.to_owned() })
        }
        Tree::List(items) => Kind::List(items.into_iter().map(|item| node(item, text)).collect()),
        Tree::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let at = Where::File(span_of(key.referenced, text));
                    (Key { text: key.value, at }, node(value, text))
                })
                .collect(),
        ),
    };
    Node { at, anchor, kind }
}

/// What serde sees, before the places are worked out.
enum Tree {
    Null,
    /// A scalar that serde gave a type to, as it prints it; what was written is taken from the text.
    Plain(String),
    Quoted(String),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

macro_rules! plain {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E>(self, value: $type) -> Result<Tree, E> {
            Ok(Tree::Plain(value.to_string()))
        })*
    };
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    plain!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Quoted(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Tree, D::Error> {
        Tree::deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        parse(&"f.yml".into(), text).map_err(|problem| problem.to_string()).expect("valid YAML")
    }

    fn scalar<'a>(node: &'a Node, key: &str) -> &'a str {
        node.get(key).and_then(Node::text).expect("a scalar")
    }

    #[test]
    fn a_scalar_stays_what_was_written() {
        let text = "a: 1.10\nb: on\nc: 0x1F\nd: 'x: y'\ne: 1e3\nf: true\ng: 15s # why\nh: \"a\\tb\"\ny: y\n";
        let node = read(text);
        for (key, expected) in [
            ("a", "1.10"),
            ("b", "on"),
            ("c", "0x1F"),
            ("d", "x: y"),
            ("e", "1e3"),
            ("f", "true"),
            ("g", "15s"),
            ("h", "a\tb"),
            ("y", "y"),
        ] {
            assert_eq!(scalar(&node, key), expected, "{key}");
        }
    }

    #[test]
    fn everything_knows_its_place() {
        let text = "a:\n  - b: ü\n    c: [1, 2]\n";
        let node = read(text);
        let Kind::List(items) = &node.get("a").expect("a").kind else { panic!("a list") };
        let Kind::Map(entries) = &items[0].kind else { panic!("a map") };
        let shown = |at: &Where| match at {
            Where::File(span) => text[span.start..span.end].to_owned(),
            Where::Setting(name) => name.to_string(),
        };
        assert_eq!(shown(&entries[0].0.at), "b");
        assert_eq!(shown(&entries[0].1.at), "ü");
        let Kind::List(numbers) = &entries[1].1.kind else { panic!("a list") };
        assert_eq!(shown(&numbers[1].at), "2");
    }

    #[test]
    fn an_alias_is_its_anchors_text_at_its_own_place() {
        let node = read("a: &x 1.50\nb: *x\n");
        assert_eq!(scalar(&node, "b"), "1.50");
        assert_eq!(node.get("b").map(|n| n.at.clone()), Some(Where::File(Span::new(14, 16))));
    }

    #[test]
    fn nothing_is_null() {
        let node = read("a:\nb: ~\nc: null\nd: ''\n");
        for key in ["a", "b", "c"] {
            assert!(matches!(node.get(key).expect("there").kind, Kind::Null), "{key}");
        }
        assert_eq!(scalar(&node, "d"), "");
        assert!(matches!(read("").kind, Kind::Null));
        assert!(matches!(read("# only a comment\n").kind, Kind::Null));
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_place_and_without_secrets() {
        let check = |text: &str, expected: &str| {
            let problem = parse(&"f.yml".into(), text).err().expect("no YAML");
            assert_eq!(problem.to_string(), expected, "{text}");
            assert!(!problem.render(false).contains("hunter2"), "{}", problem.render(false));
        };
        check("a: 1\na: 2\n", "f.yml:2:1: not valid YAML: the key `a` is given twice");
        check("a: [1, 2\n", "f.yml:1:4: not valid YAML: unclosed bracket '['");
        check("password: \"hunter2\nb: 1\n", "f.yml:1:11: not valid YAML: unclosed quote");
    }
}
