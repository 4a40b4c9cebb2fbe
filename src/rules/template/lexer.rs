//! A template's text, cut into plain pieces and actions, and an action into words.
//!
//! In:   the text of a template.
//! Out:  its pieces with white space trimmed where `{{-` and `-}}` say so, and the words of each action.
//! Not:  no word has a meaning here but for literals.

use crate::model::{Span, parse_value};

use super::TemplateError;
use super::go_format::GoValue;

/// A piece of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// What stands between `{{` and `}}`.
    Action(Span),
}

/// A word of an action, with its place in the template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Literal(GoValue),
    /// `.`, `.a`, `.a.b`
    Field(Vec<String>),
    /// `$`, `$labels`, `$labels.a`
    Variable(String, Vec<String>),
    Name(String),
    Pipe,
    Open,
    Close,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts `text` at its actions; comments are gone.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut at, mut trim_start) = (0, false);
    while let Some(open) = text[at..].find("{{").map(|found| at + found) {
        let mut inner = open + 2;
        let trim_end = text[inner..].starts_with('-') && text[inner + 1..].starts_with(BLANKS);
        if trim_end {
            inner += 1;
        }
        pieces.push(Piece::Text(trimmed(&text[at..open], trim_start, trim_end)));
        let body = text[inner..].trim_start_matches(BLANKS);
        let body_start = text.len() - body.len();
        let close = if body.starts_with("/*") {
            let unclosed =
                || TemplateError::new(Span::new(body_start, text.len()), "a comment is never closed");
            let end = body_start + body.find("*/").ok_or_else(unclosed)? + 2;
            let rest = text[end..].trim_start_matches(BLANKS);
            if !(rest.starts_with("}}") || rest.starts_with("-}}")) {
                return Err(TemplateError::new(
                    Span::new(body_start, end),
                    "a comment must stand alone in its action",
                ));
            }
            end + text[end..].find("}}").ok_or_else(unclosed)?
        } else {
            find_close(text, inner, open)?
        };
        let mut end = close;
        trim_start = text[inner..close].ends_with('-') && text[inner..close - 1].ends_with(BLANKS);
        if trim_start {
            end -= 1;
        }
        if !body.starts_with("/*") {
            pieces.push(Piece::Action(Span::new(inner, end)));
        }
        at = close + 2;
    }
    pieces.push(Piece::Text(trimmed(&text[at..], trim_start, false)));
    Ok(pieces)
}

fn trimmed(text: &str, start: bool, end: bool) -> String {
    let text = if start { text.trim_start_matches(BLANKS) } else { text };
    let text = if end { text.trim_end_matches(BLANKS) } else { text };
    text.to_owned()
}

/// The `}}` that closes the action opened at `open`; those in texts do not count.
fn find_close(text: &str, from: usize, open: usize) -> Result<usize, TemplateError> {
    let mut at = from;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with("}}") {
            return Ok(at);
        }
        at += match c {
            '"' | '`' | '\'' => quoted_len(&text[at..])
                .ok_or_else(|| TemplateError::new(Span::new(at, text.len()), "a text is never closed"))?,
            c => c.len_utf8(),
        };
    }
    Err(TemplateError::new(Span::new(open, text.len()), "an action is never closed").hint("end it with `}}`"))
}

