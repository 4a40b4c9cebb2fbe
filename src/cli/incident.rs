//! `fogsignal incident …`: looks at incidents, and tells the daemon what operators say of them.
//!
//! In:   a command of `server::ask`, which is also what the API reads: each is a subcommand here, with the incident as
//!       its first argument.
//! Out:  what came of it, one event a line; the API's error where it was refused.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use serde_json::Value;

use crate::cli::client::Speaker;
use crate::cli::{UNUSABLE, WELL, show};
use crate::server::ask::{Ask, CommandBody, IncidentName};

const INCIDENT: &str = "incident";

/// Looks at incidents and gives commands about them.
#[derive(Debug, Args)]
pub struct IncidentArguments {
    #[command(subcommand)]
    command: IncidentCommand,
    #[command(flatten)]
    speaker: Speaker,
}

/// What to do about incidents.
#[derive(Debug, Clone, PartialEq)]
pub enum IncidentCommand {
    /// Shows all of them.
    List,
    /// Shows one.
    Show(IncidentName),
    /// Tells the daemon something about one.
    Tell(IncidentName, Ask),
}

impl Subcommand for IncidentCommand {
    fn augment_subcommands(command: Command) -> Command {
        let list = Command::new("list").about("Lists the incidents, the newest first");
        let show = with_incident(Command::new("show").about("Shows an incident"));
        let asks = Ask::augment_subcommands(Command::new("ask"));
        let told = asks.get_subcommands().cloned().map(with_incident);
        // Behind the two that only look.
        let told = (2..).zip(told).map(|(place, told)| told.display_order(place));
        command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands([list, show])
            .subcommands(told)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        ["list", "show"].contains(&name) || Ask::has_subcommand(name)
    }
}

impl FromArgMatches for IncidentCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let incident = |of: &ArgMatches| {
            of.get_one(INCIDENT)
                .copied()
                .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument))
        };
        match matches.subcommand() {
            Some(("show", of)) => incident(of).map(Self::Show),
            Some(("list", _)) | None => Ok(Self::List),
            Some((_, of)) => Ok(Self::Tell(incident(of)?, Ask::from_arg_matches(matches)?)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The incident becomes the first argument, before the command's own.
fn with_incident(command: Command) -> Command {
    let mut place = 1;
    let command = command.mut_args(|arg| {
        if !arg.is_positional() {
            return arg;
        }
        place += 1;
        arg.index(place)
    });
    let incident = Arg::new(INCIDENT)
        .value_name("INCIDENT")
        .help("The incident's id, such as INC-1")
        .index(1)
        .required(true);
    command.arg(incident.value_parser(str::parse::<IncidentName>))
}

/// Does what is asked.
pub fn incident(arguments: IncidentArguments) -> anyhow::Result<ExitCode> {
    let IncidentArguments { command, speaker } = arguments;
    match command {
        IncidentCommand::List => print!("{}", show::list(&speaker.get("incidents")?)),
        IncidentCommand::Show(name) => {
            print!("{}", show::incident(&speaker.get(&format!("incidents/{}", name.0))?));
        }
        IncidentCommand::Tell(incident, ask) => {
            let by = match speaker.name() {
                Ok(by) => by,
                Err(why) => {
                    eprintln!("error: {why}");
                    return Ok(ExitCode::from(UNUSABLE));
                }
            };
            let body = CommandBody { incident, by, ask }.write()?;
            print!("{}", happened(&speaker.post("commands", &body)?));
        }
    }
    Ok(ExitCode::from(WELL))
}

/// What came of it.
fn happened(answer: &Value) -> String {
    match show::events(&answer["events"]) {
        nothing if nothing.is_empty() => "nothing to do: it is so already\n".to_owned(),
        lines => lines,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Arguments;
    use crate::model::IncidentId;

    fn parse(line: &str) -> Result<IncidentCommand, clap::Error> {
        match Arguments::try_parse_from(words(line))?.command {
            crate::cli::Command::Incident(arguments) => Ok(arguments.command),
            other => panic!("{other:?} is no command about incidents"),
        }
    }

    /// As a shell takes a line apart, as far as our examples need it.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(nth, part)| match nth % 2 {
            1 => vec![part.to_owned()],
            _ => part.split_whitespace().map(str::to_owned).collect(),
        });
        words.collect()
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_incident_comes_first() {
        let tell = |line| match parse(line) {
            Ok(IncidentCommand::Tell(name, ask)) => (name.0, ask),
            other => panic!("{other:?}"),
        };
        let (id, ask) = tell("fogsignal incident note INC-4 'looking into it' --by ana");
        assert_eq!((id, ask), (IncidentId(4), Ask::Note { text: "looking into it".to_owned() }));
        let (id, ask) = tell("fogsignal incident split 4 A B");
        assert_eq!((id, ask), (IncidentId(4), Ask::Split { alerts: vec!["A".to_owned(), "B".to_owned()] }));
        assert_eq!(parse("fogsignal incident list").unwrap(), IncidentCommand::List);
        assert_eq!(
            parse("fogsignal incident show INC-2").unwrap(),
            IncidentCommand::Show(IncidentName(IncidentId(2)))
        );
        for wrong in
            ["ack", "ack one", "note INC-1", "status INC-1 resolved", "shout INC-1", "split INC-1", ""]
        {
            let error = parse(&format!("fogsignal incident {wrong}")).expect_err(wrong);
            assert_eq!(error.exit_code(), 2, "{wrong}: {error}");
        }
    }

    /// The rows of the table of commands: name, fields, command line.
    fn documented() -> Vec<[String; 3]> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
        let text = std::fs::read_to_string(path).expect("docs/operating.md is there");
        let chapter = text.split("## Commands\n").nth(1).expect("it has a chapter on commands");
        let rows = chapter.lines().skip_while(|line| !line.starts_with("| `command`"));
        let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
        let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        rows.map(|row| match &cells(row)[..] {
            [_, name, fields, line, ..] => [name.clone(), fields.clone(), line.clone()],
            other => panic!("not a row: {other:?}"),
        })
        .collect()
    }

    #[test]
    fn the_manual_the_command_line_and_the_api_say_the_same() {
        let mut told = BTreeSet::new();
        for [name, fields, line] in documented() {
            let line = line.trim_matches('`').to_owned();
            let parsed = parse(&line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
            let IncidentCommand::Tell(incident, ask) = parsed else { panic!("`{line}` tells nothing") };
            let body = CommandBody { incident, by: "ana".to_owned(), ask }.write().expect("it is written");
            assert_eq!(format!("`{}`", body["command"].as_str().expect("a name")), name, "{line}");
            let sent: BTreeSet<String> =
                body.as_object().expect("an object").keys().map(|key| format!("`{key}`")).collect();
            let common = ["`incident`", "`by`", "`command`"].map(str::to_owned);
            let expected: BTreeSet<String> = fields
                .split(',')
                .map(|field| field.trim().replace('?', ""))
                .filter(|field| !field.is_empty())
                .chain(common)
                .collect();
            assert_eq!(sent, expected, "{line}");
            let name = words(&line)[2].clone();
            told.insert(name);
        }
        let commands = Ask::augment_subcommands(Command::new("ask"));
        let known: BTreeSet<String> =
            commands.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        assert_eq!(told, known, "the manual on the left, the command line on the right");
    }
}
