//! The wheel: asks each target when it is due, and sends on what comes of it.
//!
//! In:   jobs, the demand of all rules, a clock, and reloads.
//! Out:  `ScrapeEvent`s: who is discovered, a page for each scrape, who is gone.
//! Not:  no page is kept, nothing is judged, and nothing is retried before its next turn.
//!
//! One task keeps the schedule; each scrape is a task of its own, so that a slow target delays no other. A
//! target's state is locked while it is scraped: a turn that comes meanwhile is left out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::model::{Clock, Labels, TargetKey, Timestamp, format_duration};
use crate::scrape::fetch::{Answer, Fetcher};
use crate::scrape::memory::Memory;
use crate::scrape::page::{Demanded, Read, read_page};
use crate::scrape::schedule::{Rhythm, Schedule};
use crate::scrape::{Job, ScrapeError, Target, TargetErrors, resolve_targets};
use crate::series::{Page, ScrapeReport};

/// Whether some rule wants metrics of a name.
pub type Wanted = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A scrape that begins this little late has its due time as the time of its samples, so that they lie evenly.
const ALIGNED_WITHIN: Duration = Duration::from_millis(2);
/// A page larger than this is read where it keeps no other task waiting.
const LARGE_PAGE_BYTES: usize = 256 << 10;

/// What comes of scraping.
#[derive(Debug, Clone, PartialEq)]
pub enum ScrapeEvent {
    /// All targets that are scraped from now on, with their labels; the first event after a start or a reload.
    Discovered(BTreeMap<TargetKey, Labels>),
    /// A scrape has ended, well or not.
    Page(Page),
    /// A target is no longer scraped since then.
    Gone(TargetKey, Timestamp),
}

/// A running scraper. Dropped without `stop`, it ends by itself.
#[derive(Debug)]
pub struct Scraper {
    plans: UnboundedSender<Plan>,
    stop: CancellationToken,
    wheel: JoinHandle<()>,
}

impl Scraper {
    /// Begins to scrape the targets of `jobs`. Pages go to `pages`; while it is full, those that wait to send
    /// leave out turns.
    ///
    /// # Errors
    /// Where jobs make no targets; nothing runs then.
    pub fn start<C: Clock>(
        clock: C,
        jobs: &[Job],
        wanted: Wanted,
        pages: Sender<ScrapeEvent>,
    ) -> Result<Self, TargetErrors> {
        let (plans, new_plans) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let wheel = Wheel {
            clock,
            pages,
            stop: stop.clone(),
            schedule: Schedule::default(),
            slots: BTreeMap::new(),
            demand: Demand { number: 0, wanted: wanted.clone() },
        };
        let targets = resolve_targets(jobs)?;
        // The receiver is at hand, so this cannot fail.
        let _ = plans.send(Plan { targets, wanted });
        Ok(Self { plans, stop, wheel: tokio::spawn(wheel.turn(new_plans)) })
    }

    /// Goes on with other jobs and another demand. Targets that stay keep their phase, their connections and
    /// what is remembered of their pages.
    ///
    /// # Errors
    /// Where jobs make no targets; all goes on as it was then.
    pub fn reload(&self, jobs: &[Job], wanted: Wanted) -> Result<(), TargetErrors> {
        let targets = resolve_targets(jobs)?;
        // It fails only when nobody listens to the pages any more.
        let _ = self.plans.send(Plan { targets, wanted });
        Ok(())
    }

    /// Ends all scrapes at once and returns when nothing is sent any more.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.wheel.await {
            warn!(%error, "the scraper did not end well");
        }
    }
}

/// What is to be scraped from now on.
struct Plan {
    targets: Vec<Target>,
    wanted: Wanted,
}

/// The demand, with a number of its own.
#[derive(Clone)]
struct Demand {
    number: u64,
    wanted: Wanted,
}

/// What is scraped, and what belongs to it.
struct Slot {
    target: Arc<Target>,
    fetcher: Arc<Fetcher>,
    state: Arc<Mutex<State>>,
    running: Option<AbortHandle>,
}

/// What a target's scrapes leave for the next one.
#[derive(Debug, Default)]
struct State {
    memory: Memory,
    fails: bool,
    has_duplicates: bool,
}

struct Wheel<C> {
    clock: C,
    pages: Sender<ScrapeEvent>,
    stop: CancellationToken,
    schedule: Schedule,
    slots: BTreeMap<TargetKey, Slot>,
    demand: Demand,
}

