//! What a pump counts, for `/metrics`.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::delivery::{Delivery, Outcome};
use crate::model::Timestamp;

/// No success yet.
const NEVER: i64 = i64::MIN;

/// Counters of one sink since the process started. Shared with whoever shows them.
#[derive(Debug)]
pub struct OutboxStats {
    attempts: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
    superseded: AtomicU64,
    under_way: AtomicU64,
    journal_failures: AtomicU64,
    last_success_ms: AtomicI64,
    attempts_took_ms: AtomicU64,
    waited_ms: AtomicU64,
    circuit_open: AtomicBool,
}

/// The counters at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatsNow {
    /// Attempts made.
    pub attempts: u64,
    /// Attempts that the sink took.
    pub delivered: u64,
    /// Attempts that it did not take.
    pub failed: u64,
    /// Deliveries that are dead: given up or expired.
    pub dead: u64,
    /// Deliveries that a later word stands for.
    pub superseded: u64,
    /// Attempts under way now.
    pub under_way: u64,
    /// Calls to the journal that failed.
    pub journal_failures: u64,
    /// When the sink last took something.
    pub last_success: Option<Timestamp>,
    /// How long all attempts took together.
    pub attempts_took: Duration,
    /// How long all deliveries waited together, from their commit until they were taken.
    pub waited: Duration,
    /// Whether the circuit is open: the sink is only probed.
    pub circuit_open: bool,
}

impl Default for OutboxStats {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            attempts: zero(),
            delivered: zero(),
            failed: zero(),
            dead: zero(),
            superseded: zero(),
            under_way: zero(),
            journal_failures: zero(),
            last_success_ms: AtomicI64::new(NEVER),
            attempts_took_ms: zero(),
            waited_ms: zero(),
            circuit_open: AtomicBool::new(false),
        }
    }
}

impl OutboxStats {
    /// The counters now. Each is right by itself; together they may be a moment apart.
    pub fn now(&self) -> StatsNow {
        let last_success_ms = self.last_success_ms.load(Relaxed);
        StatsNow {
            attempts: self.attempts.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dead: self.dead.load(Relaxed),
            superseded: self.superseded.load(Relaxed),
            under_way: self.under_way.load(Relaxed),
            journal_failures: self.journal_failures.load(Relaxed),
            last_success: (last_success_ms != NEVER).then(|| Timestamp::from_millis(last_success_ms)),
            attempts_took: Duration::from_millis(self.attempts_took_ms.load(Relaxed)),
            waited: Duration::from_millis(self.waited_ms.load(Relaxed)),
            circuit_open: self.circuit_open.load(Relaxed),
        }
    }

    pub(super) fn begun(&self) {
        self.attempts.fetch_add(1, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, delivery: &Delivery, began: Timestamp, at: Timestamp, outcome: &Outcome) {
        self.under_way.fetch_sub(1, Relaxed);
        self.attempts_took_ms.fetch_add(millis(at.since(began)), Relaxed);
        match outcome {
            Outcome::Delivered { .. } => {
                self.delivered.fetch_add(1, Relaxed);
                self.waited_ms.fetch_add(millis(at.since(delivery.created_at)), Relaxed);
                self.last_success_ms.fetch_max(at.as_millis(), Relaxed);
            }
            Outcome::Retry { .. } | Outcome::GiveUp { .. } | Outcome::StandDown { .. } => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) fn circuit(&self, is_open: bool) {
        self.circuit_open.store(is_open, Relaxed);
    }

    pub(super) fn died(&self) {
        self.dead.fetch_add(1, Relaxed);
    }

    pub(super) fn superseded(&self) {
        self.superseded.fetch_add(1, Relaxed);
    }

    pub(super) fn journal_failed(&self) {
        self.journal_failures.fetch_add(1, Relaxed);
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
