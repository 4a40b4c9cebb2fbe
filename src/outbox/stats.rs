//! What a pump counts, for `/metrics`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::delivery::Outcome;
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
    under_way: AtomicU64,
    journal_failures: AtomicU64,
    last_success_ms: AtomicI64,
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
    /// Attempts under way now.
    pub under_way: u64,
    /// Calls to the journal that failed.
    pub journal_failures: u64,
    /// When the sink last took something.
    pub last_success: Option<Timestamp>,
}

impl Default for OutboxStats {
    fn default() -> Self {
        Self {
            attempts: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            journal_failures: AtomicU64::new(0),
            last_success_ms: AtomicI64::new(NEVER),
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
            under_way: self.under_way.load(Relaxed),
            journal_failures: self.journal_failures.load(Relaxed),
            last_success: (last_success_ms != NEVER).then(|| Timestamp::from_millis(last_success_ms)),
        }
    }

    pub(super) fn begun(&self) {
        self.attempts.fetch_add(1, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, at: Timestamp, outcome: &Outcome) {
        self.under_way.fetch_sub(1, Relaxed);
        match outcome {
            Outcome::Delivered { .. } => {
                self.delivered.fetch_add(1, Relaxed);
                self.last_success_ms.fetch_max(at.as_millis(), Relaxed);
            }
            Outcome::Retry { .. } | Outcome::GiveUp { .. } => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) fn died(&self) {
        self.dead.fetch_add(1, Relaxed);
    }

    pub(super) fn journal_failed(&self) {
        self.journal_failures.fetch_add(1, Relaxed);
    }
}
