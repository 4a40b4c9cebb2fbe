//! From a byte of a scalar's value to the byte of the file that it came from.
//!
//! In:   a scalar with its place, the text of the file, and a span of the value.
//! Out:  the span of the file that a problem inside of the value should underline.
//! Not:  nothing is decoded again: value and text are laid side by side. Where they do not fit, the scalar's start
//!       is the place.

use super::Scalar;
use crate::model::Span;

impl Scalar {
    /// The bytes of `text`, the file, that hold the bytes `within` of this scalar's value. Falls back to the
    /// scalar's start where the two cannot be laid side by side.
    pub fn place_of(&self, text: &str, within: Span) -> Span {
        let base = self.at.start;
        let laid = text.get(base..self.at.end).and_then(|raw| {
            let style = style_of(text.get(..base)?, raw);
            lay_side_by_side(style, raw, &self.value)
        });
        match laid {
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

/// The style of the scalar that is written as `raw` (of a block, from the first character of its first line)
/// behind the text `before`.
fn style_of(before: &str, raw: &str) -> Style {
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let (lines, indent) = before.split_at(line_start);
    let header = lines.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let header = header.split(" #").next().unwrap_or(header).trim_end();
    let header = header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    if indent.bytes().all(|byte| byte == b' ') && header.ends_with(['|', '>']) {
        return Style::Block(indent.len());
    }
    match raw.chars().next() {
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
    use super::super::{Content, parse};
    use super::*;

    fn only_scalar(text: &str) -> Scalar {
        let root = parse(text).expect("valid YAML").root;
        let Content::Map(mut entries) = root.content else { panic!("no map in {text:?}") };
        match entries.pop().expect("an entry").1.content {
            Content::Scalar(scalar) => scalar,
            _ => panic!("no scalar in {text:?}"),
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
    fn an_alias_points_at_what_it_stands_for() {
        let text = "a: &x hello\nb: *x\n";
        check(text, "hello");
    }
}
