//! A wheel that a test turns by hand.

use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::model::{TargetKey, Timestamp};
use crate::scrape::{ScrapeEvent, Scraper};
use crate::series::Page;

pub(super) const INTERVAL: Duration = Duration::from_secs(15);
pub(super) const START: Timestamp = Timestamp::from_secs(1_500_000_000);

/// A running scraper under a clock of its own.
pub(super) struct Rig {
    pub(super) clock: ManualClock,
    pub(super) scraper: Scraper,
    pub(super) events: Receiver<ScrapeEvent>,
}

impl Rig {
    pub(super) fn start(jobs: &[Job], room: usize) -> Self {
        install_crypto();
        let clock = ManualClock::at(START);
        let (send, events) = channel(room);
        let scraper = Scraper::start(clock.clone(), jobs, wanted(|_: &str| true), BTreeMap::new(), send)
            .expect("good jobs");
        Self { clock, scraper, events }
    }

    pub(super) async fn event(&mut self) -> ScrapeEvent {
        self.events.recv().await.expect("the scraper runs")
    }

    pub(super) async fn discovered(&mut self) -> Vec<TargetKey> {
        match self.event().await {
            ScrapeEvent::Discovered(targets) => targets.into_keys().collect(),
            other => panic!("not discovered, but {other:?}"),
        }
    }

    pub(super) async fn page(&mut self) -> Page {
        match self.event().await {
            ScrapeEvent::Page(page) => page,
            other => panic!("no page, but {other:?}"),
        }
    }

    /// Lets all tasks go on as far as they can while time stands.
    pub(super) async fn settle(&self) {
        // What the kernel delivers comes between turns of the runtime.
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
    }
}
