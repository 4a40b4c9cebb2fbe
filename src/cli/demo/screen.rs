//! Prints lines: with colour and a living last row on a terminal, plain otherwise.
//!
//! In:   lines with their tones, and the text of the last row.
//! Out:  bytes, to standard output in the demo.
//! Not:  it knows nothing of what the lines say.

use std::env;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};

use super::narrator::{Line, Tone};

/// Goes to the first column and clears the row.
const CLEAR_ROW: &str = "\r\u{1b}[K";

/// Where the demo is shown.
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
    terminal: bool,
    colour: bool,
}

impl Screen<io::Stdout> {
    /// Standard output, with colour where it is a terminal and `NO_COLOR` is not set.
    pub fn standard_output() -> Self {
        let terminal = io::stdout().is_terminal();
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out: io::stdout(), terminal, colour: terminal && !refused }
    }
}

impl<W: io::Write> Screen<W> {
    /// No terminal, without colour.
    #[cfg(test)]
    pub fn plain(out: W) -> Self {
        Self { out, terminal: false, colour: false }
    }

    /// Prints lines that stay.
    ///
    /// # Errors
    /// Where nothing more can be written.
    pub fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        if self.terminal && !lines.is_empty() {
            self.out.write_all(CLEAR_ROW.as_bytes())?;
        }
        for line in lines {
            let painted = self.paint(line);
            writeln!(self.out, "{painted}")?;
        }
        self.out.flush()
    }

    /// Shows `text` in the last row of a terminal, where the next call replaces it.
    ///
    /// # Errors
    /// Where nothing more can be written.
    pub fn last_row(&mut self, text: &str) -> io::Result<()> {
        if !self.terminal {
            return Ok(());
        }
        let painted = self.paint(&Line { tone: Tone::Faint, text: text.to_owned() });
        // Without wrapping, since a row that breaks into two could not be replaced.
        write!(self.out, "{CLEAR_ROW}\u{1b}[?7l{painted}\u{1b}[?7h")?;
        self.out.flush()
    }

    /// Takes the last row away.
    ///
    /// # Errors
    /// Where nothing more can be written.
    pub fn clear_last_row(&mut self) -> io::Result<()> {
        if self.terminal { self.out.write_all(CLEAR_ROW.as_bytes()) } else { Ok(()) }
    }

    fn paint(&self, line: &Line) -> String {
        if !self.colour {
            return line.text.clone();
        }
        let style = match line.tone {
            Tone::Plain => Style::new(),
            Tone::People => AnsiColor::Cyan.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Faint => Style::new().dimmed(),
        };
        format!("{style}{}{style:#}", line.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a screen shows after one line and two last rows.
    fn shown(terminal: bool, colour: bool) -> String {
        let mut screen = Screen { out: Vec::new(), terminal, colour };
        let line = Line { tone: Tone::Good, text: "a line".to_owned() };
        screen.lines(&[line]).and_then(|()| screen.last_row("first")).expect("memory takes all");
        screen.last_row("second").and_then(|()| screen.clear_last_row()).expect("memory takes all");
        String::from_utf8(screen.out).expect("text")
    }

    #[test]
    fn a_pipe_gets_lines_only() {
        assert_eq!(shown(false, false), "a line\n");
    }

    #[test]
    fn a_terminal_gets_a_last_row_that_is_replaced() {
        let shown = shown(true, false);
        assert!(shown.starts_with("\r\u{1b}[Ka line\n") && shown.ends_with("\r\u{1b}[K"), "{shown:?}");
        assert_eq!(shown.matches(CLEAR_ROW).count(), 4, "{shown:?}");
    }

    #[test]
    fn colour_ends_with_its_line() {
        assert!(shown(true, true).contains("\u{1b}[32ma line\u{1b}[0m\n"));
    }
}
