//! Time as the shells see it. Pure rooms take `now: Timestamp` instead.

use std::future::Future;

use crate::model::Timestamp;

/// Says what time it is and waits for a time. Every timeout goes through it, so that replay and the demo can run
/// faster than time.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Returns once `now()` has reached `at`; at once where it already has.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;
}
