//! The operators' face over HTTP: health, reload, own metrics, own API.
//!
//! In:   requests on the operators' listener; the house, the journal and the pumps to look at.
//! Out:  answers; the types that are sent (DTOs) live here only.
//! Not:  nothing is decided here, and the house is only read.

mod api;
mod face;
mod figures;
mod lifecycle;
mod metrics;
mod process;
mod reload;
#[cfg(test)]
mod tests;
mod view;

pub use face::{Face, serve};
pub use reload::{ReloadHandle, ReloadRequest, ReloadState};
