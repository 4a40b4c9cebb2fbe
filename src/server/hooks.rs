//! `/hooks/…`: what people say in the programs where our pages reached them.
//!
//! In:   webhooks of PagerDuty and Slack, signed with the `inbound_secret` of the sink that their address names.
//! Out:  a command for the pipeline, by the name that the person has there; what came of it, in words.
//! Not:  nothing is believed before its signature is checked, and nothing but the body says what is meant. What another
//!       machine did there is no answer of a person.
//!
//! A refusal of ours is answered with 200 too: whoever sent it can do nothing about it, and sending it again would not
//! help. Only where the journal does not work is it asked for again (503).

mod pagerduty;
mod signature;
mod slack;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::incidents::{Command, CommandKind};
use crate::journal::Journal;
use crate::model::{Clock, IncidentId, Secret, SecretSource, SinkName, Timestamp};
use crate::pipeline::{Answer, Inbound};
use crate::server::Face;
use crate::server::ask::NAME_MAX_CHARS;
use crate::server::commands::Body;
use crate::server::go::goes_on_as;
use crate::server::tell::{NOT_IN_TIME, tell};

use signature::Unsigned;

/// How the webhooks of a sink are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// What they are signed with.
    pub secret: SecretSource,
    /// What stands before an incident's id in the keys that the sink gives out, as in `fogsignal/INC-7`.
    pub owner: Option<String>,
}

/// The sinks whose webhooks we take, as the configuration has it now.
pub type Hooks = Arc<ArcSwap<BTreeMap<SinkName, HookSettings>>>;

/// PagerDuty waits 5 s for an answer, then sends it again.
const PAGERDUTY_PATIENCE: Duration = Duration::from_secs(4);
/// Slack waits 3 s, then tells the person that it did not work.
const SLACK_PATIENCE: Duration = Duration::from_millis(2500);

/// What a webhook says.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// A person says something about one of our incidents.
    Word { incident: IncidentId, kind: CommandKind, by: String },
    /// Nothing that is for us; why.
    Nothing(String),
}

/// `POST /hooks/pagerduty/{sink}`.
pub async fn from_pagerduty<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(sink): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(&face, &sink, body, PAGERDUTY_PATIENCE, |secret, body, owner, _| {
        pagerduty::verify(secret, &headers, body)?;
        Ok(pagerduty::read(body, owner))
    })
    .await
}

/// `POST /hooks/slack/{sink}`.
pub async fn from_slack<J: Journal, C: Clock>(
    State(face): State<Arc<Face<J, C>>>,
    Path(sink): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(&face, &sink, body, SLACK_PATIENCE, |secret, body, owner, now| {
        slack::verify(secret, &headers, body, now)?;
        Ok(slack::read(body, owner))
    })
    .await
}

async fn take<J: Journal, C: Clock>(
    face: &Face<J, C>,
    sink: &str,
    body: Body,
    patience: Duration,
    hear: impl FnOnce(&Secret, &[u8], Option<&str>, Timestamp) -> Result<Heard, Unsigned>,
) -> Response {
    let hook = SinkName::new(sink).ok().and_then(|name| face.hooks.load().get(&name).cloned());
    let Some(HookSettings { secret: source, owner }) = hook else {
        let why = format!("there is no sink `{sink}` with an `inbound_secret`");
        return words(StatusCode::NOT_FOUND, why);
    };
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return words(rejected.status(), rejected.body_text()),
    };
    let secret = match secret(source).await {
        Ok(secret) => secret,
        Err(error) => {
            tracing::error!(sink, %error, "the `inbound_secret` of a sink cannot be read; its webhooks are not taken");
            return words(
                StatusCode::SERVICE_UNAVAILABLE,
                "the secret of this sink cannot be read".to_owned(),
            );
        }
    };
    match hear(&secret, &body, owner.as_deref(), face.clock.now()) {
        Err(unsigned) => {
            tracing::warn!(sink, %unsigned, "a webhook was refused");
            words(StatusCode::UNAUTHORIZED, unsigned.to_string())
        }
        Ok(Heard::Nothing(why)) => words(StatusCode::OK, format!("ignored: {why}")),
        Ok(Heard::Word { incident, kind, by }) => obey(face, incident, kind, by, patience).await,
    }
}

