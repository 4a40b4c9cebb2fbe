//! `fogsignal check config|rules`: every problem at once, with its place.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{FAILED, LINT, UNUSABLE, WELL};
use crate::config::{self, Files, Sources};
use crate::model::{Level, Problem, Problems};

/// What to check.
#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// Checks a configuration and the rule files that it names.
    Config {
        /// The configuration.
        file: PathBuf,
        #[command(flatten)]
        lint: Lint,
    },
    /// Checks rule files.
    Rules {
        /// The rule files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        lint: Lint,
    },
}

/// What to do about lint.
#[derive(Debug, Args)]
pub struct Lint {
    /// Ends with exit code 3 where there are warnings and no errors.
    #[arg(long)]
    lint_fatal: bool,
}

/// Checks, prints every problem, and says in one line what was found.
pub fn check(command: CheckCommand) -> ExitCode {
    let (files, lint) = match &command {
        CheckCommand::Config { file, lint } => (std::slice::from_ref(file), lint),
        CheckCommand::Rules { files, lint } => (files.as_slice(), lint),
    };
    if let Some(problem) = unreadable(files) {
        print(&problem.into());
        return ExitCode::from(UNUSABLE);
    }
    let (problems, found) = match &command {
        CheckCommand::Config { file, .. } => check_config(file),
        CheckCommand::Rules { files, .. } => {
            (config::check_rules(files), format!("{} rule files", files.len()))
        }
    };
    print(&problems);
    let errors = problems.iter().filter(|problem| problem.level == Level::Error).count();
    let warnings = problems.iter().len() - errors;
    let code = match (errors, warnings) {
        (0, 1..) if lint.lint_fatal => LINT,
        (0, _) => WELL,
        _ => FAILED,
    };
    println!("{}: {found}; {errors} errors, {warnings} warnings", if errors == 0 { "ok" } else { "failed" });
    ExitCode::from(code)
}

/// The first of the files that cannot be read: then the call itself is wrong.
fn unreadable(files: &[PathBuf]) -> Option<Problem> {
    files.iter().find_map(|file| {
        let error = config::Disk.read(file).err()?;
        Some(Problem::error(None, format!("cannot read `{}`: {error}", file.display())))
    })
}

fn check_config(file: &Path) -> (Problems, String) {
    let environment = std::env::vars().collect();
    match config::load(&Sources { file: file.to_owned(), environment, overrides: Vec::new() }) {
        Ok((config, warnings)) => {
            let rules: usize = config.groups.iter().map(|group| group.rules.len()).sum();
            let (jobs, components, sinks) =
                (config.jobs.len(), config.graph.iter().count(), config.sinks.len());
            (warnings, format!("{jobs} jobs, {rules} rules, {components} components, {sinks} sinks"))
        }
        Err(problems) => (problems, file.display().to_string()),
    }
}

/// Prints problems to standard error: with source lines.
pub fn print(problems: &Problems) {
    if !problems.is_empty() {
        eprintln!("{}", problems.render(io::stderr().is_terminal()));
    }
}
