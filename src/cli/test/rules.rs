//! `fogsignal test rules`: unit tests of rules as promtool runs them, and scripts of PromQL.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use regex::Regex;

use super::junit;
use crate::cli::check;
use crate::cli::{FAILED, LINT, UNUSABLE, WELL};
use crate::config::Disk;
use crate::model::Problems;
use crate::replay::rule_tests::{self, Options, Tested};
use crate::rules::UnknownKeys;

/// Which tests, and what to do with them.
#[derive(Debug, Args)]
pub struct RuleArguments {
    /// The files of tests; one that ends in `.test` is a script of PromQL.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Runs only groups of tests whose name fits this regular expression; may be given several times.
    #[arg(long, value_name = "NAME")]
    run: Vec<String>,
    /// Reads rule files that have keys which nobody knows.
    #[arg(long)]
    ignore_unknown_fields: bool,
    /// Writes a JUnit report, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Ends with exit code 3 where the rules have lint and every test passes.
    #[arg(long)]
    lint_fatal: bool,
}

/// How a file came out.
type Verdict = Result<Tested, Problems>;

/// Tests, and says how each group came out.
pub fn test(arguments: &RuleArguments) -> anyhow::Result<ExitCode> {
    let only = match arguments.run.as_slice() {
        [] => None,
        patterns => match Regex::new(&patterns.join("|")) {
            Ok(only) => Some(only),
            Err(error) => {
                eprintln!("error: `--run` is not a usable regular expression: {error}");
                return Ok(ExitCode::from(UNUSABLE));
            }
        },
    };
    let unknown_keys =
        if arguments.ignore_unknown_fields { UnknownKeys::Ignore } else { UnknownKeys::Refuse };
    let options = Options { only, unknown_keys };
    let mut verdicts: Vec<(String, Verdict)> = Vec::new();
    for file in &arguments.files {
        let verdict = rule_tests::test(file, &Disk, &options);
        tell(file, &verdict);
        verdicts.push((file.display().to_string(), verdict));
    }
    if let Some(path) = &arguments.junit {
        fs::write(path, report(&verdicts))
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let tested = || verdicts.iter().filter_map(|(_, verdict)| verdict.as_ref().ok());
    let cases = tested().map(|tested| tested.cases.len()).sum::<usize>();
    let failed = tested().flat_map(|tested| &tested.cases).filter(|case| !case.failures.is_empty()).count();
    let unusable = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).count();
    let has_lint = tested().any(|tested| !tested.lint.is_empty());
    println!("{cases} groups of tests: {failed} failed; {unusable} files cannot be used");
    Ok(ExitCode::from(match (unusable, failed) {
        (1.., _) => UNUSABLE,
        (0, 1..) => FAILED,
        (0, 0) if has_lint && arguments.lint_fatal => LINT,
        (0, 0) => WELL,
    }))
}

fn tell(file: &Path, verdict: &Verdict) {
    let file = file.display();
    match verdict {
        Ok(tested) => {
            for case in &tested.cases {
                let word = if case.failures.is_empty() { "ok      " } else { "failed  " };
                let of = format!("{file}");
                println!(
                    "{word} {of}{}",
                    if case.name == of { String::new() } else { format!(": {}", case.name) }
                );
                for failure in &case.failures {
                    println!("  {}", failure.replace('\n', "\n  "));
                }
            }
            if tested.cases.is_empty() {
                println!("no tests {file}");
            }
            check::print(&tested.lint);
        }
        Err(problems) => {
            println!("unusable {file}");
            eprintln!("{}", problems.render(std::io::stderr().is_terminal()));
        }
    }
}

/// A report as CI systems read it.
fn report(verdicts: &[(String, Verdict)]) -> String {
    let mut cases = Vec::new();
    for (file, verdict) in verdicts {
        match verdict {
            Ok(tested) => cases.extend(tested.cases.iter().map(|case| junit::Case {
                class: file,
                name: &case.name,
                outcome: match case.failures.as_slice() {
                    [] => junit::Outcome::Passed,
                    failures => junit::Outcome::Failed(failures.join("\n")),
                },
            })),
            Err(problems) => cases.push(junit::Case {
                class: file,
                name: file,
                outcome: junit::Outcome::Unusable(problems.to_string()),
            }),
        }
    }
    junit::report("rules", &cases)
}
