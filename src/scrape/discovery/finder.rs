//! The finder: runs the providers, gathers what they find, and makes plans of it.
//!
//! In:   jobs at the start and at each reload, and what providers say.
//! Out:  plans, the newest of which counts.
//! Not:  it waits for no provider: a plan is made of what is known.
//!
//! What changes at once after a quiet time is in the next plan at once; after that it is gathered for a second, so that
//! hundreds of pods that move make a few plans and not hundreds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::{Clock, Timestamp};
use crate::scrape::discovery::found::{Found, Prepared};
use crate::scrape::discovery::provider::{self, ProviderId, Reporter, Update};
use crate::scrape::discovery::{Discovery, DiscoveryView, Target};
use crate::scrape::scraper::{Wanted, wait};

/// At most one plan is made of discoveries in this time.
const GATHERED_FOR: Duration = Duration::from_secs(1);
/// So much may wait to be gathered; past that providers wait.
const UPDATES_WAITING: usize = 64;

/// What is to be scraped from now on.
#[derive(Clone)]
pub(crate) struct Plan {
    /// All targets that are known.
    pub(crate) targets: Vec<Arc<Target>>,
    /// The demand of all rules.
    pub(crate) wanted: Wanted,
    /// Whether what is not among the targets is known to be gone. Until each provider has answered once after a
    /// start it may just not have been found yet.
    pub(crate) is_whole: bool,
    /// Which order this is of.
    pub(crate) order: u64,
}

/// What the configuration says.
pub(crate) struct Orders {
    /// The jobs.
    pub(crate) jobs: Vec<Prepared>,
    /// The demand of all rules.
    pub(crate) wanted: Wanted,
}

/// The task behind it.
pub(crate) struct Finder<C> {
    clock: C,
    found: Arc<Mutex<Found>>,
    wanted: Wanted,
    order: u64,
    was_whole: bool,
    plans: watch::Sender<Option<Plan>>,
    updates: Sender<Update>,
    running: BTreeMap<ProviderId, Running>,
}

/// A provider's task; it ends when this is dropped.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<C: Clock> Finder<C> {
    /// Finds the targets of `orders` and of what follows on the channel.
    pub(crate) fn start(
        clock: C,
        orders: UnboundedReceiver<Orders>,
        plans: watch::Sender<Option<Plan>>,
        stop: CancellationToken,
    ) -> (JoinHandle<()>, DiscoveryView) {
        let (updates, news) = mpsc::channel(UPDATES_WAITING);
        let found = Arc::new(Mutex::new(Found::default()));
        let finder = Self {
            clock,
            found: found.clone(),
            wanted: Arc::new(|_| false),
            order: 0,
            was_whole: false,
            plans,
            updates,
            running: BTreeMap::new(),
        };
        (tokio::spawn(finder.run(orders, news, stop)), DiscoveryView::of(found))
    }

    async fn run(
        mut self,
        mut orders: UnboundedReceiver<Orders>,
        mut news: Receiver<Update>,
        stop: CancellationToken,
    ) {
        let mut planned_at = self.clock.now();
        let mut due: Option<Timestamp> = None;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.plans.closed() => return,
                orders = orders.recv() => match orders {
                    Some(orders) => {
                        self.obey(orders);
                        due = Some(self.clock.now());
                    }
                    None => return,
                },
                () = wait(&self.clock, due) => {
                    self.plan();
                    (planned_at, due) = (self.clock.now(), None);
                }
                Some(Update { from, news }) = news.recv() => {
                    if self.found().take(from, news) {
                        // The second term is for a clock that was set back.
                        let now = self.clock.now();
                        due.get_or_insert((planned_at + GATHERED_FOR).max(now).min(now + GATHERED_FOR));
                    }
                }
            }
        }
    }

    fn obey(&mut self, orders: Orders) {
        self.wanted = orders.wanted;
        self.order += 1;
        let new = self.found().change_jobs(orders.jobs);
        let found = self.found.clone();
        let found = found.lock().unwrap_or_else(PoisonError::into_inner);
        self.running.retain(|id, _| found.providers().contains_key(id));
        new.into_iter().for_each(|(id, settings)| self.begin(id, settings));
    }

    fn begin(&mut self, id: ProviderId, settings: Arc<Discovery>) {
        let reporter = Reporter { id, settings, updates: self.updates.clone(), fault: None };
        let task = tokio::spawn(provider::run(self.clock.clone(), reporter));
        self.running.insert(id, Running(task));
    }

    fn plan(&mut self) {
        let (targets, is_complete) = {
            let mut found = self.found();
            (found.targets(), found.is_complete())
        };
        self.was_whole |= is_complete;
        let plan = Plan { targets, wanted: self.wanted.clone(), is_whole: self.was_whole, order: self.order };
        self.plans.send_replace(Some(plan));
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        // Whoever panicked under the lock, the groups are whole: each is put in its place in one step.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
