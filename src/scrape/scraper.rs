//! The wheel: asks each target when it is due, and sends on what comes of it.
//!
//! In:   jobs, the demand of all rules, a clock, and reloads; plans, which `discovery` makes of the jobs.
//! Out:  `ScrapeEvent`s: who is discovered, a page for each scrape, who is gone.
//! Not:  no page is kept, nothing is judged, and nothing is retried before its next turn.
//!
//! One task keeps the schedule; each scrape is a task of its own, so that a slow target delays no other. A
//! target's state is locked while it is scraped: a turn that comes meanwhile is left out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender, UnboundedSender};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::model::{Clock, Labels, TargetKey, Timestamp, format_duration};
use crate::scrape::discovery::{Finder, Orders, Plan, prepare};
use crate::scrape::fetch::{Fetched, Fetcher, Shortages};
use crate::scrape::memory::Memory;
use crate::scrape::page::{Demanded, Read, read_page};
use crate::scrape::schedule::{Rhythm, Schedule};
use crate::scrape::{DiscoveryView, Job, OverLimit, ScrapeError, Target, TargetErrors, Wants};
use crate::series::{Page, ScrapeReport};

/// What the rules want of pages.
pub type Wanted = Arc<dyn Wants>;

/// A scrape that begins this little late has its due time as the time of its samples, so that they lie evenly.
const ALIGNED_WITHIN: Duration = Duration::from_millis(2);
/// The clock may be set back while the wheel rests, so it looks at it this often.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A page larger than this is read where it keeps no other task waiting.
const LARGE_PAGE_BYTES: usize = 256 << 10;

/// What comes of scraping.
#[derive(Debug, Clone, PartialEq)]
pub enum ScrapeEvent {
    /// All targets that are scraped from now on, with their labels: after a start, a reload, and each time that
    /// discovery changes them. After a start it waits until each provider of targets has answered once: only then is
    /// it known who is gone.
    Discovered(BTreeMap<TargetKey, Labels>),
    /// A scrape has ended, well or not.
    Page(Page),
    /// A target is no longer scraped since then.
    Gone(TargetKey, Timestamp),
}

/// A running scraper. Dropped without `stop`, it ends by itself.
pub struct Scraper {
    orders: UnboundedSender<Orders>,
    stop: CancellationToken,
    discovery: DiscoveryView,
    tasks: [JoinHandle<()>; 2],
}

impl Scraper {
    /// Begins to scrape the targets of `jobs`, of which an earlier process last scraped some at the times of `before`.
    /// Pages go to `pages`; while it is full, those that wait to send leave out turns.
    ///
    /// # Errors
    /// Where jobs make no targets; nothing runs then.
    pub fn start<C: Clock>(
        clock: C,
        jobs: &[Job],
        wanted: Wanted,
        before: BTreeMap<TargetKey, Timestamp>,
        pages: Sender<ScrapeEvent>,
    ) -> Result<Self, TargetErrors> {
        let jobs = prepare(jobs)?;
        let (orders, new_orders) = mpsc::unbounded_channel();
        let (plans, new_plans) = watch::channel(None);
        let stop = CancellationToken::new();
        let wheel = Wheel {
            clock: clock.clone(),
            pages,
            stop: stop.clone(),
            schedule: Schedule::after(before),
            slots: BTreeMap::new(),
            demand: Demand { number: 0, wanted: wanted.clone() },
            announced: None,
            shortages: Shortages::default(),
        };
        // The receiver is at hand, so this cannot fail.
        let _ = orders.send(Orders { jobs, wanted });
        let (finder, discovery) = Finder::start(clock, new_orders, plans, stop.clone());
        Ok(Self { orders, stop, discovery, tasks: [finder, tokio::spawn(wheel.turn(new_plans))] })
    }

    /// Goes on with other jobs and another demand. Targets that stay keep their phase, their connections and
    /// what is remembered of their pages.
    ///
    /// # Errors
    /// Where jobs make no targets; all goes on as it was then.
    pub fn reload(&self, jobs: &[Job], wanted: Wanted) -> Result<(), TargetErrors> {
        let jobs = prepare(jobs)?;
        // It fails only when nobody listens to the pages any more.
        let _ = self.orders.send(Orders { jobs, wanted });
        Ok(())
    }

    /// How discovery goes.
    pub fn discovery(&self) -> DiscoveryView {
        self.discovery.clone()
    }

    /// Ends all scrapes at once and returns when nothing is sent any more.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                warn!(%error, "the scraper did not end well");
            }
        }
    }
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
    clock_is_off: bool,
    has_duplicates: bool,
}

struct Wheel<C> {
    clock: C,
    pages: Sender<ScrapeEvent>,
    stop: CancellationToken,
    schedule: Schedule,
    slots: BTreeMap<TargetKey, Slot>,
    demand: Demand,
    /// The order whose targets were last announced.
    announced: Option<u64>,
    shortages: Shortages,
}

