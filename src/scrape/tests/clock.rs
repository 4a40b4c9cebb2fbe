//! A clock that goes only when it is told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::{Clock, Timestamp};

#[derive(Clone)]
pub(in crate::scrape) struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    pub(in crate::scrape) fn at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    pub(in crate::scrape) fn advance(&self, length: Duration) {
        self.0.send_modify(|now| *now = *now + length);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // The sender is held by `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|now| at <= *now).await;
    }
}
