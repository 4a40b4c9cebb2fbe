//! `/api/fogsignal/v1/deliveries…`: what became of messages, and what people decide about those that did not arrive.
//!
//! In:   which messages; `retry` and `drop`, from whom `door` lets pass.
//! Out:  messages with their fate and every attempt. One that was dead waits again and the pumps are woken, or one that
//!       waited is dead.
//! Not:  nothing is sent here: order, backoff and fates stay the pumps' business. The book hears of nothing: whoever gives
//!       a message up or tries it again knows already.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::delivery::{Delivery, Fate, Record, superseded_by};
use crate::journal::{DeliveryQuery, DeliveryStatus, Journal, JournalError};
use crate::model::{Clock, DeliveryId, SinkName, suggest};
use crate::server::ask::{self, DeliveryName, IncidentName};
use crate::server::commands::{Body, read};
use crate::server::view::{DeliveryDetail, DeliveryView};
use crate::server::{Face, error};

/// So many are shown where nobody says how many.
const SHOWN: usize = 100;
const SHOWN_AT_MOST: usize = 1000;
/// A message to a sink that is gone is worth sending for so long, should the sink come back.
const WORTH_A_DAY: Duration = Duration::from_secs(24 * 3600);
const FATES: [&str; 4] = ["waiting", "delivered", "superseded", "dead"];
const PARAMETERS: [&str; 4] = ["incident", "sink", "fate", "limit"];

/// A refusal, with the reason.
type Refusal = (StatusCode, String);

/// The messages that fit the query, the newest first.
pub async fn list<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>, uri: Uri) -> Response {
    let query = match query(uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(why) => return error(StatusCode::BAD_REQUEST, why).into_response(),
    };
    match face.journal.deliveries(query).await {
        Ok(deliveries) => {
            let deliveries: Vec<DeliveryView> = deliveries.iter().map(DeliveryView::new).collect();
            Json(json!({ "deliveries": deliveries })).into_response()
        }
        Err(failed) => refused(unanswered(&failed)),
    }
}

/// One message with every attempt.
pub async fn show<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(id): Path<String>,
) -> Response {
    let detail = async {
        let status = found(&face, &id).await?;
        let attempts =
            face.journal.attempts(status.delivery.id).await.map_err(|failed| unanswered(&failed))?;
        Ok(DeliveryDetail::new(&status, &attempts))
    };
    match detail.await {
        Ok(detail) => Json(detail).into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// A dead message waits again.
pub async fn retry<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    answer(retried(&face, &id, body).await)
}

/// A message that waits is given up.
pub async fn drop<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    answer(dropped(&face, &id, body).await)
}

async fn retried<J: Journal, C: Clock>(
    face: &Face<J, C>,
    id: &str,
    body: Body,
) -> Result<DeliveryView, Refusal> {
    let by = read(body, By::read)?.by;
    let status = found(face, id).await?;
    let (id, sink) = (status.delivery.id, status.delivery.sink.clone());
    if !matches!(status.fate, Fate::Dead { .. }) {
        return Err((
            StatusCode::CONFLICT,
            format!("{id} is {}; only what is dead is retried", status.fate.name()),
        ));
    }
    if let Some(later) = overtaken_by(face, &status.delivery).await? {
        let (other, fate) = (later.delivery.id, later.fate.name());
        let incident = status.delivery.incident;
        let why = format!(
            "{id} would be out of order: {other}, a later message about {incident} to `{sink}`, says what is so now \
             and is {fate}"
        );
        return Err((StatusCode::CONFLICT, why));
    }
    let now = face.clock.now();
    let worth =
        face.house.read().rulebook().routes.get(&sink).map_or(WORTH_A_DAY, |route| route.expires_after);
    face.journal.revive(id, now, now + worth).await.map_err(|failed| unanswered(&failed))?;
    tracing::info!(%sink, delivery = status.delivery.key, by, "a dead message is retried");
    changed(face, id).await
}

async fn dropped<J: Journal, C: Clock>(
    face: &Face<J, C>,
    id: &str,
    body: Body,
) -> Result<DeliveryView, Refusal> {
    let by = read(body, By::read)?.by;
    let status = found(face, id).await?;
    let (id, sink) = (status.delivery.id, status.delivery.sink.clone());
    if !matches!(status.fate, Fate::Waiting { .. }) {
        return Err((
            StatusCode::CONFLICT,
            format!("{id} is {}; only what waits is dropped", status.fate.name()),
        ));
    }
    let (now, why) = (face.clock.now(), format!("dropped by {by}"));
    let record = Record::of_fate(id, now, why.clone(), Fate::Dead { at: now, why });
    face.journal.record(Record { news: None, ..record }).await.map_err(|failed| unanswered(&failed))?;
    tracing::info!(%sink, delivery = status.delivery.key, by, "a message that waited was dropped");
    changed(face, id).await
}

