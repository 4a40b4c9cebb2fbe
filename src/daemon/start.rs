//! How the house starts and stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::daemon::failures::Failures;
use crate::daemon::inbox::DaemonInbox;
use crate::daemon::pumps::{self, Pumps};
use crate::daemon::reload::{self, Loader, Reloader};
use crate::daemon::{checkpoint, emergency, freed};
use crate::journal::{Journal, JournalError, Sqlite};
use crate::model::Clock;
use crate::outbox::OutboxView;
use crate::pipeline::{House, Pipeline, SharedHouse};
use crate::scrape::Scraper;
use crate::server::{self, Face, Hooks, LinkKey, Queries, ReloadHandle};

/// Pages that may wait for the pipeline; past that scrapes wait, and are late.
const PAGES_WAITING: usize = 1024;
/// Other things that may wait for the pipeline.
const INBOX_LENGTH: usize = 256;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for the journal cannot be made.
    #[error("cannot make the data directory `{path}` (hint: set `data_dir` to a folder that may be written)")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The journal cannot be used.
    #[error("cannot open the journal")]
    Journal(#[from] JournalError),
    /// The listener cannot be had.
    #[error(
        "cannot listen on {address} (hint: another program may use the port; `server.listen` chooses another)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A part of the configuration turned out to be unusable.
    #[error("{0}")]
    Unusable(String),
}

/// The running daemon.
pub struct Daemon {
    address: SocketAddr,
    reload: ReloadHandle,
    stop: CancellationToken,
    failed: watch::Receiver<Option<String>>,
    tasks: Vec<JoinHandle<()>>,
    /// Writes the last checkpoint when it is stopped, after everything else.
    keeper: (CancellationToken, JoinHandle<()>),
}

impl Daemon {
    /// Starts everything; returns once the listener answers and the first scrapes are scheduled. `loader` reads
    /// the configuration again for a reload.
    ///
    /// # Errors
    /// Where the journal or the listener cannot be had. Nothing is left running then.
    pub async fn start<C: Clock>(config: Config, loader: Loader, clock: C) -> Result<Self, StartError> {
        let data_dir = |source| StartError::DataDir { path: config.data_dir.clone(), source };
        std::fs::create_dir_all(&config.data_dir).map_err(data_dir)?;
        let key = LinkKey::open(&config.data_dir).map_err(data_dir)?;
        let valid_for = config.server.links_valid_for;
        let links = config.server.external_url.as_ref().map(|url| key.links(url, valid_for));
        let links = links.unwrap_or_default();
        let sinks = pumps::build(&config.sinks, &links).map_err(StartError::Unusable)?;
        let listener = TcpListener::bind(config.server.listen)
            .await
            .map_err(|source| StartError::Listen { address: config.server.listen, source })?;
        let address = listener.local_addr().unwrap_or(config.server.listen);
        let journal = Sqlite::open(&config.data_dir.join("journal.db"), clock.now())?;
        let mut house = House::new(config.rulebook(), journal.load().await?, clock.now());
        checkpoint::restore(&config.data_dir, &mut house, clock.now());
        let scraped_before = house.window.last_scrapes();
        let house = SharedHouse::new(house);

        let data_dir = config.data_dir.clone();
        let stop = CancellationToken::new();
        let pipeline_stop = CancellationToken::new();
        let failures = Failures::default();
        let (pages, scraped) = mpsc::channel(PAGES_WAITING);
        let (inbox, inbound) = mpsc::channel(INBOX_LENGTH);
        let (committed, commits) = watch::channel(());
        let fates = Arc::new(Notify::new());
        let wanted = reload::wanted(&house.read().rulebook().demands());
        let scraper = Scraper::start(clock.clone(), &config.jobs, wanted, scraped_before, pages)
            .map_err(|errors| StartError::Unusable(errors.to_string()))?;
        // From here on nothing can fail.
        let pumps =
            Pumps::start(journal.clone(), clock.clone(), sinks, commits, fates.clone(), failures.clone());
        let outbox = pumps.view();
        let inbound = DaemonInbox {
            pages: scraped,
            others: inbound,
            fates,
            stop: pipeline_stop.clone(),
            house_stop: stop.clone(),
            failures: failures.clone(),
        };
        let wakes = committed.clone();
        let pipeline = Pipeline::new(journal.clone(), clock.clone(), inbound, house.clone(), committed);
        let guard = |what: &str, stop: &CancellationToken, work: BoxFuture<'static, ()>| {
            tokio::spawn(failures.clone().guard(what.to_owned(), stop.clone(), work))
        };
        let task = guard("the pipeline", &pipeline_stop, pipeline.run().boxed());
        let pipeline = reload::PipelineTask { task, stop: pipeline_stop };
        let (reload, requests) = ReloadHandle::new(clock.now());
        let hooks = Hooks::from(ArcSwap::from_pointee(pumps::hooks(&config.sinks)));
        let face = Face {
            house: house.clone(),
            journal,
            reload: reload.clone(),
            outbox: outbox.clone(),
            discovery: scraper.discovery(),
            inbox: inbox.clone(),
            clock: clock.clone(),
            links: key,
            hooks: hooks.clone(),
            queries: Queries::default(),
            committed: wakes,
        };
        let reloader =
            Reloader { config, loader, clock: clock.clone(), links, hooks, inbox, scraper, pumps, pipeline };
        let keeper_stop = CancellationToken::new();
        let keeper = checkpoint::keep(data_dir, house.clone(), clock.clone(), keeper_stop.clone());
        let keeper = (keeper_stop.clone(), guard("the checkpoints", &keeper_stop, keeper.boxed()));
        let watch = emergency::watch(clock.clone(), house, outbox.clone(), stop.clone());
        let (told, failed) = watch::channel(None);
        let tasks = vec![
            guard("the operators' listener", &stop, server::serve(listener, face, stop.clone()).boxed()),
            guard("the reloader", &stop, reloader.run(requests, reload.clone(), stop.clone()).boxed()),
            guard("the watch over the journal", &stop, watch.boxed()),
            guard("the care for free memory", &stop, freed::give_back(clock.clone(), stop.clone()).boxed()),
            tokio::spawn(tell_failure(failures.clone(), clock, outbox, told, stop.clone())),
        ];
        Ok(Self { address, reload, stop, failed, tasks, keeper })
    }

    /// Where the operators' listener is; its real port where the configuration asked for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How to ask for a reload.
    pub fn reloads(&self) -> ReloadHandle {
        self.reload.clone()
    }

    /// Waits until the daemon cannot go on, and says why; responders have been told then, as far as they could be.
    pub async fn failed(&self) -> String {
        match self.failed.clone().wait_for(Option::is_some).await.as_deref() {
            Ok(Some(why)) => why.clone(),
            Ok(None) | Err(_) => "the daemon has stopped".to_owned(),
        }
    }

    /// Stops: commits what was decided, sends what was committed as far as the pumps' deadline allows.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the daemon did not end well");
            }
        }
        let (stop, keeper) = self.keeper;
        stop.cancel();
        if let Err(error) = keeper.await {
            tracing::error!(%error, "the last checkpoint was not written");
        }
    }
}

/// Tells responders of the first failure, then whoever waits for it.
async fn tell_failure<C: Clock>(
    failures: Failures,
    clock: C,
    outbox: OutboxView,
    told: watch::Sender<Option<String>>,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        why = failures.first() => {
            emergency::tell_the_end(&clock, &why, &outbox).await;
            told.send_replace(Some(why));
            stop.cancelled().await;
        }
    }
}
