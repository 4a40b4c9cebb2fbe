//! `/-/healthy`, `/-/ready`, `/-/reload`: as Prometheus has them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::journal::Journal;
use crate::model::Clock;
use crate::server::Face;

/// The process is there.
pub async fn healthy() -> &'static str {
    "Fogsignal is healthy.\n"
}

/// It does its work: the journal takes what is decided.
pub async fn ready<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> (StatusCode, String) {
    match face.house.read().health.failing_since {
        None => (StatusCode::OK, "Fogsignal is ready.\n".to_owned()),
        Some(since) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the journal cannot be written since {since}\n"))
        }
    }
}

/// Reads the configuration again.
pub async fn reload<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> (StatusCode, String) {
    match face.reload.reload().await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(problems) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("cannot reload; the old configuration stays in force:\n{problems}\n"),
        ),
    }
}
