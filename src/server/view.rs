//! What our own API shows: the types that are sent, made from what the rooms remember.

mod deliveries;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::incidents::{Dated, Exposure, Incident, Member, Page, PageReason, Post, Span};
use crate::model::{Graph, Labels, Timestamp};
use crate::rules::{AlertRow, AlertState, Ending, Role};
use crate::series::TargetHealth;

pub use deliveries::DeliveryView;
pub use rules::GroupView;

use deliveries::UndeliveredView;

/// RFC 3339 in UTC.
type Time = String;

fn time(at: Timestamp) -> Time {
    at.to_rfc3339()
}

/// An incident.
#[derive(Debug, Serialize)]
pub struct IncidentView {
    id: String,
    title: String,
    key: Option<String>,
    status: &'static str,
    impact: &'static str,
    public: bool,
    root: Option<String>,
    started_at: Time,
    opened_at: Time,
    acknowledged_at: Option<Time>,
    acknowledged_by: Option<String>,
    identified_at: Option<Time>,
    mitigated_at: Option<Time>,
    monitoring_at: Option<Time>,
    resolved_at: Option<Time>,
    watch_until: Option<Time>,
    held_by: Vec<String>,
    next_update_by: Option<Time>,
    promises: PromisesView,
    components: Vec<ComponentView>,
    alerts: Vec<MemberView>,
    posts: Vec<PostView>,
    pages: Vec<PageView>,
    undelivered: Vec<UndeliveredView>,
    actions: Vec<LineView>,
    notes: Vec<LineView>,
}

#[derive(Debug, Serialize)]
struct PromisesView {
    made: u32,
    kept: u32,
    missed: u32,
}

#[derive(Debug, Serialize)]
struct ComponentView {
    id: String,
    name: Option<String>,
    group: Option<String>,
    status: &'static str,
    spans: Vec<SpanView>,
}

