//! The JSON of `fogsignal replay`: what there is, and its schema.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::model::{ComponentStatus, Severity};
use crate::rules::Role;

/// A moment: RFC 3339 with the offset of the zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "date-time"))]
pub struct Moment(pub String);

/// What came of a scenario.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// When it began.
    pub start: Moment,
    /// When it ended.
    pub end: Moment,
    /// The zone of all times.
    pub zone: String,
    /// The incidents, from the oldest to the newest.
    pub incidents: Vec<IncidentReport>,
    /// The figures that people ask for, over all public incidents.
    pub scorecard: Scorecard,
}

/// One incident, as it stands at the end, and everything said about it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IncidentReport {
    /// Its number: `INC-1`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its key, where a rule gives one.
    pub key: Option<String>,
    /// Whether customers were told of it, or may be.
    pub public: bool,
    /// The incident that it became a part of.
    pub merged_into: Option<String>,
    /// Where it stands: `investigating`, `identified`, `monitoring`, `resolved`.
    pub status: &'static str,
    /// The worst public impact that was said: `none`, `minor`, `major`, `critical`.
    pub impact: &'static str,
    /// When its symptoms first crossed.
    pub started_at: Moment,
    /// When it was opened.
    pub opened_at: Moment,
    /// When somebody first took it on.
    pub acknowledged_at: Option<Moment>,
    /// When its cause was first known.
    pub identified_at: Option<Moment>,
    /// When its symptoms ended, the last time.
    pub mitigated_at: Option<Moment>,
    /// When it was first only watched.
    pub monitoring_at: Option<Moment>,
    /// When it was over.
    pub resolved_at: Option<Moment>,
    /// Its components in the order of the configuration.
    pub components: Vec<ComponentReport>,
    /// The affected line, as the last post says it.
    pub affected: String,
    /// Its alerts, those that ended too.
    pub alerts: Vec<AlertReport>,
    /// What probably caused it, the likeliest first.
    pub suspects: Vec<SuspectReport>,
    /// What people did against it.
    pub actions: Vec<ActionReport>,
    /// What was said in public.
    pub posts: Vec<PostReport>,
    /// Whom it called.
    pub pages: Vec<PageReport>,
    /// When backlogs were said to be drained, one for each time that it was said.
    pub eta: Vec<EtaReport>,
    /// How its promises went.
    pub promises: PromisesReport,
    /// What was sent about it to foreign systems that a definition describes.
    pub requests: Vec<RequestReport>,
}

/// One request to a foreign system, whole but for secrets.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RequestReport {
    /// When.
    pub at: Moment,
    /// To which sink.
    pub sink: String,
    /// The key of the message that it is of.
    pub key: String,
    /// `POST`, `PUT`, …
    pub method: String,
    /// Where to.
    pub url: String,
    /// Its headers, lower case.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Its body: JSON, the fields of a form, or a text; null where it has none.
    pub body: serde_json::Value,
}

/// A component within an incident.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ComponentReport {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// The worst that it showed.
    pub worst: ComponentStatus,
    /// What it showed when.
    pub spans: Vec<SpanReport>,
}

/// A stretch of time in which a component showed one status.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SpanReport {
    /// From when.
    pub from: Moment,
    /// Until when; null while it lasts.
    pub until: Option<Moment>,
    /// Which status.
    pub status: ComponentStatus,
}

/// An alert of an incident.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AlertReport {
    /// As it is shown: name and labels.
    pub alert: String,
    /// What it tells.
    pub role: Role,
    /// Its component.
    pub component: Option<String>,
    /// Its state: `pending`, `firing`, `clearing`, `lost`, `resolved`.
    pub state: &'static str,
    /// The worst severity that it had.
    pub worst: Severity,
    /// When its value first crossed, the last time.
    pub breached_at: Moment,
    /// When it joined the incident.
    pub joined_at: Moment,
    /// From when to when it fired, as often as it did.
    pub firings: Vec<FiringReport>,
}

/// One time that an alert fired.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FiringReport {
    /// When it fired: it was past a threshold for as long as the threshold asks.
    pub fired_at: Moment,
    /// When it was over: it was back for as long as its rule asks; null while it lasts.
    pub resolved_at: Option<Moment>,
}

