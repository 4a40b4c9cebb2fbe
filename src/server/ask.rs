//! What operators can ask for: one list, which the API reads and the command line writes.
//!
//! In:   bodies of `POST /api/fogsignal/v1/commands` and `…/changes`; arguments of `fogsignal incident` and
//!       `fogsignal change`.
//! Out:  the book's own commands and changes, or in words what was expected.
//! Not:  whether a command makes sense now is for the book to say.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::incidents::{Change, ChangeKind, Command, CommandKind, Holdable, Impact, Status};
use crate::model::{ComponentId, DeliveryId, IncidentId, SinkName, Timestamp};

/// Names and versions are lines of a timeline, not texts.
pub(super) const NAME_MAX_CHARS: usize = 100;
/// What rolled out is said in a line.
const SUMMARY_MAX_CHARS: usize = 500;

/// What can be asked of an incident. The comments are the help of the command line; docs/operating.md is held to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subcommand)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// 'I am on it': stops escalation.
    #[command(name = "ack", alias = "acknowledge")]
    Acknowledge {},
    /// 'I am not': escalation starts again.
    #[command(name = "unack", alias = "unacknowledge")]
    Unacknowledge {},
    /// Adds an internal line.
    Note {
        /// The line.
        text: String,
    },
    /// Takes a note back.
    RetractNote {
        /// Its number, from 1.
        number: u32,
    },
    /// Records what people did against the incident; its effect is measured.
    Action {
        /// What they did.
        text: String,
        /// When, in RFC 3339; now where it is left out.
        #[arg(long, value_name = "TIME")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
    },
    /// Takes an action back.
    RetractAction {
        /// Its number, from 1.
        number: u32,
    },
    /// Names the cause; the incident is identified.
    Cause {
        /// The cause, in words.
        text: String,
        /// The component that it lies in.
        #[arg(long, value_name = "ID", value_parser = ComponentId::new)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        component: Option<ComponentId>,
        /// Customers must not read it.
        #[arg(long)]
        #[serde(default)]
        internal: bool,
    },
    /// Takes the named cause back.
    WithdrawCause {},
    /// Sets the status, and holds it.
    Status {
        /// Which.
        status: StatusWord,
    },
    /// Sets the public impact, and holds it.
    Impact {
        /// Which.
        impact: ImpactWord,
    },
    /// Says something in public, as written.
    Post {
        /// The text.
        text: String,
    },
    /// Publishes the draft that waits.
    Approve {
        /// Another text instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Writes another text into the draft that waits.
    EditDraft {
        /// The text.
        text: String,
    },
    /// Throws the draft that waits away.
    DiscardDraft {},
    /// Says nothing more in public until `unmute` or the end; a promised update is called off in a last post.
    Mute {},
    /// Speaks again.
    Unmute {},
    /// Makes this incident a part of another one.
    Merge {
        /// Which one goes on.
        into: IncidentName,
    },
    /// Takes alerts out into an incident of their own.
    Split {
        /// The alerts, as `show` has them, or by name.
        #[arg(required = true)]
        alerts: Vec<String>,
    },
    /// Lets an alert not count any more, until it moves by itself.
    Dismiss {
        /// The alert, as `show` has it, or by name.
        alert: String,
    },
    /// Lets a dismissed alert count again.
    Reinstate {
        /// The alert, as `show` has it, or by name.
        alert: String,
    },
    /// Ends it; what fires still does not reopen it before it has cleared once.
    Resolve {},
    /// Opens it again.
    Reopen {},
    /// Lets the machine decide again what a person had set.
    Release {
        /// What: the status, the impact, or what a sink shows.
        what: ReleaseWord,
        /// The sink's name, for `sink`.
        #[arg(value_parser = SinkName::new)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<SinkName>,
    },
}

/// A status that a person can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// Something is wrong, the cause is not known.
    Investigating,
    /// The cause is known.
    Identified,
    /// Every symptom is over; it is watched.
    Monitoring,
}

/// An impact that a person can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ImpactWord {
    /// Nothing that customers feel.
    None,
    /// Something is degraded.
    Minor,
    /// Something is partly out.
    Major,
    /// Something is down.
    Critical,
}

