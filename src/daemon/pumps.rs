//! One pump for each sink: started, looked at, exchanged on a reload, stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::journal::Journal;
use crate::model::{Clock, SinkName};
use crate::outbox::{self, End, OutboxStats, OutboxView, Sink, SinkView};
use crate::sinks::{self, SinkSettings};

/// A sink, ready to send, with what it was built from.
pub type BuiltSink = (SinkSettings, Arc<dyn Sink>);

/// The pumps.
pub struct Pumps<J, C> {
    journal: J,
    clock: C,
    committed: watch::Receiver<()>,
    fates: Arc<Notify>,
    running: BTreeMap<SinkName, Running>,
    view: OutboxView,
}

struct Running {
    settings: SinkSettings,
    view: SinkView,
    stop: oneshot::Sender<End>,
    task: JoinHandle<()>,
}

impl<J: Journal, C: Clock> Pumps<J, C> {
    /// Starts a pump for each sink. `committed` tells of something new to send, `fates` is told of a delivery
    /// that is dead.
    pub fn start(
        journal: J,
        clock: C,
        sinks: Vec<BuiltSink>,
        committed: watch::Receiver<()>,
        fates: Arc<Notify>,
    ) -> Self {
        let mut pumps =
            Self { journal, clock, committed, fates, running: BTreeMap::new(), view: OutboxView::default() };
        pumps.start_new(sinks);
        pumps
    }

    /// The running sinks, for others to look at.
    pub fn view(&self) -> OutboxView {
        self.view.clone()
    }

    /// Starts what is new, stops what is gone and exchanges what changed. Deliveries to a sink that is gone
    /// stay in the journal until it is back or they expire.
    pub async fn reload(&mut self, sinks: Vec<BuiltSink>) {
        let gone: Vec<SinkName> = self
            .running
            .iter()
            .filter(|(_, running)| !sinks.iter().any(|(settings, _)| *settings == running.settings))
            .map(|(name, _)| name.clone())
            .collect();
        let gone = gone.iter().filter_map(|name| self.running.remove(name));
        join_all(gone.map(|running| running.end(End::HandOver))).await;
        self.start_new(sinks);
    }

    /// Stops all of them; what is due is sent within the pumps' own deadline.
    pub async fn stop(self) {
        join_all(self.running.into_values().map(|running| running.end(End::Drain))).await;
    }

    fn start_new(&mut self, sinks: Vec<BuiltSink>) {
        for (settings, sink) in sinks {
            if self.running.contains_key(&settings.name) {
                continue;
            }
            let stats = Arc::new(OutboxStats::default());
            let (stop, told) = oneshot::channel();
            let task = tokio::spawn(outbox::pump(
                self.journal.clone(),
                self.clock.clone(),
                sink.clone(),
                self.committed.clone(),
                self.fates.clone(),
                stats.clone(),
                told,
            ));
            let view = SinkView { sink, audience: settings.audience, stats };
            self.running.insert(settings.name.clone(), Running { settings, view, stop, task });
        }
        self.view.store(Arc::new(self.running.values().map(|running| running.view.clone()).collect()));
    }
}

impl Running {
    async fn end(self, how: End) {
        // A pump that is not there to be told did not end well: its task says so.
        let _ = self.stop.send(how);
        if let Err(error) = self.task.await {
            tracing::error!(sink = %self.settings.name, %error, "a pump did not end well");
        }
    }
}

/// Builds the sinks of a configuration.
///
/// # Errors
/// Where one cannot be built from its settings.
pub fn build(settings: &[SinkSettings]) -> Result<Vec<BuiltSink>, String> {
    settings.iter().map(|settings| Ok((settings.clone(), sinks::build(settings)?))).collect()
}
