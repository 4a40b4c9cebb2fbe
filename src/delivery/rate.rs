//! How fast a sink may be asked: a token bucket.
//!
//! In:   what the foreign system allows; moments at which somebody wants to ask.
//! Out:  when that request may go.
//! Not:  no clock, nobody waits here.

use std::time::Duration;

use crate::model::Timestamp;

/// So many requests in so long; as many may go at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least one.
    pub requests: u32,
    /// In how long.
    pub per: Duration,
}

/// The bucket of one sink.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// How long one token takes to come back, in nanoseconds.
    each_ns: u64,
    room_ns: u64,
    /// When the bucket was, or will be, full, in nanoseconds after `since`.
    full_at_ns: u64,
    since: Timestamp,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        let room_ns = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        let each_ns = room_ns / u64::from(rate.requests.max(1));
        Self { each_ns, room_ns, full_at_ns: 0, since: now }
    }

    /// Takes a token; returns when the request may go. Those who ask later go later.
    pub fn take(&mut self, now: Timestamp) -> Timestamp {
        let now_ns = u64::try_from(now.since(self.since).as_nanos()).unwrap_or(u64::MAX);
        let full_at = self.full_at_ns.max(now_ns).saturating_add(self.each_ns);
        self.full_at_ns = full_at;
        let wait_ns = full_at.saturating_sub(self.room_ns).saturating_sub(now_ns);
        now + Duration::from_millis(wait_ns.div_ceil(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::samples::at;

    #[test]
    fn one_a_second_means_that() {
        let mut bucket = Bucket::new(Rate { requests: 1, per: Duration::from_secs(1) }, at(0));
        assert_eq!(bucket.take(at(0)), at(0));
        assert_eq!(bucket.take(at(0)), at(1));
        assert_eq!(bucket.take(at(0)), at(2));
        assert_eq!(bucket.take(at(10)), at(10));
        assert_eq!(bucket.take(at(10)), at(11));
    }

    #[test]
    fn a_burst_may_go_at_once() {
        let mut bucket = Bucket::new(Rate { requests: 3, per: Duration::from_secs(60) }, at(0));
        assert_eq!([0; 4].map(|_| bucket.take(at(0))), [at(0), at(0), at(0), at(20)]);
    }

    proptest! {
        #[test]
        fn no_stretch_has_more_than_twice_the_room(
            requests in 1u32..20, per in 1u64..100, gaps in proptest::collection::vec(0u64..30_000, 1..60),
        ) {
            let per = Duration::from_secs(per);
            let mut bucket = Bucket::new(Rate { requests, per }, at(0));
            let mut now = at(0);
            let mut gone = Vec::new();
            for gap in gaps {
                now = now + Duration::from_millis(gap);
                gone.push(bucket.take(now));
            }
            prop_assert!(gone.is_sorted());
            for from in &gone {
                let within = gone.iter().filter(|at| *from <= **at && **at < *from + per).count();
                prop_assert!(within <= 2 * requests as usize, "{within} of {requests}");
            }
        }
    }
}
