//! `fogsignal schema config|rules|adapter|replay`: JSON Schemas for editors and checks.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config::schema as schemas;

/// Which schema.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// The kind of file.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// The configuration.
    Config,
    /// Rule files.
    Rules,
    /// Definitions of adapters.
    Adapter,
    /// What `fogsignal replay --format json` prints.
    Replay,
}

/// Prints it.
pub fn schema(arguments: &SchemaArguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.kind {
        Kind::Config => schemas::config(),
        Kind::Rules => schemas::rules(),
        Kind::Adapter => schemas::adapter(),
        Kind::Replay => crate::replay::schema(),
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
