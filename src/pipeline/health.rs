//! How the house itself is doing: what readiness, the emergency page and `/metrics` are made from.

use crate::model::Timestamp;

/// How the house itself is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Commits that worked.
    pub commits: u64,
    /// Commits that failed.
    pub commit_failures: u64,
    /// Since when no commit works, while none does.
    pub failing_since: Option<Timestamp>,
    /// What the last failure said.
    pub last_failure: Option<String>,
    /// Evaluations of a rule that failed.
    pub evaluation_failures: u64,
    /// Evaluations of groups that were left out because the house was late.
    pub missed_evaluations: u64,
}

impl Health {
    /// Notes a commit that worked.
    pub fn committed(&mut self) {
        self.commits += 1;
        self.failing_since = None;
    }

    /// Notes a commit that failed at `now`.
    pub fn commit_failed(&mut self, now: Timestamp, because: String) {
        self.commit_failures += 1;
        self.failing_since.get_or_insert(now);
        self.last_failure = Some(because);
    }
}
