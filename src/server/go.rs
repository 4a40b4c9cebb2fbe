//! `/go/…`: the pages behind the links that responders get, read on a phone and without a login.
//!
//! In:   a link's ticket, which is as good as a key for its incident; on `acknowledge`, a tap on the button.
//! Out:  a small page: what it is, how bad, since when, who is on it. A tap acknowledges, by the name of the sink that the
//!       link was sent to.
//! Not:  a GET changes nothing, since chat programs open links to show a preview. No script, nothing from elsewhere, and
//!       nothing is kept by a cache or told to another site.
//!
//! Usually the incident of the ticket is shown. One that became a part of another is shown as that one: it is where
//! whoever was called is needed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

use crate::incidents::{Book, Command, CommandKind, Incident, Member};
use crate::journal::Journal;
use crate::model::{Clock, IncidentId};
use crate::pipeline::{Answer, Inbound};
use crate::server::Face;
use crate::server::links::{BadLink, Ticket};
use crate::server::tell::{NOT_IN_TIME, tell};

const PAGE: &str = include_str!("go.html");
/// Whoever stands there with a phone waits so long for the journal.
const PATIENCE: Duration = Duration::from_secs(4);
const ALERTS_SHOWN: usize = 20;
const SUMMARY_MAX_CHARS: usize = 300;
/// Nothing is fetched and no script runs; only our own style, and the button back to us.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
/// An incident that became a part of one that became a part of another is followed so far.
const MERGES_FOLLOWED: usize = 16;

/// `GET /go/open/{ticket}`: the incident, to read.
pub async fn open<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(ticket): Path<String>,
) -> Response {
    match read(&face, &ticket).and_then(|ticket| card(&face, ticket.incident)) {
        Ok(card) => page(StatusCode::OK, None, Some(&card), Button::Without),
        Err(refusal) => refusal.page(),
    }
}

/// `GET /go/acknowledge/{ticket}`: the incident, and the button.
pub async fn ask<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(ticket): Path<String>,
) -> Response {
    match read(&face, &ticket).and_then(|ticket| card(&face, ticket.incident)) {
        Ok(card) => page(StatusCode::OK, card.taken_on(), Some(&card), Button::WhereNobodyIsOnIt),
        Err(refusal) => refusal.page(),
    }
}

/// `POST /go/acknowledge/{ticket}`: a tap on the button.
pub async fn acknowledge<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(ticket): Path<String>,
) -> Response {
    acknowledged(&face, &ticket).await.unwrap_or_else(|refusal| refusal.page())
}

async fn acknowledged<J: Journal, C: Clock>(face: &Face<J, C>, ticket: &str) -> Result<Response, Refusal> {
    let ticket = read(face, ticket)?;
    let incident = card(face, ticket.incident)?.number;
    let by = format!("link of {}", ticket.sink);
    let command = Command { by, incident, kind: CommandKind::Acknowledge };
    let answer = tell(face, PATIENCE, |asker| Inbound::Command(command, Some(asker))).await;
    let card = card(face, incident)?;
    let (status, said) = match answer {
        Some(Answer::Done(events)) if events.is_empty() => (StatusCode::OK, card.taken_on()),
        Some(Answer::Done(_)) => (StatusCode::OK, Some(format!("You acknowledged {}.", card.id))),
        Some(Answer::Unknown(id)) => return Err(gone(id)),
        Some(Answer::Refused(refused)) => (StatusCode::CONFLICT, Some(refused.to_string())),
        None => (StatusCode::SERVICE_UNAVAILABLE, Some(NOT_IN_TIME.to_owned())),
    };
    Ok(page(status, said, Some(&card), Button::WhereNobodyIsOnIt))
}

/// What a link is good for, or the page that refuses it.
fn read<J: Journal, C: Clock>(face: &Face<J, C>, ticket: &str) -> Result<Ticket, Refusal> {
    let bad = |why: BadLink| Refusal { status: StatusCode::FORBIDDEN, said: why.to_string() };
    face.links.read(ticket, face.clock.now()).map_err(bad)
}

/// What is known of an incident, or of the one that it became a part of.
fn card<J: Journal, C: Clock>(face: &Face<J, C>, id: IncidentId) -> Result<Card, Refusal> {
    let house = face.house.read();
    goes_on_as(&house.book, id).map(Card::new).ok_or_else(|| gone(id))
}

/// The incident, or the one that it became a part of.
pub(super) fn goes_on_as(book: &Book, id: IncidentId) -> Option<&Incident> {
    let mut incident = book.get(id)?;
    for _ in 0..MERGES_FOLLOWED {
        match incident.merged_into.and_then(|into| book.get(into)) {
            Some(into) => incident = into,
            None => break,
        }
    }
    Some(incident)
}

