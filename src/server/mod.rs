//! The operators' face over HTTP: health, reload, own metrics, own API; and what responders answer from elsewhere.
//!
//! In:   requests on the operators' listener; the house, the journal and the pumps to look at.
//! Out:  answers; commands and changes for the pipeline. The types that are sent (DTOs) live here only.
//! Not:  nothing is decided here, and the house is only read.

mod api;
pub mod ask;
mod commands;
mod deliveries;
mod door;
mod face;
mod figures;
mod go;
mod hooks;
mod lifecycle;
mod links;
mod metrics;
mod process;
pub mod prometheus;
mod reload;
mod tell;
#[cfg(test)]
mod tests;
mod view;

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

pub use face::{Face, serve};
pub use hooks::{HookSettings, Hooks};
pub use links::LinkKey;
pub use prometheus::Queries;
pub use reload::{ReloadHandle, ReloadRequest, ReloadState};

/// A refusal, with the reason for whoever asked.
fn error(status: StatusCode, why: impl Into<String>) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": why.into() })))
}
