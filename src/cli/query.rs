//! `fogsignal query`: the value of an expression, from a running daemon or over a page of metrics.
//!
//! In:   an expression; an instant or a stretch of time; a daemon, or a file in the text format.
//! Out:  a line for each result; what was odd on standard error; a caret under a mistake.
//! Not:  no daemon is asked what is no PromQL.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::cli::client::Daemon;
use crate::cli::{UNUSABLE, WELL, show};
use crate::daemon::SystemClock;
use crate::model::{Clock, Labels, METRIC_NAME, Place, Problem, Timestamp, parse_duration};
use crate::promql::{Expr, Loaded, Sample, parse};
use crate::scrape::parse_text;
use crate::server::prometheus;

/// Evaluates an expression.
#[derive(Debug, Args)]
pub struct QueryArguments {
    /// The expression, in PromQL.
    expr: String,
    /// When, in RFC 3339 or in seconds since 1970; now where nothing is said.
    #[arg(long, value_parser = prometheus::moment, conflicts_with_all = ["range", "start"])]
    time: Option<Timestamp>,
    /// At several instants, so far back from `--end`, such as 10m.
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration, conflicts_with = "start")]
    range: Option<Duration>,
    /// At several instants, the first of them.
    #[arg(long, value_parser = prometheus::moment)]
    start: Option<Timestamp>,
    /// The last of several instants; now where nothing is said.
    #[arg(long, value_parser = prometheus::moment, conflicts_with = "time")]
    end: Option<Timestamp>,
    /// How far several instants are apart.
    #[arg(long, value_parser = prometheus::length, default_value = "1m")]
    step: Duration,
    /// Evaluates over a page of metrics in the text format instead; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["range", "start", "end", "server"])]
    from_text: Option<PathBuf>,
    /// Prints what the API answers.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// Evaluates it.
pub fn query(arguments: &QueryArguments) -> anyhow::Result<ExitCode> {
    let expr = match parse(&arguments.expr) {
        Ok(expr) => expr,
        Err(error) => {
            complain(&arguments.expr, error.span, error.what, error.hint);
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let answer = match &arguments.from_text {
        Some(page) => {
            let at = arguments.time.unwrap_or_else(|| SystemClock.now());
            match over_page(&arguments.expr, &expr, page, at)? {
                Ok(answer) => answer,
                Err(error) => {
                    complain(&arguments.expr, error.span, error.what, None);
                    return Ok(ExitCode::from(crate::cli::FAILED));
                }
            }
        }
        None => arguments.ask()?,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        print!("{}", show::value(&answer["data"]));
        eprint!("{}", show::notes(&answer));
    }
    Ok(ExitCode::from(WELL))
}

impl QueryArguments {
    fn ask(&self) -> anyhow::Result<Value> {
        let seconds = |at: Timestamp| crate::model::format_value(at.as_secs_f64());
        let mut form = vec![("query", self.expr.clone())];
        if self.range.is_none() && self.start.is_none() {
            if self.end.is_some() {
                bail!("`--end` needs `--start` or `--range`");
            }
            form.extend(self.time.map(|at| ("time", seconds(at))));
            return self.daemon.ask("/api/v1/query", &form);
        }
        let end = self.end.unwrap_or_else(|| SystemClock.now());
        let start = self.start.unwrap_or_else(|| end - self.range.unwrap_or_default());
        let step = crate::model::format_value(self.step.as_secs_f64());
        form.extend([("start", seconds(start)), ("end", seconds(end)), ("step", step)]);
        self.daemon.ask("/api/v1/query_range", &form)
    }
}

/// The value over the samples of a page, of which those without a time are of `at`.
fn over_page(
    text: &str,
    expr: &Expr,
    page: &Path,
    at: Timestamp,
) -> anyhow::Result<Result<Value, crate::promql::EvalError>> {
    let mut bytes = Vec::new();
    let read = match page.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(page).map(|read| bytes = read),
    };
    read.with_context(|| format!("cannot read `{}`", page.display()))?;
    let mut loaded = Loaded::new();
    let keep = |line: crate::scrape::Line<'_>| {
        let name = (METRIC_NAME.to_owned(), line.name.into_owned());
        let labels = line.labels.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let labels: Vec<(String, String)> = std::iter::once(name).chain(labels).collect();
        let labels: Labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let at = line.timestamp_ms.map_or(at, Timestamp::from_millis);
        loaded.add(labels, vec![Sample { at, value: line.value }]);
    };
    parse_text(&bytes, |_| true, keep)
        .with_context(|| format!("`{}` is no page in the text format", page.display()))?;
    Ok(prometheus::instant(text, expr, &loaded, at))
}

/// Says what is wrong in an expression, with a caret under it.
fn complain(text: &str, span: crate::model::Span, what: String, hint: Option<String>) {
    let place = Place::new(&Arc::from("expression"), text, span);
    let problem = Problem { hint, ..Problem::error(place, what) };
    eprintln!("{}", problem.render(std::io::stderr().is_terminal()));
}
