//! Reads a script, command by command.
//!
//! In:   its text.
//! Out:  commands with the line that each begins in.
//! Not:  series to load are not read here, and no expression is.

use std::time::Duration;

use regex::Regex;

use super::{Command, Eval, ExpectedNote, Outcome, ScriptError, Text, When};
use crate::model::{Labels, Timestamp, parse_duration, parse_value};
use crate::promql::{Amount, NoteKind, read_series};

const COMMANDS: [&str; 8] =
    ["clear", "load", "load_with_nhcb", "eval", "eval_fail", "eval_warn", "eval_info", "eval_ordered"];

/// A line less its blanks, with its number.
type Line<'t> = (usize, &'t str);

/// The commands of `text`. The lines of one end before an empty line, a comment, or the next command.
pub(super) fn commands(text: &str) -> Result<Vec<(usize, Command)>, ScriptError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
    let mut found = Vec::new();
    while let Some((at, head)) = lines.next() {
        let head = head.trim();
        if is_void(head) {
            continue;
        }
        let mut body: Vec<Line<'_>> = Vec::new();
        while let Some((at, line)) = lines.next_if(|(_, line)| !is_void(line.trim()) && !begins(line)) {
            body.push((at, line.trim()));
        }
        found.push((at, command(at, head, &body)?));
    }
    Ok(found)
}

