//! A clock that goes only when it is told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::{Clock, Timestamp};

#[derive(Clone)]
pub(in crate::scrape) struct ManualClock(Arc<watch::Sender<Hands>>);

/// What the clock shows, and how far it has really gone.
#[derive(Clone, Copy)]
struct Hands {
    now: Timestamp,
    steady: Duration,
}

impl ManualClock {
    pub(in crate::scrape) fn at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(Hands { now, steady: Duration::ZERO })))
    }

    pub(in crate::scrape) fn advance(&self, length: Duration) {
        self.0.send_modify(|hands| {
            *hands = Hands { now: hands.now + length, steady: hands.steady + length };
        });
    }

    /// Somebody sets it, or the machine slept: no time passes that a timer counts.
    pub(in crate::scrape) fn set(&self, now: Timestamp) {
        self.0.send_modify(|hands| hands.now = now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    async fn sleep_until(&self, at: Timestamp) {
        // The sender is held by `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|hands| at <= hands.now).await;
    }

    fn steady(&self) -> Duration {
        self.0.borrow().steady
    }

    async fn sleep(&self, length: Duration) {
        let end = self.steady() + length;
        let _ = self.0.subscribe().wait_for(|hands| end <= hands.steady).await;
    }
}
