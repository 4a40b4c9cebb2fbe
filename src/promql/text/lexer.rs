//! From text to tokens, one at a time.
//!
//! In:   the text of an expression.
//! Out:  tokens with their bytes; whether a word is a keyword is the parser's to say, since PromQL's keywords
//!       are also names of metrics and labels.
//! Not:  no look ahead and no state but whether a `[` is open, where `:` stands by itself.

use std::time::Duration;

use crate::model::{Span, parse_duration};
use crate::promql::error::ParseError;
use crate::promql::text::numbers::read_number;
use crate::promql::tree::operators::BinaryOp;

/// One token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`, which only matchers have
    Assign,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
    /// An operator that is no word; `!=` is a matcher's too.
    Op(BinaryOp),
    /// A name or a keyword.
    Word(String),
    Number(f64),
    Duration(Duration),
    Text(String),
    /// A string whose escapes make bytes that are no UTF-8; those are replaced.
    Bytes(String),
    End,
}

impl Kind {
    /// As errors say it.
    pub(super) fn describe(&self) -> String {
        let sign = match self {
            Self::LeftParen => "(",
            Self::RightParen => ")",
            Self::LeftBrace => "{",
            Self::RightBrace => "}",
            Self::LeftBracket => "[",
            Self::RightBracket => "]",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::At => "@",
            Self::Assign => "=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
            Self::Op(op) => op.as_str(),
            Self::Word(word) => word,
            Self::Number(_) => return "a number".to_owned(),
            Self::Duration(_) => return "a duration".to_owned(),
            Self::Text(_) => return "a string".to_owned(),
            Self::Bytes(_) => return "a string that is not UTF-8".to_owned(),
            Self::End => return "the end of the expression".to_owned(),
        };
        format!("`{sign}`")
    }
}

