//! Virtual time: it stands still until somebody moves it.
//!
//! In:   who sleeps until when; steps, and jumps of the wall clock.
//! Out:  a `Clock` for pipeline and pumps; the moment of the next sleeper.
//! Not:  it never moves by itself.
//!
//! There are two times. *True* time only goes on; the scenario is written in it. The *wall* clock is what the house
//! reads: true time, until it jumps.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::model::{Clock, Timestamp};

/// Virtual time. All clones show the same.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<Inner>>);

struct Inner {
    now: Timestamp,
    /// How far the wall clock is ahead of true time, in milliseconds; negative behind it.
    ahead_ms: i64,
    /// By the wall's time that they wait for; the number tells sleepers of one moment apart.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next_sleeper: u64,
}

impl Inner {
    fn wall(&self) -> Timestamp {
        shifted(self.now, self.ahead_ms)
    }

    fn wake_due(&mut self) {
        let wall = self.wall();
        while let Some(entry) = self.sleepers.first_entry().filter(|entry| entry.key().0 <= wall) {
            entry.remove().wake();
        }
    }
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        let inner = Inner { now: start, ahead_ms: 0, sleepers: BTreeMap::new(), next_sleeper: 0 };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// True time.
    pub fn true_now(&self) -> Timestamp {
        self.inner().now
    }

    /// What the wall clock shows at `at` of true time, unless it jumps before.
    pub fn wall_at(&self, at: Timestamp) -> Timestamp {
        shifted(at, self.inner().ahead_ms)
    }

    /// When, in true time, the first sleeper is to be woken.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let inner = self.inner();
        inner.sleepers.first_key_value().map(|((at, _), _)| shifted(*at, inner.ahead_ms.saturating_neg()))
    }

    /// Goes on to `at` of true time, never back, and wakes who waited for it.
    pub fn step_to(&self, at: Timestamp) {
        let mut inner = self.inner();
        inner.now = inner.now.max(at);
        inner.wake_due();
    }

    /// The wall clock jumps by so many milliseconds.
    pub fn jump(&self, by_ms: i64) {
        let mut inner = self.inner();
        inner.ahead_ms = inner.ahead_ms.saturating_add(by_ms);
        inner.wake_due();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing between two changes of it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shifted(at: Timestamp, by_ms: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(by_ms))
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.inner().wall()
    }

    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send {
        Sleep { clock: self.clone(), at, number: None }
    }
}

struct Sleep {
    clock: VirtualClock,
    at: Timestamp,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut inner = this.clock.inner();
        if this.at <= inner.wall() {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            inner.next_sleeper += 1;
            inner.next_sleeper
        });
        inner.sleepers.insert((this.at, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.clock.inner().sleepers.remove(&(self.at, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1000 + seconds)
    }

    #[test]
    fn a_sleeper_wakes_when_its_moment_has_come() {
        let clock = VirtualClock::new(at(0));
        let mut sleep = Box::pin(clock.sleep_until(at(10)));
        assert!(sleep.as_mut().now_or_never().is_none());
        assert_eq!(clock.next_wake(), Some(at(10)));
        clock.step_to(at(9));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.step_to(at(10));
        assert!(sleep.now_or_never().is_some());
        assert_eq!(clock.next_wake(), None);
    }

    #[test]
    fn a_sleep_that_is_dropped_leaves_nothing_behind() {
        let clock = VirtualClock::new(at(0));
        assert!(clock.sleep_until(at(10)).now_or_never().is_none());
        assert_eq!(clock.next_wake(), None);
    }

    #[test]
    fn a_jump_moves_the_wall_and_not_true_time() {
        let clock = VirtualClock::new(at(0));
        let mut sleep = Box::pin(clock.sleep_until(at(10)));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.jump(-60_000);
        assert_eq!((clock.now(), clock.true_now(), clock.next_wake()), (at(-60), at(0), Some(at(70))));
        clock.jump(120_000);
        assert!(sleep.now_or_never().is_some());
    }
}