/// How long the quoted text is that `rest` begins with, quotes included.
fn quoted_len(rest: &str) -> Option<usize> {
    let quote = rest.chars().next()?;
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote != '`' => return None,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The words of the action at `span`.
pub(super) fn tokens(text: &str, span: Span) -> Result<Vec<Token>, TemplateError> {
    let mut tokens = Vec::new();
    let mut at = span.start;
    while let Some(c) = text[at..span.end].chars().next() {
        if BLANKS.contains(&c) {
            at += 1;
            continue;
        }
        let rest = &text[at..span.end];
        let (word, len) =
            word(rest, c).map_err(|(len, what)| TemplateError::new(Span::new(at, at + len), what))?;
        tokens.push(Token { word, span: Span::new(at, at + len) });
        at += len;
    }
    Ok(tokens)
}

fn word(rest: &str, c: char) -> Result<(Word, usize), (usize, String)> {
    match c {
        '|' => Ok((Word::Pipe, 1)),
        '(' => Ok((Word::Open, 1)),
        ')' => Ok((Word::Close, 1)),
        ',' => Ok((Word::Comma, 1)),
        ':' if rest.starts_with(":=") => Ok((Word::Declare, 2)),
        '=' => Ok((Word::Assign, 1)),
        '"' | '`' | '\'' => {
            let len = quoted_len(rest).unwrap_or(rest.len());
            let value =
                unquote(&rest[..len]).ok_or_else(|| (len, "a text with an unknown escape".to_owned()))?;
            Ok((Word::Literal(value), len))
        }
        '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            let (fields, len) = fields(rest);
            Ok((Word::Field(fields), len.max(1)))
        }
        '$' => {
            let name_len = 1 + name_len(&rest[1..]);
            let (fields, fields_len) = fields(&rest[name_len..]);
            Ok((Word::Variable(rest[..name_len].to_owned(), fields), name_len + fields_len))
        }
        c if c.is_alphabetic() || c == '_' => {
            let len = name_len(rest);
            let word = match &rest[..len] {
                "true" => Word::Literal(GoValue::Bool(true)),
                "false" => Word::Literal(GoValue::Bool(false)),
                "nil" => Word::Literal(GoValue::Nil),
                name => Word::Name(name.to_owned()),
            };
            Ok((word, len))
        }
        c if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => {
            // A sign may stand within a number only behind its exponent.
            let mut last = '\0';
            let len = rest
                .char_indices()
                .find(|(at, c)| {
                    let signed =
                        matches!(c, '+' | '-') && (*at == 0 || matches!(last, 'e' | 'E' | 'p' | 'P'));
                    last = *c;
                    !(signed || c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
                })
                .map_or(rest.len(), |(at, _)| at);
            let value =
                number(&rest[..len]).ok_or_else(|| (len, format!("`{}` is not a number", &rest[..len])))?;
            Ok((Word::Literal(value), len))
        }
        c => Err((c.len_utf8(), format!("unexpected `{c}` in an action"))),
    }
}

/// The fields `.a.b` that `rest` begins with, and their length; a lone `.` has no field.
fn fields(rest: &str) -> (Vec<String>, usize) {
    let (mut fields, mut at) = (Vec::new(), 0);
    while rest[at..].starts_with('.') {
        let len = name_len(&rest[at + 1..]);
        if len == 0 {
            break;
        }
        fields.push(rest[at + 1..at + 1 + len].to_owned());
        at += 1 + len;
    }
    (fields, at)
}

fn name_len(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
}

fn number(text: &str) -> Option<GoValue> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (if text.starts_with('-') { -1 } else { 1 }, digits),
        None => (1, text),
    };
    let whole = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => i64::from_str_radix(&digits[2..], 16).ok(),
        Some("0o") => i64::from_str_radix(&digits[2..], 8).ok(),
        Some("0b") => i64::from_str_radix(&digits[2..], 2).ok(),
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse::<i64>().ok(),
        _ => None,
    };
    match whole {
        Some(whole) => Some(GoValue::Int(sign * whole)),
        None if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            parse_value(text).map(GoValue::Float)
        }
        None => None,
    }
}

/// A text or character as Go writes it.
fn unquote(quoted: &str) -> Option<GoValue> {
    let quote = quoted.chars().next()?;
    let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
    if quote == '`' {
        return Some(GoValue::Text(inner.to_owned()));
    }
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = chars.next()?;
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        out.push(match escape {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' => '\\',
            c if c == quote => c,
            'x' | 'u' | 'U' => {
                let code: String = chars.by_ref().take(digits).collect();
                char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
            }
            _ => return None,
        });
    }
    match quote {
        '"' => Some(GoValue::Text(out)),
        _ => {
            let mut chars = out.chars();
            let c = chars.next()?;
            chars.next().is_none().then(|| GoValue::Int(i64::from(u32::from(c))))
        }
    }
}
