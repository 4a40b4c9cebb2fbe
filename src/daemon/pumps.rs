//! One pump for each sink: started, looked at, exchanged on a reload, stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::daemon::failures::Failures;
use crate::journal::Journal;
use crate::model::{Clock, SinkName, Timestamp};
use crate::outbox::{self, End, OutboxStats, OutboxView, Sink, SinkView};
use crate::server::HookSettings;
use crate::sinks::{self, Adapter, Links, SettingValue, SinkSettings};

/// A sink, ready to send, with what it was built from.
pub type BuiltSink = (SinkSettings, Arc<dyn Sink>);

/// A delivery to a sink that left may be committed while a reload is under way: it is found within this time.
const UNSERVED_AT_LEAST_EVERY: Duration = Duration::from_secs(3600);
/// How long a journal that failed is left alone.
const JOURNAL_BACKOFF: Duration = Duration::from_secs(60);

/// The pumps.
pub struct Pumps<J, C> {
    journal: J,
    clock: C,
    committed: watch::Receiver<()>,
    fates: Arc<Notify>,
    failures: Failures,
    running: BTreeMap<SinkName, Running>,
    /// Pumps that were told to end and have not yet, where no other takes their place.
    leaving: BTreeMap<SinkName, JoinHandle<()>>,
    view: OutboxView,
}

struct Running {
    settings: SinkSettings,
    view: SinkView,
    stop: oneshot::Sender<End>,
    told: CancellationToken,
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
        failures: Failures,
    ) -> Self {
        let (running, leaving) = (BTreeMap::new(), BTreeMap::new());
        let mut pumps = Self {
            journal,
            clock,
            committed,
            fates,
            failures,
            running,
            leaving,
            view: OutboxView::default(),
        };
        pumps.start_new(sinks);
        pumps
    }

    /// The running sinks, for others to look at.
    pub fn view(&self) -> OutboxView {
        self.view.clone()
    }

    /// Starts what is new, stops what is gone and exchanges what changed. Returns at once: a pump that takes the
    /// place of another begins when that one has ended. Deliveries to a sink that is gone stay in the journal until
    /// it is back or they expire.
    pub fn reload(&mut self, sinks: Vec<BuiltSink>) {
        let gone: Vec<SinkName> = self
            .running
            .iter()
            .filter(|(_, running)| !sinks.iter().any(|(settings, _)| *settings == running.settings))
            .map(|(name, _)| name.clone())
            .collect();
        self.leaving.retain(|_, task| !task.is_finished());
        for name in gone {
            if let Some(running) = self.running.remove(&name) {
                self.leaving.insert(name, running.tell(End::HandOver));
            }
        }
        self.start_new(sinks);
    }

    /// Ends what has expired of sinks that no pump serves. Returns when to ask again.
    pub async fn expire_unserved(&self) -> Timestamp {
        let leaving = self.leaving.iter().filter(|(_, task)| !task.is_finished()).map(|(name, _)| name);
        let served: BTreeSet<SinkName> = self.running.keys().chain(leaving).cloned().collect();
        let now = self.clock.now();
        match outbox::expire_unserved(&self.journal, now, &served, &self.fates).await {
            Ok(next) => next.unwrap_or(Timestamp::from_millis(i64::MAX)).min(now + UNSERVED_AT_LEAST_EVERY),
            Err(error) => {
                tracing::warn!(%error, "the journal does not answer the outbox, it is asked again");
                now + JOURNAL_BACKOFF
            }
        }
    }

    /// Stops all of them; what is due is sent within the pumps' own deadline.
    pub async fn stop(self) {
        let running = self.running.into_iter().map(|(name, running)| (name, running.tell(End::Drain)));
        join_all(self.leaving.into_iter().chain(running).map(|(name, task)| ended(name, task))).await;
    }

    fn start_new(&mut self, sinks: Vec<BuiltSink>) {
        for (settings, sink) in sinks {
            if self.running.contains_key(&settings.name) {
                continue;
            }
            let stats = Arc::new(OutboxStats::default());
            let ((stop, end), told) = (oneshot::channel(), CancellationToken::new());
            let pump = outbox::pump(
                self.journal.clone(),
                self.clock.clone(),
                sink.clone(),
                self.committed.clone(),
                self.fates.clone(),
                stats.clone(),
                end,
            );
            let (name, before) = (settings.name.clone(), self.leaving.remove(&settings.name));
            let guard = (self.failures.clone(), format!("the pump of sink `{name}`"), told.clone());
            let task = tokio::spawn(async move {
                // Two pumps of one sink would send the same twice.
                if let Some(before) = before {
                    ended(name, before).await;
                }
                let (failures, what, told) = guard;
                failures.guard(what, told, pump).await;
            });
            let view = SinkView { sink, audience: settings.audience, stats };
            self.running.insert(settings.name.clone(), Running { settings, view, stop, told, task });
        }
        self.view.store(Arc::new(self.running.values().map(|running| running.view.clone()).collect()));
    }
}

impl Running {
    /// Tells the pump to end; its task ends when it has.
    fn tell(self, how: End) -> JoinHandle<()> {
        self.told.cancel();
        // A pump that is not there to be told has ended badly, and was reported.
        let _ = self.stop.send(how);
        self.task
    }
}

async fn ended(sink: SinkName, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%sink, %error, "a pump did not end well");
    }
}

/// Builds the sinks of a configuration.
///
/// # Errors
/// Where one cannot be built from its settings.
pub fn build(settings: &[SinkSettings], links: &Links) -> Result<Vec<BuiltSink>, String> {
    settings.iter().map(|settings| Ok((settings.clone(), sinks::build(settings, links)?))).collect()
}

/// How the webhooks of sinks to us are known, where they send any.
pub fn hooks(settings: &[SinkSettings]) -> BTreeMap<SinkName, HookSettings> {
    let owner = |sink: &SinkSettings| match &sink.adapter {
        Adapter::Http(http) => match http.values.get("owner")? {
            SettingValue::Plain(owner) => owner.as_str().map(str::to_owned),
            SettingValue::Secret(_) => None,
        },
        _ => None,
    };
    let hook = |sink: &SinkSettings| {
        let secret = sink.inbound.clone()?;
        Some((sink.name.clone(), HookSettings { secret, owner: owner(sink) }))
    };
    settings.iter().filter_map(hook).collect()
}