/// What the machine can be let decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseWord {
    /// The status.
    Status,
    /// The public impact.
    Impact,
    /// What a sink shows, after somebody changed it there.
    Sink,
}

/// A moment as people write it: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(pub Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = DateTime::parse_from_rfc3339(text);
        read.map(|at| Self(at.with_timezone(&Utc).into())).map_err(|_| {
            format!("`{text}` is not a time as RFC 3339 has it, such as `2023-02-01T11:10:00-03:00`")
        })
    }
}

impl TryFrom<String> for Moment {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.0.to_rfc3339()
    }
}

/// An incident as people write it: `INC-1`, or its number alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentName(pub IncidentId);

impl FromStr for IncidentName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("INC-").unwrap_or(text).parse();
        number
            .map(|number| Self(IncidentId(number)))
            .map_err(|_| format!("`{text}` is no incident's id, such as `INC-1`"))
    }
}

impl TryFrom<String> for IncidentName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IncidentName> for String {
    fn from(name: IncidentName) -> Self {
        name.0.to_string()
    }
}

/// A delivery as people write it: `D-1`, or its number alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryName(pub DeliveryId);

impl FromStr for DeliveryName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("D-").unwrap_or(text).parse();
        number
            .map(|number| Self(DeliveryId(number)))
            .map_err(|_| format!("`{text}` is no delivery's id, such as `D-1`"))
    }
}

/// The body of `POST /api/fogsignal/v1/commands`.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandBody {
    /// Which incident it is about.
    pub incident: IncidentName,
    /// Who says it.
    pub by: String,
    /// What.
    pub ask: Ask,
}

impl CommandBody {
    /// Reads a body.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let mut map: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not a JSON object: {error}"))?;
        let incident = take(&mut map, "incident", "the incident's id, such as `INC-1`")?.parse()?;
        let by = take(&mut map, "by", "who says it")?;
        let Some(Value::String(command)) = map.get("command") else {
            return Err("`command` must be a text: what is asked for, such as `acknowledge`".to_owned());
        };
        let command = command.clone();
        let ask =
            serde_json::from_value(Value::Object(map)).map_err(|error| format!("`{command}`: {error}"))?;
        Ok(Self { incident, by, ask })
    }

    /// As it is sent.
    ///
    /// # Errors
    /// Never in practice: everything that can be asked for has a form in JSON.
    pub fn write(&self) -> serde_json::Result<Value> {
        let mut body = serde_json::to_value(&self.ask)?;
        body["incident"] = self.incident.0.to_string().into();
        body["by"] = self.by.clone().into();
        Ok(body)
    }

    /// The book's own command.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn into_command(self) -> Result<Command, String> {
        let by = line("by", &self.by, NAME_MAX_CHARS)?;
        Ok(Command { by, incident: self.incident.0, kind: self.ask.into_kind()? })
    }
}

impl Ask {
    fn into_kind(self) -> Result<CommandKind, String> {
        Ok(match self {
            Self::Acknowledge {} => CommandKind::Acknowledge,
            Self::Unacknowledge {} => CommandKind::Unacknowledge,
            Self::Note { text } => CommandKind::Note { text },
            Self::RetractNote { number } => CommandKind::RetractNote { number },
            Self::Action { text, at } => CommandKind::Action { text, at: at.map(|at| at.0) },
            Self::RetractAction { number } => CommandKind::RetractAction { number },
            Self::Cause { text, component, internal } => CommandKind::Cause { text, component, internal },
            Self::WithdrawCause {} => CommandKind::WithdrawCause,
            Self::Status { status } => CommandKind::Status {
                status: match status {
                    StatusWord::Investigating => Status::Investigating,
                    StatusWord::Identified => Status::Identified,
                    StatusWord::Monitoring => Status::Monitoring,
                },
            },
            Self::Impact { impact } => CommandKind::Impact {
                impact: match impact {
                    ImpactWord::None => Impact::None,
                    ImpactWord::Minor => Impact::Minor,
                    ImpactWord::Major => Impact::Major,
                    ImpactWord::Critical => Impact::Critical,
                },
            },
            Self::Post { text } => CommandKind::Post { text },
            Self::Approve { text } => CommandKind::Approve { text },
            Self::EditDraft { text } => CommandKind::EditDraft { text },
            Self::DiscardDraft {} => CommandKind::DiscardDraft,
            Self::Mute {} => CommandKind::Mute,
            Self::Unmute {} => CommandKind::Unmute,
            Self::Merge { into } => CommandKind::Merge { into: into.0 },
            Self::Split { alerts } => CommandKind::Split { alerts },
            Self::Dismiss { alert } => CommandKind::Dismiss { alert },
            Self::Reinstate { alert } => CommandKind::Reinstate { alert },
            Self::Resolve {} => CommandKind::Resolve,
            Self::Reopen {} => CommandKind::Reopen,
            Self::Release { what, name } => CommandKind::Release {
                what: match (what, name) {
                    (ReleaseWord::Status, None) => Holdable::Status,
                    (ReleaseWord::Impact, None) => Holdable::Impact,
                    (ReleaseWord::Sink, Some(name)) => Holdable::Sink(name),
                    (ReleaseWord::Sink, None) => {
                        return Err("`release` of a sink needs its `name`".to_owned());
                    }
                    (_, Some(_)) => return Err("`name` is for `release` of a sink".to_owned()),
                },
            },
        })
    }
}

