//! The nouns that every room shares.
//!
//! In:   nothing; this room stands at the bottom of the house.
//! Out:  times, labels, severities, ids, the component graph, and problems with a place in a user's file; the tree of
//!       such a file (`yaml`), patterns of file names (`glob`), and what a mistyped word of it probably means (`suggest`).
//! Not:  no clock is read here and nothing is decided; `Clock` is only the trait that shells implement.

mod clock;
mod component;
mod duration;
pub mod glob;
mod ids;
mod labels;
mod matcher;
mod number;
mod problem;
mod secret;
mod severity;
pub mod suggest;
mod time;
pub mod yaml;

pub use clock::Clock;
pub use component::{Component, ComponentStatus, Edge, Graph, GraphError};
pub use duration::{DurationError, format_duration, parse_duration};
pub use ids::{ComponentId, DeliveryId, IncidentId, InvalidName, RuleId, SinkName, TargetKey};
pub use labels::{Labels, LabelsBuilder, METRIC_NAME};
pub use matcher::{MatchOp, Matcher, exact_metric_name};
pub use number::{STALE_NAN, format_value, is_stale, parse_value};
pub use problem::{Level, Place, Problem, Problems, Span};
pub use secret::{Secret, SecretSource};
pub use severity::Severity;
pub use time::Timestamp;
