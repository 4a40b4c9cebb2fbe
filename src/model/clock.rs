//! Time as the shells see it. Pure rooms take `now: Timestamp` instead.

use std::future::Future;
use std::time::Duration;

use crate::model::Timestamp;

/// Says what time it is and waits for a time. Every timeout goes through it, so that replay and the demo can run
/// faster than time.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Returns once `now()` has reached `at`; at once where it already has.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;
    /// How long ago some moment in the past was: it only grows, and no setting of the clock changes its pace. What
    /// lies between two of it is how long something took.
    fn steady(&self) -> Duration {
        self.now().since(Timestamp::from_millis(0))
    }
    /// Returns once `length` has passed, however the clock is set meanwhile.
    fn sleep(&self, length: Duration) -> impl Future<Output = ()> + Send {
        self.sleep_until(self.now() + length)
    }
}
