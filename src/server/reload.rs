//! Asking the daemon to read its configuration again.
//!
//! In:   `POST /-/reload`, SIGHUP.
//! Out:  a request to the daemon, which answers once the new configuration is in force or refused.
//! Not:  nothing is read or checked here.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::model::Timestamp;

/// What became of the last reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadState {
    /// Whether it worked.
    pub successful: bool,
    /// When one last worked; the start counts.
    pub succeeded_at: Timestamp,
}

/// A request; it is answered with every problem in words where there is one.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Asks for reloads.
#[derive(Clone)]
pub struct ReloadHandle {
    requests: mpsc::Sender<ReloadRequest>,
    state: Arc<ArcSwap<ReloadState>>,
}

impl ReloadHandle {
    /// The handle, and where its requests arrive. The start counts as a reload that worked.
    pub fn new(now: Timestamp) -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (requests, received) = mpsc::channel(1);
        let state = ReloadState { successful: true, succeeded_at: now };
        (Self { requests, state: Arc::new(ArcSwap::from_pointee(state)) }, received)
    }

    /// Reloads.
    ///
    /// # Errors
    /// Every problem of the new configuration, in words; the old one stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let stopping = || "the daemon is stopping".to_owned();
        self.requests.send(answer).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }

    /// What became of the last reload.
    pub fn state(&self) -> ReloadState {
        **self.state.load()
    }

    /// Notes how a reload ended.
    pub fn ended(&self, now: Timestamp, successful: bool) {
        let succeeded_at = if successful { now } else { self.state().succeeded_at };
        self.state.store(Arc::new(ReloadState { successful, succeeded_at }));
    }
}
