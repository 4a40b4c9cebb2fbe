//! What a scenario expects: lines of views, words that are said or not, laws.

use std::fmt;

use crate::model::{Span, Timestamp};

use super::words::{Line, Source, Words, Wrong};

/// What is looked at: each view lists all changes of its kind, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Alerts, as they move.
    Alerts,
    /// Incidents: status, impact, title, and who has taken them on.
    Incidents,
    /// Components within incidents.
    Components,
    /// Public words.
    Posts,
    /// Posts that wait for a person's word.
    Drafts,
    /// Promises made, kept, missed.
    Promises,
    /// Calls to responders.
    Pages,
    /// Probable causes.
    Suspects,
    /// When backlogs are said to be drained.
    Eta,
    /// What people did, and what it changed.
    Actions,
    /// Messages that arrived or never will, with each attempt.
    Deliveries,
    /// What was sent to foreign systems that a definition describes.
    Requests,
    /// Commands that were refused.
    Refusals,
    /// Every event of the engine.
    Events,
}

impl View {
    /// All of them, in the order in which what happens at one moment is told.
    pub const ALL: [Self; 14] = [
        Self::Alerts,
        Self::Incidents,
        Self::Components,
        Self::Posts,
        Self::Drafts,
        Self::Promises,
        Self::Pages,
        Self::Suspects,
        Self::Eta,
        Self::Actions,
        Self::Requests,
        Self::Deliveries,
        Self::Refusals,
        Self::Events,
    ];

    /// The word that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Incidents => "incidents",
            Self::Components => "components",
            Self::Posts => "posts",
            Self::Drafts => "drafts",
            Self::Promises => "promises",
            Self::Pages => "pages",
            Self::Suspects => "suspects",
            Self::Eta => "eta",
            Self::Actions => "actions",
            Self::Deliveries => "deliveries",
            Self::Requests => "requests",
            Self::Refusals => "refusals",
            Self::Events => "events",
        }
    }

    /// Reads the word that users write.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == word)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Everything that a scenario expects.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    /// Lines of views, in the order of the file.
    pub lines: Vec<Expected>,
    /// Views that are compared although no line may be of them (`expect …`, `never …`).
    pub views: Vec<View>,
    /// Views in which nothing happens (`never …`), and where that is said.
    pub never: Vec<(View, Span)>,
    /// Where `expect` stands: answers go below it.
    pub expect_line: Option<usize>,
    /// What must be said, or must not be.
    pub said: Vec<Said>,
    /// Where `check` stands.
    pub check: Option<Span>,
}

/// One line of a view.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The line of the file, from 0.
    pub line: usize,
    /// When.
    pub at: Timestamp,
    /// Of which view.
    pub view: View,
    /// What; `…` stands for any text.
    pub text: String,
}

/// A text that a post must hold, or that none may.
#[derive(Debug, Clone)]
pub struct Said {
    /// Where that stands.
    pub place: Span,
    /// In the post of which moment; `None`: in no post at all.
    pub at: Option<Timestamp>,
    /// The text.
    pub text: String,
}

impl Expectations {
    /// The views that are compared.
    pub fn compared(&self) -> Vec<View> {
        let has = |view: &View| self.views.contains(view) || self.lines.iter().any(|line| line.view == *view);
        View::ALL.into_iter().filter(has).collect()
    }

    /// Reads what follows `at T`, where it is a view.
    pub fn read_line(&mut self, line: &Line<'_>, at: Timestamp, words: &mut Words<'_>) -> bool {
        let Some(view) = words.peek().and_then(|word| View::from_word(&word.text)) else { return false };
        words.take();
        let text = &line.text[words.position() - line.start..];
        self.lines.push(Expected { line: line.number, at, view, text: squeezed(text) });
        true
    }

    /// Reads `expect VIEW…`.
    ///
    /// # Errors
    /// Where a word is no view.
    pub fn read_views(&mut self, line: &Line<'_>, words: &mut Words<'_>) -> Result<(), Wrong> {
        self.expect_line = Some(line.number);
        words.peek().is_some().then_some(()).ok_or(()).or_else(|()| words.expect("a view").map(|_| ()))?;
        while let Some(word) = words.take() {
            let names = View::ALL.map(View::as_str);
            self.views.push(View::from_word(&word.text).ok_or_else(|| words.unknown(&word, "view", &names))?);
        }
        Ok(())
    }

    /// Reads `never VIEW` or `never said "…"`.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn read_never(&mut self, place: Span, words: &mut Words<'_>) -> Result<(), Wrong> {
        if words.take_if("said") {
            let text = words.expect_text("what is never said")?;
            self.said.push(Said { place, at: None, text });
            return words.expect_end(&[]);
        }
        let word = words.expect("a view, or `said`")?;
        let mut names = View::ALL.map(View::as_str).to_vec();
        names.push("said");
        let view = View::from_word(&word.text).ok_or_else(|| words.unknown(&word, "view", &names))?;
        self.views.push(view);
        self.never.push((view, place));
        words.expect_end(&[])
    }

    /// What can never hold: a line of a view in which nothing happens, a text that is in every post.
    pub fn check(&self, source: &Source) -> Option<Wrong> {
        let empty = self.said.iter().find(|said| said.text.trim().is_empty());
        if let Some(said) = empty {
            return Some(source.problem(said.place, "an empty text is in every post"));
        }
        let (line, (view, place)) = self
            .lines
            .iter()
            .find_map(|line| Some((line.line, self.never.iter().find(|(view, _)| *view == line.view)?)))?;
        let what = format!("line {} says that something happens in `{view}`", line + 1);
        Some(source.problem(*place, what).hint("keep one of the two"))
    }
}

/// Runs of spaces as one, so that columns may be aligned.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
