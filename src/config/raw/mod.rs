//! What the file says: one struct for each section, each value read for itself.
//!
//! In:   the tree of a file, with settings from the environment and flags laid over it.
//! Out:  sections whose values have types and places; what is absent is `None`, no default is filled in.
//! Not:  whether values agree with each other is for `check` to say. A value that cannot be read becomes a problem and
//!       an absent value, so that all problems are found in one go.

mod component;
mod incidents;
mod read;
mod scrape;
mod sink;
mod top;
mod words;

pub use component::{RawComponent, RawDependency, RawEdge};
pub use incidents::{
    RawCadence, RawEscalation, RawGate, RawIncidents, RawMatch, RawPublish, RawRaise, RawStep, RawTemplates,
};
pub use read::{At, Entries, Read, Reader, Wrong};
pub use scrape::{RawAuthorization, RawBasicAuth, RawJob, RawRelabel, RawStaticConfig, RawTls};
pub use sink::{RawSink, RawSinkEntry};
pub use top::{RawConfig, RawGlobal};
pub use words::{AdapterWord, Bytes, Count, Length};
