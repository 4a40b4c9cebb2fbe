//! Scripts of PromQL among the tests: each `eval` that goes wrong is told with its line.
//!
//! In:   a script.
//! Out:  one case for the file.
//! Not:  what a line means is `promql`'s to say.

use std::sync::Arc;

use crate::model::{Place, Problem, Problems, Span};
use crate::promql::{Unspoken, run_script};

use super::{Case, Options};

pub(super) fn run(file: &Arc<str>, text: &str, options: &Options) -> Result<Vec<Case>, Problems> {
    let name = file.to_string();
    if options.only.as_ref().is_some_and(|only| !only.is_match(&name)) {
        return Ok(Vec::new());
    }
    let done = run_script(text, Unspoken::Fine).map_err(|error| {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let start: usize = lines.iter().take(error.line.saturating_sub(1)).map(|line| line.len()).sum();
        let len = lines.get(error.line.saturating_sub(1)).map_or(0, |line| line.trim_end().len());
        Problems::from(Problem::error(Place::new(file, text, Span::new(start, start + len)), error.what))
    })?;
    let failures = done.into_iter().filter_map(|one| {
        let failure = one.failure?;
        Some(format!("line {}: `{}`: {failure}", one.line, one.expr))
    });
    Ok(vec![Case { name, failures: failures.collect() }])
}
