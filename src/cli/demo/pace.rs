//! The demo's clock: ten hours of the day in two and a half minutes, and never faster than the machine.
//!
//! In:   the plan of speeds (`Pace`); who sleeps until when; which requests are being served at this moment.
//! Out:  `WarpClock`, which the daemon takes for its `Clock`.
//! Not:  it is not exact in real time: a slow machine makes the demo longer, never wrong.
//!
//! The clock does not run, it steps: from one moment that somebody waits for to the next, no sooner than the plan
//! says. Between two steps time stands still. While the platform or the receiver is serving a request the clock
//! holds, for a quarter of a second at most, and what was lost is not caught up. Why so: at 600 times real speed a
//! scrape's timeout of 15 s would pass within 25 ms, which a busy machine easily takes to answer; the demo would
//! then show failed scrapes that nobody simulated. A steady clock with a factor would need a plan three times as long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::model::{Clock, Timestamp};

use super::day::{self, moment};

/// The longest step, so that who only looks at the clock sees it move.
const LONGEST_STEP: Duration = Duration::from_secs(5);
/// The shortest real time between two steps: what woke at the first gets to run before the second.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// How long one step waits for requests under way. Bounded, since a request may never end.
const LONGEST_HOLD: Duration = Duration::from_millis(250);
/// How much of a delay of its own timer the clock makes up for.
const MADE_UP_FOR: Duration = Duration::from_millis(5);

/// How fast time goes, by the time of day.
#[derive(Debug, Clone)]
pub struct Pace {
    /// From when on, how many times as fast as real time; in order.
    speeds: Vec<(Timestamp, f64)>,
}

impl Pace {
    /// The demo's: slow where something happens. After the day is over, time goes as it does outside.
    pub fn of_the_day() -> Self {
        Self {
            speeds: vec![
                (day::START, 400.0),
                (moment(11, 8, 0), 40.0),
                (moment(11, 16, 0), 150.0),
                (moment(11, 45, 0), 400.0),
                (moment(11, 59, 0), 100.0),
                (moment(12, 6, 0), 400.0),
                (moment(12, 29, 0), 60.0),
                (moment(12, 50, 0), 150.0),
                (moment(13, 4, 0), 60.0),
                (moment(13, 9, 0), 600.0),
                (moment(19, 55, 0), 40.0),
                (moment(20, 2, 0), 400.0),
                (day::END, 1.0),
            ],
        }
    }

    /// How many times as fast as real time it goes at `at`.
    pub fn speed(&self, at: Timestamp) -> f64 {
        self.speeds.iter().rev().find(|(from, _)| *from <= at).map_or(1.0, |(_, speed)| *speed)
    }

    /// When the speed changes next.
    fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.speeds.iter().map(|(from, _)| *from).find(|from| after < *from)
    }

    /// How long `from` to `to` takes as planned; `to` no later than the next change of speed.
    fn real(&self, from: Timestamp, to: Timestamp) -> Duration {
        to.since(from).div_f64(self.speed(from))
    }
}

/// Virtual time. All clones show the same.
#[derive(Clone)]
pub struct WarpClock(Arc<Inner>);

struct Inner {
    now: watch::Sender<Timestamp>,
    /// How many wait for each moment.
    waiting: Mutex<BTreeMap<Timestamp, usize>>,
    /// Somebody waits for a moment earlier than all others.
    sooner: Notify,
    /// Requests being served.
    held: AtomicUsize,
    released: Notify,
}

