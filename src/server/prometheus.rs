//! `/api/v1/*`: queries, rules, alerts and targets in the shapes of Prometheus's API, for what is made to read that.
//!
//! In:   requests with parameters in the query or in a form.
//! Out:  `{"status", "data", …}`, or `{"status", "errorType", "error"}`.
//! Not:  nothing of how an expression is evaluated, and the house is held only while samples are copied out of it.

mod answer;
mod explain;
mod parameters;
mod query;
mod rules;
mod targets;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub use answer::{Said, instant};
pub use explain::{explain, offline};
pub use parameters::{length, moment};
pub use query::{Queries, query, query_range};
pub use rules::{alerts, rules};
pub use targets::{scrape_pools, targets};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct Failure {
    kind: Kind,
    why: String,
}

/// As Prometheus sorts failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The request makes no sense.
    BadData,
    /// The expression has no value.
    Execution,
    /// It took too long.
    Timeout,
    /// It is our fault.
    Internal,
}

impl Failure {
    fn bad(why: impl Into<String>) -> Self {
        Self { kind: Kind::BadData, why: why.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind) = match self.kind {
            Kind::BadData => (StatusCode::BAD_REQUEST, "bad_data"),
            Kind::Execution => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Kind::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        (status, Json(json!({ "status": "error", "errorType": kind, "error": self.why }))).into_response()
    }
}

/// `data` as an answer that went well.
fn success(data: &Value) -> Response {
    Json(json!({ "status": "success", "data": data })).into_response()
}
