//! Scripts in the field's language for testing PromQL: `load`, `clear`, `eval instant`, `eval range`.
//!
//! In:   a script.
//! Out:  each `eval` with what came out otherwise than expected; or the first line that is no command.
//! Not:  the words of an error are ours: where a script names those of another engine, only that it fails counts.

mod check;
mod read;

use std::time::Duration;

use crate::model::{Labels, Timestamp};
use crate::promql::{Amount, Loaded};

/// What an `eval` came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// Its line, from 1.
    pub line: usize,
    /// The expression.
    pub expr: String,
    /// What is not as expected, where anything is.
    pub failure: Option<String>,
}

/// Why a script can't be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// What a warning or an info is that no line of an `eval` speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unspoken {
    /// Nothing to mind.
    Fine,
    /// A failure.
    Failure,
}

/// A step of a script.
enum Command {
    Clear,
    Load { step: Duration, series: Vec<(usize, String)> },
    Eval(Eval),
}

/// An expression with what must come of it.
struct Eval {
    expr: String,
    when: When,
    expected: Outcome,
    notes: Vec<ExpectedNote>,
    fails: Option<Text>,
    ordered: bool,
}

enum When {
    At(Timestamp),
    Over { start: Timestamp, end: Timestamp, step: Duration },
}

enum Outcome {
    Scalar(f64),
    Text(String),
    /// Series with their samples at the instants of the `eval`.
    Series(Vec<(Labels, Vec<(Timestamp, Amount)>)>),
}

/// What is expected of notes of one kind.
struct ExpectedNote {
    kind: crate::promql::NoteKind,
    /// `None`: there must be none.
    text: Option<Text>,
}

/// How a text is recognised.
enum Text {
    Any,
    /// `msg:`, the whole of it.
    Whole(String),
    /// `regex:`
    Fits(regex::Regex),
    /// A part of it.
    Part(String),
}

/// Runs a script.
///
/// # Errors
/// Where a line can't be read; nothing after it is run.
pub fn run_script(text: &str, unspoken: Unspoken) -> Result<Vec<Evaluated>, ScriptError> {
    let mut loaded = Loaded::new();
    let mut done = Vec::new();
    for (line, command) in read::commands(text)? {
        match command {
            Command::Clear => loaded = Loaded::new(),
            Command::Load { step, series } => {
                for (line, series) in series {
                    loaded.add_text(&series, step).map_err(|what| ScriptError { line, what })?;
                }
            }
            Command::Eval(eval) => {
                let failure = check::check(&eval, &loaded, unspoken).err();
                done.push(Evaluated { line, expr: eval.expr, failure });
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[&str]) {
        let done = run_script(script, Unspoken::Fine).unwrap_or_else(|error| panic!("{script}: {error}"));
        let failures: Vec<String> = done.into_iter().filter_map(|done| done.failure).collect();
        assert_eq!(failures.len(), expected.len(), "{script}: {failures:?}");
        for (failure, expected) in failures.iter().zip(expected) {
            assert!(failure.contains(expected), "{script}: {failure}");
        }
    }

    const LOAD: &str = "load 1m\n  a{x=\"1\"} 0+1x5\n  a{x=\"2\"} 0+2x5\n\n";

    #[test]
    fn what_comes_out_is_compared() {
        check(&format!("{LOAD}eval instant at 2m a\n  a{{x=\"1\"}} 2\n  a{{x=\"2\"}} 4\n"), &[]);
        check(
            &format!("{LOAD}eval instant at 2m sum(a)\n  {{}} 6\n\neval instant at 2m scalar(sum(a))\n  6"),
            &[],
        );
        check(&format!("{LOAD}eval instant at 2m sum(a)\n  {{}} 7"), &["{} 6"]);
        check(&format!("{LOAD}eval instant at 2m a"), &["a{x=\"1\"} 2"]);
        check(&format!("{LOAD}eval range from 0 to 2m step 1m sum(a)\n  {{}} 0 3 6"), &[]);
        check(&format!("{LOAD}eval range from 0 to 2m step 1m sum(a) > 3\n  {{}} _ _ 6"), &[]);
        check(
            &format!("{LOAD}eval_ordered instant at 1m sort_desc(a)\n  a{{x=\"1\"}} 1\n  a{{x=\"2\"}} 2"),
            &["a"],
        );
        check(&format!("{LOAD}clear\neval instant at 1m a\n"), &[]);
        check("eval instant at 0 \"x\"\n  expect string \"x\"\n", &[]);
        check("eval instant at 0 \"x\"\n  expect string \"y\"\n", &["x"]);
    }

    #[test]
    fn failures_and_notes_are_compared() {
        check(&format!("{LOAD}eval_fail instant at 1m a + on () a\n"), &[]);
        check(&format!("{LOAD}eval instant at 1m a + on () a\n  expect fail msg:whatever others say"), &[]);
        check(&format!("{LOAD}eval_fail instant at 1m sum(a)\n"), &["does not fail"]);
        check(&format!("{LOAD}eval instant at 1m a +\n"), &["expected an expression"]);
        let odd = "eval_warn instant at 1m quantile(2, a)\n  {} Inf\n\neval instant at 1m quantile(2, a)\n  expect no_warn\n  {} Inf\n";
        check(&format!("{LOAD}{odd}"), &["no warning"]);
        check(&format!("{LOAD}eval_warn instant at 1m sum(a)\n  {{}} 3\n"), &["a warning"]);
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_line() {
        for (script, line) in [
            ("laod 5m\n", 1),
            ("clear\neval instantly at 1m a", 2),
            ("load 5x\n  a 1", 1),
            ("load 5m\n  a b", 2),
            ("eval instant at 0 a\n  expect nonsense", 2),
            ("eval range from 0 to 1m a", 1),
        ] {
            let error = run_script(script, Unspoken::Fine).expect_err(script);
            assert_eq!(error.line, line, "{script}: {error}");
        }
    }
}
