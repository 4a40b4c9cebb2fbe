//! A YAML text as a tree in which everything knows its place.
//!
//! In:   the text of a file.
//! Out:  one `Node` for the document, or the one syntax error of it; for any byte of a scalar's value, the byte
//!       of the file that it came from.
//! Not:  nothing is known here of what a rule is. Scalars stay text: `5m`, `on` and `1.0` are what was typed.
//!
//! A tree, and not the rules' own structs, since a struct's decoder stops at the first field that it dislikes,
//! and users want all problems of a file at once.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::model::Span;

/// Collections may be nested this deep; a rule file needs seven. Far beyond it decoding would fill the stack.
const DEPTH_MAX: usize = 32;

/// A piece of the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it is defined: for an alias the anchored text.
    pub(super) span: Span,
    pub(super) content: Content,
}

/// What a piece of the document is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file; the parser refuses a key that comes twice.
    Map(Vec<(Scalar, Node)>),
}

/// A text with its place.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) span: Span,
    pub(super) value: String,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) span: Span,
    pub(super) what: String,
}

/// The first document of `text` and whether more follow.
///
/// # Errors
/// The first syntax error, or a duplicate key, or a document beyond any sane size.
pub(super) fn parse(text: &str) -> Result<(Node, bool), SyntaxError> {
    let options = || {
        serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
            budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
        }
    };
    let (mut node, more) = match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => (Node::of(raw, text), false),
        Err(serde_saphyr::Error::MultipleDocuments { .. }) => {
            let end = second_document(text).unwrap_or(text.len());
            let raw = serde_saphyr::from_str_with_options::<Spanned<Raw>>(&text[..end], options())
                .map_err(|error| syntax_error(&error, text))?;
            (Node::of(raw, text), true)
        }
        Err(error) => return Err(syntax_error(&error, text)),
    };
    if node.span.end > text.len() {
        node.span = Span::new(0, 0);
    }
    Ok((node, more))
}

/// Where the line `---` stands that begins the second document.
fn second_document(text: &str) -> Option<usize> {
    let (mut at, mut seen_content) = (0, false);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if seen_content && (bare == "---" || bare.starts_with("--- ")) {
            return Some(at);
        }
        seen_content |= bare == "---" || !(bare.is_empty() || bare.starts_with(['#', '%']));
        at += line.len();
    }
    None
}

fn syntax_error(error: &serde_saphyr::Error, text: &str) -> SyntaxError {
    let span = error.location().map_or(Span::default(), |location| span_of(&location, text));
    let shown = error.without_snippet().to_string();
    // The place is said by the problem's own line, not once more in its words.
    let what = match shown.split_once(": ") {
        Some((head, tail)) if head.contains("line ") && head.contains("column ") => tail.to_owned(),
        _ => shown,
    };
    let what = what.split(" at line ").next().unwrap_or(&what).to_owned();
    SyntaxError { span, what: format!("not readable as YAML: {what}") }
}

fn span_of(location: &Location, text: &str) -> Span {
    let span = location.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(len)) => {
            let start = usize::try_from(start).unwrap_or(usize::MAX).min(text.len());
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            Span::new(start, start.saturating_add(len).min(text.len()))
        }
        _ => {
            // Without bytes there are still lines and columns, both from one.
            let line = usize::try_from(location.line()).unwrap_or(1).max(1);
            let column = usize::try_from(location.column()).unwrap_or(1).max(1);
            let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let within: usize = text[line_start..].chars().take(column - 1).map(char::len_utf8).sum();
            Span::new(line_start + within, line_start + within)
        }
    }
}

