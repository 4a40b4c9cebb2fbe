//! `fogsignal schema config|rules`: JSON Schemas for editors.

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
}

/// Prints it.
pub fn schema(arguments: &SchemaArguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.kind {
        Kind::Config => schemas::config(),
        Kind::Rules => schemas::rules(),
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