/// Reads tokens from a text.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    in_brackets: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, in_brackets: false }
    }

    /// The next token; `Kind::End` for ever once the text is used up.
    pub(super) fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_space_and_comments();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(Token { kind: Kind::End, span: Span::new(start, start) });
        };
        let kind = match first {
            '"' | '\'' | '`' => self.text(first)?,
            '0'..='9' => self.number()?,
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            ':' if self.in_brackets => self.sign(Kind::Colon, 1),
            'a'..='z' | 'A'..='Z' | '_' | ':' => self.word(),
            _ => self.punctuation(first)?,
        };
        Ok(Token { kind, span: Span::new(start, self.at) })
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_space_and_comments(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn sign(&mut self, kind: Kind, length: usize) -> Kind {
        self.at += length;
        kind
    }

    fn punctuation(&mut self, first: char) -> Result<Kind, ParseError> {
        let second = self.rest()[first.len_utf8()..].chars().next();
        let (kind, length) = match (first, second) {
            ('(', _) => (Kind::LeftParen, 1),
            (')', _) => (Kind::RightParen, 1),
            ('{', _) => (Kind::LeftBrace, 1),
            ('}', _) => (Kind::RightBrace, 1),
            ('[', _) => (Kind::LeftBracket, 1),
            (']', _) => (Kind::RightBracket, 1),
            (',', _) => (Kind::Comma, 1),
            ('@', _) => (Kind::At, 1),
            ('+', _) => (Kind::Op(BinaryOp::Add), 1),
            ('-', _) => (Kind::Op(BinaryOp::Sub), 1),
            ('*', _) => (Kind::Op(BinaryOp::Mul), 1),
            ('/', _) => (Kind::Op(BinaryOp::Div), 1),
            ('%', _) => (Kind::Op(BinaryOp::Mod), 1),
            ('^', _) => (Kind::Op(BinaryOp::Pow), 1),
            ('=', Some('=')) => (Kind::Op(BinaryOp::Equal), 2),
            ('=', Some('~')) => (Kind::Regex, 2),
            ('=', _) => (Kind::Assign, 1),
            ('!', Some('=')) => (Kind::Op(BinaryOp::NotEqual), 2),
            ('!', Some('~')) => (Kind::NotRegex, 2),
            ('<', Some('/')) => (Kind::Op(BinaryOp::TrimUpper), 2),
            ('>', Some('/')) => (Kind::Op(BinaryOp::TrimLower), 2),
            ('>', Some('=')) => (Kind::Op(BinaryOp::GreaterEqual), 2),
            ('>', _) => (Kind::Op(BinaryOp::Greater), 1),
            ('<', Some('=')) => (Kind::Op(BinaryOp::LessEqual), 2),
            ('<', _) => (Kind::Op(BinaryOp::Less), 1),
            _ => {
                let span = Span::new(self.at, self.at + first.len_utf8());
                return Err(ParseError::new(span, format!("`{first}` has no meaning here")));
            }
        };
        match kind {
            Kind::LeftBracket => self.in_brackets = true,
            Kind::RightBracket => self.in_brackets = false,
            _ => {}
        }
        Ok(self.sign(kind, length))
    }

    fn word(&mut self) -> Kind {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || (c == ':' && !self.in_brackets)))
            .unwrap_or(rest.len());
        self.at += length;
        Kind::Word(rest[..length].to_owned())
    }

    /// A number or a duration: the longest run that could be one must be one.
    fn number(&mut self) -> Result<Kind, ParseError> {
        let (start, rest) = (self.at, self.rest());
        let bytes = rest.as_bytes();
        let hex = rest.len() > 1 && bytes[1].eq_ignore_ascii_case(&b'x');
        let exponent = if hex { b'p' } else { b'e' };
        let mut length = 0;
        while let Some(byte) = bytes.get(length) {
            let sign = matches!(byte, b'+' | b'-')
                && length > 0
                && bytes[length - 1].eq_ignore_ascii_case(&exponent)
                && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || sign) {
                break;
            }
            length += 1;
        }
        self.at += length;
        let run = &rest[..length];
        if let Some(value) = read_number(run) {
            return Ok(Kind::Number(value));
        }
        parse_duration(run).map(Kind::Duration).map_err(|_| {
            ParseError::new(Span::new(start, self.at), format!("`{run}` is neither a number nor a duration"))
                .hint("write a number such as `0.5` or `1e3`, or a duration such as `90s` or `1h30m`")
        })
    }

    fn text(&mut self, quote: char) -> Result<Kind, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let Some(next) = self.rest().chars().next() else {
                return Err(ParseError::new(Span::new(start, self.at), "this string is not closed")
                    .hint(format!("it began with {quote}, so {quote} must end it")));
            };
            self.at += next.len_utf8();
            match next {
                _ if next == quote => break,
                '\\' if quote != '`' => self.escape(quote, &mut bytes)?,
                '\n' if quote != '`' => {
                    return Err(ParseError::new(Span::new(start, self.at - 1), "this string is not closed")
                        .hint("a string in `\"` or `'` ends on its line; write `\\n` for a line end"));
                }
                _ => bytes.extend(next.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        Ok(String::from_utf8(bytes)
            .map_or_else(|e| Kind::Bytes(String::from_utf8_lossy(e.as_bytes()).into_owned()), Kind::Text))
    }

    /// What follows a backslash, as Go reads it.
    fn escape(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<(), ParseError> {
        let start = self.at - 1;
        let letter = self.rest().chars().next();
        let wrong = |end: usize| {
            ParseError::new(Span::new(start, end), "this escape has no meaning in a string").hint(
                "write `\\\\` for a backslash itself, as in \"\\\\d+\", or put the string in backquotes",
            )
        };
        let letter = letter.ok_or_else(|| wrong(start + 1))?;
        self.at += letter.len_utf8();
        let byte = match letter {
            'a' => Some(0x07),
            'b' => Some(0x08),
            'f' => Some(0x0c),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(0x0b),
            '\\' => Some(b'\\'),
            '"' => Some(b'"').filter(|_| quote == '"'),
            '\'' => Some(b'\'').filter(|_| quote == '\''),
            _ => None,
        };
        if let Some(byte) = byte {
            bytes.push(byte);
            return Ok(());
        }
        let (digits, radix) = match letter {
            '0'..='7' => {
                self.at -= 1;
                (3, 8)
            }
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            _ => return Err(wrong(self.at)),
        };
        let code = self.rest().get(..digits).filter(|code| code.chars().all(|c| c.is_digit(radix)));
        let code = code.and_then(|code| u32::from_str_radix(code, radix).ok());
        let code = code.ok_or_else(|| wrong(self.at))?;
        self.at += digits;
        if matches!(letter, 'u' | 'U') {
            let character = char::from_u32(code).ok_or_else(|| wrong(self.at))?;
            bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
        } else {
            bytes.push(u8::try_from(code).map_err(|_| wrong(self.at))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<Kind>, ParseError> {
        let mut lexer = Lexer::new(text);
        let mut kinds = Vec::new();
        loop {
            match lexer.next()?.kind {
                Kind::End => return Ok(kinds),
                kind => kinds.push(kind),
            }
        }
    }

    #[test]
    fn durations_are_told_from_numbers() {
        let check = |text: &str, ms| {
            assert_eq!(kinds(text), Ok(vec![Kind::Duration(Duration::from_millis(ms))]), "{text}");
        };
        check("5m", 300_000);
        check("1h30m", 5_400_000);
        check("250ms", 250);
    }

    #[test]
    fn strings_lose_their_quotes_and_escapes() {
        let check =
            |text: &str, value: &str| assert_eq!(kinds(text), Ok(vec![Kind::Text(value.into())]), "{text}");
        check(r#""a\"b""#, "a\"b");
        check(r"'a\'b'", "a'b");
        check("`a\\d`", "a\\d");
        check(r#""\x41\101A\n""#, "AAA\n");
        check(r#""\xc3\xa9""#, "é");
        for bad in ["\"a", "'a\nb'", r#""\d""#, r#""\'""#, r#""\x4"#, "\"\\"] {
            assert!(kinds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_from_texts() {
        assert_eq!(kinds(r#""a\xff""#), Ok(vec![Kind::Bytes("a\u{fffd}".into())]));
    }

    #[test]
    fn what_trims_histograms_is_no_comparison() {
        assert_eq!(kinds("</"), Ok(vec![Kind::Op(BinaryOp::TrimUpper)]));
        assert_eq!(kinds(">/"), Ok(vec![Kind::Op(BinaryOp::TrimLower)]));
    }

    #[test]
    fn numbers_and_durations_that_run_on_are_neither() {
        for bad in ["1_", "1__0", "5x", "1.5m", "0xg", "1e", "5mm"] {
            assert!(kinds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_colon_is_part_of_a_name_but_not_in_brackets() {
        assert_eq!(kinds("a:b"), Ok(vec![Kind::Word("a:b".into())]));
        let hour = Kind::Duration(Duration::from_secs(3600));
        assert_eq!(kinds("[1h:]"), Ok(vec![Kind::LeftBracket, hour, Kind::Colon, Kind::RightBracket]));
    }
}
