//! An incident, and the events that change it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::causes::{ActionView, CauseView, SuspectView};
use super::deliveries::UndeliveredView;
use super::said::{DraftView, EtaView, NoteView, PageView, PostView};
use super::{Time, time};
use crate::incidents::{Event, Exposure, Incident, Member, Span};
use crate::model::{ComponentId, Graph, IncidentId, Labels, SinkName};
use crate::rules::{AlertState, Ending, Role};

/// An incident.
#[derive(Debug, Serialize)]
pub struct IncidentView {
    id: String,
    title: String,
    key: Option<String>,
    /// `merged` for one that became a part of another.
    status: &'static str,
    impact: &'static str,
    /// The highest severity that is active in it, or that it was raised to; `null` once nothing is.
    severity: Option<&'static str>,
    raised: Option<&'static str>,
    public: bool,
    root: Option<String>,
    started_at: Time,
    opened_at: Time,
    acknowledged_at: Option<Time>,
    acknowledged_by: Option<String>,
    first_acknowledged_at: Option<Time>,
    identified_at: Option<Time>,
    mitigated_at: Option<Time>,
    monitoring_at: Option<Time>,
    resolved_at: Option<Time>,
    watch_until: Option<Time>,
    held_by: Vec<String>,
    held: HeldView,
    muted_by: Option<String>,
    merged_into: Option<String>,
    next_update_by: Option<Time>,
    promises: PromisesView,
    components: Vec<ComponentView>,
    alerts: Vec<MemberView>,
    suspects: Vec<SuspectView>,
    cause: Option<CauseView>,
    actions: Vec<ActionView>,
    etas: Vec<EtaView>,
    draft: Option<DraftView>,
    posts: Vec<PostView>,
    pages: Vec<PageView>,
    undelivered: Vec<UndeliveredView>,
    /// Sinks that are left alone, and what somebody did there.
    stood_down: BTreeMap<String, String>,
    /// What foreign systems call what is ours.
    adopted: BTreeMap<String, String>,
    notes: Vec<NoteView>,
}

/// What a person set, and the machine leaves alone.
#[derive(Debug, Serialize)]
struct HeldView {
    status: Option<&'static str>,
    impact: Option<&'static str>,
    resolved: bool,
}

#[derive(Debug, Serialize)]
struct PromisesView {
    made: u32,
    kept: u32,
    missed: u32,
    withdrawn: u32,
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
    /// What commands may call it beside its name.
    key: String,
    alert: String,
    rule: String,
    labels: Labels,
    role: Role,
    component: Option<String>,
    state: &'static str,
    dismissed: bool,
    ended: Option<Ending>,
    severity: Option<&'static str>,
    worst: &'static str,
    value: Option<f64>,
    joined_at: Time,
}