impl<C: Clock> Wheel<C> {
    async fn turn(mut self, mut plans: UnboundedReceiver<Plan>) {
        loop {
            let next = self.schedule.next();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = self.pages.closed() => break,
                plan = plans.recv() => match plan {
                    Some(plan) => self.follow(plan).await,
                    None => break,
                },
                () = wait(&self.clock, next) => self.begin_due(),
            }
        }
        for slot in self.slots.values() {
            slot.end_scrape().await;
        }
    }

    /// Goes over to another plan, and says who is there and who is gone.
    async fn follow(&mut self, plan: Plan) {
        let now = self.clock.now();
        self.demand = Demand { number: self.demand.number + 1, wanted: plan.wanted };
        let mut before = std::mem::take(&mut self.slots);
        let mut fetchers: BTreeMap<String, Arc<Fetcher>> = BTreeMap::new();
        for slot in before.values() {
            fetchers.entry(slot.target.job.name.clone()).or_insert_with(|| slot.fetcher.clone());
        }
        let mut discovered = BTreeMap::new();
        for target in plan.targets {
            let fetcher = fetchers
                .entry(target.job.name.clone())
                .and_modify(|known| {
                    if !known.serves(&target.job) {
                        *known = Arc::new(Fetcher::new(target.job.clone()));
                    }
                })
                .or_insert_with(|| Arc::new(Fetcher::new(target.job.clone())))
                .clone();
            let rhythm = Rhythm { interval: target.interval, offset: target.offset() };
            self.schedule.set(&target.key, rhythm, now);
            discovered.insert(target.key.clone(), target.identity.clone());
            let slot = match before.remove(&target.key) {
                Some(known) if known.target.job.reads_as(&target.job) => {
                    Slot { target: Arc::new(target), fetcher, ..known }
                }
                known => {
                    if let Some(known) = known {
                        known.end_scrape().await;
                    }
                    Slot { target: Arc::new(target), fetcher, state: Arc::default(), running: None }
                }
            };
            self.slots.insert(slot.target.key.clone(), slot);
        }
        for (key, slot) in &before {
            self.schedule.remove(key);
            slot.end_scrape().await;
        }
        self.send(ScrapeEvent::Discovered(discovered)).await;
        for key in before.into_keys() {
            self.send(ScrapeEvent::Gone(key, now)).await;
        }
    }

    async fn send(&self, event: ScrapeEvent) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            // It fails only when nobody listens any more, which ends the wheel.
            _ = self.pages.send(event) => {}
        }
    }

    fn begin_due(&mut self) {
        for (key, due) in self.schedule.take_due(self.clock.now()) {
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            let Ok(state) = slot.state.clone().try_lock_owned() else { continue };
            let scrape = Scrape {
                clock: self.clock.clone(),
                target: slot.target.clone(),
                fetcher: slot.fetcher.clone(),
                demand: self.demand.clone(),
                due,
            };
            slot.running = Some(tokio::spawn(scrape.run(state, self.pages.clone())).abort_handle());
        }
    }
}

impl Slot {
    /// Ends a scrape that runs, and returns when it has ended.
    async fn end_scrape(&self) {
        if let Some(running) = &self.running {
            running.abort();
        }
        drop(self.state.lock().await);
    }
}

async fn wait<C: Clock>(clock: &C, next: Option<Timestamp>) {
    match next {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// One scrape of one target.
struct Scrape<C> {
    clock: C,
    target: Arc<Target>,
    fetcher: Arc<Fetcher>,
    demand: Demand,
    due: Timestamp,
}

impl<C: Clock> Scrape<C> {
    async fn run(self, mut state: OwnedMutexGuard<State>, pages: Sender<ScrapeEvent>) {
        let begun = self.clock.now();
        let body = self.fetch(begun).await;
        let body_bytes = body.as_ref().map_or(0, |answer| answer.body.len() as u64);
        let (mut read, outcome) = match body {
            Ok(body) => self.read(body, &mut state.memory).await,
            Err(error) => (Read::default(), Err(error)),
        };
        self.say(&mut state, &read, &outcome);
        let histograms = std::mem::take(&mut read.histograms);
        let page = Page {
            target: self.target.key.clone(),
            identity: self.target.identity.clone(),
            at: if begun.since(self.due) <= ALIGNED_WITHIN { self.due } else { begun },
            interval: self.target.interval,
            samples: outcome.map(|()| read.samples).map_err(|error| error.whole()),
            histograms,
            marks_own_times: self.target.job.track_timestamps_staleness,
            report: ScrapeReport {
                duration: self.clock.now().since(begun),
                scraped: read.scraped,
                post_relabel: read.post_relabel,
                body_bytes,
            },
        };
        // It fails only when nobody listens any more. The state stays locked until the page is taken.
        let _ = pages.send(ScrapeEvent::Page(page)).await;
    }

    async fn fetch(&self, begun: Timestamp) -> Result<Answer, ScrapeError> {
        let timeout = self.target.timeout;
        tokio::select! {
            biased;
            body = self.fetcher.fetch(&self.target) => body,
            () = self.clock.sleep_until(begun + timeout) => Err(ScrapeError::Timeout(format_duration(timeout))),
        }
    }

    async fn read(
        &self,
        Answer { body, format }: Answer,
        memory: &mut Memory,
    ) -> (Read, Result<(), ScrapeError>) {
        let (target, demand, is_large) =
            (self.target.clone(), self.demand.clone(), LARGE_PAGE_BYTES <= body.len());
        let mut lent = std::mem::take(memory);
        let read = move || {
            let demanded = Demanded { number: demand.number, wants: &*demand.wanted };
            let answer = read_page(&body, format, &target, demanded, &mut lent);
            (lent, answer)
        };
        let (lent, answer) = if is_large {
            match tokio::task::spawn_blocking(read).await {
                Ok(done) => done,
                Err(error) => return (Read::default(), Err(ScrapeError::Stopped(io::Error::other(error)))),
            }
        } else {
            read()
        };
        *memory = lent;
        answer
    }

    /// Tells operators what changed; what stays as it was is in the pages.
    fn say(&self, state: &mut State, read: &Read, outcome: &Result<(), ScrapeError>) {
        let target = &self.target.key;
        match outcome {
            Err(error) if !state.fails => warn!(%target, error = error.whole(), "a scrape failed"),
            Ok(()) if state.fails => info!(%target, "scrapes work again"),
            _ => {}
        }
        state.fails = outcome.is_err();
        if outcome.is_err() {
            return;
        }
        if let Some(series) = read.duplicate.as_ref().filter(|_| !state.has_duplicates) {
            warn!(%target, %series, samples = read.duplicates, "the page has series twice; the first one stands");
        }
        state.has_duplicates = read.duplicate.is_some();
    }
}
