//! The command line: one file a command.
//!
//! In:   arguments and the environment.
//! Out:  data on standard output, everything else on standard error, and an exit code: 0 well, 1 a check failed,
//!       2 usage or unreadable input, 3 lint only, with `--lint-fatal`.
//! Not:  no work of its own: each command calls the room that does it.

mod change;
mod check;
mod client;
mod deliveries;
pub mod demo;
mod explain;
mod incident;
mod logs;
mod query;
mod replay;
mod run;
mod schema;
mod show;
mod sink;
mod targets;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything went well.
pub const WELL: u8 = 0;
/// A check failed, or the daemon could not go on.
pub const FAILED: u8 = 1;
/// The call itself is wrong, or what it names cannot be read.
pub const UNUSABLE: u8 = 2;
/// Only lint was found, and `--lint-fatal` asks to fail for it.
pub const LINT: u8 = 3;

/// Watches Prometheus metrics, opens incidents by itself and tells people the truth about them.
#[derive(Debug, Parser)]
#[command(name = "fogsignal", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon.
    Run(run::RunArguments),
    /// Checks files without running anything.
    #[command(subcommand)]
    Check(check::CheckCommand),
    /// Looks at incidents of a running daemon, and gives commands about them.
    Incident(incident::IncidentArguments),
    /// Tells a running daemon that something rolled out.
    Change(change::ChangeArguments),
    /// Looks at messages of a running daemon to sinks, and sends again or drops those that did not arrive.
    Deliveries(deliveries::DeliveriesArguments),
    /// Lists the sinks of a configuration, and tries one.
    Sink(sink::SinkArguments),
    /// Lists who is scraped by a running daemon, and how that goes.
    Targets(targets::TargetsArguments),
    /// Evaluates an expression over what a running daemon keeps, or over a page of metrics.
    Query(query::QueryArguments),
    /// Shows a rule's expression as a tree, with the value of each node in a running daemon.
    Explain(explain::ExplainArguments),
    /// Tests what rules and policies do, without running the daemon.
    #[command(subcommand)]
    Test(test::TestCommand),
    /// Lives through a scenario (.scn) in virtual time and tells the story.
    Replay(replay::ReplayArguments),
    /// Shows the daemon at work on a simulated platform that lives through a day with an incident.
    Demo(demo::DemoArguments),
    /// Prints the JSON Schema of a kind of file, for editors.
    Schema(schema::SchemaArguments),
}

/// Reads the arguments and does what they ask.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(command) => Ok(check::check(command)),
        Command::Incident(arguments) => incident::incident(arguments),
        Command::Change(arguments) => change::change(arguments),
        Command::Deliveries(arguments) => deliveries::deliveries(arguments),
        Command::Sink(arguments) => sink::sink(arguments),
        Command::Targets(arguments) => targets::targets(&arguments),
        Command::Query(arguments) => query::query(&arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Test(command) => test::test(command),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Demo(arguments) => demo::demo(arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(FAILED)
    })
}
