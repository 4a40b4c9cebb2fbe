//! `fogsignal replay`: lives through a scenario and tells the story.

use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::cli::{UNUSABLE, check};
use crate::replay;

/// Which scenario, and how it is told.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The scenario (.scn).
    file: PathBuf,
    /// How it is told.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For machines; `fogsignal schema replay` has its schema.
    Json,
    /// For a review.
    Markdown,
}

/// Tells the story on standard output, and how fast it went on standard error.
pub fn replay(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("error: cannot read `{}`: {error}", file.display());
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let began = Instant::now();
    let lived = replay::parse(file, &text)
        .map_err(replay::RunError::Unusable)
        .and_then(|scenario| replay::run(&scenario).map(|record| (scenario, record)));
    let (scenario, record) = match lived {
        Ok(lived) => lived,
        Err(error) => {
            eprintln!("{}", replay::problems_of(error).render(std::io::stderr().is_terminal()));
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let took = began.elapsed();
    check::print(&record.warnings);
    let report = replay::report(&scenario, &record);
    match arguments.format {
        Format::Text => print!("{}", replay::text(&report)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Format::Markdown => print!("{}", replay::markdown(&report)),
    }
    let ratio = record.lasted.as_secs_f64() / took.as_secs_f64().max(1e-6);
    eprintln!(
        "{:.0} s in {:.2} s: {ratio:.0} times as fast as real time",
        record.lasted.as_secs_f64(),
        took.as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}
