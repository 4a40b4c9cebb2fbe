//! Why a page cannot be read.

/// What is wrong with a page, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// The ways in which a page can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A web page came instead, as a proxy or a login form sends it.
    #[error("this is HTML, not an exposition page")]
    Html,
    /// Bytes that are no UTF-8 text.
    #[error("bytes that are not valid UTF-8")]
    BadUtf8,
    /// A NUL byte outside of quotes.
    #[error("a NUL byte outside of a label value")]
    Nul,
    /// An OpenMetrics page without its last line: it may have been cut off.
    #[error("the page does not end with `# EOF`")]
    NoEnd,
    /// More after the last line of an OpenMetrics page.
    #[error("the page goes on after `# EOF`")]
    AfterEnd,
    /// A line of OpenMetrics that begins with `#` and is none of those that there are.
    #[error("a comment; OpenMetrics has only `# TYPE`, `# HELP`, `# UNIT` and `# EOF`")]
    Comment,
    /// A `# UNIT` that the metric's name does not end in.
    #[error("the name `{name}` does not end in its unit `_{unit}`")]
    Unit {
        /// The metric's name.
        name: String,
        /// The unit.
        unit: String,
    },
    /// Lines end in `\r\n`.
    #[error("a carriage return; lines must end in a line feed alone")]
    CarriageReturn,
    /// The page ends in the middle of a line.
    #[error("the page is cut off: expected {expected}")]
    CutOff {
        /// What should have come.
        expected: &'static str,
    },
    /// Something else stands where the format wants one thing.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the format wants.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A label twice in one line.
    #[error("label `{0}` is given twice")]
    DuplicateLabel(String),
    /// A second metric name, in the braces.
    #[error("a second metric name `{0}`; a line has one")]
    SecondName(String),
    /// Braces without a metric name in or before them.
    #[error("no metric name in or before the braces")]
    NoName,
    /// A value that is no number.
    #[error("`{0}` is not a number")]
    Value(String),
    /// A number that is too large for 64 bits.
    #[error("`{0}` is out of the range of numbers")]
    ValueRange(String),
    /// A timestamp that is no 64-bit number of milliseconds.
    #[error("`{0}` is not a timestamp in milliseconds")]
    Timestamp(String),
    /// A timestamp that is no time in seconds.
    #[error("`{0}` is not a timestamp in seconds")]
    Seconds(String),
    /// A `# TYPE` line with another word.
    #[error("`{kind}` is not a metric type; there are {known}")]
    Type {
        /// The word.
        kind: String,
        /// The words that there are.
        known: &'static str,
    },
}

/// A fault and the byte of the page where it is.
#[derive(Debug)]
pub(super) struct FaultAt {
    pub(super) at: usize,
    pub(super) fault: Fault,
}

impl FaultAt {
    pub(super) fn new(at: usize, fault: Fault) -> Self {
        Self { at, fault }
    }

    /// The page has something else at `at` than `expected`. Says what, with its usual cause where it has one.
    #[cold]
    pub(super) fn expected(page: &str, at: usize, expected: &'static str) -> Self {
        let fault = match page.get(at..).and_then(|rest| rest.chars().next()) {
            None => Fault::CutOff { expected },
            Some('\0') => Fault::Nul,
            Some('\r') => Fault::CarriageReturn,
            Some('\n') => Fault::Unexpected { expected, found: "the end of the line".to_owned() },
            Some(found) => Fault::Unexpected {
                expected,
                found: format!("`{}`", shortened(found.encode_utf8(&mut [0; 4]))),
            },
        };
        Self { at, fault }
    }

    /// With the line and column in `page`, whose line `line` begins at the byte `line_start`.
    #[cold]
    pub(super) fn in_page(self, page: &str, line: usize, line_start: usize) -> ParseError {
        let before = page.get(line_start..self.at).unwrap_or_default();
        ParseError { line, column: before.chars().count() + 1, fault: self.fault }
    }
}

/// `text` as it may stand in an error: a broken page can make one token of a megabyte, or of control characters.
#[cold]
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    let mut shown = String::new();
    for (nth, c) in text.chars().enumerate() {
        match c {
            _ if nth == SHOWN_CHARS => {
                shown.push('…');
                break;
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}
