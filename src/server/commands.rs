//! `POST /api/fogsignal/v1/commands` and `…/changes`: what people tell the house.
//!
//! In:   JSON, from whom `door` lets pass.
//! Out:  what came of it, once that is committed.
//! Not:  nothing is decided here: the pipeline asks the book. What was not committed in time is not done later.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::incidents::{Change, Event};
use crate::journal::Journal;
use crate::model::{Clock, ComponentId, Graph, Timestamp, suggest};
use crate::pipeline::{Answer, Asker, Inbound};
use crate::server::ask::{ChangeBody, CommandBody};
use crate::server::tell::{NOT_IN_TIME, tell};
use crate::server::view::{ChangeView, EventView, IncidentView};
use crate::server::{Face, error};

/// Whoever asks waits so long for the journal.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clocks differ; a change that is further ahead has not rolled out.
const AHEAD_AT_MOST: Duration = Duration::from_secs(3600);

/// A body, or why it could not be taken in.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// An operator's word.
pub async fn command<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>, body: Body) -> Response {
    let command = match read(body, CommandBody::read).and_then(|body| body.into_command().map_err(bad)) {
        Ok(command) => command,
        Err((status, why)) => return error(status, why).into_response(),
    };
    let id = command.incident;
    let events = match told(&face, |asker| Inbound::Command(command, Some(asker))).await {
        Ok(events) => events,
        Err(refusal) => return refusal,
    };
    let house = face.house.read();
    let incident = house.book.get(id).map(|incident| IncidentView::new(incident, &house.rulebook().graph));
    Json(json!({ "incident": incident, "events": events })).into_response()
}

/// Something rolled out.
pub async fn change<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>, body: Body) -> Response {
    let now = face.clock.now();
    let graph = face.house.read().rulebook().graph.clone();
    let checked = read(body, ChangeBody::read).and_then(|body| {
        let change = body.into_change(now);
        change.and_then(|change| has_happened(change, now + AHEAD_AT_MOST, &graph)).map_err(bad)
    });
    let change = match checked {
        Ok(change) => change,
        Err((status, why)) => return error(status, why).into_response(),
    };
    let view = ChangeView::new(&change);
    match told(&face, |asker| Inbound::Change(change, Some(asker))).await {
        Ok(events) => Json(json!({ "change": view, "events": events })).into_response(),
        Err(refusal) => refusal,
    }
}

pub(super) fn read<T>(body: Body, read: fn(&[u8]) -> Result<T, String>) -> Result<T, (StatusCode, String)> {
    let body = body.map_err(|rejected| (rejected.status(), rejected.body_text()))?;
    read(&body).map_err(bad)
}

fn bad(why: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, why)
}

/// A change of a component that there is, at a time that is not ahead.
fn has_happened(change: Change, latest: Timestamp, graph: &Graph) -> Result<Change, String> {
    if latest < change.at {
        return Err(format!(
            "`at` {} lies more than an hour ahead; tell a change once it rolls out",
            change.at
        ));
    }
    match &change.component {
        Some(component) if graph.get(component).is_none() => {
            let known = graph.iter().map(|component| ComponentId::as_str(&component.id));
            let hint = suggest::hint(component.as_str(), known);
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            Err(format!("there is no component `{component}`{hint}"))
        }
        _ => Ok(change),
    }
}

/// Tells the house; the events that came of it, or the refusal.
async fn told<J: Journal, C: Clock>(
    face: &Face<J, C>,
    inbound: impl FnOnce(Asker) -> Inbound,
) -> Result<Vec<EventView>, Response> {
    let (status, why) = match tell(face, PATIENCE, inbound).await {
        Some(Answer::Done(events)) => return Ok(views(&events)),
        Some(Answer::Unknown(id)) => (StatusCode::NOT_FOUND, format!("there is no incident `{id}`")),
        Some(Answer::Refused(refused)) => (StatusCode::CONFLICT, refused.to_string()),
        None => (StatusCode::SERVICE_UNAVAILABLE, NOT_IN_TIME.to_owned()),
    };
    Err(error(status, why).into_response())
}

fn views(events: &[Event]) -> Vec<EventView> {
    events.iter().map(EventView::new).collect()
}
