//! Scraping: from targets to pages of samples.
//!
//! In:   jobs (whom to ask, how, how often), the demand of all rules, answers over HTTP.
//! Out:  one `series::Page` for each scrape, good or failed.
//! Not:  nothing is kept here but the memory of the last page's lines; nothing is evaluated.

pub mod formats;
mod job;

pub use formats::{
    Counted, Fault, LabelPairs, Line, Lines, Metadata, ParseError, Reading, Step, decode, metadata,
    parse_text,
};
pub use job::{Authorization, Job, Limits, RelabelAction, RelabelRule, TargetGroup, TlsSettings};