#[derive(Debug, Serialize)]
struct SpanView {
    from: Time,
    until: Option<Time>,
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct MemberView {
    alert: String,
    rule: String,
    labels: Labels,
    role: Role,
    component: Option<String>,
    state: &'static str,
    ended: Option<Ending>,
    severity: Option<&'static str>,
    worst: &'static str,
    value: Option<f64>,
    joined_at: Time,
}

#[derive(Debug, Serialize)]
struct PostView {
    number: u32,
    at: Time,
    status: &'static str,
    impact: &'static str,
    title: String,
    body: String,
    affected: String,
    components: BTreeMap<String, &'static str>,
    next_update_by: Option<Time>,
}

#[derive(Debug, Serialize)]
struct PageView {
    number: u32,
    at: Time,
    reason: PageReason,
    to: Vec<String>,
    step: u32,
    summary: String,
}

#[derive(Debug, Serialize)]
struct LineView {
    at: Time,
    by: String,
    text: String,
}

impl IncidentView {
    /// The incident as people know it; names of components come from `graph`.
    pub fn new(incident: &Incident, graph: &Graph) -> Self {
        let mut components: Vec<_> = incident.components.iter().collect();
        components.sort_by_key(|(id, _)| graph.position(id));
        Self {
            id: incident.id.to_string(),
            title: incident.title.clone(),
            key: incident.key.clone(),
            status: incident.status.as_str(),
            impact: incident.impact.as_str(),
            public: incident.exposure == Exposure::Public,
            root: incident.root.as_ref().map(ToString::to_string),
            started_at: time(incident.started_at),
            opened_at: time(incident.opened_at),
            acknowledged_at: incident.acknowledged_at.map(time),
            acknowledged_by: incident.acknowledged_by.clone(),
            identified_at: incident.identified_at.map(time),
            mitigated_at: incident.mitigated_at.map(time),
            monitoring_at: incident.monitoring_at.map(time),
            resolved_at: incident.resolved_at.map(time),
            watch_until: incident.watch_until.map(time),
            held_by: incident.held_by.clone(),
            next_update_by: incident.promise.map(time),
            promises: PromisesView {
                made: incident.promises.made,
                kept: incident.promises.kept,
                missed: incident.promises.missed,
            },
            components: components
                .into_iter()
                .map(|(id, spans)| ComponentView {
                    id: id.to_string(),
                    name: graph.get(id).map(|component| component.name.clone()),
                    group: graph.get(id).and_then(|component| component.group.clone()),
                    status: spans
                        .last()
                        .filter(|span| span.until.is_none())
                        .map_or("operational", |span| span.status.as_str()),
                    spans: spans.iter().map(SpanView::new).collect(),
                })
                .collect(),
            alerts: incident.members.values().map(|member| MemberView::new(member)).collect(),
            posts: incident.posts.iter().map(PostView::new).collect(),
            pages: incident.pages.iter().map(PageView::new).collect(),
            undelivered: incident.undelivered.values().map(UndeliveredView::new).collect(),
            actions: incident
                .standing_actions()
                .map(|action| LineView::new(action.at, &action.item.by, &action.item.text))
                .collect(),
            notes: incident
                .notes
                .iter()
                .filter(|note| !note.item.retracted)
                .map(|note| LineView::new(note.at, &note.item.by, &note.item.text))
                .collect(),
        }
    }
}

impl SpanView {
    fn new(span: &Span) -> Self {
        Self { from: time(span.from), until: span.until.map(time), status: span.status.as_str() }
    }
}

impl MemberView {
    fn new(member: &Member) -> Self {
        Self {
            alert: member.facts.name.clone(),
            rule: member.key.rule.to_string(),
            labels: member.key.labels.clone(),
            role: member.facts.role,
            component: member.facts.component.as_ref().map(ToString::to_string),
            state: member.state.name().as_str(),
            ended: match &member.state {
                AlertState::Resolved { why, .. } => Some(*why),
                _ => None,
            },
            severity: member.state.severity().map(|severity| severity.as_str()),
            worst: member.worst.as_str(),
            value: member.facts.value,
            joined_at: time(member.joined_at),
        }
    }
}

impl PostView {
    fn new(post: &Dated<Arc<Post>>) -> Self {
        let Dated { at, item: post } = post;
        Self {
            number: post.number,
            at: time(*at),
            status: post.status.as_str(),
            impact: post.impact.as_str(),
            title: post.title.clone(),
            body: post.body.clone(),
            affected: post.affected.clone(),
            components: post
                .components
                .iter()
                .map(|component| (component.id.to_string(), component.status.as_str()))
                .collect(),
            next_update_by: post.next_update_by.map(time),
        }
    }
}

impl PageView {
    fn new(page: &Dated<Arc<Page>>) -> Self {
        let Dated { at, item: page } = page;
        Self {
            number: page.number,
            at: time(*at),
            reason: page.reason,
            to: page.to.iter().map(ToString::to_string).collect(),
            step: page.step,
            summary: page.summary.clone(),
        }
    }
}

impl LineView {
    fn new(at: Timestamp, by: &str, text: &str) -> Self {
        Self { at: time(at), by: by.to_owned(), text: text.to_owned() }
    }
}

/// An alert.
#[derive(Debug, Serialize)]
pub struct AlertView {
    alert: String,
    rule: String,
    fingerprint: String,
    labels: Labels,
    annotations: Labels,
    state: &'static str,
    severity: Option<&'static str>,
    role: Role,
    component: Option<String>,
    value: Option<f64>,
    threshold: Option<f64>,
    breached_at: Time,
    fired_at: Option<Time>,
    recovered_at: Option<Time>,
    missing_since: Option<Time>,
    ended: Option<Ending>,
    evaluated_at: Time,
}

impl AlertView {
    /// The alert as the table has it.
    pub fn new(row: &AlertRow) -> Self {
        let (fired_at, recovered_at, ended) = match &row.state {
            AlertState::Pending { .. } => (None, None, None),
            AlertState::Firing { fired_at, .. } | AlertState::Lost { fired_at, .. } => {
                (Some(*fired_at), None, None)
            }
            AlertState::Clearing { fired_at, recovered_at, .. } => {
                (Some(*fired_at), Some(*recovered_at), None)
            }
            AlertState::Resolved { fired_at, recovered_at, why, .. } => {
                (Some(*fired_at), Some(*recovered_at), Some(*why))
            }
        };
        Self {
            alert: row.facts.name.clone(),
            rule: row.key.rule.to_string(),
            fingerprint: format!("{:016x}", row.key.labels.fingerprint()),
            labels: row.key.labels.clone(),
            annotations: row.facts.annotations.clone(),
            state: row.state.name().as_str(),
            severity: row.state.severity().map(|severity| severity.as_str()),
            role: row.facts.role,
            component: row.facts.component.as_ref().map(ToString::to_string),
            value: row.facts.value,
            threshold: row.facts.threshold,
            breached_at: time(row.state.breached_at()),
            fired_at: fired_at.map(time),
            recovered_at: recovered_at.map(time),
            missing_since: row.missing_since.map(time),
            ended,
            evaluated_at: time(row.evaluated_at),
        }
    }
}

/// How the last scrape of a target went.
pub fn health(target: &TargetHealth) -> &'static str {
    match (target.tries, &target.last_error) {
        (0, _) => "unknown",
        (_, None) => "up",
        (_, Some(_)) => "down",
    }
}

/// A target.
#[derive(Debug, Serialize)]
pub struct TargetView {
    target: String,
    labels: Labels,
    health: &'static str,
    last_scrape: Option<Time>,
    last_error: Option<String>,
    last_scrape_duration_seconds: f64,
    samples_scraped: u64,
    series_kept: usize,
}

impl TargetView {
    /// The target as the window knows it.
    pub fn new(target: &TargetHealth) -> Self {
        Self {
            target: target.key.to_string(),
            labels: target.identity.clone(),
            health: health(target),
            last_scrape: target.last_try.map(time),
            last_error: target.last_error.clone(),
            last_scrape_duration_seconds: target.report.duration.as_secs_f64(),
            samples_scraped: target.report.scraped,
            series_kept: target.kept,
        }
    }
}