fn is_void(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// Whether a line, not indented, begins a command.
fn begins(line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or_default().trim_end();
    COMMANDS.contains(&word)
}

fn wrong<T>(line: usize, what: impl Into<String>) -> Result<T, ScriptError> {
    Err(ScriptError { line, what: what.into() })
}

fn command(at: usize, head: &str, body: &[Line<'_>]) -> Result<Command, ScriptError> {
    let (word, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match word {
        "clear" => Ok(Command::Clear),
        "load" => {
            let series = body.iter().map(|(at, line)| (*at, (*line).to_owned())).collect();
            Ok(Command::Load { step: duration(at, rest.trim())?, series })
        }
        "load_with_nhcb" => wrong(at, "`load_with_nhcb` is not supported"),
        _ => match word.strip_prefix("eval") {
            Some(kind) if COMMANDS.contains(&word) => eval(at, kind, rest.trim(), body).map(Command::Eval),
            _ => wrong(at, format!("`{word}` is no command; there are {}", COMMANDS.join(", "))),
        },
    }
}

fn duration(at: usize, text: &str) -> Result<Duration, ScriptError> {
    parse_duration(text).or_else(|error| wrong(at, error.to_string()))
}

/// An instant, which may be before the epoch.
fn instant(at: usize, text: &str) -> Result<Timestamp, ScriptError> {
    match text.strip_prefix('-') {
        Some(before) => Ok(Timestamp::default() - duration(at, before)?),
        None => Ok(Timestamp::default() + duration(at, text)?),
    }
}

fn eval(at: usize, kind: &str, rest: &str, body: &[Line<'_>]) -> Result<Eval, ScriptError> {
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let mut rest = rest.trim_start();
    let mut take = |name: &str| -> Option<String> {
        let after = rest.strip_prefix(name)?.trim_start();
        let (value, after) = after.split_once(char::is_whitespace)?;
        rest = after.trim_start();
        Some(value.to_owned())
    };
    let when = match word {
        "instant" => match take("at ") {
            Some(time) => When::At(instant(at, &time)?),
            None => When::At(Timestamp::default()),
        },
        "range" => match (take("from "), take("to "), take("step ")) {
            (Some(start), Some(end), Some(step)) => When::Over {
                start: instant(at, &start)?,
                end: instant(at, &end)?,
                step: duration(at, &step)?,
            },
            _ => return wrong(at, "write `eval range from START to END step STEP EXPR`"),
        },
        _ => {
            return wrong(
                at,
                "write `eval instant at TIME EXPR`, or `eval range from START to END step STEP EXPR`",
            );
        }
    };
    let mut eval = Eval {
        expr: rest.to_owned(),
        when,
        expected: Outcome::Series(Vec::new()),
        notes: Vec::new(),
        fails: (kind == "_fail").then_some(Text::Any),
        ordered: kind == "_ordered",
    };
    let kind = match kind {
        "_warn" => Some(NoteKind::Warning),
        "_info" => Some(NoteKind::Info),
        _ => None,
    };
    eval.notes.extend(kind.map(|kind| ExpectedNote { kind, text: Some(Text::Any) }));
    expectations(&mut eval, body)?;
    Ok(eval)
}

fn expectations(eval: &mut Eval, body: &[Line<'_>]) -> Result<(), ScriptError> {
    let (mut from, mut step) = match eval.when {
        When::At(at) => (at, Duration::ZERO),
        When::Over { start, step, .. } => (start, step),
    };
    let mut series: Vec<(Labels, Vec<(Timestamp, Amount)>)> = Vec::new();
    for &(at, line) in body {
        if let Some(text) = line.strip_prefix("expected_fail_message ") {
            eval.fails = Some(Text::Whole(text.trim().to_owned()));
        } else if let Some(pattern) = line.strip_prefix("expected_fail_regexp ") {
            eval.fails = Some(Text::Fits(regex(at, pattern.trim())?));
        } else if let Some(rest) = line.strip_prefix("expect range vector from ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let [start, "to", _, "step", length] = words.as_slice() else {
                return wrong(at, "write `expect range vector from START to END step STEP`");
            };
            (from, step) = (instant(at, start)?, duration(at, length)?);
        } else if let Some(text) = line.strip_prefix("expect string ") {
            eval.expected = Outcome::Text(unquoted(at, text.trim())?);
        } else if let Some(rest) = line.strip_prefix("expect ") {
            expect(eval, at, rest.trim())?;
        } else if let Some(value) = parse_value(line) {
            eval.expected = Outcome::Scalar(value);
        } else {
            let (labels, samples) = read_series(line, step).or_else(|what| wrong(at, what))?;
            let later = |(at, amount): (Timestamp, Amount)| {
                (Timestamp::from_millis(at.as_millis().saturating_add(from.as_millis())), amount)
            };
            series.push((labels, samples.into_iter().map(later).collect()));
        }
    }
    if !series.is_empty() {
        eval.expected = Outcome::Series(series);
    }
    Ok(())
}

/// `ordered`, `fail`, `warn`, `no_warn`, `info` or `no_info`, with a text or without.
fn expect(eval: &mut Eval, at: usize, rest: &str) -> Result<(), ScriptError> {
    let (word, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let text = match text.trim() {
        "" => Text::Any,
        text => match (text.strip_prefix("msg:"), text.strip_prefix("regex:")) {
            (Some(text), _) => Text::Whole(text.trim().to_owned()),
            (_, Some(pattern)) => Text::Fits(regex(at, pattern.trim())?),
            _ => Text::Part(text.to_owned()),
        },
    };
    let note = |kind, text| ExpectedNote { kind, text };
    match word {
        "ordered" => eval.ordered = true,
        "fail" => eval.fails = Some(text),
        "warn" => eval.notes.push(note(NoteKind::Warning, Some(text))),
        "info" => eval.notes.push(note(NoteKind::Info, Some(text))),
        "no_warn" => eval.notes.push(note(NoteKind::Warning, None)),
        "no_info" => eval.notes.push(note(NoteKind::Info, None)),
        _ => return wrong(at, format!("`{word}` can't be expected")),
    }
    Ok(())
}

fn regex(at: usize, pattern: &str) -> Result<Regex, ScriptError> {
    Regex::new(pattern).or_else(|_| wrong(at, format!("`{pattern}` is not a usable regular expression")))
}

fn unquoted(at: usize, text: &str) -> Result<String, ScriptError> {
    match crate::promql::parse(text) {
        Ok(crate::promql::Expr::Text { value, .. }) => Ok(value),
        _ => wrong(at, format!("`{text}` is not a text in quotes")),
    }
}
