//! Lines and words of a scenario, each with its place.
//!
//! In:   a file's text.
//! Out:  lines without their comments, words without their quotes, and a cursor that says what it expected.
//! Not:  no word means anything here.
//!
//! A comment begins with `#` at the start of a line or, behind something, with `#` and a space: `#1` is the number of a
//! post.

use std::fmt;
use std::sync::Arc;

use crate::model::{Place, Problem, Problems, Span, suggest};

/// A file with its name, for problems.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, as problems show it.
    pub file: Arc<str>,
    /// Its content.
    pub text: Arc<str>,
}

impl Source {
    /// An error at `span`.
    pub fn problem(&self, span: Span, what: impl Into<String>) -> Wrong {
        Wrong(Box::new(Problem::error(Place::new(&self.file, &self.text, span), what)))
    }
}

/// A problem that ends the reading of a statement; a pointer, since what can be wrong is far larger than what is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(Box<Problem>);

impl Wrong {
    /// Says how to mend it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self(Box::new(self.0.hint(hint)))
    }
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        *wrong.0
    }
}

impl From<Wrong> for Problems {
    fn from(wrong: Wrong) -> Self {
        Self::from(*wrong.0)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its number, from 0.
    pub number: usize,
    /// Where it begins in the file.
    pub start: usize,
    /// All of it.
    pub whole: &'a str,
    /// Without its comment and the space before that.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    /// The lines of `text`.
    pub fn all(text: &'a str) -> Vec<Self> {
        let mut start = 0;
        let mut lines = Vec::new();
        for (number, whole) in text.split('\n').enumerate() {
            let shown = whole.strip_suffix('\r').unwrap_or(whole);
            let text = shown[..comment_start(shown)].trim_end();
            lines.push(Self { number, start, whole: shown, text });
            start += whole.len() + 1;
        }
        lines
    }

    /// The comment, with its `#`.
    pub fn comment(&self) -> Option<&'a str> {
        Some(self.whole[comment_start(self.whole)..].trim_end()).filter(|comment| !comment.is_empty())
    }

    /// Whether nothing is written on it, or a comment alone.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Whether it belongs to the statement above it.
    pub fn is_indented(&self) -> bool {
        self.text.starts_with([' ', '\t'])
    }

    /// The place of what is written on it.
    pub fn span(&self) -> Span {
        let indent = self.text.len() - self.text.trim_start().len();
        Span::new(self.start + indent, self.start + self.text.len())
    }
}

fn comment_start(line: &str) -> usize {
    let (mut quoted, mut escaped, mut before) = (false, false, ' ');
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted && before.is_whitespace() => {
                let ends = line[at + 1..].chars().next().is_none_or(char::is_whitespace);
                if ends || line[..at].trim().is_empty() {
                    return at;
                }
            }
            _ => {}
        }
        before = c;
    }
    line.len()
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says, without quotes.
    pub text: String,
    /// Where it stands, with its quotes.
    pub span: Span,
    /// Whether it began with a quote.
    pub quoted: bool,
    /// For `key=value`: where `=` is in `text`.
    equals: Option<usize>,
}

impl Word {
    /// The two sides of `key=value`.
    pub fn pair(&self) -> Option<(&str, &str)> {
        self.equals.map(|at| (&self.text[..at], &self.text[at + 1..]))
    }
}

/// The words of a line, read one after the other.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    source: &'a Source,
    words: Vec<Word>,
    next: usize,
    end: usize,
}

