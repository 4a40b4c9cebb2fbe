//! The router and what its handlers look at.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::journal::Journal;
use crate::model::Clock;
use crate::outbox::OutboxView;
use crate::pipeline::{Inbound, SharedHouse};
use crate::server::{LinkKey, ReloadHandle, api, commands, door, lifecycle, metrics};

/// A request's body may have this many bytes.
const BODY_LIMIT_BYTES: usize = 64 << 10;

/// What handlers look at, and where what they are told goes.
pub struct Face<J, C> {
    /// The house.
    pub house: SharedHouse,
    /// The journal.
    pub journal: J,
    /// How to ask for a reload.
    pub reload: ReloadHandle,
    /// The running sinks.
    pub outbox: OutboxView,
    /// The way into the pipeline.
    pub inbox: mpsc::Sender<Inbound>,
    /// The time.
    pub clock: C,
    /// Knows the links of pages again.
    pub links: LinkKey,
}

/// Serves until `stop`; requests under way are finished.
pub async fn serve<J: Journal, C: Clock>(listener: TcpListener, face: Face<J, C>, stop: CancellationToken) {
    let service = router(face).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the operators' listener failed");
    }
}

fn router<J: Journal, C: Clock>(face: Face<J, C>) -> Router {
    let told = Router::new()
        .route("/api/fogsignal/v1/commands", post(commands::command::<J, C>))
        .route("/api/fogsignal/v1/changes", post(commands::change::<J, C>))
        .route_layer(from_fn(door::admit));
    Router::new()
        .route("/-/healthy", get(lifecycle::healthy))
        .route("/-/ready", get(lifecycle::ready::<J, C>))
        .route("/-/reload", post(lifecycle::reload::<J, C>).put(lifecycle::reload::<J, C>))
        .route("/metrics", get(metrics::metrics::<J, C>))
        .route("/api/fogsignal/v1/incidents", get(api::incidents::<J, C>))
        .route("/api/fogsignal/v1/incidents/{id}", get(api::incident::<J, C>))
        .route("/api/fogsignal/v1/changes", get(api::changes::<J, C>))
        .route("/api/fogsignal/v1/alerts", get(api::alerts::<J, C>))
        .route("/api/fogsignal/v1/rules", get(api::rules::<J, C>))
        .route("/api/fogsignal/v1/targets", get(api::targets::<J, C>))
        .route("/api/fogsignal/v1/deliveries", get(api::deliveries::<J, C>))
        .merge(told)
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(CatchPanicLayer::new())
        .with_state(Arc::new(face))
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    (StatusCode::NOT_FOUND, format!("there is nothing at `{}`\n", uri.path()))
}
