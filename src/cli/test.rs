//! `fogsignal test scenarios|rules`: lives through scenarios in virtual time, or runs unit tests of rules, and
//! compares what comes of them with what they expect.

mod junit;
mod rules;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cli::{FAILED, UNUSABLE, WELL};
use crate::replay::{self, Played};

/// What to test.
#[derive(Debug, Subcommand)]
pub enum TestCommand {
    /// Lives through scenarios (.scn) and compares what happens with what they expect.
    Scenarios(ScenarioArguments),
    /// Runs unit tests of rules (as promtool's) and scripts of PromQL (.test).
    Rules(rules::RuleArguments),
}

/// Which scenarios, and what to do with them.
#[derive(Debug, Args)]
pub struct ScenarioArguments {
    /// The scenarios.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Writes what happened into the files.
    #[arg(long)]
    bless: bool,
    /// Writes a JUnit report, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// How one scenario came out.
enum Verdict {
    Same,
    Blessed,
    /// With the diff.
    Differs(String),
    /// With what is wrong in it.
    Unusable(String),
}

/// Tests, and says how each came out.
pub fn test(command: TestCommand) -> anyhow::Result<ExitCode> {
    let arguments = match command {
        TestCommand::Scenarios(arguments) => arguments,
        TestCommand::Rules(arguments) => return rules::test(&arguments),
    };
    let mut verdicts = Vec::new();
    for file in &arguments.files {
        let verdict = try_one(file, arguments.bless)?;
        tell(file, &verdict);
        verdicts.push((file.display().to_string(), verdict));
    }
    if let Some(path) = &arguments.junit {
        fs::write(path, report(&verdicts))
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    let differ = count(|verdict| matches!(verdict, Verdict::Differs(_)));
    let unusable = count(|verdict| matches!(verdict, Verdict::Unusable(_)));
    println!("{} scenarios: {differ} differ, {unusable} cannot be used", verdicts.len());
    Ok(ExitCode::from(match (unusable, differ) {
        (1.., _) => UNUSABLE,
        (0, 1..) => FAILED,
        (0, 0) => WELL,
    }))
}

fn try_one(file: &Path, bless: bool) -> anyhow::Result<Verdict> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            return Ok(Verdict::Unusable(format!("error: cannot read `{}`: {error}", file.display())));
        }
    };
    Ok(match replay::play(file, &text) {
        Err(error) => Verdict::Unusable(replay::problems_of(error).render(std::io::stderr().is_terminal())),
        Ok(Played { blessed, .. }) if bless && blessed != text => {
            fs::write(file, blessed).with_context(|| format!("`{}` cannot be written", file.display()))?;
            let again = fs::read_to_string(file).unwrap_or_default();
            match replay::play(file, &again) {
                Ok(Played { differences, .. }) if differences.is_empty() => Verdict::Blessed,
                Ok(Played { differences, .. }) => Verdict::Differs(differences),
                Err(error) => Verdict::Unusable(replay::problems_of(error).to_string()),
            }
        }
        Ok(Played { differences, .. }) if differences.is_empty() => Verdict::Same,
        Ok(Played { differences, .. }) => Verdict::Differs(differences),
    })
}

fn tell(file: &Path, verdict: &Verdict) {
    let file = file.display();
    match verdict {
        Verdict::Same => println!("ok       {file}"),
        Verdict::Blessed => println!("blessed  {file}"),
        Verdict::Differs(differences) => println!("differs  {file}\n{differences}"),
        Verdict::Unusable(problems) => {
            println!("unusable {file}");
            eprintln!("{problems}");
        }
    }
}

/// A report as CI systems read it.
fn report(verdicts: &[(String, Verdict)]) -> String {
    let cases = verdicts.iter().map(|(name, verdict)| junit::Case {
        class: "scenarios",
        name,
        outcome: match verdict {
            Verdict::Same | Verdict::Blessed => junit::Outcome::Passed,
            Verdict::Differs(text) => junit::Outcome::Failed(text.clone()),
            Verdict::Unusable(text) => junit::Outcome::Unusable(text.clone()),
        },
    });
    junit::report("scenarios", &cases.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_differs() {
        let verdicts = [
            ("a.scn".to_owned(), Verdict::Same),
            ("b.scn".to_owned(), Verdict::Differs("- \"x\" <y>\u{1b}".to_owned())),
        ];
        let report = report(&verdicts);
        assert!(report.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{report}");
        assert!(report.contains("<failure>- &quot;x&quot; &lt;y&gt;</failure>"), "{report}");
    }
}
