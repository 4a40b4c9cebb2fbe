//! The command itself: its arguments, and the daemon that it starts.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::logs::{self, LogFormat};
use crate::config::{self, Sources};
use crate::daemon::{self, Daemon};

use super::{DemoOptions, Started, WarpClock, run};

/// Shows the daemon at work on a simulated platform that lives through a day with an incident.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Ends after the resolution, with exit code 0 only if everything went in order.
    #[arg(long)]
    once: bool,
    /// Writes the demo's configuration and rules into this folder, to read, and runs nothing.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// What the daemon logs meanwhile, on standard error.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "error")]
    log_level: String,
}

/// Runs it.
pub fn demo(arguments: DemoArguments) -> anyhow::Result<ExitCode> {
    logs::start(&arguments.log_level, LogFormat::Human)?;
    daemon::install_tls_provider();
    let options = DemoOptions { once: arguments.once, write: arguments.write };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the demo")?;
    runtime.block_on(run(options, start))
}

async fn start(file: PathBuf, clock: WarpClock) -> anyhow::Result<Started> {
    let sources = Sources { file, ..Sources::default() };
    let (config, _) = config::load(&sources).context("the demo's configuration cannot be used")?;
    let daemon = Daemon::start(config, Box::new(move || config::load(&sources)), clock).await?;
    let (api, stop) = (daemon.address(), CancellationToken::new());
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        stopped.cancelled().await;
        daemon.stop().await;
        Ok(())
    });
    Ok(Started { api, running, stop })
}
