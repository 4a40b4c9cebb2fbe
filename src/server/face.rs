//! The router and what its handlers look at.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::journal::Journal;
use crate::outbox::OutboxView;
use crate::pipeline::SharedHouse;
use crate::server::{ReloadHandle, api, lifecycle, metrics};

/// A request's body may have this many bytes.
const BODY_LIMIT_BYTES: usize = 64 << 10;

/// What handlers look at.
pub struct Face<J> {
    /// The house.
    pub house: SharedHouse,
    /// The journal.
    pub journal: J,
    /// How to ask for a reload.
    pub reload: ReloadHandle,
    /// The running sinks.
    pub outbox: OutboxView,
}

/// Serves until `stop`; requests under way are finished.
pub async fn serve<J: Journal>(listener: TcpListener, face: Face<J>, stop: CancellationToken) {
    let served =
        axum::serve(listener, router(face)).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the operators' listener failed");
    }
}

fn router<J: Journal>(face: Face<J>) -> Router {
    Router::new()
        .route("/-/healthy", get(lifecycle::healthy))
        .route("/-/ready", get(lifecycle::ready::<J>))
        .route("/-/reload", post(lifecycle::reload::<J>).put(lifecycle::reload::<J>))
        .route("/metrics", get(metrics::metrics::<J>))
        .route("/api/fogsignal/v1/incidents", get(api::incidents::<J>))
        .route("/api/fogsignal/v1/incidents/{id}", get(api::incident::<J>))
        .route("/api/fogsignal/v1/alerts", get(api::alerts::<J>))
        .route("/api/fogsignal/v1/rules", get(api::rules::<J>))
        .route("/api/fogsignal/v1/targets", get(api::targets::<J>))
        .route("/api/fogsignal/v1/deliveries", get(api::deliveries::<J>))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(CatchPanicLayer::new())
        .with_state(Arc::new(face))
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    (StatusCode::NOT_FOUND, format!("there is nothing at `{}`\n", uri.path()))
}