impl IncidentView {
    /// The incident as people know it; names of components come from `graph`.
    pub fn new(incident: &Incident, graph: &Graph) -> Self {
        let by_sink = |map: &BTreeMap<SinkName, String>| {
            map.iter().map(|(sink, what)| (sink.to_string(), what.clone())).collect()
        };
        let last_post = incident.posts.last();
        Self {
            id: incident.id.to_string(),
            title: incident.title.clone(),
            key: incident.key.clone(),
            status: match incident.merged_into {
                Some(_) => "merged",
                None => incident.status.as_str(),
            },
            impact: incident.impact.as_str(),
            severity: incident.severity().map(|severity| severity.as_str()),
            raised: incident.raised.map(|severity| severity.as_str()),
            public: incident.exposure == Exposure::Public,
            root: incident.root.as_ref().map(ToString::to_string),
            started_at: time(incident.started_at),
            opened_at: time(incident.opened_at),
            acknowledged_at: incident.acknowledged_at.map(time),
            acknowledged_by: incident.acknowledged_by.clone(),
            first_acknowledged_at: incident.first_acknowledged_at.map(time),
            identified_at: incident.identified_at.map(time),
            mitigated_at: incident.mitigated_at.map(time),
            monitoring_at: incident.monitoring_at.map(time),
            resolved_at: incident.resolved_at.map(time),
            watch_until: incident.watch_until.map(time),
            held_by: incident.held_by.clone(),
            held: HeldView {
                status: incident.fixed_status.map(|status| status.as_str()),
                impact: incident.fixed_impact.map(|impact| impact.as_str()),
                resolved: incident.fixed_resolved,
            },
            muted_by: incident.muted_by.clone(),
            merged_into: incident.merged_into.as_ref().map(ToString::to_string),
            next_update_by: incident.promise.map(time),
            promises: PromisesView {
                made: incident.promises.made,
                kept: incident.promises.kept,
                missed: incident.promises.missed,
                withdrawn: incident.promises.withdrawn,
            },
            components: components(incident, graph),
            alerts: incident.members.values().map(|member| MemberView::new(incident, member)).collect(),
            suspects: incident.suspects.iter().map(SuspectView::new).collect(),
            cause: incident.cause.as_ref().map(CauseView::new),
            actions: numbered(&incident.actions)
                .filter(|(_, action)| !action.item.retracted)
                .map(|(number, action)| ActionView::new(number, action))
                .collect(),
            etas: last_post.iter().flat_map(|post| &post.item.etas).map(EtaView::new).collect(),
            draft: incident.draft.as_ref().map(DraftView::new),
            posts: incident.posts.iter().map(PostView::said).collect(),
            pages: incident.pages.iter().map(PageView::new).collect(),
            undelivered: incident.undelivered.values().map(UndeliveredView::new).collect(),
            stood_down: by_sink(&incident.stood_down),
            adopted: by_sink(&incident.adopted),
            notes: numbered(&incident.notes)
                .filter(|(_, note)| !note.item.retracted)
                .map(|(number, note)| NoteView::new(number, note))
                .collect(),
        }
    }
}

/// With the numbers that commands take them back by.
fn numbered<T>(items: &[T]) -> impl Iterator<Item = (usize, &T)> {
    (1..).zip(items)
}

fn components(incident: &Incident, graph: &Graph) -> Vec<ComponentView> {
    let mut components: Vec<_> = incident.components.iter().collect();
    components.sort_by_key(|(id, _)| graph.position(id));
    let view = |(id, spans): (&ComponentId, &Vec<Span>)| ComponentView {
        id: id.to_string(),
        name: graph.get(id).map(|component| component.name.clone()),
        group: graph.get(id).and_then(|component| component.group.clone()),
        status: incident.component_status(id).as_str(),
        spans: spans.iter().map(SpanView::new).collect(),
    };
    components.into_iter().map(view).collect()
}

impl SpanView {
    fn new(span: &Span) -> Self {
        Self { from: time(span.from), until: span.until.map(time), status: span.status.as_str() }
    }
}

impl MemberView {
    fn new(incident: &Incident, member: &Member) -> Self {
        Self {
            key: member.key.to_string(),
            alert: member.facts.name.clone(),
            rule: member.key.rule.to_string(),
            labels: member.key.labels.clone(),
            role: member.facts.role,
            component: member.facts.component.as_ref().map(ToString::to_string),
            state: member.state.name().as_str(),
            dismissed: incident.dismissed.contains(&member.key),
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

/// What came of a command or a change.
#[derive(Debug, Serialize)]
pub struct EventView {
    seq: u64,
    at: Time,
    incident: Option<String>,
    /// `acknowledged`, `posted` and so on.
    what: &'static str,
    why: String,
}

impl EventView {
    /// The event as it was committed.
    pub fn new(event: &Event) -> Self {
        Self {
            seq: event.seq,
            at: time(event.at),
            incident: (event.incident != IncidentId::NONE).then(|| event.incident.to_string()),
            what: event.what.name(),
            why: event.why.to_string(),
        }
    }
}