async fn obey<J: Journal, C: Clock>(
    face: &Face<J, C>,
    incident: IncidentId,
    kind: CommandKind,
    by: String,
    patience: Duration,
) -> Response {
    // Whoever takes an incident on that became a part of another takes that one on. Ending it ends only itself.
    let incident = match kind {
        CommandKind::Acknowledge => {
            goes_on_as(&face.house.read().book, incident).map_or(incident, |into| into.id)
        }
        _ => incident,
    };
    let command = Command { by, incident, kind };
    match tell(face, patience, |asker| Inbound::Command(command, Some(asker))).await {
        Some(Answer::Done(events)) if events.is_empty() => {
            words(StatusCode::OK, format!("nothing to do: {incident} is so already"))
        }
        Some(Answer::Done(_)) => words(StatusCode::OK, format!("done: {incident}")),
        Some(Answer::Unknown(id)) => words(StatusCode::OK, format!("ignored: there is no incident `{id}`")),
        Some(Answer::Refused(refused)) => words(StatusCode::OK, format!("not done: {refused}")),
        None => words(StatusCode::SERVICE_UNAVAILABLE, NOT_IN_TIME.to_owned()),
    }
}

fn words(status: StatusCode, text: String) -> Response {
    (status, format!("{text}\n")).into_response()
}

/// The secret as it is now. An empty one would let anybody sign.
async fn secret(source: SecretSource) -> io::Result<Secret> {
    let read = move || source.resolve(|path| std::fs::read_to_string(path));
    let secret = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
    match secret.expose().trim().is_empty() {
        true => Err(io::Error::other("it is empty")),
        false => Ok(secret),
    }
}

/// One of our incidents by the key that we gave it there: `INC-7`, or `fogsignal/INC-7` where that is the `owner`. That of
/// another installation is not ours, nor is a bare number.
fn ours(key: &str, owner: Option<&str>) -> Option<IncidentId> {
    let id = match key.rsplit_once('/') {
        Some((of, id)) if Some(of) == owner => id,
        Some(_) => return None,
        None => key,
    };
    let number = id.strip_prefix("INC-")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok().map(IncidentId)).flatten()
}

/// A person by the name that they have in another program, on one line.
fn person(name: Option<&str>, program: &str) -> String {
    let via = format!(" via {program}");
    let name: String = name.unwrap_or_default().replace(char::is_control, " ");
    let name: String = match name.trim() {
        "" => "somebody".to_owned(),
        name => name.chars().take(NAME_MAX_CHARS - via.len()).collect(),
    };
    format!("{name}{via}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_incidents_are_known_by_their_key() {
        assert_eq!(ours("INC-7", None), Some(IncidentId(7)));
        assert_eq!(ours("INC-7", Some("shop")), Some(IncidentId(7)));
        assert_eq!(ours("shop/INC-7", Some("shop")), Some(IncidentId(7)));
        assert_eq!(ours("eu/shop/INC-7", Some("eu/shop")), Some(IncidentId(7)));
        assert_eq!(ours("other/INC-7", Some("shop")), None);
        assert_eq!(ours("shop/INC-7", None), None);
        for other in ["7", "INC-", "INC-+7", "INC-7 ", "inc-7", "d3640fbd", "INC-99999999999999999999999"] {
            assert_eq!(ours(other, Some("shop")), None, "{other}");
        }
    }

    #[test]
    fn a_name_is_one_line_of_a_timeline() {
        assert_eq!(person(Some("Ana\n Lima"), "slack"), "Ana  Lima via slack");
        assert_eq!(person(Some(" \t"), "pagerduty"), "somebody via pagerduty");
        assert_eq!(person(None, "slack"), "somebody via slack");
        assert_eq!(person(Some(&"x".repeat(500)), "slack").chars().count(), NAME_MAX_CHARS);
    }
}
