//! `/api/fogsignal/v1/*`: our own API.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::journal::{DeliveryQuery, Journal};
use crate::model::Clock;
use crate::server::ask::IncidentName;
use crate::server::view::{
    AlertView, ChangeView, DeliveryView, GroupView, IncidentView, SinkState, TargetView,
};
use crate::server::{Face, error};

/// So many of an incident's messages are shown, the latest.
const DELIVERIES_OF_AN_INCIDENT: usize = 1000;

/// Every incident that is remembered, the newest first.
pub async fn incidents<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let house = face.house.read();
    let mut incidents: Vec<IncidentView> =
        house.book.incidents().map(|incident| IncidentView::new(incident, &house.rulebook().graph)).collect();
    incidents.reverse();
    Json(json!({ "incidents": incidents })).into_response()
}

/// One incident, `INC-1` or `1`, with what became of every message about it.
pub async fn incident<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(id): Path<String>,
) -> Response {
    let name = id.parse::<IncidentName>().ok();
    let known = name.and_then(|IncidentName(name)| {
        let house = face.house.read();
        let incident = house.book.get(name)?;
        Some((name, IncidentView::new(incident, &house.rulebook().graph)))
    });
    let Some((name, incident)) = known else {
        return error(StatusCode::NOT_FOUND, format!("there is no incident `{id}`")).into_response();
    };
    let query = DeliveryQuery { incident: Some(name), ..DeliveryQuery::latest(DELIVERIES_OF_AN_INCIDENT) };
    let deliveries = match face.journal.deliveries(query).await {
        Ok(latest) => Some(latest.iter().rev().map(DeliveryView::new).collect()),
        Err(error) => {
            // Just then people must see how the incident stands.
            tracing::warn!(%error, incident = %name, "the journal does not say what became of its messages");
            None
        }
    };
    Json(IncidentDetail { incident, deliveries }).into_response()
}

/// An incident with who was told what of it, in order; `null` where the journal does not say.
#[derive(Serialize)]
struct IncidentDetail {
    #[serde(flatten)]
    incident: IncidentView,
    deliveries: Option<Vec<DeliveryView>>,
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

/// Every running sink, and how the way to it is.
pub async fn sinks<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    let sinks: Vec<SinkState> = face.outbox.load().iter().map(SinkState::new).collect();
    Json(json!({ "sinks": sinks })).into_response()
}