impl Node {
    fn of(raw: Spanned<Raw>, text: &str) -> Self {
        let span = span_of(&raw.defined, text);
        let content = match raw.value {
            Raw::Null => Content::Null,
            Raw::Text(value) => Content::Scalar(Scalar { span, value }),
            // A plain scalar that looks like a number or a boolean: what was typed counts, `1.0` is not `1`.
            Raw::Typed(shown) => {
                let typed = text.get(span.start..span.end).map(str::trim).filter(|typed| !typed.is_empty());
                Content::Scalar(Scalar { span, value: typed.map_or(shown, str::to_owned) })
            }
            Raw::List(items) => Content::List(items.into_iter().map(|item| Self::of(item, text)).collect()),
            Raw::Map(entries) => Content::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| {
                        let key = Scalar { span: span_of(&key.defined, text), value: key.value };
                        (key, Self::of(node, text))
                    })
                    .collect(),
            ),
        };
        Self { span, content }
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// The tree as the decoder gives it.
enum Raw {
    Null,
    Text(String),
    Typed(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

impl Scalar {
    /// The bytes of `text`, the file, that hold the bytes `within` of this scalar's value. Falls back to the
    /// scalar's start where the two cannot be laid side by side.
    pub(super) fn place_of(&self, text: &str, within: Span) -> Span {
        let raw = text.get(self.span.start..self.span.end).unwrap_or_default();
        let base = self.span.start;
        match lay_side_by_side(style_of(text, base), raw, &self.value) {
            Some(at) => {
                let from = |byte: usize| base + at.get(byte).or(at.last()).copied().unwrap_or(0);
                let start = from(within.start);
                Span::new(start, from(within.end).max(start))
            }
            None => Span::new(base, base),
        }
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`, with the blanks that begin each of its lines.
    Block(usize),
}

/// The style of the scalar whose text begins at `start`: of a block, at the first character of its first line.
fn style_of(text: &str, start: usize) -> Style {
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let begins_line = text[line_start..start].bytes().all(|byte| byte == b' ');
    let header = text[..line_start].lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let header = header.split(" #").next().unwrap_or(header).trim_end();
    let header = header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    if begins_line && header.ends_with(['|', '>']) {
        return Style::Block(start - line_start);
    }
    match text[start..].chars().next() {
        Some('"') => Style::Double,
        Some('\'') => Style::Single,
        _ => Style::Plain,
    }
}

/// For each byte of `value` (and one past its end) the byte of `raw`, the scalar as typed, that it came from.
fn lay_side_by_side(style: Style, raw: &str, value: &str) -> Option<Vec<usize>> {
    let mut r = usize::from(matches!(style, Style::Double | Style::Single));
    let mut at = Vec::with_capacity(value.len() + 1);
    for c in value.chars() {
        let rest = raw.get(r..)?;
        let taken = match (style, rest.chars().next()) {
            (Style::Single, Some('\'')) if c == '\'' && rest.starts_with("''") => 2,
            (Style::Double, Some('\\')) => escape_len(rest)?,
            (Style::Block(indent), Some('\n')) if c == '\n' || c == ' ' => {
                1 + rest[1..].bytes().take(indent).take_while(|byte| *byte == b' ').count()
            }
            (Style::Block(_), _) if c == '\n' && rest.trim().is_empty() => 0,
            (Style::Plain | Style::Single | Style::Double, Some('\n' | ' ' | '\t')) if c == ' ' => {
                // A break of lines was folded into one blank; blanks within a line are as typed.
                let blank = rest.len() - rest.trim_start().len();
                if rest[..blank].contains('\n') { blank } else { 1 }
            }
            (_, Some(have)) if have == c => c.len_utf8(),
            _ => return None,
        };
        let as_typed = taken == c.len_utf8();
        at.extend((0..c.len_utf8()).map(|n| if as_typed { r + n } else { r }));
        r += taken;
    }
    at.push(r);
    Some(at)
}

/// How long the escape is that `rest` begins with; `None` for one that stands for no single character.
fn escape_len(rest: &str) -> Option<usize> {
    match rest.chars().nth(1)? {
        'x' => Some(4),
        'u' => Some(6),
        'U' => Some(10),
        '\n' | '\r' => None,
        c => Some(1 + c.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_scalar(text: &str) -> Scalar {
        let (node, _) = parse(text).expect("valid YAML");
        let Content::Map(mut entries) = node.content else { panic!("no mapping in {text:?}") };
        match entries.pop().expect("an entry").1.content {
            Content::Scalar(scalar) => scalar,
            other => panic!("{other:?}"),
        }
    }

    /// `marked` is what a problem inside the scalar's value at `needle` would underline in the file.
    fn check(text: &str, needle: &str) {
        let scalar = only_scalar(text);
        let start = scalar.value.find(needle).expect("the needle is in the value");
        let span = scalar.place_of(text, Span::new(start, start + needle.len()));
        assert_eq!(&text[span.start..span.end], needle, "in {text:?} as {:?}", scalar.value);
    }

    #[test]
    fn points_inside_every_style_of_scalar() {
        check("a: sum(x) > 1\n", "x");
        check("a: 'sum(x) > 1'\n", "x");
        check("a: 'it''s (x)'\n", "(x)");
        check("a: \"m{a=\\\"1\\\"} > y\"\n", "y");
        check("a: |\n  sum(\n    x\n  )\n", "x");
        check("a: >\n  sum(\n  x\n  ) > 1\n", "> 1");
        check("a: >-\n    first\n    second\n", "second");
        check("a: |2\n   first\n  second\n", "second");
        check("a: sum(\n  x) > 1\n", "x)");
        check("a: \"sum(\n  x) > 1\"\n", "x)");
        check("a: |\n  ü + x\n", "x");
    }

    #[test]
    fn what_was_typed_counts() {
        for (text, value) in
            [("a: 1.0", "1.0"), ("a: on", "on"), ("a: 0x10", "0x10"), ("a: true", "true"), ("a: 1e3", "1e3")]
        {
            assert_eq!(only_scalar(text).value, value);
        }
    }

    #[test]
    fn an_alias_points_at_what_it_stands_for() {
        let text = "a: &x hello\nb: *x\n";
        check(text, "hello");
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let error = parse("a: [1\nb: 2\n").expect_err("an open list");
        assert!(error.span.start > 0, "{error:?}");
        let error = parse("a: 1\na: 2\n").expect_err("a key twice");
        assert!(error.what.contains("duplicate"), "{error:?}");
    }

    #[test]
    fn of_several_documents_the_first_counts() {
        let (node, more) = parse("# c\n---\na: 1\n---\nb: 2\n").expect("valid");
        assert!(more);
        assert!(matches!(node.content, Content::Map(entries) if entries[0].0.value == "a"));
    }
}
