//! Keeps a sink to its rate, on the house's clock.

use std::sync::{Mutex, PoisonError};

use crate::delivery::{Bucket, Rate};
use crate::model::Clock;

use super::sink::{BoxFuture, Pace};

/// The pace of one sink; without a rate there is none to keep.
pub(super) struct Paced<C> {
    clock: C,
    bucket: Option<Mutex<Bucket>>,
}

impl<C: Clock> Paced<C> {
    pub(super) fn new(clock: C, rate: Option<Rate>) -> Self {
        let bucket = rate.map(|rate| Mutex::new(Bucket::new(rate, clock.now())));
        Self { clock, bucket }
    }
}

impl<C: Clock> Pace for Paced<C> {
    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(bucket) = &self.bucket else { return };
            let now = self.clock.now();
            // A number that was half written is no danger: the worst is a request too early or too late.
            let at = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now);
            if now < at {
                self.clock.sleep_until(at).await;
            }
        })
    }
}
