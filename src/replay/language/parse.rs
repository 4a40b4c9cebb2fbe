//! From a file's text to a scenario, or every problem in it at once.
//!
//! In:   the text.
//! Out:  statements with every time resolved, and what is expected.
//! Not:  the configuration is not read here: which sinks and components there are is checked when it is.

use std::path::Path;
use std::time::Duration;

use crate::incidents::{Change, ChangeKind, SinkNews};
use crate::model::{ComponentId, Problems, SinkName, Span, Timestamp, parse_duration, suggest};

use super::command;
use super::expect::{Expectations, Said, View};
use super::load::{Block, Loads, Shape};
use super::scenario::{Answer, ConfigText, Deed, Happening, Inline, Mood, Outage, Scenario};
use super::time::Calendar;
use super::words::{Line, Source, Words, Wrong};

const STATEMENTS: &[&str] = &[
    "start", "config", "rules", "load", "series", "curve", "counter", "change", "target", "sink", "journal",
    "at", "expect", "never", "check", "until",
];
const DEEDS: &[&str] = &["command", "report", "kill", "down", "clock", "reload", "said"];
/// Later than anything: how long a state lasts of which no end is said.
const FOR_EVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// Reads a scenario.
///
/// # Errors
/// All that is wrong in it, in the order of the file.
pub fn parse(path: &Path, text: &str) -> Result<Scenario, Problems> {
    let source = Source { file: path.display().to_string().into(), text: text.into() };
    let lines = Line::all(text);
    let calendar = start(&source, &lines).map_err(Problems::from)?;
    let mut parser = Parser {
        source: &source,
        calendar,
        config: ConfigText::Default,
        rules: Vec::new(),
        loads: Loads::default(),
        outages: Vec::new(),
        moods: Vec::new(),
        happenings: Vec::new(),
        until: None,
        latest: calendar.start,
        expectations: Expectations::default(),
    };
    let mut problems = Problems::new();
    let mut at = 0;
    while at < lines.len() {
        let length = statement_length(&lines[at..]);
        if !lines[at].is_blank() {
            parser.statement(&lines[at..at + length]).unwrap_or_else(|more| problems.extend(more));
        }
        at += length;
    }
    problems.extend(parser.check());
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(parser.finish(path))
}

/// The first statement must say when it begins: every other time needs that.
fn start(source: &Source, lines: &[Line<'_>]) -> Result<Calendar, Wrong> {
    let hint = "begin with the date, the time and the zone: `start 2026-03-01 09:00 Europe/Berlin`";
    let Some(line) = lines.iter().find(|line| !line.is_blank()) else {
        return Err(source.problem(Span::default(), "the scenario is empty").hint(hint));
    };
    let mut words = Words::of(source, line)?;
    if !words.take_if("start") {
        return Err(source.problem(line.span(), "expected `start`").hint(hint));
    }
    let calendar = Calendar::read(&mut words)?;
    words.expect_end(&[])?;
    Ok(calendar)
}

/// How many lines the statement at the front takes: those up to `>>`, or those that are indented below it.
fn statement_length(lines: &[Line<'_>]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    if first.is_blank() {
        return 1;
    }
    if first.text.ends_with("<<") {
        let end = lines.iter().position(|line| line.text.trim() == ">>");
        return end.map_or(lines.len(), |end| end + 1);
    }
    let below = lines.iter().skip(1).take_while(|line| line.is_blank() || line.is_indented()).count();
    let trailing = lines[1..=below].iter().rev().take_while(|line| line.is_blank()).count();
    1 + below - trailing
}

struct Parser<'a> {
    source: &'a Source,
    calendar: Calendar,
    config: ConfigText,
    rules: Vec<Inline>,
    loads: Loads,
    outages: Vec<Outage>,
    moods: Vec<Mood>,
    happenings: Vec<Happening>,
    until: Option<Timestamp>,
    /// The latest time that a statement names.
    latest: Timestamp,
    expectations: Expectations,
}

