//! The demand-driven window: recent samples of the series that some rule needs, as long as it needs them.
//!
//! In:   pages of samples from `scrape`, recorded samples from `rules`, and the demand of all rules.
//! Out:  answers to selectors (`promql::Source`), and how each target is doing.
//! Not:  no disk, no network, no clock: every call carries the time it is about.
//!
//! The usual life of a series: it appears on a page, some selector of some rule fits it, its samples are kept as
//! long as that rule looks back, and it goes some time after the last of them. Two things complicate it: a
//! staleness marker says that it ended although its samples are still there, and `presence` must tell a series
//! that ended from one that is not measured at the moment.

mod checkpoint;
mod codec;
mod excerpt;
#[cfg(test)]
mod histogram_tests;
mod histograms;
mod page;
mod portion;
mod presence;
mod records;
mod restore;
mod samples;
mod selectors;
mod source;
mod stats;
mod store;
mod tape;
mod target;
#[cfg(test)]
mod tests;
mod window;
mod write;

/// Scraping makes native histograms, and knows of queries only through here.
pub use crate::promql::{Histogram, Reset};
pub use excerpt::{Excerpt, Kept};
pub use page::{Page, PageHistogram, PageSample, PageSamples, ScrapeReport};
pub use portion::Portion;
pub use restore::CheckpointError;
pub use selectors::{WantedNames, may_be_on};
pub use stats::{Dropped, WindowLimits, WindowStats};
pub use tape::Played;
pub use target::TargetHealth;
pub use window::Window;
