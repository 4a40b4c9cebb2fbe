//! Writes what happened into a scenario, in the place of what was expected.
//!
//! In:   the scenario, and how it compares.
//! Out:  the file's new text: other statements and comments as they were, answers in aligned columns.
//! Not:  an answer that is as expected keeps the words that somebody chose for it.

use std::collections::BTreeMap;

use crate::model::Timestamp;

use super::compare::{Comparison, Pair};
use super::language::{Line, Scenario, View};

/// One line of answers, as it will stand in the file.
struct Answer {
    at: Timestamp,
    view: View,
    text: String,
    comment: Option<String>,
}

/// What becomes of the lines of the file.
#[derive(Default)]
struct Edits {
    /// By the number of an expected line: what stands there then; `None`: nothing any more.
    instead: BTreeMap<usize, Option<Answer>>,
    /// By the number of a line: what stands behind it then; line numbers from 1, so that 0 is the front.
    behind: BTreeMap<usize, Vec<Answer>>,
}

/// The text of `scenario` with the answers that were given.
pub fn bless(scenario: &Scenario, comparison: &Comparison) -> String {
    let lines = Line::all(&scenario.source.text);
    let mut edits = Edits::default();
    for (_, pairs) in &comparison.views {
        edits.replace(scenario, comparison, &lines, pairs);
    }
    let mut inserted: Vec<(usize, usize)> = Vec::new();
    for (_, pairs) in &comparison.views {
        inserted.extend(edits.places_of_new(scenario, comparison, pairs));
    }
    inserted.sort_unstable_by_key(|(_, told)| *told);
    for (behind, told) in inserted {
        let told = &comparison.told[told];
        let answer = Answer { at: told.at, view: told.view, text: told.shown(), comment: None };
        edits.behind.entry(behind).or_default().push(answer);
    }
    edits.write(scenario, &lines)
}