fn gone(id: IncidentId) -> Refusal {
    let said = format!("{id} is so long over that it is no longer remembered");
    Refusal { status: StatusCode::NOT_FOUND, said }
}

/// Why there is nothing to show.
struct Refusal {
    status: StatusCode,
    said: String,
}

impl Refusal {
    fn page(self) -> Response {
        page(self.status, Some(self.said), None, Button::Without)
    }
}

/// What the page says of an incident.
#[derive(Debug, Serialize)]
struct Card {
    #[serde(skip)]
    number: IncidentId,
    #[serde(skip)]
    is_open: bool,
    id: String,
    title: String,
    status: &'static str,
    severity: Option<&'static str>,
    since: String,
    acknowledged_by: Option<String>,
    alerts: Vec<AlertLine>,
    alerts_omitted: usize,
}

#[derive(Debug, Serialize)]
struct AlertLine {
    name: String,
    state: &'static str,
    summary: Option<String>,
}

impl Card {
    fn new(incident: &Incident) -> Self {
        let alerts: Vec<&Member> = incident.active().collect();
        let line = |member: &&Member| AlertLine {
            name: member.facts.name.clone(),
            state: member.state.name().as_str(),
            summary: member.facts.annotations.get("summary").map(beginning),
        };
        Self {
            number: incident.id,
            is_open: incident.is_open(),
            id: incident.id.to_string(),
            title: incident.title.clone(),
            status: incident.status.as_str(),
            severity: incident.severity().map(|severity| severity.as_str()),
            since: incident.started_at.to_rfc3339(),
            acknowledged_by: incident.acknowledged_by.clone(),
            alerts: alerts.iter().take(ALERTS_SHOWN).map(line).collect(),
            alerts_omitted: alerts.len().saturating_sub(ALERTS_SHOWN),
        }
    }

    /// Who is on it, in words.
    fn taken_on(&self) -> Option<String> {
        let by = self.acknowledged_by.as_ref()?;
        Some(format!("{} was acknowledged by {by}.", self.id))
    }
}

/// Whether the page has a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Button {
    Without,
    WhereNobodyIsOnIt,
}

/// A page. Its texts come from rules, metrics and people: the template escapes all of them.
fn page(status: StatusCode, said: Option<String>, incident: Option<&Card>, button: Button) -> Response {
    let wanted = |card: &Card| card.is_open && card.acknowledged_by.is_none();
    let button = button == Button::WhereNobodyIsOnIt && incident.is_some_and(wanted);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    match render(said.as_deref(), incident, button) {
        Ok(html) => (status, headers, html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of a link cannot be shown");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be shown\n").into_response()
        }
    }
}

fn render(said: Option<&str>, incident: Option<&Card>, button: bool) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // The name's end says that texts are escaped for HTML.
    environment.add_template("go.html", PAGE)?;
    let incident = incident.map(|card| Value::from(Serde(card)));
    environment.get_template("go.html")?.render(context!(said, incident, button))
}

/// The beginning of a text, for a line on a phone.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SUMMARY_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            number: IncidentId(7),
            is_open: true,
            id: "INC-7".to_owned(),
            title: "<script>alert(1)</script>".to_owned(),
            status: "investigating",
            severity: Some("major"),
            since: "2023-02-01T14:00:00.000Z".to_owned(),
            acknowledged_by: None,
            alerts: vec![AlertLine {
                name: "Errors".to_owned(),
                state: "firing",
                summary: Some("\"><img src=x onerror='x'>".to_owned()),
            }],
            alerts_omitted: 3,
        }
    }

    #[test]
    fn no_text_gives_the_page_orders() {
        let html = render(Some("<b>"), Some(&card()), true).expect("a page");
        for part in ["<script", "<img", "<b>"] {
            assert!(!html.contains(part), "{part} is in {html}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("and 3 more"), "{html}");
        assert!(html.contains("<button type=\"submit\">Acknowledge INC-7</button>"), "{html}");
        assert!(html.contains("nobody yet"), "{html}");
    }

    #[test]
    fn a_page_without_an_incident_says_why() {
        let html = render(Some("this link has expired"), None, false).expect("a page");
        assert!(html.contains("this link has expired") && !html.contains("<button"), "{html}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(beginning(&"é".repeat(SUMMARY_MAX_CHARS)), "é".repeat(SUMMARY_MAX_CHARS));
        let cut = beginning(&"é".repeat(SUMMARY_MAX_CHARS + 1));
        assert_eq!(cut.chars().count(), SUMMARY_MAX_CHARS + 1);
        assert!(cut.ends_with('…'));
    }
}
