//! What was odd in an evaluation and did not stop it, in Prometheus's words.

use std::cell::RefCell;

use crate::model::Span;

/// How odd it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Something is probably wrong, and was left out.
    Warning,
    /// The result may not be what was meant.
    Info,
}

/// Something odd that did not stop an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How odd it is.
    pub kind: NoteKind,
    /// The part of the expression that is odd.
    pub span: Span,
    /// What is odd about it.
    pub what: String,
}

impl Note {
    /// As Prometheus writes it, with the line and column in `text`, the expression.
    pub fn in_text(&self, text: &str) -> String {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        let kind = match self.kind {
            NoteKind::Warning => "warning",
            NoteKind::Info => "info",
        };
        format!("PromQL {kind}: {} ({line}:{column})", self.what)
    }
}

/// So many different ones are kept.
const NOTES_MAX: usize = 100;

/// Notes in the making: each text once, at the last place that it was said of.
#[derive(Debug, Default)]
pub(in crate::promql) struct Notes {
    said: RefCell<Vec<Note>>,
    unheard: bool,
}

impl Notes {
    /// Notes that nobody reads.
    pub(in crate::promql) fn unheard() -> Self {
        Self { unheard: true, ..Self::default() }
    }

    /// Whether somebody reads them, so that words that cost time are worth it.
    pub(in crate::promql) fn are_heard(&self) -> bool {
        !self.unheard
    }

    pub(in crate::promql) fn warn(&self, span: Span, what: impl Into<String>) {
        self.add(Note { kind: NoteKind::Warning, span, what: what.into() });
    }

    pub(in crate::promql) fn inform(&self, span: Span, what: impl Into<String>) {
        self.add(Note { kind: NoteKind::Info, span, what: what.into() });
    }

    fn add(&self, note: Note) {
        let mut notes = self.said.borrow_mut();
        let same = |have: &Note| have.kind == note.kind && have.what == note.what;
        match notes.iter().position(same) {
            Some(place) => notes[place] = note,
            None if notes.len() < NOTES_MAX && !self.unheard => notes.push(note),
            None => {}
        }
    }

    pub(in crate::promql) fn into_inner(self) -> Vec<Note> {
        self.said.into_inner()
    }

    pub(in crate::promql) fn mixed_types(&self, span: Span, name: &str) {
        self.warn(span, format!("encountered a mix of histograms and floats for metric name {name:?}"));
    }

    pub(in crate::promql) fn mixed_schemas(&self, span: Span, name: &str) {
        self.warn(
            span,
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas \
                 for metric name {name:?}"
            ),
        );
    }

    pub(in crate::promql) fn not_a_counter(&self, span: Span, name: &str) {
        self.warn(span, format!("this native histogram metric is not a counter: {name:?}"));
    }

    pub(in crate::promql) fn not_a_gauge(&self, span: Span, name: &str) {
        self.warn(span, format!("this native histogram metric is not a gauge: {name:?}"));
    }

    pub(in crate::promql) fn histograms_left_out(&self, span: Span, name: &str) {
        self.inform(
            span,
            format!(
                "ignored histograms in a range containing both floats and histograms for metric name {name:?}"
            ),
        );
    }

    pub(in crate::promql) fn reset_collision(&self, span: Span, during: &str) {
        self.warn(span, format!("conflicting counter resets during histogram {during}"));
    }

    pub(in crate::promql) fn reconciled(&self, span: Span, during: &str) {
        self.inform(span, format!("mismatched custom buckets were reconciled during {during}"));
    }

    pub(in crate::promql) fn odd_quantile(&self, span: Span, quantile: f64) {
        let what =
            format!("quantile value should be between 0 and 1, got {}", super::histogram::short(quantile));
        self.warn(span, what);
    }
}

/// ` for metric name "x"`, or nothing where there is no name.
pub(in crate::promql) fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_at_its_last_place() {
        let notes = Notes::default();
        notes.warn(Span::new(0, 1), "a");
        notes.inform(Span::new(0, 1), "a");
        notes.warn(Span::new(5, 6), "a");
        let notes = notes.into_inner();
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0].in_text("x +\n y"), "PromQL warning: a (2:2)");
        assert_eq!(notes[1].in_text("x +\n y"), "PromQL info: a (1:1)");
    }
}
