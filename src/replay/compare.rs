//! What happened against what was expected.
//!
//! In:   the lines that a scenario expects, and what its views tell.
//! Out:  which line is which change; what is left over on either side; texts that were or were not said.
//! Not:  views are compared one by one: how their lines are mixed in the file does not matter.

use std::time::Duration;

use crate::incidents::What;
use crate::model::{Span, Timestamp};

use super::language::{Expected, Scenario, View, squeezed};
use super::ledger::Entry;
use super::views::{self, Told};

/// How one view came out, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Pair {
    /// As expected: the place among the expected lines, and among what is told.
    Same(usize, usize),
    /// Expected, and it did not happen.
    Missing(usize),
    /// It happened, and was not expected.
    Unexpected(usize),
}

/// What was told, and how it compares.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Everything that the compared views tell.
    pub told: Vec<Told>,
    /// The views in order, each with its pairs.
    pub views: Vec<(View, Vec<Pair>)>,
    /// Texts that were not said although they should have been, or the other way round; with why.
    pub words: Vec<(Span, String)>,
}

impl Comparison {
    /// Whether everything is as expected.
    pub fn is_same(&self) -> bool {
        let same = |pair: &Pair| matches!(pair, Pair::Same(..));
        self.words.is_empty() && self.views.iter().all(|(_, pairs)| pairs.iter().all(same))
    }
}

/// Compares what `scenario` expects with what happened.
pub fn compare(scenario: &Scenario, entries: &[Entry]) -> Comparison {
    let compared = scenario.expectations.compared();
    let told = views::tell(entries, &scenario.calendar, &compared);
    let pairs = |view: View| (view, pairs(&scenario.expectations.lines, &told, view));
    Comparison { views: compared.into_iter().map(pairs).collect(), words: words(scenario, entries), told }
}

/// Whether a change is what a line expects.
pub fn fits(expected: &Expected, told: &Told) -> bool {
    let second = |at: Timestamp| at.floor_to(Duration::from_secs(1));
    second(expected.at) == second(told.at) && text_fits(&expected.text, &told.text)
}

/// Whether `text` has the parts of `pattern` in order, with anything where `…` stands.
fn text_fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (squeezed(&pattern.replace("...", "…")), squeezed(text));
    let parts: Vec<&str> = pattern.split('…').map(str::trim).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The longest common subsequence: as many lines as can be are what they were.
fn pairs(expected: &[Expected], told: &[Told], view: View) -> Vec<Pair> {
    let expected: Vec<(usize, &Expected)> =
        expected.iter().enumerate().filter(|(_, line)| line.view == view).collect();
    let told: Vec<(usize, &Told)> = told.iter().enumerate().filter(|(_, told)| told.view == view).collect();
    let (rows, columns) = (expected.len(), told.len());
    let mut longest = vec![vec![0u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            longest[row][column] = match fits(expected[row].1, told[column].1) {
                true => longest[row + 1][column + 1] + 1,
                false => longest[row + 1][column].max(longest[row][column + 1]),
            };
        }
    }
    let (mut row, mut column, mut pairs) = (0, 0, Vec::new());
    while row < rows || column < columns {
        let both = row < rows && column < columns;
        if both && fits(expected[row].1, told[column].1) {
            pairs.push(Pair::Same(expected[row].0, told[column].0));
            (row, column) = (row + 1, column + 1);
        } else if column == columns || both && longest[row][column + 1] <= longest[row + 1][column] {
            pairs.push(Pair::Missing(expected[row].0));
            row += 1;
        } else {
            pairs.push(Pair::Unexpected(told[column].0));
            column += 1;
        }
    }
    pairs
}

fn words(scenario: &Scenario, entries: &[Entry]) -> Vec<(Span, String)> {
    let mut wrong = Vec::new();
    let second = |at: Timestamp| at.floor_to(Duration::from_secs(1));
    let posts = || {
        views::events(entries).filter_map(|(_, event)| match &event.what {
            What::Posted { post } => Some((event.at, squeezed(&format!("{} {}", post.title, post.body)))),
            _ => None,
        })
    };
    for said in &scenario.expectations.said {
        let text = squeezed(&said.text);
        match said.at {
            Some(at) => {
                let then: Vec<String> =
                    posts().filter(|(when, _)| second(*when) == second(at)).map(|(_, body)| body).collect();
                if !then.iter().any(|body| body.contains(&text)) {
                    let what =
                        if then.is_empty() { "nothing was posted then".to_owned() } else { then.join(" / ") };
                    wrong.push((said.place, format!("`{text}` was not said then: {what}")));
                }
            }
            None => {
                if let Some((at, _)) = posts().find(|(_, body)| body.contains(&text)) {
                    wrong.push((said.place, format!("`{text}` was said at {}", scenario.calendar.say(at))));
                }
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipsis_stands_for_any_text() {
        let check =
            |pattern: &str, text: &str, fit: bool| assert_eq!(text_fits(pattern, text), fit, "{pattern}");
        check("a b", "a  b", true);
        check("a b", "a b c", false);
        check("a …", "a b c", true);
        check("a … c", "a b c", true);
        check("a … d", "a b c", false);
        check("… b …", "a b c", true);
        check("attempt 1: 503; … ; attempt 4: 200", "attempt 1: 503; attempt 2: 503; attempt 4: 200", true);
        check("Disk ...", "Disk of db1", true);
    }
}