impl<C: Clock> Wheel<C> {
    async fn turn(mut self, mut plans: watch::Receiver<Option<Plan>>) {
        loop {
            let next = self.schedule.next();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = self.pages.closed() => break,
                changed = plans.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let plan = plans.borrow_and_update().clone();
                    if let Some(plan) = plan {
                        self.follow(plan).await;
                    }
                }
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
        self.demand = Demand { number: plan.order, wanted: plan.wanted };
        let mut before = std::mem::take(&mut self.slots);
        let mut fetchers: BTreeMap<String, Arc<Fetcher>> = BTreeMap::new();
        for slot in before.values() {
            fetchers.entry(slot.target.job.name.clone()).or_insert_with(|| slot.fetcher.clone());
        }
        let mut came = false;
        for target in plan.targets {
            let known = before.remove(&target.key);
            came |= known.is_none();
            let slot = match known {
                Some(known) if Arc::ptr_eq(&known.target, &target) => known,
                known => self.slot(target, known, &mut fetchers, now).await,
            };
            self.slots.insert(slot.target.key.clone(), slot);
        }
        for (key, slot) in &before {
            self.schedule.remove(key);
            slot.end_scrape().await;
        }
        if plan.is_whole {
            self.schedule.forget_before();
        }
        let is_news = came || !before.is_empty() || self.announced != Some(plan.order);
        if plan.is_whole && is_news {
            self.announced = Some(plan.order);
            let targets = self.slots.values().map(|slot| &slot.target);
            let discovered = targets.map(|target| (target.key.clone(), target.identity.clone())).collect();
            self.send(ScrapeEvent::Discovered(discovered)).await;
        }
        for key in before.into_keys() {
            self.send(ScrapeEvent::Gone(key, now)).await;
        }
    }

    /// The slot of a target that is new, or differs from what it was.
    async fn slot(
        &mut self,
        target: Arc<Target>,
        known: Option<Slot>,
        fetchers: &mut BTreeMap<String, Arc<Fetcher>>,
        now: Timestamp,
    ) -> Slot {
        let new = || Arc::new(Fetcher::new(target.job.clone(), self.shortages.clone()));
        let fetcher = fetchers
            .entry(target.job.name.clone())
            .and_modify(|known| {
                if !known.serves(&target.job) {
                    *known = new();
                }
            })
            .or_insert_with(new)
            .clone();
        self.schedule.set(&target.key, Rhythm { interval: target.interval, offset: target.offset() }, now);
        match known {
            Some(known) if known.target.job.reads_as(&target.job) => Slot { target, fetcher, ..known },
            known => {
                if let Some(known) = known {
                    known.end_scrape().await;
                }
                Slot { target, fetcher, state: Arc::default(), running: None }
            }
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

/// Waits for a time, or for ever where there is none.
pub(super) async fn wait<C: Clock>(clock: &C, next: Option<Timestamp>) {
    match next {
        Some(at) => clock.sleep(at.since(clock.now()).min(LOOK_AGAIN_AFTER)).await,
        None => std::future::pending().await,
    }
}

/// By how much a clock is ahead that said `date` between `begun` and `ended` of ours; below zero where it is behind.
/// What the way there and the whole seconds of `date` explain does not count. `None` where our own clock was set
/// meanwhile, as `took` shows.
pub(super) fn ahead_ms(date: Timestamp, begun: Timestamp, ended: Timestamp, took: Duration) -> Option<i64> {
    let own = ended.as_millis() - begun.as_millis();
    let took = i64::try_from(took.as_millis()).ok()?;
    if 1000 < own.abs_diff(took) {
        return None;
    }
    let (earliest, latest) =
        (date.as_millis() - ended.as_millis(), date.as_millis() + 999 - begun.as_millis());
    Some(if 0 < earliest { earliest } else { latest.min(0) })
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
        let (begun, steady) = (self.clock.now(), self.clock.steady());
        let answer = self.fetch().await;
        let took = self.clock.steady().saturating_sub(steady);
        let body_bytes = answer.as_ref().map_or(0, |answer| answer.body.len() as u64);
        let date = answer.as_ref().ok().and_then(|answer| answer.date);
        let clock_ahead_ms = date.and_then(|date| ahead_ms(date, begun, self.clock.now(), took));
        let (mut read, outcome) = match answer {
            Ok(answer) => self.read(answer, &mut state.memory).await,
            Err(error) => (Read::default(), Err(error)),
        };
        self.say(&mut state, &read, &outcome);
        self.say_clock(&mut state, clock_ahead_ms);
        let wanted = read.samples.values.len() as u64;
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
                duration: self.clock.steady().saturating_sub(steady),
                scraped: read.scraped,
                post_relabel: read.post_relabel,
                body_bytes,
                wanted,
                remembered: read.remembered,
                clock_ahead_ms,
            },
        };
        // It fails only when nobody listens any more. The state stays locked until the page is taken.
        let _ = pages.send(ScrapeEvent::Page(page)).await;
    }

    async fn fetch(&self) -> Result<Fetched, ScrapeError> {
        if let Some(OverLimit { found, limit }) = self.target.over_limit {
            return Err(ScrapeError::TooManyTargets { found, limit });
        }
        let timeout = self.target.timeout;
        tokio::select! {
            biased;
            answer = self.fetcher.fetch(&self.target) => answer,
            () = self.clock.sleep(timeout) => Err(ScrapeError::Timeout(format_duration(timeout))),
        }
    }

    async fn read(
        &self,
        Fetched { body, format, .. }: Fetched,
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

    /// Names a target whose clock is off, once until it is right again.
    fn say_clock(&self, state: &mut State, ahead_ms: Option<i64>) {
        let Some(ahead_ms) = ahead_ms else { return };
        let report = ScrapeReport { clock_ahead_ms: Some(ahead_ms), ..ScrapeReport::default() };
        let (target, is_off) = (&self.target.key, report.clock_is_off());
        if is_off && !state.clock_is_off {
            warn!(%target, ahead_seconds = ahead_ms as f64 / 1000.0, "the target's clock is off, or ours is");
        } else if state.clock_is_off && !is_off {
            info!(%target, "the target's clock is right again");
        }
        state.clock_is_off = is_off;
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

#[cfg(test)]
mod tests;
