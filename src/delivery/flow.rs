//! Whether a sink is sent to: a circuit breaker, and the pauses that the sink asks for.
//!
//! In:   what attempts came to.
//! Out:  whether to begin attempts freely, one as a probe, or none until a time.
//! Not:  no clock and no queue; which delivery is sent, and when it is tried again by itself, others say.
//!
//! Usually the circuit is closed. It opens when several attempts in a row failed, whichever incidents they were of:
//! then one attempt at a time goes out as a probe, at most half a minute after the one before. The first answer closes it.

use std::time::Duration;

use crate::model::Timestamp;

use super::retry::{LONGEST_WAIT, next_attempt};
use super::{Outcome, SinkNews};

/// So many failures in a row open the circuit.
const OPENS_AFTER: u32 = 3;
/// When messages for customers have not come through for so long, responders are told.
const TOLD_AFTER: Duration = Duration::from_secs(2 * 60);

/// What may be begun now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Whatever is due.
    Freely,
    /// One attempt, of whatever waits longest, and only while none is under way.
    Probe,
    /// Nothing before this.
    NotBefore(Timestamp),
}

/// How the way to one sink is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Failures since the last answer, and when the first of them was.
    failures: u32,
    failing_since: Option<Timestamp>,
    /// While the circuit is open: when the next probe may go.
    probe_at: Option<Timestamp>,
    /// The sink asked to be left alone until then.
    paused_until: Option<Timestamp>,
    told: bool,
}

impl Flow {
    /// What may be begun at `now`.
    pub fn begin(&self, now: Timestamp) -> Begin {
        let not_before = self.paused_until.into_iter().chain(self.probe_at).max();
        match not_before {
            Some(at) if now < at => Begin::NotBefore(at),
            _ if self.probe_at.is_some() => Begin::Probe,
            _ => Begin::Freely,
        }
    }

    /// Takes in what an attempt came to that ended at `now`; `jitter` is in [0, 1). Returns whether the way has just
    /// become free: whatever waits for its next attempt may go at once.
    pub fn ended(&mut self, now: Timestamp, outcome: &Outcome, jitter: f64) -> bool {
        let Outcome::Retry { wait, .. } = outcome else {
            let was_open = self.probe_at.is_some();
            *self = Self::default();
            return was_open;
        };
        self.failing_since.get_or_insert(now);
        if let Some(wait) = wait {
            // It is there and busy: that is no reason to think it down.
            let until = now + (*wait).min(LONGEST_WAIT);
            self.paused_until = self.paused_until.max(Some(until));
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if OPENS_AFTER <= self.failures {
            // The first probe soon, then as far apart as attempts of one delivery would be.
            self.probe_at = Some(next_attempt(self.failures, now, None, jitter));
        }
        false
    }

    /// Whether the circuit is open.
    pub fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// What responders should know of a sink that customers read: once for each stretch in which nothing comes through.
    pub fn news(&mut self, now: Timestamp, because: &str) -> Option<SinkNews> {
        let since = self.failing_since.filter(|since| !self.told && *since + TOLD_AFTER <= now)?;
        self.told = true;
        Some(SinkNews::Late { since, because: because.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::at;

    fn down() -> Outcome {
        Outcome::retry("connection refused")
    }

    fn busy(seconds: u64) -> Outcome {
        Outcome::Retry { why: "answered 429".into(), wait: Some(Duration::from_secs(seconds)) }
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_an_answer_closes_it() {
        let mut flow = Flow::default();
        assert!(!flow.ended(at(0), &down(), 1.0));
        assert!(!flow.ended(at(0), &down(), 1.0));
        assert_eq!(flow.begin(at(0)), Begin::Freely);
        flow.ended(at(1), &down(), 1.0);
        assert_eq!(flow.begin(at(1)), Begin::NotBefore(at(5)));
        assert_eq!(flow.begin(at(5)), Begin::Probe);
        assert!(flow.is_open());
        assert!(flow.ended(at(5), &Outcome::GiveUp { why: "answered 400".into() }, 1.0), "it answers");
        assert_eq!((flow.begin(at(5)), flow.is_open()), (Begin::Freely, false));
    }

    #[test]
    fn failures_with_an_answer_between_do_not_open_it() {
        let mut flow = Flow::default();
        for _ in 0..9 {
            flow.ended(at(0), &down(), 1.0);
            flow.ended(at(0), &down(), 1.0);
            assert!(!flow.ended(at(0), &Outcome::delivered("ok"), 1.0));
        }
        assert_eq!(flow.begin(at(0)), Begin::Freely);
    }

    #[test]
    fn probes_are_at_most_half_a_minute_apart() {
        let mut flow = Flow::default();
        let mut now = at(0);
        for _ in 0..50 {
            flow.ended(now, &down(), 1.0);
            if let Begin::NotBefore(next) = flow.begin(now) {
                assert!(next.since(now) <= Duration::from_secs(30));
                now = next;
            }
        }
        assert!(flow.is_open());
    }

    #[test]
    fn a_sink_that_asks_for_time_gets_it_and_is_not_down() {
        let mut flow = Flow::default();
        for _ in 0..9 {
            flow.ended(at(0), &busy(40), 1.0);
        }
        assert_eq!(flow.begin(at(0)), Begin::NotBefore(at(40)));
        assert_eq!(flow.begin(at(40)), Begin::Freely);
        flow.ended(at(40), &busy(1_000_000), 1.0);
        assert_eq!(flow.begin(at(40)), Begin::NotBefore(at(3640)));
    }

    #[test]
    fn responders_are_told_once_a_stretch() {
        let mut flow = Flow::default();
        let late = |since| Some(SinkNews::Late { since, because: "down".into() });
        flow.ended(at(0), &down(), 1.0);
        assert_eq!(flow.news(at(119), "down"), None);
        assert_eq!(flow.news(at(120), "down"), late(at(0)));
        assert_eq!(flow.news(at(500), "down"), None);
        flow.ended(at(500), &Outcome::delivered("ok"), 1.0);
        flow.ended(at(600), &down(), 1.0);
        assert_eq!(flow.news(at(720), "down"), late(at(600)));
    }
}
