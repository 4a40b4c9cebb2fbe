//! `fogsignal targets`: who is scraped, and how the last scrape of each went.
//!
//! In:   a running daemon; which targets.
//! Out:  a line for each target, its error below it; with `--fail-on-down`, exit code 1 where one is down.
//! Not:  nothing is scraped.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::Daemon;
use crate::cli::{FAILED, WELL, show};

/// Lists targets.
#[derive(Debug, Args)]
pub struct TargetsArguments {
    /// Those of this job.
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Those whose last scrape failed.
    #[arg(long)]
    down: bool,
    /// Ends with exit code 1 where one of those that are listed is down.
    #[arg(long)]
    fail_on_down: bool,
    /// Prints what the API answers, of those that are listed.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// Lists them.
pub fn targets(arguments: &TargetsArguments) -> anyhow::Result<ExitCode> {
    let job = arguments.job.iter().map(|job| ("scrapePool", job.clone()));
    let asked: Vec<(&str, String)> = [("state", "active".to_owned())].into_iter().chain(job).collect();
    let mut answer = arguments.daemon.look("/api/v1/targets", &asked)?;
    let is_down = |target: &Value| target["health"] == "down";
    if let Some(targets) = answer["data"]["activeTargets"].as_array_mut().filter(|_| arguments.down) {
        targets.retain(is_down);
    }
    let listed = &answer["data"]["activeTargets"];
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&json!({ "activeTargets": listed }))?);
    } else {
        print!("{}", show::targets(listed));
    }
    let fails = arguments.fail_on_down && listed.as_array().is_some_and(|all| all.iter().any(is_down));
    Ok(ExitCode::from(if fails { FAILED } else { WELL }))
}