impl Parser<'_> {
    fn statement(&mut self, lines: &[Line<'_>]) -> Result<(), Problems> {
        let Some(line) = lines.first() else { return Ok(()) };
        let mut words = Words::of(self.source, line)?;
        let word = words.expect("a statement")?;
        if line.is_indented() {
            let problem = self
                .source
                .problem(line.span(), "an indented line belongs to the `load` or `curve` above it");
            return Err(problem.hint("a statement begins at the start of its line").into());
        }
        let takes_more =
            line.text.ends_with("<<") || matches!(word.text.as_str(), "load" | "curve" | "counter");
        if let Some(more) = lines[1..].iter().find(|line| !line.is_blank()).filter(|_| !takes_more) {
            let what = format!("nothing may stand below `{}`", word.text);
            return Err(self.source.problem(more.span(), what).into());
        }
        match word.text.as_str() {
            "start" if line.start == self.first_statement() => {}
            "start" => return Err(self.source.problem(word.span, "a scenario starts once").into()),
            "config" => self.config(&mut words, lines)?,
            "rules" => {
                let text = self.inline(&mut words, lines)?;
                self.rules.push(text);
            }
            "load" => return self.load(words, lines),
            "series" => self.loads.generated(&mut words, self.source, line)?,
            "curve" => self.loads.curve(&mut words, self.source, lines, &self.calendar, Shape::Gauge)?,
            "counter" => self.loads.curve(&mut words, self.source, lines, &self.calendar, Shape::Counter)?,
            "change" => self.change(&mut words, line)?,
            "target" => self.target(&mut words, word.span)?,
            "sink" => self.sink(&mut words)?,
            "journal" => self.journal(&mut words, line)?,
            "at" => self.at(&mut words, lines)?,
            "expect" => self.expectations.read_views(line, &mut words)?,
            "never" => self.expectations.read_never(line.span(), &mut words)?,
            "check" => {
                words.expect_end(&[])?;
                self.expectations.check = Some(line.span());
            }
            "until" => {
                self.until = Some(self.calendar.expect(&mut words, "the time at which the scenario ends")?);
                words.expect_end(&[])?;
            }
            _ => return Err(words.unknown(&word, "statement", STATEMENTS).into()),
        }
        Ok(())
    }

    fn first_statement(&self) -> usize {
        Line::all(&self.source.text).iter().find(|line| !line.is_blank()).map_or(0, |line| line.start)
    }

    fn time(&mut self, words: &mut Words<'_>, what: &str) -> Result<Timestamp, Wrong> {
        let at = self.calendar.expect(words, what)?;
        self.latest = self.latest.max(at);
        Ok(at)
    }

    fn config(&mut self, words: &mut Words<'_>, lines: &[Line<'_>]) -> Result<(), Wrong> {
        if !matches!(self.config, ConfigText::Default) {
            return Err(self.source.problem(lines[0].span(), "there is a `config` already"));
        }
        self.config = if words.peek().is_some_and(|word| word.text == "<<") {
            ConfigText::Inline(self.inline(words, lines)?)
        } else {
            let file = words.expect("a file, or `<<` and the configuration itself")?;
            words.expect_end(&[])?;
            ConfigText::File(file.text.into(), file.span)
        };
        Ok(())
    }

    /// The text between `<<` and `>>`, at the line numbers that it has in the file.
    fn inline(&self, words: &mut Words<'_>, lines: &[Line<'_>]) -> Result<Inline, Wrong> {
        words.expect_word("<<")?;
        words.expect_end(&[])?;
        let Some((_, inner)) = lines[1..].split_last().filter(|(last, _)| last.text.trim() == ">>") else {
            return Err(self
                .source
                .problem(lines[0].span(), "`<<` is not closed: a line with `>>` alone is missing"));
        };
        let mut text = "\n".repeat(lines[0].number + 1);
        for line in inner {
            text.push_str(line.whole);
            text.push('\n');
        }
        Ok(Inline(text))
    }

    fn load(&mut self, mut words: Words<'_>, lines: &[Line<'_>]) -> Result<(), Problems> {
        let block: Block = self.loads.block(&mut words, lines[0].span())?;
        words.expect_end(&["target="])?;
        let mut problems = Problems::new();
        for line in lines[1..].iter().filter(|line| !line.is_blank()) {
            self.loads.listed(&block, self.source, line).unwrap_or_else(|wrong| problems.add(wrong.into()));
        }
        if lines.len() == 1 {
            let problem = self.source.problem(lines[0].span(), "there is no series below `load`");
            problems
                .add(problem.hint("write them on indented lines: `  errors{host=\"a\"} 0 0 5x10`").into());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn change(&mut self, words: &mut Words<'_>, line: &Line<'_>) -> Result<(), Wrong> {
        // A change may lie before the start, so it does not say how long the scenario goes on.
        let at = self.calendar.expect(words, "when it rolled out")?;
        let component = match words.take_option("component") {
            Some((id, span)) => Some((self.slug(&id, span, ComponentId::new)?, span)),
            None => None,
        };
        let change = change_of(words, at, component.as_ref().map(|(id, _)| id.clone()))?;
        words.expect_end(&["component=", "version=", "kind=", "by="])?;
        self.latest = self.latest.max(at);
        self.happen(at.max(self.calendar.start), line.span(), Deed::Change(change, component));
        Ok(())
    }

    fn target(&mut self, words: &mut Words<'_>, _: Span) -> Result<(), Wrong> {
        let name = words.expect("a target's name")?;
        words.expect_word("down")?;
        words.take_if("from");
        let from = self.time(words, "from when it is down")?;
        let until = self.end_of(words, from)?;
        words.expect_end(&["to"])?;
        if !self.loads.has(&name.text) {
            let problem =
                words.problem(name.span, format!("nothing is loaded with `target={}` above", name.text));
            return Err(match suggest::hint(&name.text, self.loads.targets()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
        self.outages.push(Outage { target: name.text.into(), from, until });
        Ok(())
    }

    /// `to T` or `until T`, later than `from`; for ever where nothing is said.
    fn end_of(&mut self, words: &mut Words<'_>, from: Timestamp) -> Result<Timestamp, Wrong> {
        if !words.take_if("to") && !words.take_if("until") {
            return Ok(FOR_EVER);
        }
        let place = words.position();
        let until = self.time(words, "until when")?;
        match from < until {
            true => Ok(until),
            false => Err(words
                .problem(Span::new(place, words.position()), "this is not later than the time before it")),
        }
    }

    fn sink(&mut self, words: &mut Words<'_>) -> Result<(), Wrong> {
        let name = words.expect("a sink's name")?;
        let sink = self.slug(&name.text, name.span, SinkName::new)?;
        let word = words.expect("`answers`, `hangs` or `refuses`")?;
        let answer =
            match word.text.as_str() {
                "answers" => {
                    let code = words.expect("an HTTP status such as 503")?;
                    let number = code.text.parse().ok().filter(|code| (100..600).contains(code));
                    Answer::Code(number.ok_or_else(|| {
                        words.problem(code.span, format!("`{}` is no HTTP status", code.text))
                    })?)
                }
                "hangs" => Answer::Hangs,
                "refuses" => Answer::Refuses,
                _ => {
                    return Err(words.unknown(
                        &word,
                        "word for what a sink does",
                        &["answers", "hangs", "refuses"],
                    ));
                }
            };
        let from = if words.take_if("from") { self.time(words, "from when")? } else { self.calendar.start };
        let until = self.end_of(words, from)?;
        words.expect_end(&["from", "until"])?;
        self.moods.push(Mood { sink, place: name.span, from, until, answer });
        Ok(())
    }

    fn journal(&mut self, words: &mut Words<'_>, line: &Line<'_>) -> Result<(), Wrong> {
        words.expect_word("fails")?;
        words.take_if("from");
        let from = self.time(words, "from when it fails")?;
        let until = self.end_of(words, from)?;
        words.expect_end(&["to"])?;
        self.happen(from, line.span(), Deed::JournalFails);
        if until < FOR_EVER {
            self.happen(until, line.span(), Deed::JournalWorks);
        }
        Ok(())
    }

    fn at(&mut self, words: &mut Words<'_>, lines: &[Line<'_>]) -> Result<(), Wrong> {
        let line = &lines[0];
        let at = self.calendar.expect(words, "a time")?;
        if self.expectations.read_line(line, at, words) {
            return Ok(());
        }
        let word = words.expect("a view such as `posts`, or what happens, such as `command`")?;
        if word.text == "said" {
            let text = words.expect_text("what is said then")?;
            self.expectations.said.push(Said { place: line.span(), at: Some(at), text });
            return words.expect_end(&[]);
        }
        if at < self.calendar.start {
            return Err(words.problem(line.span(), "this lies before the start"));
        }
        self.latest = self.latest.max(at);
        let deed = match word.text.as_str() {
            "command" => {
                let kind = command::read(words)?;
                let by = words.take_option("by").map_or_else(|| "operator".to_owned(), |(by, _)| by);
                let incident =
                    words.take_option("incident").map(|(id, span)| command::incident(words, &id, span));
                Deed::Command { by, incident: incident.transpose()?, kind }
            }
            "report" => self.report(words)?,
            "kill" => Deed::Down(at),
            "down" => {
                words.expect_word("until")?;
                Deed::Down(self.time(words, "until when the process is away")?)
            }
            "clock" => Deed::Jump(jump(words)?),
            "reload" => {
                let text = self.inline(words, lines)?;
                self.happen(at, line.span(), Deed::Reload(text));
                return Ok(());
            }
            _ => {
                let known: Vec<&str> =
                    View::ALL.iter().map(|view| view.as_str()).chain(DEEDS.iter().copied()).collect();
                return Err(words.unknown(&word, "view, and nothing that happens", &known));
            }
        };
        words.expect_end(&["by=", "incident="])?;
        self.happen(at, line.span(), deed);
        Ok(())
    }

    fn report(&self, words: &mut Words<'_>) -> Result<Deed, Wrong> {
        let name = words.expect("the sink that has something to tell")?;
        let sink = (self.slug(&name.text, name.span, SinkName::new)?, name.span);
        let word = words.expect("`adopted` or `edited`")?;
        let news = match word.text.as_str() {
            "adopted" => SinkNews::Adopted { id: words.expect_text("what it is called there")? },
            "edited" => SinkNews::ForeignEdit { what: words.expect_text("what somebody did there")? },
            _ => return Err(words.unknown(&word, "news of a sink", &["adopted", "edited"])),
        };
        let incident = words.take_option("incident").map(|(id, span)| command::incident(words, &id, span));
        Ok(Deed::Report { sink, incident: incident.transpose()?, news })
    }

    fn happen(&mut self, at: Timestamp, place: Span, what: Deed) {
        self.happenings.push(Happening { at, place, what });
    }

    fn slug<T, E>(&self, text: &str, span: Span, new: impl Fn(&str) -> Result<T, E>) -> Result<T, Wrong> {
        new(text).map_err(|_| self.source.problem(span, format!("`{text}` is not a usable name")))
    }

    fn check(&self) -> Problems {
        let problem = self.expectations.check(self.source);
        problem.map(Problems::from).unwrap_or_default()
    }

    fn finish(self, path: &Path) -> Scenario {
        let mut happenings = self.happenings;
        happenings.sort_by_key(|happening| happening.at);
        let start = self.calendar.start;
        let lasts = |series: &super::scenario::Series| {
            let listed = u32::try_from(series.values.len()).unwrap_or(u32::MAX).saturating_sub(1);
            series.values.last_corner().unwrap_or(start + series.every.saturating_mul(listed))
        };
        let last_sample = self.loads.series.iter().map(lasts).max().unwrap_or(start);
        Scenario {
            source: self.source.clone(),
            path: path.to_owned(),
            calendar: self.calendar,
            config: self.config,
            rules: self.rules,
            series: self.loads.series,
            outages: self.outages,
            moods: self.moods,
            happenings,
            end: self.until.unwrap_or(self.latest.max(last_sample)),
            expectations: self.expectations,
        }
    }
}

/// What rolled out, from its options and its words.
fn change_of(words: &mut Words<'_>, at: Timestamp, component: Option<ComponentId>) -> Result<Change, Wrong> {
    let version = words.take_option("version").map(|(version, _)| version);
    let by = words.take_option("by").map(|(by, _)| by);
    let kind = match words.take_option("kind") {
        None => ChangeKind::default(),
        Some((word, span)) => ChangeKind::from_word(&word).ok_or_else(|| {
            let known = ChangeKind::ALL.map(ChangeKind::as_str);
            let problem = words.problem(span, format!("`{word}` is no kind of change"));
            problem.hint(suggest::hint(&word, known).unwrap_or_else(|| known.join(", ")))
        })?,
    };
    let summary = match (words.peek(), &version) {
        (None, Some(version)) => format!("version {version}"),
        _ => words.expect_text("what rolled out")?,
    };
    Ok(Change { at, component, kind, version, summary, by })
}

/// `+3600s` or `-10m`, in milliseconds.
fn jump(words: &mut Words<'_>) -> Result<i64, Wrong> {
    let word = words.expect("by how much the clock jumps, such as `+1h` or `-10m`")?;
    let (sign, length) = match word.text.split_at_checked(1) {
        Some(("+", length)) => (1, length),
        Some(("-", length)) => (-1, length),
        _ => (0, ""),
    };
    let length = parse_duration(length).ok().filter(|_| sign != 0);
    let length: Duration = length.ok_or_else(|| {
        words.problem(word.span, format!("`{}` is no jump", word.text)).hint("write `+1h` or `-10m`")
    })?;
    Ok(sign * i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}
