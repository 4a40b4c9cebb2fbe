//! `fogsignal change`: tells the daemon that something rolled out. Made for the end of a pipeline that deploys.

use std::process::ExitCode;

use clap::Args;

use crate::cli::client::Speaker;
use crate::cli::{WELL, show};
use crate::server::ask::ChangeBody;

/// Tells the daemon that something rolled out, so that it can be suspected.
#[derive(Debug, Args)]
pub struct ChangeArguments {
    #[command(flatten)]
    change: ChangeBody,
    #[command(flatten)]
    speaker: Speaker,
}

/// Tells it.
pub fn change(arguments: ChangeArguments) -> anyhow::Result<ExitCode> {
    let ChangeArguments { change, speaker } = arguments;
    let body = ChangeBody { by: speaker.name().ok(), ..change };
    let answer = speaker.post("changes", &serde_json::to_value(&body)?)?;
    match show::events(&answer["events"]) {
        known if known.is_empty() => println!("known already: {}", show::change(&answer["change"])),
        lines => {
            println!("noted: {}", show::change(&answer["change"]));
            // What follows from it in incidents; the change itself has been said.
            lines.lines().filter(|line| line.starts_with("INC-")).for_each(|line| println!("{line}"));
        }
    }
    Ok(ExitCode::from(WELL))
}
