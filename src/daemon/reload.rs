//! Reload: the configuration is read again, checked whole, and put in force in one go, or not at all.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::daemon::pumps::{self, Pumps};
use crate::journal::Journal;
use crate::model::{Clock, Problems};
use crate::pipeline::Inbound;
use crate::promql::Demand;
use crate::scrape::{Scraper, Wanted};
use crate::series::WantedNames;
use crate::server::{Hooks, ReloadHandle, ReloadRequest};
use crate::sinks::Links;

/// Reads the configuration: the checked one with warnings, or why it cannot be used.
pub type Loader = Box<dyn Fn() -> Result<(Config, Problems), Problems> + Send + Sync>;

/// The running pipeline.
pub(super) struct PipelineTask {
    pub task: JoinHandle<()>,
    pub stop: CancellationToken,
}

/// Owns what a reload exchanges, and therefore also stops it.
pub(super) struct Reloader<J, C> {
    pub config: Config,
    pub loader: Loader,
    pub clock: C,
    pub links: Links,
    pub hooks: Hooks,
    pub inbox: mpsc::Sender<Inbound>,
    pub scraper: Scraper,
    pub pumps: Pumps<J, C>,
    pub pipeline: PipelineTask,
}

impl<J: Journal, C: Clock> Reloader<J, C> {
    /// Answers requests until `stop`, then stops the scraper, the pipeline and the pumps in this order, so that
    /// what was decided is committed and what was committed is sent.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<ReloadRequest>,
        handle: ReloadHandle,
        stop: CancellationToken,
    ) {
        // Starts and reloads change which sinks are served.
        let mut look_again_at = self.pumps.expire_unserved().await;
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep_until(look_again_at) => None,
                Some(answer) = requests.recv() => Some(answer),
                else => break,
            };
            if let Some(answer) = answer {
                self.answer(answer, &handle).await;
            }
            look_again_at = self.pumps.expire_unserved().await;
        }
        self.scraper.stop().await;
        self.pipeline.stop.cancel();
        if let Err(error) = self.pipeline.task.await {
            tracing::error!(%error, "the pipeline did not end well");
        }
        self.pumps.stop().await;
    }

    async fn answer(&mut self, request: ReloadRequest, handle: &ReloadHandle) {
        let result = self.reload().await;
        if let Err(problems) = &result {
            tracing::error!(%problems, "cannot reload; the old configuration stays in force");
        }
        handle.ended(self.clock.now(), result.is_ok());
        // Whoever asked may have gone away.
        let _ = request.send(result);
    }

    async fn reload(&mut self) -> Result<(), String> {
        let (mut config, warnings) = (self.loader)().map_err(|problems| problems.to_string())?;
        // Everything that can fail comes first; what follows is put in force as a whole.
        let sinks = pumps::build(&config.sinks, &self.links)?;
        for warning in warnings.iter() {
            tracing::warn!(%warning, "configuration");
        }
        let changed = config::changes(&self.config, &mut config);
        for line in &changed.needs_restart {
            tracing::warn!("{line}");
        }
        let rulebook = config.rulebook();
        self.scraper
            .reload(&config.jobs, wanted(&rulebook.demands()))
            .map_err(|errors| errors.to_string())?;
        self.pumps.reload(sinks);
        self.hooks.store(Arc::new(pumps::hooks(&config.sinks)));
        let (answer, in_force) = oneshot::channel();
        let inbound = Inbound::Reload(Box::new(rulebook), answer);
        if self.inbox.send(inbound).await.is_err() || in_force.await.is_err() {
            return Err("the daemon is stopping".to_owned());
        }
        tracing::info!(changes = %changed, "reloaded the configuration");
        self.config = config;
        Ok(())
    }
}

/// What the scraper asks of a line: whether some rule wants its series.
pub(super) fn wanted(demands: &[Demand]) -> Wanted {
    Arc::new(WantedNames::new(demands))
}
