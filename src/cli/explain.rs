//! `fogsignal explain`: why a rule says what it says: its expression as a tree with the value of each node.
//!
//! In:   a rule's name; a running daemon, or a configuration.
//! Out:  the tree, and what the rule demands of the window; without a daemon there are no values.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::client::Daemon;
use crate::cli::{FAILED, WELL, check, show};
use crate::config::{self, Sources};
use crate::server::prometheus;

/// Shows a rule's expression as a tree.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The rule's name.
    rule: String,
    /// The group that it is in, where several have a rule of that name.
    #[arg(long)]
    group: Option<String>,
    /// Reads the rule from this configuration instead, and shows no values.
    #[arg(long, visible_alias = "config.file", value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Prints what the API answers.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// Shows it.
pub fn explain(arguments: ExplainArguments) -> anyhow::Result<ExitCode> {
    let answer = match arguments.config {
        Some(file) => {
            let environment = std::env::vars().collect();
            let config = match config::load(&Sources { file, environment, overrides: Vec::new() }) {
                Ok((config, _)) => config,
                Err(problems) => {
                    check::print(&problems);
                    return Ok(ExitCode::from(FAILED));
                }
            };
            let found = prometheus::offline(&config.groups, &arguments.rule, arguments.group.as_deref());
            found.map_err(anyhow::Error::msg)?
        }
        None => {
            let path = "rules/explain?";
            let mut query = form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len());
            query.append_pair("rule", &arguments.rule);
            if let Some(group) = &arguments.group {
                query.append_pair("group", group);
            }
            arguments.daemon.get(&query.finish())?
        }
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&answer)?),
        false => print!("{}", show::explained(&answer)),
    }
    Ok(ExitCode::from(WELL))
}