/// Wakes the pumps, and shows what they find.
async fn changed<J: Journal, C: Clock>(face: &Face<J, C>, id: DeliveryId) -> Result<DeliveryView, Refusal> {
    face.committed.send_replace(());
    match face.journal.delivery(id).await {
        Ok(Some(status)) => Ok(DeliveryView::new(&status)),
        Ok(None) => Err(unknown(id)),
        Err(failed) => Err(unanswered(&failed)),
    }
}

/// The later message to the same sink, taken or on its way, that says all that is worth knowing of `delivery`.
async fn overtaken_by<J: Journal, C: Clock>(
    face: &Face<J, C>,
    delivery: &Delivery,
) -> Result<Option<DeliveryStatus>, Refusal> {
    let query = DeliveryQuery {
        incident: Some(delivery.incident),
        sink: Some(delivery.sink.clone()),
        fate: None,
        limit: SHOWN_AT_MOST,
    };
    let mut later = face.journal.deliveries(query).await.map_err(|failed| unanswered(&failed))?;
    later.retain(|other| {
        let is_told = matches!(other.fate, Fate::Delivered { .. } | Fate::Waiting { .. });
        is_told && delivery.id < other.delivery.id
    });
    later.reverse();
    let in_order: Vec<Delivery> = later.iter().map(|status| status.delivery.clone()).collect();
    let by = superseded_by(delivery, &in_order);
    Ok(by.and_then(|by| later.into_iter().find(|status| status.delivery.id == by)))
}

async fn found<J: Journal, C: Clock>(face: &Face<J, C>, id: &str) -> Result<DeliveryStatus, Refusal> {
    let DeliveryName(id) = id.parse().map_err(|why| (StatusCode::NOT_FOUND, why))?;
    let status = face.journal.delivery(id).await.map_err(|failed| unanswered(&failed))?;
    status.ok_or_else(|| unknown(id))
}

fn unknown(id: DeliveryId) -> Refusal {
    (StatusCode::NOT_FOUND, format!("there is no delivery `{id}`"))
}

fn unanswered(failed: &JournalError) -> Refusal {
    (StatusCode::SERVICE_UNAVAILABLE, failed.to_string())
}

/// How a message stands after it was changed, or why it was not.
fn answer(changed: Result<DeliveryView, Refusal>) -> Response {
    match changed {
        Ok(delivery) => Json(json!({ "delivery": delivery })).into_response(),
        Err(refusal) => refused(refusal),
    }
}

fn refused((status, why): Refusal) -> Response {
    error(status, why).into_response()
}

/// The body of `retry` and `drop`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    by: String,
}

impl By {
    fn read(body: &[u8]) -> Result<Self, String> {
        let Self { by } = serde_json::from_slice(body)
            .map_err(|error| format!("the body does not say who asks: {error}"))?;
        Ok(Self { by: ask::line("by", &by, ask::NAME_MAX_CHARS)? })
    }
}

fn query(text: &str) -> Result<DeliveryQuery, String> {
    let mut query = DeliveryQuery::latest(SHOWN);
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "incident" => query.incident = Some(value.parse::<IncidentName>()?.0),
            "sink" => query.sink = Some(SinkName::new(&value).map_err(|error| format!("`sink`: {error}"))?),
            "fate" if FATES.contains(&&*value) => query.fate = Some(value.into_owned()),
            "fate" => return Err(format!("there is no fate `{value}`{}", hint(&value, &FATES))),
            "limit" => match value.parse() {
                Ok(limit @ 1..=SHOWN_AT_MOST) => query.limit = limit,
                _ => return Err(format!("`limit` is a number from 1 to {SHOWN_AT_MOST}, not `{value}`")),
            },
            other => return Err(format!("there is no parameter `{other}`{}", hint(other, &PARAMETERS))),
        }
    }
    Ok(query)
}

fn hint(given: &str, known: &[&'static str]) -> String {
    let hint = suggest::hint(given, known.iter().copied());
    hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::sink;
    use crate::model::IncidentId;

    #[test]
    fn a_query_says_which_and_how_many() {
        let all = query("incident=INC-7&sink=status-page&fate=dead&limit=5").expect("a query");
        let expected = DeliveryQuery {
            incident: Some(IncidentId(7)),
            sink: Some(sink("status-page")),
            fate: Some("dead".to_owned()),
            limit: 5,
        };
        assert_eq!(all, expected);
        assert_eq!(query(""), Ok(DeliveryQuery::latest(SHOWN)));
    }

    #[test]
    fn what_is_no_query_says_what_was_expected() {
        let check = |text: &str, part: &str| {
            let why = query(text).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        };
        check("incident=seven", "`seven` is no incident's id");
        check("fate=ded", "did you mean `dead`?");
        check("limit=0", "from 1 to 1000");
        check("limit=1001", "from 1 to 1000");
        check("colour=red", "known: `incident`, `sink`, `fate`, `limit`");
    }
}
