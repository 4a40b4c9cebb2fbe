//! A YAML text as a tree in which everything knows its place.
//!
//! In:   the text of a file.
//! Out:  the tree of its first document, or the one reason why it is no YAML; for any byte of a scalar's value, the
//!       byte of the file that it came from.
//! Not:  nothing is known here of what the text is about. Scalars stay text: `5m`, `on` and `1.0` are what was typed.
//!
//! A tree, and not the structs of whoever asks, since a struct's decoder stops at the first field that it dislikes, and
//! users want all problems of a file at once. A room that gets values from elsewhere too has its own kind of place
//! (`Node::map_places`). Nothing of a tree is `Debug`, since any value may be a secret.

mod decode;
mod inside;

use serde_saphyr::{Location, Spanned};

use super::Span;
use decode::Raw;

/// Collections may be nested this deep; the files that we read need ten. Far beyond it decoding would fill the stack.
const DEPTH_MAX: usize = 32;

/// A text that could be read.
#[derive(Clone)]
pub struct Document {
    /// The whole of the first document.
    pub root: Node,
    /// Where a second document begins, which is not read.
    pub second: Option<Span>,
}

/// A piece of the document.
#[derive(Clone)]
pub struct Node<P = Span> {
    /// Where it is used; for an alias its own place, not that of the anchored text.
    pub at: P,
    /// What it is.
    pub content: Content<P>,
}

/// What a piece of the document is.
#[derive(Clone)]
pub enum Content<P = Span> {
    /// Nothing, `~` or `null`.
    Null,
    /// A single value; it may be a secret, so that it is never shown unasked.
    Scalar(Scalar<P>),
    /// A list.
    List(Vec<Node<P>>),
    /// In the order of the file; a key that comes twice is refused.
    Map(Vec<(Scalar<P>, Node<P>)>),
}

/// A text with its place.
#[derive(Clone)]
pub struct Scalar<P = Span> {
    /// Where the text stands; for an alias the anchored text.
    pub at: P,
    /// The text: as typed, less quotes, escapes and indents.
    pub value: String,
    /// Whether it stands without quotes and looks like a number or a boolean.
    pub typed: bool,
}

/// Why a text is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SyntaxError {
    /// Where, if the parser knows.
    pub at: Option<Span>,
    /// What is wrong; its line of the file may be a secret's, its words are not.
    pub what: String,
}

/// Reads the first document of `text`.
///
/// # Errors
/// The first syntax error, or a duplicate key, or a document beyond any sane size.
pub fn parse(text: &str) -> Result<Document, SyntaxError> {
    match decode(text) {
        Ok(raw) => Ok(Document { root: node(raw, text), second: None }),
        Err(serde_saphyr::Error::MultipleDocuments { location, .. }) => {
            let second = second_document(text).unwrap_or_else(|| span_of(&location, text));
            let raw = decode(text.get(..second.start).unwrap_or(text))
                .map_err(|error| syntax_error(&error, text))?;
            Ok(Document { root: node(raw, text), second: Some(second) })
        }
        Err(error) => Err(syntax_error(&error, text)),
    }
}

/// Reads the document that begins at `start`, as `Document::second` says it. Places are those in the whole text.
///
/// # Errors
/// As `parse`.
pub fn parse_from(text: &str, start: Span) -> Result<Document, SyntaxError> {
    let (before, rest) = text.split_at_checked(start.start).unwrap_or((text, ""));
    // Blanks as long as what stood there, so that every byte keeps its place.
    let blanked = before.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    parse(&blanked.chain(rest.chars()).collect::<String>())
}

fn decode(text: &str) -> Result<Spanned<Raw>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// Where the line `---` stands that begins the second document.
fn second_document(text: &str) -> Option<Span> {
    let (mut at, mut seen_content) = (0, false);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if seen_content && (bare == "---" || bare.starts_with("--- ")) {
            return Some(Span::new(at, at + 3));
        }
        seen_content |= bare == "---" || !(bare.is_empty() || bare.starts_with(['#', '%']));
        at += line.len();
    }
    None
}

fn syntax_error(error: &serde_saphyr::Error, text: &str) -> SyntaxError {
    let at = error.location().map(|location| span_of(&location, text));
    let what = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` is given twice")
        }
        other => bare_words(&other.to_string()),
    };
    SyntaxError { at, what }
}

/// The first line of the parser's words, without the place, which whoever shows it says.
fn bare_words(shown: &str) -> String {
    let shown = shown.lines().next().unwrap_or("it cannot be read");
    let what = match shown.split_once(": ") {
        Some((head, tail)) if head.contains("line ") && head.contains("column ") => tail,
        _ => shown,
    };
    what.rsplit_once(" at line ").map_or(what, |(what, _)| what).to_owned()
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

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let (at, defined) = (span_of(&raw.referenced, text), span_of(&raw.defined, text));
    let content = match raw.value {
        Raw::Null => Content::Null,
        Raw::Text(value) => Content::Scalar(Scalar { at: defined, value, typed: false }),
        // A plain scalar that looks like a number or a boolean: what was typed counts, `1.0` is not `1`.
        Raw::Typed(shown) => {
            let typed = text.get(defined.start..defined.end).map(str::trim).filter(|typed| !typed.is_empty());
            let value = typed.map_or(shown, str::to_owned);
            Content::Scalar(Scalar { at: defined, value, typed: true })
        }
        Raw::List(items) => Content::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                (
                    Scalar { at: span_of(&key.defined, text), value: key.value, typed: false },
                    node(value, text),
                )
            };
            Content::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { at, content }
}

impl<P> Node<P> {
    /// The value of `key`, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(have, _)| have.value == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value of `key` alone, where this is a map that has it; the rest goes.
    pub fn into_value(self, key: &str) -> Option<Self> {
        match self.content {
            Content::Map(entries) => {
                entries.into_iter().find(|(have, _)| have.value == key).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// The items, where this is a list; otherwise none.
    pub fn into_items(self) -> Vec<Self> {
        match self.content {
            Content::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// The text, where this is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The same tree with another kind of place.
    pub fn map_places<Q>(self, place: fn(P) -> Q) -> Node<Q> {
        let scalar =
            |scalar: Scalar<P>| Scalar { at: place(scalar.at), value: scalar.value, typed: scalar.typed };
        let content = match self.content {
            Content::Null => Content::Null,
            Content::Scalar(text) => Content::Scalar(scalar(text)),
            Content::List(items) => {
                Content::List(items.into_iter().map(|item| item.map_places(place)).collect())
            }
            Content::Map(entries) => Content::Map(
                entries.into_iter().map(|(key, value)| (scalar(key), value.map_places(place))).collect(),
            ),
        };
        Node { at: place(self.at), content }
    }
}

#[cfg(test)]
mod tests;
