//! What a scenario says, read and with every time resolved.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::incidents::{Change, CommandKind, SinkNews};
use crate::model::{ComponentId, IncidentId, Labels, SinkName, Span, Timestamp};

use super::expect::Expectations;
use super::time::Calendar;
use super::values::Values;
use super::words::Source;

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file.
    pub source: Source,
    /// Where it lies; what it names is relative to its folder.
    pub path: PathBuf,
    /// When it begins, and the zone of its times.
    pub calendar: Calendar,
    /// Where its configuration is.
    pub config: ConfigText,
    /// Rules that stand in it.
    pub rules: Vec<Inline>,
    /// What its targets measure.
    pub series: Vec<Series>,
    /// When targets do not answer.
    pub outages: Vec<Outage>,
    /// When sinks do not take what they get.
    pub moods: Vec<Mood>,
    /// What happens, in order of time.
    pub happenings: Vec<Happening>,
    /// When it ends.
    pub end: Timestamp,
    /// What is expected of it.
    pub expectations: Expectations,
}

/// Where a configuration is.
#[derive(Debug, Clone)]
pub enum ConfigText {
    /// In a file of its own.
    File(PathBuf, Span),
    /// In the scenario.
    Inline(Inline),
    /// Nowhere: one sink for customers and one for responders, and no component.
    Default,
}

/// A text between `<<` and `>>`, with empty lines before it, so that its lines have the numbers that they have in the
/// scenario.
#[derive(Debug, Clone)]
pub struct Inline(pub String);

/// One series of one target.
#[derive(Debug, Clone)]
pub struct Series {
    /// The target.
    pub target: Arc<str>,
    /// How often it is scraped.
    pub every: Duration,
    /// The series' labels.
    pub labels: Labels,
    /// Its values.
    pub values: Values,
}

/// A target does not answer.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Which.
    pub target: Arc<str>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A sink does not take what it gets.
#[derive(Debug, Clone)]
pub struct Mood {
    /// Which.
    pub sink: SinkName,
    /// Where that is said.
    pub place: Span,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What it does instead.
    pub answer: Answer,
}

/// What a simulated sink does with what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Answers with this code.
    Code(u16),
    /// Takes the request and never answers.
    Hangs,
    /// Takes no connection.
    Refuses,
}

/// Something that happens at a moment.
#[derive(Debug, Clone)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Where that is said.
    pub place: Span,
    /// What.
    pub what: Deed,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Deed {
    /// An operator says something.
    Command {
        /// Who.
        by: String,
        /// About which incident; the youngest open one where it is left out.
        incident: Option<IncidentId>,
        /// What.
        kind: CommandKind,
    },
    /// A sink has something to tell: that it found our words there, or that somebody changed them.
    Report {
        /// Which sink, and where that is said.
        sink: (SinkName, Span),
        /// About which incident; the youngest open one where it is left out.
        incident: Option<IncidentId>,
        /// What.
        news: SinkNews,
    },
    /// Something rolls out.
    Change(Change, Option<(ComponentId, Span)>),
    /// The process dies, and starts again at that moment.
    Down(Timestamp),
    /// The wall clock jumps by so many milliseconds.
    Jump(i64),
    /// The configuration is read again, and is this one.
    Reload(Inline),
    /// The journal cannot be written.
    JournalFails,
    /// It can again.
    JournalWorks,
}
