//! The daemon as a service: signals, the service manager, the exit code.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Config, Sources};
use crate::daemon::descriptors;
use crate::daemon::{Daemon, SystemClock};
use crate::server::ReloadHandle;

/// Within this time of SIGTERM the process has ended, whatever a sink does.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Runs until SIGTERM or SIGINT, or until it cannot go on, which is exit code 1; SIGHUP reloads. A second signal ends at once.
///
/// # Errors
/// Where the daemon cannot start.
pub async fn run(config: Config, sources: Sources) -> anyhow::Result<ExitCode> {
    descriptors::raise();
    let mut hangup = listen_for(SignalKind::hangup())?;
    let mut terminate = listen_for(SignalKind::terminate())?;
    let mut interrupt = listen_for(SignalKind::interrupt())?;

    let loader = Box::new(move || config::load(&sources));
    let daemon = Daemon::start(config, loader, SystemClock).await?;
    tracing::info!(address = %daemon.address(), version = env!("CARGO_PKG_VERSION"), "ready");
    tell_service_manager(&[sd_notify::NotifyState::Ready]);

    // One at a time; a stop does not wait for it.
    let mut reloading = FuturesUnordered::new();
    let code = loop {
        tokio::select! {
            _ = hangup.recv(), if reloading.is_empty() => reloading.push(reload(daemon.reloads())),
            Some(()) = reloading.next() => {}
            why = daemon.failed() => {
                tracing::error!(why, "the daemon cannot go on; it must be started again");
                break ExitCode::FAILURE;
            }
            _ = terminate.recv() => break ExitCode::SUCCESS,
            _ = interrupt.recv() => break ExitCode::SUCCESS,
        }
    };
    tracing::info!("stopping");
    tell_service_manager(&[sd_notify::NotifyState::Stopping]);
    let stopped = tokio::select! {
        stopped = tokio::time::timeout(STOP_WITHIN, daemon.stop()) => stopped.is_ok(),
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    if !stopped {
        tracing::warn!("ended before everything was sent; the rest goes out after the next start");
    }
    Ok(code)
}

async fn reload(handle: ReloadHandle) {
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => tell_service_manager(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "cannot tell the service manager of the reload"),
    }
    // What is wrong has been logged; the old configuration stays in force.
    let _ = handle.reload().await;
    tell_service_manager(&[sd_notify::NotifyState::Ready]);
}

fn listen_for(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot listen for signals")
}

fn tell_service_manager(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "no service manager to tell");
    }
}
