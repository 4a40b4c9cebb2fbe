//! What the window holds, and what it turned away.

/// How much the window may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Series in all. A new one beyond it is turned away.
    pub series: usize,
    /// Samples of one series. The oldest goes when one more comes.
    pub samples_per_series: usize,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self { series: 1_000_000, samples_per_series: 100_000 }
    }
}

/// Figures for `/metrics`: what is held now, and counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowStats {
    /// Series held.
    pub series: usize,
    /// Samples held.
    pub samples: usize,
    /// Roughly how many bytes they take.
    pub bytes: usize,
    /// Standing selectors.
    pub selectors: usize,
    /// What came and was not kept.
    pub dropped: Dropped,
}

/// Samples that came and were not kept, since the start, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// No rule wants their series.
    pub unwanted: u64,
    /// Older than, or as old as, the last one of their series.
    pub out_of_order: u64,
    /// Their series was on the page already.
    pub duplicate: u64,
    /// Their own time lies too far in the future.
    pub too_new: u64,
    /// Their series is new and the limit on series is reached.
    pub series_limit: u64,
    /// The oldest of a series that has as many as it may.
    pub samples_limit: u64,
}
