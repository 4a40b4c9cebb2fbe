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
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::journal::Journal;
use crate::model::Clock;
use crate::outbox::OutboxView;
use crate::pipeline::{Inbound, SharedHouse};
use crate::scrape::DiscoveryView;
use crate::server::{
    Hooks, LinkKey, Queries, ReloadHandle, api, commands, deliveries, door, go, hooks, lifecycle, metrics,
    prometheus,
};

/// A request's body may have this many bytes.
const BODY_LIMIT_BYTES: usize = 64 << 10;
/// A webhook of Slack repeats the message that has the button, escaped twice.
const HOOK_LIMIT_BYTES: usize = 1 << 20;

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
    /// Who is scraped, and how discovery of targets goes.
    pub discovery: DiscoveryView,
    /// The way into the pipeline.
    pub inbox: mpsc::Sender<Inbound>,
    /// The time.
    pub clock: C,
    /// Knows the links of pages again.
    pub links: LinkKey,
    /// Knows the webhooks of sinks again.
    pub hooks: Hooks,
    /// How many queries run at a time.
    pub queries: Queries,
    /// Wakes the pumps, as a commit with deliveries does.
    pub committed: watch::Sender<()>,
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
        .route("/api/fogsignal/v1/deliveries/{id}/retry", post(deliveries::retry::<J, C>))
        .route("/api/fogsignal/v1/deliveries/{id}/drop", post(deliveries::drop::<J, C>))
        .route_layer(from_fn(door::admit));
    // From anywhere: what they carry says whether they may.
    let answers = Router::new()
        .route("/go/open/{ticket}", get(go::open::<J, C>))
        .route("/go/acknowledge/{ticket}", get(go::ask::<J, C>).post(go::acknowledge::<J, C>))
        .route("/hooks/pagerduty/{sink}", post(hooks::from_pagerduty::<J, C>))
        .route("/hooks/slack/{sink}", post(hooks::from_slack::<J, C>))
        .layer(DefaultBodyLimit::max(HOOK_LIMIT_BYTES));
    let reload = post(lifecycle::reload::<J, C>).put(lifecycle::reload::<J, C>);
    Router::new()
        .route("/-/healthy", get(lifecycle::healthy))
        .route("/-/ready", get(lifecycle::ready::<J, C>))
        .route("/-/reload", reload.route_layer(from_fn(door::refuse_foreign_pages)))
        .route("/metrics", get(metrics::metrics::<J, C>))
        .route("/api/fogsignal/v1/incidents", get(api::incidents::<J, C>))
        .route("/api/fogsignal/v1/incidents/{id}", get(api::incident::<J, C>))
        .route("/api/fogsignal/v1/changes", get(api::changes::<J, C>))
        .route("/api/fogsignal/v1/alerts", get(api::alerts::<J, C>))
        .route("/api/fogsignal/v1/rules", get(api::rules::<J, C>))
        .route("/api/fogsignal/v1/targets", get(api::targets::<J, C>))
        .route("/api/fogsignal/v1/sinks", get(api::sinks::<J, C>))
        .route("/api/fogsignal/v1/deliveries", get(deliveries::list::<J, C>))
        .route("/api/fogsignal/v1/deliveries/{id}", get(deliveries::show::<J, C>))
        .route("/api/fogsignal/v1/rules/explain", get(prometheus::explain::<J, C>))
        .merge(told)
        .merge(as_prometheus::<J, C>())
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .merge(answers)
        .layer(CatchPanicLayer::new())
        .with_state(Arc::new(face))
}

/// What is made to read Prometheus's API finds here.
fn as_prometheus<J: Journal, C: Clock>() -> Router<Arc<Face<J, C>>> {
    let query = get(prometheus::query::<J, C>).post(prometheus::query::<J, C>);
    let query_range = get(prometheus::query_range::<J, C>).post(prometheus::query_range::<J, C>);
    let rules = get(prometheus::rules::<J, C>).post(prometheus::rules::<J, C>);
    let alerts = get(prometheus::alerts::<J, C>).post(prometheus::alerts::<J, C>);
    Router::new()
        .route("/api/v1/query", query)
        .route("/api/v1/query_range", query_range)
        .route("/api/v1/rules", rules)
        .route("/api/v1/alerts", alerts)
        .route("/api/v1/targets", get(prometheus::targets::<J, C>))
        .route("/api/v1/scrape_pools", get(prometheus::scrape_pools::<J, C>))
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    (StatusCode::NOT_FOUND, format!("there is nothing at `{}`\n", uri.path()))
}
