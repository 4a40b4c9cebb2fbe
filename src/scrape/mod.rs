//! Scraping: from targets to pages of samples.
//!
//! In:   jobs (whom to ask, how, how often), the demand of all rules, answers over HTTP.
//! Out:  one `series::Page` for each scrape, good or failed.
//! Not:  nothing is kept here but the memory of the last page's lines; nothing is evaluated.
//!
//! `discovery` makes targets of jobs, `schedule` says when each is due, `fetch` asks it, `formats` and `page` read
//! the answer, and `scraper` turns that wheel.

mod client;
mod discovery;
mod error;
mod fetch;
pub mod formats;
mod job;
mod memory;
mod oauth2;
mod page;
mod proxy;
mod relabel;
mod schedule;
mod scraper;
mod shown;
#[cfg(test)]
mod tests;
mod wants;

pub use discovery::{
    DiscoveredTarget, Discovery, DiscoveryFigures, DiscoveryView, DnsDiscovery, DnsRecord, FileDiscovery,
    HttpDiscovery, JobFigures, KubernetesApi, KubernetesDiscovery, KubernetesNamespaces, KubernetesRole,
    KubernetesSelector, Listed, MechanismFigures, OverLimit, RequestSettings, Target, TargetError,
    TargetErrors, TargetFate, TargetFault, resolve_targets,
};
pub use error::ScrapeError;
pub use formats::{
    Counted, Families, Family, Fault, Format, HistogramParts, LabelPairs, Line, Lines, Metadata, NativePart,
    ParseError, ProtobufError, ProtobufFault, ProtobufSample, ProtobufStep, ProtobufValue, Protocol, Reading,
    Step, TextFormat, accept, decode, metadata, parse_text, parse_text_as,
};
pub use job::{
    Authorization, Header, Job, Limits, RelabelAction, RelabelRule, TargetGroup, TlsSettings, TlsVersion,
};
pub use oauth2::OAuth2;
pub use proxy::{ProxyBy, ProxySettings};
pub use relabel::relabel;
pub use scraper::{ScrapeEvent, Scraper, Wanted};
pub use wants::Wants;
