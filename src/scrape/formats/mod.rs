//! Exposition formats: the pages that targets answer with.
//!
//! In:   the bytes of one page, decompressed; which metric names are wanted.
//! Out:  its samples in page order, borrowed from the page; or the one fault that makes it unreadable, with line
//!       and column. One bad line fails the whole page: half a page looks like series that went away.
//! Not:  no relabelling, no target labels, no time: a sample without a timestamp stays without one.
//!
//! `text` reads the Prometheus text formats 0.0.4 and 1.0.0, and OpenMetrics with `open_metrics`. They accept what the
//! Prometheus server accepts, with the few differences that are named there. `protobuf` reads the delimited messages of
//! the protobuf format with `wire` and `native`; `protocol` says what is asked for, and what came.

mod bound;
#[cfg(test)]
pub(super) mod encoded;
mod fault;
mod labels;
mod meta;
mod native;
mod open_metrics;
mod protobuf;
mod protocol;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod wire;

pub use fault::{Fault, ParseError};
pub use labels::LabelPairs;
pub use meta::{Metadata, metadata};
pub use protobuf::{
    Families, HistogramParts, NativePart, ProtobufError, ProtobufFault, ProtobufSample, ProtobufStep,
    ProtobufValue,
};
pub(super) use protocol::media_type;
pub use protocol::{Format, Protocol, accept};
pub use text::{Counted, Family, Line, Lines, Reading, Step, TextFormat, decode, parse_text, parse_text_as};
