//! The demo's HTTP servers: one listener an exporter, and one for the receiver of webhooks.
//!
//! In:   the clock; the pages of `platform`; the `Inbox` that keeps what is delivered.
//! Out:  addresses on loopback, on ports that the system chose.
//! Not:  nothing is judged here; `receiver` verifies what comes in.
//!
//! Each request holds the clock while it is served, so that time on a busy machine does not outrun the answer.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::model::Clock as _;

use super::pace::WarpClock;
use super::platform::Exporter;
use super::receiver::{Inbox, Refused};

/// No delivery of ours is larger.
const LARGEST_BODY_BYTES: usize = 256 * 1024;

/// Serves `exporter`'s pages until `stop`.
///
/// # Errors
/// Where no port of loopback can be had.
pub async fn serve_exporter(
    exporter: Exporter,
    clock: WarpClock,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()> + Send + 'static)> {
    let router = Router::new().route("/metrics", get(move || metrics(exporter, clock.clone())));
    serve(router, stop).await
}

/// Serves the receiver of webhooks at `/hooks/NAME-OF-SINK` until `stop`.
///
/// # Errors
/// Where no port of loopback can be had.
pub async fn serve_receiver(
    inbox: Arc<Inbox>,
    clock: WarpClock,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()> + Send + 'static)> {
    let router = Router::new()
        .route("/hooks/{sink}", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
        .with_state((inbox, clock));
    serve(router, stop).await
}

async fn serve(
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()> + Send + 'static)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port of 127.0.0.1 to listen on")?;
    let address = listener.local_addr().context("a listener without an address")?;
    let serving = async move {
        // Not graceful: a scraper keeps its connection open for as long as we would wait.
        tokio::select! {
            ended = axum::serve(listener, router) => {
                if let Err(error) = ended {
                    tracing::error!(%address, %error, "a server of the demo ended");
                }
            }
            () = stop.cancelled() => {}
        }
    };
    Ok((address, serving))
}

async fn metrics(exporter: Exporter, clock: WarpClock) -> Response {
    let _hold = clock.hold();
    match exporter.page(clock.now()) {
        Some(page) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
        }
        // An exporter that does not answer at all would say less, and sooner or later the same: no data.
        None => (StatusCode::SERVICE_UNAVAILABLE, "the exporter is restarting\n").into_response(),
    }
}

async fn receive(
    State((inbox, clock)): State<(Arc<Inbox>, WarpClock)>,
    Path(sink): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let _hold = clock.hold();
    match inbox.take(&sink, &headers, &body, clock.now()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused @ Refused::Signature(_)) => {
            (StatusCode::UNAUTHORIZED, format!("{refused}\n")).into_response()
        }
        Err(refused) => (StatusCode::BAD_REQUEST, format!("{refused}\n")).into_response(),
    }
}
