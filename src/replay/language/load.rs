//! Statements that say what targets measure: `load`, `series`, `curve`, `counter`.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Labels, Span, format_duration, parse_duration};
use crate::promql::split_series;

use super::scenario::Series;
use super::time::Calendar;
use super::values::{Curve, Values};
use super::words::{Line, Source, Words, Wrong};

/// The target of what names none.
pub const DEFAULT_TARGET: &str = "scenario";
/// How often targets are scraped where nothing says it.
const DEFAULT_STEP: Duration = Duration::from_secs(15);
/// A generator makes no more series than this.
const GENERATED_MAX: usize = 100_000;

/// What series are loaded, in which a target has one step.
#[derive(Debug, Default)]
pub struct Loads {
    /// All series.
    pub series: Vec<Series>,
    targets: Vec<(Arc<str>, Duration)>,
}

/// A target and its step, for the lines that follow.
#[derive(Debug, Clone)]
pub struct Block {
    target: Arc<str>,
    every: Duration,
}

impl Loads {
    /// Whether something is loaded of a target.
    pub fn has(&self, target: &str) -> bool {
        self.targets.iter().any(|(name, _)| **name == *target)
    }

    /// The targets' names.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|(name, _)| &**name)
    }

    /// Reads `[STEP] [target=NAME]`.
    ///
    /// # Errors
    /// Where the step is none, or the target has another one already.
    pub fn block(&mut self, words: &mut Words<'_>, place: Span) -> Result<Block, Wrong> {
        let mut step = None;
        if let Some(word) = words.peek()
            && word.pair().is_none()
            && word.text.starts_with(|c: char| c.is_ascii_digit())
        {
            let word = words.expect("a step")?;
            let every = parse_duration(&word.text).ok().filter(|every| Duration::ZERO < *every);
            let wrong = || {
                words.problem(word.span, format!("`{}` is no step", word.text)).hint("write `15s` or `1m`")
            };
            step = Some(every.ok_or_else(wrong)?);
        }
        let mut target: Arc<str> = DEFAULT_TARGET.into();
        if let Some(word) = words.peek()
            && let Some(("target", name)) = word.pair()
        {
            target = name.into();
            words.take();
        }
        let known = self.targets.iter().find(|(name, _)| *name == target).map(|(_, every)| *every);
        match (step, known) {
            (Some(step), Some(known)) if step != known => Err(words
                .problem(
                    place,
                    format!("target `{target}` is scraped every {} already", format_duration(known)),
                )
                .hint("give these series a `target=` of their own")),
            (_, Some(every)) => Ok(Block { target, every }),
            (step, None) => {
                let every = step.unwrap_or(DEFAULT_STEP);
                self.targets.push((target.clone(), every));
                Ok(Block { target, every })
            }
        }
    }

    /// Reads a series below `load`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn listed(&mut self, block: &Block, source: &Source, line: &Line<'_>) -> Result<(), Wrong> {
        let (labels, values) = Values::listed(line.text.trim(), block.every)
            .map_err(|why| source.problem(blamed(&why, line), why))?;
        self.add(block, labels, values);
        Ok(())
    }

    /// Reads `N NAME{i="$i"} VALUES` behind `series`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn generated(
        &mut self,
        words: &mut Words<'_>,
        source: &Source,
        line: &Line<'_>,
    ) -> Result<(), Wrong> {
        let count = words.expect("how many series")?;
        let number = count.text.parse().ok().filter(|number| (1..=GENERATED_MAX).contains(number));
        let number = number.ok_or_else(|| {
            words.problem(count.span, format!("`{}` is no number from 1 to {GENERATED_MAX}", count.text))
        })?;
        let block = self.block(words, line.span())?;
        let text = &line.text[words.position() - line.start..];
        let wrong = |why: String| source.problem(blamed(&why, line), why);
        let (head, _) = split_series(text);
        let (_, values) = Values::listed(&text.replace("$i", "0"), block.every).map_err(wrong)?;
        let in_values = text[head.len()..].contains("$i");
        for i in 0..number {
            let here = i.to_string();
            if in_values {
                let (labels, values) =
                    Values::listed(&text.replace("$i", &here), block.every).map_err(wrong)?;
                self.add(&block, labels, values);
                continue;
            }
            let (labels, _) = Values::listed(&head.replace("$i", &here), block.every).map_err(wrong)?;
            self.add(&block, labels, values.clone());
        }
        Ok(())
    }

    /// Reads `[STEP] [target=NAME] NAME{…} CORNERS` behind `curve` or `counter`; `lines` are its own and those
    /// that go on with it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn curve(
        &mut self,
        words: &mut Words<'_>,
        source: &Source,
        lines: &[Line<'_>],
        calendar: &Calendar,
        shape: Shape,
    ) -> Result<(), Wrong> {
        let line = lines.first().copied().unwrap_or(Line { number: 0, start: 0, whole: "", text: "" });
        let block = self.block(words, line.span())?;
        let first = &line.text[words.position() - line.start..];
        let (head, corners) = split_series(first);
        let (labels, _) =
            Values::listed(head, block.every).map_err(|why| source.problem(blamed(&why, &line), why))?;
        let mut text = corners.trim().to_owned();
        for line in lines.iter().skip(1) {
            text.push(' ');
            text.push_str(line.text.trim());
        }
        let blame = |part: &str, why: &str| {
            let at = lines.iter().find_map(|line| Some(line.start + line.whole.find(part)?));
            let span =
                at.filter(|_| !part.is_empty()).map_or(line.span(), |at| Span::new(at, at + part.len()));
            source.problem(span, why.to_owned())
        };
        let curve = Curve::read(&text, labels.fingerprint(), &|time| calendar.read_word(time))
            .map_err(|(part, why)| blame(&part, &why))?;
        let curve = match shape {
            Shape::Gauge => curve,
            Shape::Counter => curve.into_counter().map_err(|why| blame("", &why))?,
        };
        self.add(&block, labels, Values::Curve(Arc::new(curve)));
        Ok(())
    }

    fn add(&mut self, block: &Block, labels: Labels, values: Values) {
        self.series.push(Series { target: block.target.clone(), every: block.every, labels, values });
    }
}

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The value.
    Gauge,
    /// How fast a counter grows, a second.
    Counter,
}

/// The part of `line` that a message in words is about: what it has in backticks, where that is on the line.
fn blamed(why: &str, line: &Line<'_>) -> Span {
    let quoted = why.split('`').nth(1).filter(|part| !part.is_empty());
    match quoted.and_then(|part| Some((line.text.find(part)?, part.len()))) {
        Some((at, length)) => Span::new(line.start + at, line.start + at + length),
        None => line.span(),
    }
}
