//! A scenario as a test: lived through, compared, and told apart.
//!
//! In:   a scenario's path and text.
//! Out:  what differs, as a diff with lines; the text with the answers that were given.

use std::path::Path;

use crate::model::Problems;

use super::bless::bless;
use super::compare::{Comparison, Pair, compare};
use super::language::{Line, Scenario, View, parse};
use super::laws;
use super::run::{Record, RunError, run};

/// A scenario that was lived through.
pub struct Played {
    /// What differs from what was expected; empty where nothing does.
    pub differences: String,
    /// The file as it would be with the answers that were given.
    pub blessed: String,
    /// Everything that came of it.
    pub record: Record,
}

/// Lives through the scenario `text` and compares.
///
/// # Errors
/// Where it, or its configuration, cannot be used.
pub fn play(path: &Path, text: &str) -> Result<Played, RunError> {
    let scenario = parse(path, text).map_err(RunError::Unusable)?;
    let record = run(&scenario)?;
    let comparison = compare(&scenario, &record.entries);
    let mut differences = diff(&scenario, &comparison);
    if let Some(place) = scenario.expectations.check {
        let broken = laws::broken(&record, &scenario.calendar);
        let told = broken.into_iter().map(|law| scenario.source.problem(place, law).to_string());
        differences.extend(told);
    }
    let blessed = bless(&scenario, &comparison);
    Ok(Played { differences: differences.join("\n"), blessed, record })
}

/// What a scenario cannot be used for is told as problems.
pub fn problems_of(error: RunError) -> Problems {
    match error {
        RunError::Unusable(problems) => problems,
        RunError::Circle(circle) => crate::model::Problem::error(None, circle.to_string()).into(),
    }
}

fn diff(scenario: &Scenario, comparison: &Comparison) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for (view, pairs) in &comparison.views {
        let mut before: Option<&Pair> = None;
        for stretch in pairs.chunk_by(|a, b| matches!(a, Pair::Same(..)) == matches!(b, Pair::Same(..))) {
            if !matches!(stretch.first(), Some(Pair::Same(..))) {
                shown.push(stretch_of(scenario, comparison, *view, before, stretch));
            }
            before = stretch.last();
        }
    }
    let words =
        comparison.words.iter().map(|(place, why)| scenario.source.problem(*place, why.clone()).to_string());
    shown.extend(words);
    shown
}

/// One stretch that differs, with the line before it.
fn stretch_of(
    scenario: &Scenario,
    comparison: &Comparison,
    view: View,
    before: Option<&Pair>,
    stretch: &[Pair],
) -> String {
    let expected = &scenario.expectations.lines;
    let number = |pair: &Pair| match pair {
        Pair::Same(line, _) | Pair::Missing(line) => Some(expected[*line].line + 1),
        Pair::Unexpected(_) => None,
    };
    let place = stretch.iter().find_map(number).or(before.and_then(number));
    let place = place.or(scenario.expectations.expect_line.map(|line| line + 1));
    let mut text = format!("{}:{}: {view}", scenario.source.file, place.unwrap_or(1));
    for pair in before.into_iter().chain(stretch) {
        let (mark, at, what) = match pair {
            Pair::Same(line, _) => (' ', expected[*line].at, expected[*line].text.clone()),
            Pair::Missing(line) => ('-', expected[*line].at, expected[*line].text.clone()),
            Pair::Unexpected(told) => ('+', comparison.told[*told].at, comparison.told[*told].shown()),
        };
        text.push_str(&format!("\n  {mark} at {:<9} {what}", scenario.calendar.say(at)));
        if mark == '-' && scenario.end < at {
            let (end, at) = (scenario.calendar.say(scenario.end), scenario.calendar.say(at));
            text.push_str(&format!("\n    hint: the scenario ends at {end}; write `until {at}`"));
        }
    }
    text
}

/// The comment at the head of a scenario: what it is about.
pub fn headline(text: &str) -> Option<String> {
    let lines = Line::all(text);
    let first = lines.iter().find(|line| !line.whole.trim().is_empty())?;
    Some(first.comment()?.trim_start_matches('#').trim().to_owned())
}