/// The body of `POST /api/fogsignal/v1/changes`: something rolled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// What, in words.
    pub summary: String,
    /// When, in RFC 3339; now where it is left out.
    #[arg(long, value_name = "TIME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// The component that changed.
    #[arg(long, value_name = "ID", value_parser = ComponentId::new)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentId>,
    /// What sort of change it is; `deploy` where it is left out.
    #[arg(long, value_parser = change_kind())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChangeKind>,
    /// The version that is there from then on.
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who tells it; the command line says it beside the server.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl ChangeBody {
    /// Reads a body.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("the body is not a change: {error}"))
    }

    /// The book's own change. Who tells it is never left out, since a change without was seen in metrics.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn into_change(self, now: Timestamp) -> Result<Change, String> {
        Ok(Change {
            at: self.at.map_or(now, |at| at.0),
            component: self.component,
            kind: self.kind.unwrap_or_default(),
            version: self.version.map(|version| line("version", &version, NAME_MAX_CHARS)).transpose()?,
            summary: line("summary", &self.summary, SUMMARY_MAX_CHARS)?,
            by: Some(line("by", self.by.as_deref().unwrap_or("api"), NAME_MAX_CHARS)?),
        })
    }
}

fn change_kind() -> impl TypedValueParser<Value = ChangeKind> {
    let words = PossibleValuesParser::new(ChangeKind::ALL.map(ChangeKind::as_str));
    words.map(|word| ChangeKind::from_word(&word).expect("each of the words is a kind"))
}

fn take(map: &mut Map<String, Value>, key: &str, what: &str) -> Result<String, String> {
    match map.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("`{key}` must be a text: {what}")),
    }
}