/// A probable cause.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SuspectReport {
    /// What it is: the kind of a change, or `label`.
    pub kind: &'static str,
    /// The component that it is about.
    pub component: Option<String>,
    /// In words.
    pub summary: String,
    /// When it rolled out, or the rise began.
    pub at: Moment,
    /// How likely it is, 0 to 1.
    pub score: f64,
}

/// Something that people did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ActionReport {
    /// When it was told.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
    /// What it changed, once that was measured.
    pub effect: Option<EffectReport>,
    /// Whether it was taken back.
    pub retracted: bool,
}

/// What an action changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EffectReport {
    /// What was measured.
    pub what: String,
    /// The value before.
    pub from: f64,
    /// The value afterwards.
    pub to: f64,
    /// How long that took, in seconds.
    pub within_s: f64,
}

/// A public word.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PostReport {
    /// Its number, from 1.
    pub number: u32,
    /// When it was decided.
    pub at: Moment,
    /// The status it says.
    pub status: &'static str,
    /// The public impact it says.
    pub impact: &'static str,
    /// The text.
    pub body: String,
    /// Until when the next update is promised.
    pub next_update_by: Option<Moment>,
    /// Why it was said.
    pub why: String,
    /// The public components, as it says them.
    pub components: Vec<ComponentNowReport>,
}

/// What a component shows, as a post says it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ComponentNowReport {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// What it shows.
    pub status: ComponentStatus,
}

/// A call to responders, or a word to those who were called.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PageReport {
    /// Its number, from 1.
    pub number: u32,
    /// When it was decided.
    pub at: Moment,
    /// The sinks that it went to.
    pub to: Vec<String>,
    /// The policy's step, from 0.
    pub step: u32,
    /// Why they are told, in one word such as `opened`.
    pub reason: String,
    /// Why it was decided.
    pub why: String,
    /// One line.
    pub summary: String,
    /// The likeliest cause that it names.
    pub first_suspect: Option<SuspectReport>,
}

/// When a backlog was said to be drained.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EtaReport {
    /// When that was said.
    pub at: Moment,
    /// The backlog.
    pub alert: String,
    /// Its component.
    pub component: Option<String>,
    /// At the earliest.
    pub low: Moment,
    /// Most likely.
    pub best: Moment,
    /// At the latest.
    pub high: Moment,
}

/// How promises went.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct PromisesReport {
    /// Posts that promised a next update.
    pub made: u32,
    /// Updates that came in time.
    pub kept: u32,
    /// Updates that did not.
    pub missed: u32,
    /// Updates that were called off in a post.
    pub withdrawn: u32,
}

/// The figures that people ask for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Scorecard {
    /// Incidents that were told to customers, less those that became a part of another.
    pub public_incidents: usize,
    /// Incidents that only operators know of, less those that became a part of another.
    pub internal_incidents: usize,
    /// How long after its start an incident was first posted, in seconds; the longest.
    pub first_word_after_s: Option<f64>,
    /// The longest time between two posts while the first of them said `investigating` or `identified`, in seconds.
    pub longest_gap_s: Option<f64>,
    /// All promises together.
    pub promises: PromisesReport,
    /// How long after the last alert was over it was posted that customers feel nothing any more, in seconds; the
    /// longest.
    pub recovery_posted_within_s: Option<f64>,
    /// The likeliest cause that the first page names.
    pub first_suspect: Option<SuspectReport>,
    /// The affected lines of public incidents.
    pub affected: Vec<String>,
    /// ETAs that were said.
    pub etas: usize,
    /// Public posts.
    pub posts: usize,
    /// Pages.
    pub pages: usize,
    /// Whether every public incident is over.
    pub all_resolved: bool,
    /// Whether no incident ended by itself before its backlogs were drained and its measurements were back.
    pub resolved_once_drained: bool,
}

/// The schema of the report.
pub fn schema() -> serde_json::Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>();
    let mut schema = schema.to_value();
    schema["title"] = "Fogsignal replay".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the file, or writes it where `BLESS` is set.
    #[test]
    fn the_schema_in_docs_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/replay.schema.json");
        let text = format!("{:#}\n", schema());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("it is written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/schema/replay.schema.json is not current: run the tests with BLESS=1");
    }
}