impl WarpClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Inner {
            now: watch::Sender::new(start),
            waiting: Mutex::default(),
            sooner: Notify::new(),
            held: AtomicUsize::new(0),
            released: Notify::new(),
        }))
    }

    /// Keeps the clock from stepping on until the guard is dropped, or for a quarter of a second.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.0.held.fetch_add(1, Ordering::SeqCst);
        Hold(self.clone())
    }

    /// Moves the clock at the pace given. Never ends by itself.
    pub async fn drive(self, pace: Pace) {
        let mut stepped = Instant::now();
        loop {
            let from = *self.0.now.borrow();
            let to = self.next_step(from, &pace);
            let planned = stepped + pace.real(from, to);
            tokio::select! {
                () = tokio::time::sleep_until(planned.max(Instant::now() + SHORTEST_WAIT)) => {}
                () = self.0.sooner.notified() => continue,
            }
            self.wait_while_held().await;
            // Who registered meanwhile for a moment before `to` is not stepped over.
            self.0.now.send_replace(self.next_step(from, &pace).min(to));
            stepped = planned.max(Instant::now().checked_sub(MADE_UP_FOR).unwrap_or(planned));
        }
    }

    fn next_step(&self, from: Timestamp, pace: &Pace) -> Timestamp {
        let longest = from + LONGEST_STEP;
        let waited_for = self.waiting().range(from..).map(|(at, _)| *at).find(|at| from < *at);
        let change = pace.next_change(from);
        longest.min(waited_for.unwrap_or(longest)).min(change.unwrap_or(longest))
    }

    async fn wait_while_held(&self) {
        let released = async {
            loop {
                let released = self.0.released.notified();
                if self.0.held.load(Ordering::SeqCst) == 0 {
                    return;
                }
                released.await;
            }
        };
        // An end by timeout is as good: the hold is bounded on purpose.
        let _ = tokio::time::timeout(LONGEST_HOLD, released).await;
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for WarpClock {
    fn now(&self) -> Timestamp {
        *self.0.now.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut now = self.0.now.subscribe();
        if at <= *now.borrow() {
            return;
        }
        let _place = Place::take(self, at);
        // Fails only where the sender is gone, which `self` holds.
        let _ = now.wait_for(|now| at <= *now).await;
    }
}

/// A sleeper's place among those who wait; given up when the sleep ends or is dropped.
struct Place<'a> {
    clock: &'a WarpClock,
    at: Timestamp,
}

impl<'a> Place<'a> {
    fn take(clock: &'a WarpClock, at: Timestamp) -> Self {
        let mut waiting = clock.waiting();
        let first = waiting.first_key_value().is_none_or(|(first, _)| at < *first);
        *waiting.entry(at).or_default() += 1;
        drop(waiting);
        if first {
            clock.0.sooner.notify_one();
        }
        Self { clock, at }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.clock.waiting();
        if let Some(count) = waiting.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.at);
            }
        }
    }
}

/// Keeps the clock where it is while it lives.
pub struct Hold(WarpClock);

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.0.held.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.0.released.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = day::START;

    /// A driven clock on tokio's paused time: the tests take no real time.
    fn driven() -> WarpClock {
        let clock = WarpClock::new(START);
        tokio::spawn(clock.clone().drive(Pace::of_the_day()));
        clock
    }

    #[test]
    fn the_day_is_planned_for_two_to_three_minutes() {
        let pace = Pace::of_the_day();
        let (mut at, mut real) = (START, Duration::ZERO);
        while at < moment(20, 1, 0) {
            let to = pace.next_change(at).expect("the last change is the end").min(moment(20, 1, 0));
            real += pace.real(at, to);
            at = to;
        }
        assert!((120.0..165.0).contains(&real.as_secs_f64()), "{real:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_everybody_at_the_moment_that_each_waits_for() {
        let clock = driven();
        let sleeper = |after: u64| {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep_until(START + Duration::from_millis(after)).await;
                clock.now().since(START).as_millis()
            })
        };
        let (late, soon) = (sleeper(15_000), sleeper(1_300));
        assert_eq!(soon.await.expect("it ends"), 1_300);
        assert_eq!(late.await.expect("it ends"), 15_000);
        assert!(clock.waiting().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn goes_at_the_planned_speed() {
        let clock = driven();
        let began = Instant::now();
        clock.sleep_until(START + Duration::from_secs(400)).await;
        let took = began.elapsed().as_secs_f64();
        assert!((0.99..1.2).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn holds_while_a_request_is_served_but_not_for_ever() {
        let clock = driven();
        let began = Instant::now();
        let hold = clock.hold();
        clock.sleep_until(START + Duration::from_secs(1)).await;
        assert!(LONGEST_HOLD <= began.elapsed());
        drop(hold);
        let released = Instant::now();
        clock.sleep_until(START + Duration::from_secs(2)).await;
        assert!(released.elapsed() < LONGEST_HOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_that_is_dropped_leaves_nothing_behind() {
        let clock = driven();
        tokio::select! {
            () = clock.sleep_until(START + Duration::from_secs(3600)) => panic!("the shorter one ends first"),
            () = clock.sleep_until(START + Duration::from_secs(1)) => {}
        }
        assert!(clock.waiting().is_empty());
        clock.sleep_until(START).await;
        assert_eq!(clock.now(), START + Duration::from_secs(1));
    }
}
