//! The demand-driven window: recent samples of the series that some rule needs, as long as it needs them.
//!
//! In:   pages of samples from `scrape`, recorded samples from `rules`, and the demand of all rules.
//! Out:  answers to selectors (`promql::Source`), and how each target is doing.
//! Not:  no disk, no network, no clock: every call carries the time it is about.

mod page;

pub use page::{Page, PageSample, Recorded, ScrapeReport};
