//! The daemon's way into the pipeline: pages and everything else, until it stops.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::daemon::failures::Failures;
use crate::pipeline::{Inbound, Inbox};
use crate::scrape::ScrapeEvent;

/// Joins the channels that lead to the pipeline.
pub struct DaemonInbox {
    /// From the scraper.
    pub pages: mpsc::Receiver<ScrapeEvent>,
    /// From everything else.
    pub others: mpsc::Receiver<Inbound>,
    /// Told by the pumps of a delivery that is dead.
    pub fates: Arc<Notify>,
    /// Closes the inbox.
    pub stop: CancellationToken,
    /// Whether the house stops: the scraper ends before us then.
    pub house_stop: CancellationToken,
    /// Told of a scraper that ended by itself.
    pub failures: Failures,
}

impl Inbox for DaemonInbox {
    async fn recv(&mut self) -> Option<Inbound> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = self.fates.notified() => Some(Inbound::Fates),
            Some(inbound) = self.others.recv() => Some(inbound),
            page = self.pages.recv() => match page {
                Some(event) => Some(Inbound::Scrape(event)),
                None => self.without_scraper().await,
            },
        }
    }
}

impl DaemonInbox {
    /// Nobody scrapes any more. What else comes now comes after the next start.
    async fn without_scraper(&mut self) -> Option<Inbound> {
        if !self.house_stop.is_cancelled() {
            self.failures.report("the scraper ended by itself".to_owned());
        }
        self.stop.cancelled().await;
        None
    }
}
