//! `fogsignal run`: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::cli::logs::{self, LogFormat};
use crate::cli::{UNUSABLE, check};
use crate::config::{self, Sources};
use crate::daemon;

/// Runs the daemon.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The configuration; a Prometheus configuration is enough to start.
    #[arg(
        long = "config.file",
        visible_alias = "config",
        value_name = "FILE",
        default_value = "fogsignal.yml"
    )]
    config_file: PathBuf,
    /// Where the operators' API and /metrics listen (server.listen).
    #[arg(long = "server.listen", visible_alias = "web.listen-address", value_name = "ADDRESS")]
    server_listen: Option<String>,
    /// Where the journal lives (data_dir).
    #[arg(long = "data-dir", visible_alias = "storage.path", value_name = "FOLDER")]
    data_dir: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,fogsignal::scrape=debug`.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info", env = "FOGSIGNAL_LOG")]
    log_level: String,
    /// How it is logged.
    #[arg(long = "log.format", value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
}

/// Runs until a signal asks to stop.
pub fn run(arguments: RunArguments) -> anyhow::Result<ExitCode> {
    logs::start(&arguments.log_level, arguments.log_format)?;
    crate::daemon::install_tls_provider();
    let sources = sources(&arguments);
    let config = match config::load(&sources) {
        Ok((config, warnings)) => {
            check::print(&warnings);
            config
        }
        Err(problems) => {
            check::print(&problems);
            eprintln!("error: the configuration cannot be used; nothing was started");
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the daemon")?;
    runtime.block_on(daemon::run(config, sources))
}

fn sources(arguments: &RunArguments) -> Sources {
    let mut overrides = Vec::new();
    for (key, value) in [("server.listen", &arguments.server_listen), ("data_dir", &arguments.data_dir)] {
        overrides.extend(value.iter().map(|value| (key.to_owned(), value.clone())));
    }
    Sources { file: arguments.config_file.clone(), environment: std::env::vars().collect(), overrides }
}
