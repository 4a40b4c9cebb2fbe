//! Unit tests of rules: series in, rules evaluated at each interval, alerts and values compared.
//!
//! In:   a test file as promtool has it, with the rule files that it names; or a script of PromQL (`.test`).
//! Out:  what each group of tests found, in words; problems of the files.
//! Not:  no second evaluation: rules run through `rules::evaluate`, over series that were written down. No incident
//!       comes of it; scenarios are for that.
//!
//! The usual way: `file` reads the test, `run` lives through each of its groups, `compare` says what differs.

mod compare;
mod file;
mod run;
mod script;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::config::{self, Files};
use crate::model::{Problem, Problems};
use crate::rules::UnknownKeys;

/// How tests are run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only groups whose name fits; all where it is `None`.
    pub only: Option<Regex>,
    /// What is done about keys of rule files that nobody knows.
    pub unknown_keys: UnknownKeys,
}

/// What a file of tests came to.
#[derive(Debug)]
pub struct Tested {
    /// Its groups of tests that were run, in the order of the file.
    pub cases: Vec<Case>,
    /// What is odd about the rules, and does not stop them.
    pub lint: Problems,
}

/// What a group of tests came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name, or its number where it has none.
    pub name: String,
    /// What is not as it should be, each as lines to read.
    pub failures: Vec<String>,
}

/// A file with its text.
struct Read {
    name: Arc<str>,
    text: String,
}

/// Runs the tests of `path`; a file whose name ends in `.test` is a script.
///
/// # Errors
/// Where the file, or a rule file that it names, can't be used.
pub fn test(path: &Path, files: &dyn Files, options: &Options) -> Result<Tested, Problems> {
    let read = read(path, files)?;
    if path.extension().is_some_and(|extension| extension == "test") {
        let cases = script::run(&read.name, &read.text, options)?;
        return Ok(Tested { cases, lint: Problems::new() });
    }
    let suite = file::read(&read.name, &read.text)?;
    let mut lint = Problems::new();
    let rules = rule_files(path, &suite.rule_files, files, &mut lint)?;
    let mut cases = Vec::new();
    for (nth, group) in suite.groups.iter().enumerate() {
        let is_asked = options.only.as_ref().is_none_or(|only| only.is_match(&group.name));
        if is_asked {
            let (failures, odd) = run::run(&suite, group, &rules, options.unknown_keys)?;
            add_new(&mut lint, odd);
            let name = if group.name.is_empty() { format!("#{}", nth + 1) } else { group.name.clone() };
            cases.push(Case { name, failures });
        }
    }
    Ok(Tested { cases, lint })
}

fn read(path: &Path, files: &dyn Files) -> Result<Read, Problems> {
    let name: Arc<str> = path.display().to_string().into();
    let unreadable = |why: &dyn std::fmt::Display| {
        Problems::from(Problem::error(None, format!("cannot read `{name}`: {why}")))
    };
    let bytes = files.read(path).map_err(|error| unreadable(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is not valid UTF-8"))?;
    Ok(Read { name, text })
}

/// The rule files that patterns stand for, relative to the test file.
fn rule_files(
    test: &Path,
    patterns: &[String],
    files: &dyn Files,
    lint: &mut Problems,
) -> Result<Vec<Read>, Problems> {
    let base = test.parent().unwrap_or(Path::new(""));
    let mut found: Vec<(PathBuf, Read)> = Vec::new();
    for pattern in patterns {
        let paths = config::expand(files, &base.join(pattern)).map_err(|why| {
            Problems::from(Problem::error(None, format!("`{pattern}` under `rule_files`: {why}")))
        })?;
        // A plain name stands for a file also where there is none.
        let paths: Vec<PathBuf> = paths.into_iter().filter(|path| files.read(path).is_ok()).collect();
        if paths.is_empty() {
            lint.add(Problem::warning(None, format!("no file fits `{pattern}` under `rule_files`")));
        }
        for path in paths {
            if !found.iter().any(|(have, _)| *have == path) {
                let text = read(&path, files)?;
                found.push((path, text));
            }
        }
    }
    Ok(found.into_iter().map(|(_, text)| text).collect())
}

/// Each group of tests reads the same rule files: what was said of them is not said again.
fn add_new(lint: &mut Problems, odd: Problems) {
    for problem in odd.iter() {
        if !lint.iter().any(|have| have == problem) {
            lint.add(problem.clone());
        }
    }
}

/// A length of time in the words of a test: `1h30m`, `0s`.
fn shown(length: Duration) -> String {
    crate::model::format_duration(length)
}