impl<'a> Words<'a> {
    /// The words of `line`.
    ///
    /// # Errors
    /// Where a quote is not closed.
    pub fn of(source: &'a Source, line: &Line<'_>) -> Result<Self, Wrong> {
        let words = split(line.text, line.start)
            .map_err(|span| source.problem(span, "a text begins here and does not end: `\"` is missing"))?;
        Ok(Self { source, words, next: 0, end: line.start + line.text.len() })
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&Word> {
        self.words.get(self.next)
    }

    /// The next word.
    pub fn take(&mut self) -> Option<Word> {
        let word = self.words.get(self.next).cloned()?;
        self.next += 1;
        Some(word)
    }

    /// The next word; `what` says in an error what was expected.
    ///
    /// # Errors
    /// Where the line is over.
    pub fn expect(&mut self, what: &str) -> Result<Word, Wrong> {
        self.take().ok_or_else(|| self.problem_here(format!("expected {what}, the line is over")))
    }

    /// Takes the next word if it is `word`.
    pub fn take_if(&mut self, word: &str) -> bool {
        let is_it = self.peek().is_some_and(|next| !next.quoted && next.text == word);
        self.next += usize::from(is_it);
        is_it
    }

    /// Takes `word`.
    ///
    /// # Errors
    /// Where something else stands there.
    pub fn expect_word(&mut self, word: &str) -> Result<(), Wrong> {
        if self.take_if(word) {
            return Ok(());
        }
        let found = self.expect(&format!("`{word}`"))?;
        Err(self.problem(found.span, format!("expected `{word}`, found `{}`", found.text)))
    }

    /// A text in quotes.
    ///
    /// # Errors
    /// Where there is none.
    pub fn expect_text(&mut self, what: &str) -> Result<String, Wrong> {
        let word = self.expect(&format!("{what} in quotes"))?;
        match word.quoted {
            true => Ok(word.text),
            false => Err(self
                .problem(word.span, format!("expected {what} in quotes, found `{}`", word.text))
                .hint(format!("write \"{}\"", word.text))),
        }
    }

    /// Takes `key=value` out of what is left, wherever it stands.
    pub fn take_option(&mut self, key: &str) -> Option<(String, Span)> {
        let place = (self.next..self.words.len())
            .find(|at| self.words[*at].pair().is_some_and(|(have, _)| have == key))?;
        let word = self.words.remove(place);
        let (_, value) = word.pair()?;
        Some((value.to_owned(), word.span))
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// What is left, with the words that could have stood there.
    pub fn expect_end(&self, known: &[&str]) -> Result<(), Wrong> {
        let Some(word) = self.peek() else { return Ok(()) };
        let typed = word.pair().map_or(word.text.as_str(), |(key, _)| key);
        let problem = self.problem(word.span, format!("`{}` is one word too many", word.text));
        Err(match suggest::hint(typed, known.iter().copied()) {
            Some(hint) => problem.hint(hint),
            None => problem,
        })
    }

    /// An error about a word that is none of `known`.
    pub fn unknown(&self, word: &Word, what: &str, known: &[&str]) -> Wrong {
        let problem = self.problem(word.span, format!("`{}` is no {what}", word.text));
        match suggest::hint(&word.text, known.iter().copied()) {
            Some(hint) => problem.hint(hint),
            None => problem.hint(format!("known: {}", known.join(", "))),
        }
    }

    /// Where the next word begins in the file, or the line ends.
    pub fn position(&self) -> usize {
        self.peek().map_or(self.end, |word| word.span.start)
    }

    /// An error at `span`.
    pub fn problem(&self, span: Span, what: impl Into<String>) -> Wrong {
        self.source.problem(span, what)
    }

    fn problem_here(&self, what: String) -> Wrong {
        self.source.problem(Span::new(self.end, self.end), what)
    }
}

/// Splits at spaces outside quotes; fails with the place of a quote that is not closed.
fn split(line: &str, offset: usize) -> Result<Vec<Word>, Span> {
    let mut words = Vec::new();
    let mut chars = line.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
            continue;
        }
        let (mut text, mut equals, mut end) = (String::new(), None, start);
        let quoted = c == '"';
        while let Some(&(at, c)) = chars.peek() {
            if c.is_whitespace() {
                break;
            }
            chars.next();
            end = at + c.len_utf8();
            match c {
                '"' => {
                    end = quoted_part(&mut chars, &mut text)
                        .ok_or(Span::new(offset + at, offset + line.len()))?
                }
                '=' if equals.is_none() && !quoted => {
                    equals = Some(text.len());
                    text.push(c);
                }
                _ => text.push(c),
            }
        }
        words.push(Word { text, span: Span::new(offset + start, offset + end), quoted, equals });
    }
    Ok(words)
}

/// Reads up to the closing quote; where it ends, or `None` where it does not.
fn quoted_part(
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    text: &mut String,
) -> Option<usize> {
    loop {
        match chars.next()? {
            (at, '"') => return Some(at + 1),
            (_, '\\') => match chars.next()?.1 {
                'n' => text.push('\n'),
                other => text.push(other),
            },
            (_, c) => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<'_> {
        Line::all(text)[0]
    }

    fn texts(text: &str) -> Vec<String> {
        split(line(text).text, 0).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn a_comment_ends_a_line_and_a_number_does_not() {
        assert_eq!(line("# all of it").text, "");
        assert_eq!(line("#all of it").text, "");
        assert_eq!(line("at 09:00 posts INC-1 #1 x  # why").text, "at 09:00 posts INC-1 #1 x");
        assert_eq!(line("at 09:00 x  # why ").comment(), Some("# why"));
        assert_eq!(line("note \"a # b\"").comment(), None);
    }

    #[test]
    fn quotes_hold_words_together_also_behind_an_equals_sign() {
        assert_eq!(texts(r#"ack by="ana b" "a \"b\" c""#), ["ack", "by=ana b", "a \"b\" c"]);
        let words = split("by=\"a=b\" \"c=d\"", 0).unwrap();
        assert_eq!(words[0].pair(), Some(("by", "a=b")));
        assert_eq!(words[1].pair(), None);
        assert_eq!(split("a \"b", 10), Err(Span::new(12, 14)));
    }

    #[test]
    fn what_is_missing_or_too_much_is_said_with_its_place() {
        let source = Source { file: "a.scn".into(), text: "sink ops answer 503".into() };
        let mut words = Words::of(&source, &line(&source.text)).unwrap();
        words.take();
        words.take();
        let problem = words.expect_word("answers").unwrap_err();
        assert_eq!(problem.to_string(), "a.scn:1:10: expected `answers`, found `answer`");
        words.take();
        let problem = words.expect("a time").unwrap_err();
        assert_eq!(problem.to_string(), "a.scn:1:20: expected a time, the line is over");
    }
}