/// A text that is one line of at most `max` characters, and not an empty one.
pub(super) fn line(key: &str, text: &str, max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("`{key}` is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("`{key}` must be one line without control characters"));
    }
    let length = text.chars().count();
    if max < length {
        return Err(format!("`{key}` has {length} characters, more than {max}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Command, String> {
        CommandBody::read(body.to_string().as_bytes())?.into_command()
    }

    #[test]
    fn a_body_is_read_as_the_book_knows_it() {
        let check = |mut body: Value, kind: CommandKind| {
            body["incident"] = "INC-7".into();
            body["by"] = " ana ".into();
            let expected = Command { by: "ana".to_owned(), incident: IncidentId(7), kind };
            assert_eq!(read(&body).as_ref(), Ok(&expected), "{body}");
        };
        let text = || "x".to_owned();
        check(json!({"command": "acknowledge"}), CommandKind::Acknowledge);
        check(
            json!({"command": "action", "text": "x", "at": "2023-02-01T11:10:00-03:00"}),
            CommandKind::Action { text: text(), at: Some(Timestamp::from_secs(1_675_260_600)) },
        );
        check(
            json!({"command": "cause", "text": "x", "component": "crm"}),
            CommandKind::Cause {
                text: text(),
                component: Some(ComponentId::new("crm").unwrap()),
                internal: false,
            },
        );
        check(json!({"command": "retract_note", "number": 2}), CommandKind::RetractNote { number: 2 });
        check(json!({"command": "approve"}), CommandKind::Approve { text: None });
        check(json!({"command": "merge", "into": "3"}), CommandKind::Merge { into: IncidentId(3) });
        check(
            json!({"command": "release", "what": "sink", "name": "page"}),
            CommandKind::Release { what: Holdable::Sink(SinkName::new("page").unwrap()) },
        );
        check(json!({"command": "impact", "impact": "none"}), CommandKind::Impact { impact: Impact::None });
    }

    #[test]
    fn a_wrong_body_says_what_was_expected() {
        let check = |body: Value, expected: &str| {
            let error = read(&body).expect_err("it is wrong");
            assert!(error.contains(expected), "{error}, not {expected}");
        };
        let with = |rest: Value| {
            let mut body = json!({"incident": "INC-1", "by": "ana"});
            body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            body
        };
        check(json!([1]), "the body is not a JSON object");
        check(json!({"by": "ana"}), "`incident` must be a text: the incident's id, such as `INC-1`");
        check(json!({"incident": "INC-x", "by": "ana"}), "`INC-x` is no incident's id");
        check(json!({"incident": "INC-1"}), "`by` must be a text: who says it");
        check(with(json!({})), "`command` must be a text");
        check(with(json!({"command": "ackn"})), "unknown variant `ackn`, expected one of `acknowledge`");
        check(with(json!({"command": "mute", "text": "x"})), "`mute`: unknown field `text`");
        check(with(json!({"command": "note", "txt": "x"})), "`note`: unknown field `txt`, expected `text`");
        check(with(json!({"command": "note"})), "`note`: missing field `text`");
        check(with(json!({"command": "note", "text": 5})), "expected a string");
        check(with(json!({"command": "status", "status": "resolved"})), "`monitoring`");
        check(
            with(json!({"command": "action", "text": "x", "at": "noon"})),
            "`noon` is not a time as RFC 3339",
        );
        check(with(json!({"command": "release", "what": "sink"})), "needs its `name`");
        check(with(json!({"command": "release", "what": "impact", "name": "x"})), "`name` is for");
        check(with(json!({"command": "resolve", "by": " "})), "`by` is empty");
        check(with(json!({"command": "resolve", "by": "a\nb"})), "must be one line");
        check(with(json!({"command": "resolve", "by": "a".repeat(101)})), "more than 100");
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let ask = Ask::Cause { text: "a change".to_owned(), component: None, internal: true };
        let body = CommandBody { incident: IncidentName(IncidentId(4)), by: "ana".to_owned(), ask };
        let written = body.write().unwrap();
        assert_eq!(
            written,
            json!({"incident": "INC-4", "by": "ana", "command": "cause", "text": "a change", "internal": true})
        );
        assert_eq!(CommandBody::read(written.to_string().as_bytes()), Ok(body));
    }

    #[test]
    fn a_change_is_told_by_somebody_and_now_unless_it_says_otherwise() {
        let now = Timestamp::from_secs(1_675_260_600);
        let read = |body: Value| ChangeBody::read(body.to_string().as_bytes())?.into_change(now);
        let change = read(json!({"summary": " batch size raised "})).unwrap();
        assert_eq!((change.at, change.summary.as_str()), (now, "batch size raised"));
        assert_eq!((change.kind, change.by.as_deref()), (ChangeKind::Deploy, Some("api")));
        let check = |body: Value, expected: &str| {
            let error = read(body).expect_err("it is wrong");
            assert!(error.contains(expected), "{error}, not {expected}");
        };
        check(json!({}), "missing field `summary`");
        check(json!({"summary": ""}), "`summary` is empty");
        check(
            json!({"summary": "x", "kind": "rollout"}),
            "unknown variant `rollout`, expected one of `deploy`",
        );
        check(json!({"summary": "x", "when": "now"}), "unknown field `when`");
        check(json!({"summary": "x", "version": "1\n2"}), "`version` must be one line");
    }
}
