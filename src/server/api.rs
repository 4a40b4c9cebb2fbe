//! `/api/fogsignal/v1/*`: our own API.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::journal::{DeliveryQuery, Journal};
use crate::model::Clock;
use crate::server::ask::IncidentName;
use crate::server::view::{AlertView, ChangeView, DeliveryView, GroupView, IncidentView, TargetView};
use crate::server::{Face, error};

/// How many deliveries are shown.
const DELIVERIES_SHOWN: usize = 100;

/// Every incident that is remembered, the newest first.
pub async fn incidents<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let mut incidents: Vec<IncidentView> =
        house.book.incidents().map(|incident| IncidentView::new(incident, &house.rulebook().graph)).collect();
    incidents.reverse();
    Json(json!({ "incidents": incidents })).into_response()
}

/// One incident: `INC-1` or `1`.
pub async fn incident<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(id): Path<String>,
) -> Response {
    let house = face.house.read();
    let name = id.parse::<IncidentName>().ok();
    match name.and_then(|name| house.book.get(name.0)) {
        Some(incident) => Json(IncidentView::new(incident, &house.rulebook().graph)).into_response(),
        None => error(StatusCode::NOT_FOUND, format!("there is no incident `{id}`")).into_response(),
    }
}

/// What rolled out, as far as it is remembered, the newest first.
pub async fn changes<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let changes: Vec<ChangeView> = house.book.changes().iter().rev().map(ChangeView::new).collect();
    Json(json!({ "changes": changes })).into_response()
}

/// Every alert that is pending, active or resolved a short while ago.
pub async fn alerts<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let alerts: Vec<AlertView> = house.alerts.rows().map(AlertView::new).collect();
    Json(json!({ "alerts": alerts })).into_response()
}

/// Every target with how its last scrape went.
pub async fn targets<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let targets: Vec<TargetView> = house.window.targets().map(TargetView::new).collect();
    Json(json!({ "targets": targets })).into_response()
}

/// Every rule group with how its last evaluation went, and its rules with why they fail.
pub async fn rules<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let groups: Vec<GroupView> =
        house.groups().map(|(group, report)| GroupView::new(group, report)).collect();
    Json(json!({ "groups": groups })).into_response()
}

/// The latest messages to sinks with what became of them, the newest first.
pub async fn deliveries<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    match face.journal.deliveries(DeliveryQuery::latest(DELIVERIES_SHOWN)).await {
        Ok(deliveries) => {
            let deliveries: Vec<DeliveryView> = deliveries.iter().map(DeliveryView::new).collect();
            Json(json!({ "deliveries": deliveries })).into_response()
        }
        Err(failed) => error(StatusCode::SERVICE_UNAVAILABLE, failed.to_string()).into_response(),
    }
}
