//! What is wrong in something that a user wrote, and where.
//!
//! In:   a file's name, its text and a span of bytes in it.
//! Out:  a problem that prints as one line (`file:line:col: what`) or with the source line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level as SnippetLevel, Renderer, Snippet};

/// A range of bytes in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` up to, not including, `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of this one to the end of `other`.
    pub const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// Whether a problem stops us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It works, but probably not as meant.
    Warning,
    /// It cannot be used.
    Error,
}

/// A place in a file: the line and column for people, and the line itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    source_line: String,
    marked: Range<usize>,
}

impl Place {
    /// The place of `span` in `text`, the content of `file`. A span past the end points at the end, one that
    /// runs over several lines is cut at the end of its first.
    pub fn new(file: &Arc<str>, text: &str, span: Span) -> Self {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_char_boundary(text, span.end.clamp(start, line_end));
        let source_line = text[line_start..line_end].trim_end_matches('\r');
        // What stands among the carriage returns at a line's end is marked at the end of what is shown.
        let shown = |at: usize| (at - line_start).min(source_line.len());
        Self {
            file: file.clone(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            source_line: source_line.to_owned(),
            marked: shown(start)..shown(end),
        }
    }

    /// A file as a whole, for a problem that is in no one line of it.
    pub fn whole_file(file: &Arc<str>) -> Self {
        Self { file: file.clone(), line: 1, column: 1, source_line: String::new(), marked: 0..0 }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// One thing that is wrong, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops us.
    pub level: Level,
    /// Where it is; `None` for what stands in no file, such as a flag or an environment variable.
    pub place: Option<Place>,
    /// What is wrong, in lower case, without a full stop.
    pub what: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Problem {
    /// An error at a place.
    pub fn error(place: impl Into<Option<Place>>, what: impl Into<String>) -> Self {
        Self { level: Level::Error, place: place.into(), what: what.into(), hint: None }
    }

    /// A warning at a place.
    pub fn warning(place: impl Into<Option<Place>>, what: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(place, what) }
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem with its source line and a caret, for people; `colour` for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let level = match self.level {
            Level::Error => SnippetLevel::ERROR,
            Level::Warning => SnippetLevel::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&*self.what));
        if let Some(place) = &self.place {
            let marked = place.marked.start..place.marked.end.max(place.marked.start);
            group = group.element(
                Snippet::source(&*place.source_line)
                    .path(&*place.file)
                    .line_start(place.line)
                    .annotation(AnnotationKind::Primary.span(marked)),
            );
        }
        if let Some(hint) = &self.hint {
            group = group.element(SnippetLevel::HELP.with_name("hint").message(&**hint));
        }
        renderer.render(&[group]).to_string()
    }
}

/// One line: `file:line:col: what (hint: …)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        if self.level == Level::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// All problems found in one go, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one more.
    pub fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Takes over those of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them stops us.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.level == Level::Error)
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }

    /// All of them with source lines, for people.
    pub fn render(&self, colour: bool) -> String {
        self.0.iter().map(|problem| problem.render(colour)).collect::<Vec<_>>().join("\n\n")
    }
}

/// One line each.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a: 1\nü: bad\n";
        let place = Place::new(&"f.yml".into(), text, Span::new(9, 12));
        assert_eq!((place.line, place.column), (2, 4));
        let end = Place::new(&"f.yml".into(), text, Span::new(99, 120));
        assert_eq!((end.line, end.column), (3, 1));
    }

    #[test]
    fn what_stands_among_carriage_returns_can_be_shown() {
        let place = Place::new(&"f.yml".into(), "a: 1\r\r\r\nb", Span::new(6, 7));
        assert!(Problem::error(place, "odd").render(false).contains("f.yml:1:"));
    }

    #[test]
    fn a_problem_shows_the_line_and_points_at_it() {
        let place = Place::new(&"f.yml".into(), "a: 1\nb: bad\n", Span::new(8, 11));
        let problem = Problem::error(place, "`bad` is no number").hint("write a number");
        assert_eq!(problem.to_string(), "f.yml:2:4: `bad` is no number (hint: write a number)");
        let shown = problem.render(false);
        for part in ["error: `bad` is no number", "f.yml:2:4", "b: bad", "^^^", "hint: write a number"] {
            assert!(shown.contains(part), "{part} not in\n{shown}");
        }
    }
}
