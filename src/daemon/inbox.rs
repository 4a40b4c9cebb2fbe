//! The daemon's way into the pipeline: pages and everything else, until it stops.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

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
}

impl Inbox for DaemonInbox {
    async fn recv(&mut self) -> Option<Inbound> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = self.fates.notified() => Some(Inbound::Fates),
            Some(inbound) = self.others.recv() => Some(inbound),
            Some(event) = self.pages.recv() => Some(Inbound::Scrape(event)),
            else => None,
        }
    }
}
