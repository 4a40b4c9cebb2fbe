//! When a delivery is tried again, and what becomes of it.
//!
//! In:   what an attempt came to, how many there were, a jitter.
//! Out:  the time of the next one, or the end.
//! Not:  no clock, no random number: the jitter is a function of the delivery and the attempt.

use std::time::Duration;

use crate::model::{DeliveryId, Timestamp};

use super::{Delivery, Fate, Outcome};

const BASE: Duration = Duration::from_secs(1);
/// A sink that is down is probed at most this far apart, so that it is served soon after it is back.
const CAP: Duration = Duration::from_secs(30);
/// However lucky the jitter: a sink that refuses at once is not asked again at once.
const LEAST: Duration = Duration::from_millis(100);
/// A sink may ask us to wait, but not for so long that nobody would learn of it.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// When to try again after `attempts_so_far` (at least one) failed: capped exponential backoff with full jitter,
/// so that senders that failed together do not come back together. Not before what the sink asked for (`wait`).
pub fn next_attempt(attempts_so_far: u32, now: Timestamp, wait: Option<Duration>, jitter: f64) -> Timestamp {
    let doublings = attempts_so_far.saturating_sub(1).min(16);
    let longest = (BASE * 2u32.pow(doublings)).min(CAP);
    let backoff = longest.mul_f64(jitter.clamp(0.0, 1.0)).max(LEAST);
    let asked = wait.unwrap_or_default().min(LONGEST_WAIT);
    now + backoff.max(asked)
}

/// What becomes of `delivery` after its attempt number `attempts`, which ended at `now`. One that would only be
/// tried again when it is no longer worth sending is dead now, so that responders learn of it at once.
pub fn fate_after(delivery: &Delivery, attempts: u32, now: Timestamp, outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::Delivered { .. } => Fate::Delivered { at: now },
        Outcome::GiveUp { why } => Fate::Dead { at: now, why: why.clone() },
        Outcome::StandDown { what } => Fate::Dead { at: now, why: format!("left to people: {what}") },
        Outcome::Retry { why, wait } => {
            let next_attempt_at = next_attempt(attempts, now, *wait, jitter(delivery.id, attempts));
            if next_attempt_at < delivery.expires_at {
                return Fate::Waiting { next_attempt_at };
            }
            let times = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
            Fate::Dead { at: now, why: format!("expired after {times}; the last: {why}") }
        }
    }
}

/// A number in [0, 1) that looks random and is the same for the same attempt of the same delivery.
pub fn jitter(delivery: DeliveryId, attempt: u32) -> f64 {
    // xorshift64* (Marsaglia, Vigna). Its state may not be zero, and nearby seeds need a few rounds to part.
    let mut state = (delivery.0 << 20 ^ u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..4 {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
    }
    let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::samples::{at, delivery};

    fn ms(length: u64) -> Duration {
        Duration::from_millis(length)
    }

    #[test]
    fn backs_off_exponentially_to_a_cap() {
        let check = |attempts, jitter, expected_ms| {
            assert_eq!(next_attempt(attempts, at(0), None, jitter), at(0) + ms(expected_ms), "{attempts}");
        };
        check(1, 1.0, 1000);
        check(2, 1.0, 2000);
        check(5, 1.0, 16_000);
        check(5, 0.5, 8000);
        check(6, 1.0, 30_000);
        check(u32::MAX, 1.0, 30_000);
        check(7, 0.0, 100);
    }

    #[test]
    fn waits_as_long_as_the_sink_asks_but_no_longer_than_an_hour() {
        let after = |wait| next_attempt(1, at(0), Some(Duration::from_secs(wait)), 1.0);
        assert_eq!(after(0), at(1));
        assert_eq!(after(120), at(120));
        assert_eq!(after(86_400), at(3600));
    }

    #[test]
    fn an_outcome_decides_the_fate() {
        let delivery = delivery(1, 1, "hook");
        let retry =
            |wait| Outcome::Retry { why: "answered 503".into(), wait: Some(Duration::from_secs(wait)) };
        let fate = |now, outcome| fate_after(&delivery, 3, now, &outcome);
        assert_eq!(fate(at(9), Outcome::delivered("ok")), Fate::Delivered { at: at(9) });
        assert_eq!(
            fate(at(9), Outcome::GiveUp { why: "answered 410".into() }),
            Fate::Dead { at: at(9), why: "answered 410".into() }
        );
        assert_eq!(fate(at(9), retry(600)), Fate::Waiting { next_attempt_at: at(609) });
        let too_late = delivery.expires_at - Duration::from_secs(600);
        assert_eq!(
            fate(too_late, retry(600)),
            Fate::Dead { at: too_late, why: "expired after 3 attempts; the last: answered 503".into() }
        );
    }

    #[test]
    fn jitter_spreads_over_the_whole_range() {
        let mut tenths = [0u32; 10];
        for id in 1..=100 {
            for attempt in 1..=10 {
                tenths[(jitter(DeliveryId(id), attempt) * 10.0) as usize] += 1;
            }
        }
        assert!(tenths.iter().all(|count| (60..=140).contains(count)), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn the_next_attempt_is_later_and_bounded(
            attempts in any::<u32>(), wait in proptest::option::of(0u64..10_000), jitter in 0.0f64..1.0,
        ) {
            let next = next_attempt(attempts, at(0), wait.map(Duration::from_secs), jitter);
            prop_assert!(at(0) < next && next <= at(3600));
            prop_assert!(wait.is_none_or(|wait| at(wait.min(3600) as i64) <= next));
        }

        #[test]
        fn jitter_stays_in_its_range(id in any::<u64>(), attempt in any::<u32>()) {
            prop_assert!((0.0..1.0).contains(&jitter(DeliveryId(id), attempt)));
        }
    }
}
