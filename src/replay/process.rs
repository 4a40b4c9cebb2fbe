//! One life of the process: pipeline and pumps, from a start to a kill.
//!
//! In:   a rulebook, sinks, the ledger and the clock; then what comes in from outside.
//! Out:  the house, to look at.
//! Not:  no emergency page and no listener: those are the daemon's.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot, watch};

use crate::model::{Clock, SinkName};
use crate::outbox::{self, End, OutboxStats, Sink};
use crate::pipeline::{House, Inbound, Inbox, Pipeline, Rulebook, SharedHouse};

use super::clock::VirtualClock;
use super::executor::{Circle, Executor};
use super::ledger::Ledger;

/// The process, while it lives. Dropping it is how it dies.
pub struct Process {
    executor: Executor,
    inbox: UnboundedSender<Inbound>,
    house: SharedHouse,
    ledger: Ledger,
    clock: VirtualClock,
    committed: watch::Sender<()>,
    fates: Arc<Notify>,
    /// A pump ends when its end of this is told so, or dropped.
    pumps: BTreeMap<SinkName, oneshot::Sender<End>>,
}

impl Process {
    /// Starts from what the ledger holds.
    pub fn start(
        rulebook: Rulebook,
        ledger: &Ledger,
        clock: &VirtualClock,
        sinks: Vec<Arc<dyn Sink>>,
    ) -> Self {
        let house = SharedHouse::new(House::new(rulebook, ledger.snapshot(), clock.now()));
        let (inbox, inbound) = unbounded_channel();
        let (committed, _) = watch::channel(());
        let fates = Arc::new(Notify::new());
        let script = ScriptInbox { inbound, fates: fates.clone() };
        let pipeline = Pipeline::new(ledger.clone(), clock.clone(), script, house.clone(), committed.clone());
        let mut process = Self {
            executor: Executor::new(),
            inbox,
            house,
            ledger: ledger.clone(),
            clock: clock.clone(),
            committed,
            fates,
            pumps: BTreeMap::new(),
        };
        process.executor.spawn("the pipeline", pipeline.run());
        process.serve(sinks);
        process
    }

    /// Begins a pump for each sink that has none, and ends those of sinks that are gone.
    pub fn serve(&mut self, sinks: Vec<Arc<dyn Sink>>) {
        self.pumps.retain(|name, _| sinks.iter().any(|sink| sink.name() == name));
        for sink in sinks {
            let name = sink.name().clone();
            if self.pumps.contains_key(&name) {
                continue;
            }
            let (stop, end) = oneshot::channel();
            let pump = outbox::pump(
                self.ledger.clone(),
                self.clock.clone(),
                sink,
                self.committed.subscribe(),
                self.fates.clone(),
                Arc::new(OutboxStats::default()),
                end,
            );
            self.executor.spawn(format!("the pump of sink `{name}`"), pump);
            self.pumps.insert(name, stop);
        }
    }

    /// Puts something into the inbox.
    pub fn send(&self, inbound: Inbound) {
        // The pipeline runs as long as its inbox is open, and that is as long as we are.
        let _ = self.inbox.send(inbound);
    }

    /// Lets everybody go on who can without time going on.
    ///
    /// # Errors
    /// Where that never comes to an end.
    pub fn run(&mut self) -> Result<(), Circle> {
        self.executor.run_until_stalled()
    }

    /// What it remembers.
    pub fn house(&self) -> &SharedHouse {
        &self.house
    }
}

/// Joins what the script says and what the pumps report, as the daemon's inbox does.
struct ScriptInbox {
    inbound: UnboundedReceiver<Inbound>,
    fates: Arc<Notify>,
}

impl Inbox for ScriptInbox {
    async fn recv(&mut self) -> Option<Inbound> {
        tokio::select! {
            biased;
            () = self.fates.notified() => Some(Inbound::Fates),
            inbound = self.inbound.recv() => inbound,
        }
    }
}
