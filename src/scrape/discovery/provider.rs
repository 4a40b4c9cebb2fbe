//! What a provider of targets tells the finder, and through what.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

use crate::model::Clock;
#[cfg(feature = "dns-sd")]
use crate::scrape::discovery::dns;
use crate::scrape::discovery::{Discovery, Group, file, http, kubernetes};

/// Which provider of a running finder.
pub(super) type ProviderId = u64;

/// Something that a provider has to say.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) from: ProviderId,
    pub(super) news: News,
}

/// What there is to say.
#[derive(Debug)]
pub(super) enum News {
    /// All groups that there are; others are gone. The provider has answered.
    All(Vec<Group>),
    /// Groups that are new or changed, or gone where they have no targets.
    Some(Vec<Group>),
    /// An attempt to learn something failed.
    Failed,
}

/// A provider's way to the finder. Says in the log when the provider begins to fail, and when it works again.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) id: ProviderId,
    pub(super) settings: Arc<Discovery>,
    pub(super) updates: Sender<Update>,
    pub(super) fault: Option<String>,
}

impl Reporter {
    /// Gives all groups that there are.
    pub(super) async fn all(&mut self, groups: Vec<Group>) {
        self.send(News::All(groups)).await;
    }

    /// Gives groups that are new, changed or gone.
    pub(super) async fn some(&mut self, groups: Vec<Group>) {
        if !groups.is_empty() {
            self.send(News::Some(groups)).await;
        }
    }

    /// Counts a failure, and says it where it is not the one that was said last.
    pub(super) async fn failed(&mut self, fault: String) {
        if self.fault.as_ref() != Some(&fault) {
            let mechanism = self.settings.mechanism();
            warn!(mechanism, error = fault, "discovery fails; what was found last stays");
            self.fault = Some(fault);
        }
        self.send(News::Failed).await;
    }

    /// Says that all is well again, where it was not.
    pub(super) fn works(&mut self) {
        if self.fault.take().is_some() {
            info!(mechanism = self.settings.mechanism(), "discovery works again");
        }
    }

    async fn send(&self, news: News) {
        // It fails only when the finder ends, and this task with it.
        let _ = self.updates.send(Update { from: self.id, news }).await;
    }
}

/// Runs a provider until its task is ended.
pub(super) async fn run<C: Clock>(clock: C, reporter: Reporter) {
    let settings = reporter.settings.clone();
    match &*settings {
        Discovery::File(settings) => file::run(clock, settings.clone(), reporter).await,
        Discovery::Http(settings) => http::run(clock, (**settings).clone(), reporter).await,
        Discovery::Kubernetes(settings) => kubernetes::run(clock, (**settings).clone(), reporter).await,
        #[cfg(feature = "dns-sd")]
        Discovery::Dns(settings) => dns::run(clock, settings.clone(), reporter).await,
        // The configuration refuses it in a build without it.
        #[cfg(not(feature = "dns-sd"))]
        Discovery::Dns(_) => {}
    }
}
