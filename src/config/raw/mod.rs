//! What the file says: one struct for each section, each value read for itself.
//!
//! In:   the tree of a file, with settings from the environment and flags laid over it.
//! Out:  sections whose values have types and places; what is absent is `None`, no default is filled in.
//! Not:  whether values agree with each other is for `check` to say. A value that cannot be read becomes a problem and
//!       an absent value, so that all problems are found in one go.

mod adapter;
mod component;
mod discovery;
mod incidents;
mod read;
mod scrape;
mod sink;
mod top;
mod words;

pub use adapter::{RawDefinition, RawFind, RawRequest, RawSettingOf, RawStandDown};
pub use component::{RawComponent, RawDependency, RawEdge};
pub use discovery::{RawAttach, RawDnsSd, RawFileSd, RawHttpSd, RawKubernetesSd};
pub use incidents::{
    RawCadence, RawEscalation, RawGate, RawIncidents, RawMatch, RawPublish, RawRaise, RawStep, RawTemplates,
};
pub use read::{At, Entries, OneOrMany, Read, Reader, Wrong};
pub use scrape::{
    RawAuthorization, RawBasicAuth, RawHeader, RawJob, RawOauth2, RawRelabel, RawStaticConfig, RawTls,
};
pub use sink::{RawRate, RawSetting, RawSink, RawTree};
pub use top::{RawConfig, RawGlobal, RawServer};
pub use words::{
    Bytes, CorrelateWord, Count, EventFormatWord, KeepWord, Length, LostAnswerWord, MailTlsWord,
};