impl Edits {
    /// Decides about the lines that are there. Within a stretch that differs, the first that is new takes the place,
    /// and the comment, of the first that is gone, and so on.
    fn replace(&mut self, scenario: &Scenario, comparison: &Comparison, lines: &[Line<'_>], pairs: &[Pair]) {
        for stretch in pairs
            .chunk_by(|a, b| matches!((a, b), (Pair::Same(..), Pair::Same(..))) || differ(a) && differ(b))
        {
            let (gone, new) = sides(stretch);
            for (nth, expected) in gone.iter().enumerate() {
                let written = &scenario.expectations.lines[*expected];
                let comment = lines[written.line].comment().map(str::to_owned);
                let answer = new.get(nth).map(|told| &comparison.told[*told]).map(|told| Answer {
                    at: told.at,
                    view: told.view,
                    text: told.shown(),
                    comment,
                });
                self.instead.insert(written.line, answer);
            }
            for pair in stretch {
                let Pair::Same(expected, told) = pair else { continue };
                let (written, told) = (&scenario.expectations.lines[*expected], &comparison.told[*told]);
                let comment = lines[written.line].comment().map(str::to_owned);
                let answer = Answer { at: told.at, view: told.view, text: written.text.clone(), comment };
                self.instead.insert(written.line, Some(answer));
            }
        }
    }

    /// For each change that no line is there for: the line that it goes behind, and the change. That is the last
    /// line of answers that is not later, between those of its own view before and after it.
    fn places_of_new(
        &self,
        scenario: &Scenario,
        comparison: &Comparison,
        pairs: &[Pair],
    ) -> Vec<(usize, usize)> {
        let line_of = |expected: usize| scenario.expectations.lines[expected].line;
        let mut places = Vec::new();
        let mut before = None;
        for (start, stretch) in stretches(pairs) {
            let (gone, new) = sides(stretch);
            let after = pairs[start + stretch.len()..].iter().find_map(|pair| match pair {
                Pair::Same(expected, _) => Some(line_of(*expected)),
                Pair::Missing(_) | Pair::Unexpected(_) => None,
            });
            before = gone.iter().take(new.len()).map(|expected| line_of(*expected)).max().or(before);
            for told in new.iter().skip(gone.len()) {
                let at = comparison.told[*told].at;
                let fits = |line: usize| {
                    before.is_none_or(|before| before <= line) && after.is_none_or(|after| line < after)
                };
                let not_later =
                    self.instead.iter().filter_map(|(line, answer)| Some((*line, answer.as_ref()?)));
                let behind = not_later
                    .filter(|(line, answer)| fits(*line) && answer.at <= at)
                    .map(|(line, _)| line)
                    .max();
                let front = || self.front(scenario, after);
                places.push((behind.or(before).map_or_else(front, |line| line + 1), *told));
            }
            before = stretch
                .iter()
                .rev()
                .find_map(|pair| match pair {
                    Pair::Same(expected, _) => Some(line_of(*expected)),
                    Pair::Missing(_) | Pair::Unexpected(_) => None,
                })
                .or(before);
        }
        places
    }

    /// Where answers go that come before all others: behind `expect`, else before the first line of answers, else
    /// at the end.
    fn front(&self, scenario: &Scenario, _: Option<usize>) -> usize {
        let expectations = &scenario.expectations;
        let first = expectations.lines.first().map(|expected| expected.line);
        let end = scenario.source.text.trim_end().matches('\n').count() + 1;
        expectations.expect_line.map(|line| line + 1).or(first).unwrap_or(end)
    }

    fn write(self, scenario: &Scenario, lines: &[Line<'_>]) -> String {
        let all = || self.instead.values().flatten().chain(self.behind.values().flatten());
        let say = |answer: &Answer| scenario.calendar.say(answer.at);
        let time_width = all().map(|answer| say(answer).len()).max().unwrap_or_default();
        let view_width = all().map(|answer| answer.view.as_str().len()).max().unwrap_or_default();
        let shown = |answer: &Answer| {
            let comment = answer.comment.as_ref().map(|comment| format!("   {comment}")).unwrap_or_default();
            let line = format!(
                "at {:<time_width$}   {:<view_width$}  {}{comment}",
                say(answer),
                answer.view,
                answer.text
            );
            line.trim_end().to_owned()
        };
        let mut written: Vec<String> = Vec::new();
        for number in 0..=lines.len() {
            written.extend(self.behind.get(&number).into_iter().flatten().map(shown));
            let Some(line) = lines.get(number) else { break };
            match self.instead.get(&number) {
                None => written.push(line.whole.to_owned()),
                Some(Some(answer)) => written.push(shown(answer)),
                // What somebody wrote beside an answer outlives it.
                Some(None) => written.extend(line.comment().map(str::to_owned)),
            }
        }
        written.join("\n")
    }
}

fn differ(pair: &Pair) -> bool {
    !matches!(pair, Pair::Same(..))
}

/// The stretches of pairs that are the same, and of those that differ, each with where it begins.
fn stretches(pairs: &[Pair]) -> Vec<(usize, &[Pair])> {
    let mut start = 0;
    let mut found = Vec::new();
    for stretch in pairs.chunk_by(|a, b| differ(a) == differ(b)) {
        found.push((start, stretch));
        start += stretch.len();
    }
    found
}

/// What is gone and what is new in a stretch.
fn sides(stretch: &[Pair]) -> (Vec<usize>, Vec<usize>) {
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for pair in stretch {
        match pair {
            Pair::Same(..) => {}
            Pair::Missing(expected) => gone.push(*expected),
            Pair::Unexpected(told) => new.push(*told),
        }
    }
    (gone, new)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::replay::play;

    const WORLD: &str = "\
start 2026-03-01 09:00 UTC
rules <<
groups: [{name: g, interval: 1m, rules: [{detect: Errors, expr: errors, above: {minor: 5}, for: 1m}]}]
>>
load 1m
  errors 0 9x2 0 9x2
";

    fn blessed(answers: &str) -> String {
        let played = play(Path::new("a.scn"), &format!("{WORLD}{answers}")).unwrap();
        let (head, tail) = played.blessed.split_at(WORLD.len());
        assert_eq!(head, WORLD);
        let again = play(Path::new("a.scn"), &played.blessed).unwrap();
        assert_eq!((again.differences.as_str(), again.blessed == played.blessed), ("", true));
        tail.to_owned()
    }

    #[test]
    fn answers_go_below_expect() {
        let expected = "\
# what it says
expect alerts
at 09:01   alerts  Errors pending
at 09:02   alerts  Errors firing minor
at 09:04   alerts  Errors resolved
at 09:05   alerts  Errors pending
at 09:06   alerts  Errors firing minor
check
";
        assert_eq!(blessed("# what it says\nexpect alerts\ncheck\n"), expected);
    }

    #[test]
    fn words_that_fit_and_comments_stay_and_the_rest_is_put_right() {
        let answers = "\
at 09:01 alerts … pending     # first
# a thought
at 09:02 alerts Errors firing critical   # too high
at 09:03 alerts Errors resolved
never said \"x\"
at 09:05 alerts Errors pending
at 09:06 alerts Errors firing minor
at 09:07 alerts Errors resolved   # not any more
";
        let expected = "\
at 09:01   alerts  … pending   # first
# a thought
at 09:02   alerts  Errors firing minor   # too high
at 09:04   alerts  Errors resolved
never said \"x\"
at 09:05   alerts  Errors pending
at 09:06   alerts  Errors firing minor
# not any more
";
        assert_eq!(blessed(answers), expected);
    }

    #[test]
    fn what_is_new_goes_where_its_time_is() {
        let expected = "\
at 09:01   alerts  Errors pending
at 09:02   alerts  Errors firing minor
at 09:04   alerts  Errors resolved
at 09:05   alerts  Errors pending
at 09:06   alerts  Errors firing minor
";
        assert_eq!(
            blessed("at 09:01 alerts Errors pending\nat 09:06 alerts Errors firing minor\n"),
            expected
        );
    }
}
