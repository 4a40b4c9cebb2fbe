//! The wall clock: the only place that reads it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::model::{Clock, Timestamp};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// A wall clock may be set while we sleep, so a long sleep looks at it again this often.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What steady time counts from.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }

    #[expect(clippy::disallowed_methods, reason = "this is what Clock::sleep_until is made of")]
    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_AGAIN_AFTER)).await;
        }
    }

    fn steady(&self) -> Duration {
        STARTED.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is what Clock::sleep is made of")]
    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}
