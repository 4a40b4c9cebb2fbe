//! How each event changes what is remembered of an incident.
//!
//! In:   events, one after the other: proposed ones on a copy, committed ones, and those of the journal.
//! Out:  the incident after them.
//! Not:  nothing is decided here and no setting is read: the same events make the same incident for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{ComponentId, ComponentStatus, Timestamp};
use crate::rules::{AlertState, Role};

use super::event::{Event, Exposure, Family, Member, Page, PageReason, Post, Span, Status, What};
use super::incident::{Dated, Escalation, Incident, Line, Said, Undelivered};

impl Incident {
    /// Remembers an event. Cannot fail.
    pub(super) fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.what {
            What::Opened { .. } => {}
            What::Joined { member } => self.take(member.clone(), at),
            What::Moved { key, state, facts } => {
                if let Some(mut member) = self.members.get(key).cloned() {
                    member.worst = state.severity().map_or(member.worst, |now| now.max(member.worst));
                    (member.state, member.facts, member.moved_at) = (state.clone(), facts.clone(), at);
                    self.take(member, at);
                }
            }
            What::StartedEarlier { started_at } => {
                self.started_at = *started_at;
                self.started_by_symptom = self.symptom_seen;
            }
            What::Exposed => self.exposure = Exposure::Public,
            What::Rooted { component } => self.root = Some(component.clone()),
            What::Retitled { title } => self.title.clone_from(title),
            What::ComponentChanged { component, to, .. } => self.show(component, *to, at),
            What::StatusChanged { from, to, watch_until } => self.turn(*from, *to, *watch_until, at),
            What::ImpactChanged { to, .. } => self.impact = *to,
            What::Held { by } => self.held_by.clone_from(by),
            What::Posted { post } => self.posted(post, at),
            What::PromiseKept { .. } => (self.promise, self.promises.kept) = (None, self.promises.kept + 1),
            What::PromiseMissed { .. } => {
                (self.promise, self.promises.missed) = (None, self.promises.missed + 1);
            }
            What::Escalating { severity, reason } => {
                (self.acknowledged_at, self.acknowledged_by) = (None, None);
                self.escalation = Some(Escalation {
                    started_at: at,
                    severity: *severity,
                    reason: *reason,
                    paged: BTreeMap::new(),
                });
            }
            What::Undelivered { delivery, sink, because } => {
                let lost = Undelivered { sink: sink.clone(), because: because.clone() };
                self.undelivered.insert(*delivery, lost);
            }
            What::Paged { page } => self.paged(page, at),
            What::Acknowledged { by } => {
                (self.acknowledged_at, self.acknowledged_by) = (Some(at), Some(by.clone()));
            }
            What::Noted { by, text } => self.notes.push(dated(at, by, text)),
            What::Acted { by, text } => self.actions.push(dated(at, by, text)),
        }
    }

    fn take(&mut self, member: Member, at: Timestamp) {
        let counts_as_symptom = |member: &Member| member.is_active() && member.role() == Role::Symptom;
        if self.members.get(&member.key).is_some_and(counts_as_symptom) {
            self.active_symptoms = self.active_symptoms.saturating_sub(1);
        }
        if counts_as_symptom(&member) {
            self.active_symptoms += 1;
            self.symptom_seen = true;
            self.started_by_symptom |= member.state.breached_at() == self.started_at;
        }
        if member.is_active() && member.role() == Role::Cause {
            self.cause_known = true;
            self.identified_at.get_or_insert(at);
        }
        self.alerting.extend(member.facts.component.clone());
        self.families.extend(Family::of(&member.key, &member.facts));
        self.moved_at = at;
        self.members.insert(member.key.clone(), member);
        if self.loss_paged {
            self.loss_paged = self.members.values().any(|member| member.lost_since().is_some());
        }
    }

    fn show(&mut self, component: &ComponentId, status: ComponentStatus, at: Timestamp) {
        let spans = self.components.entry(component.clone()).or_default();
        if let Some(last) = spans.last_mut().filter(|last| last.until.is_none()) {
            last.until = Some(at);
        }
        if status != ComponentStatus::Operational {
            spans.push(Span { from: at, until: None, status });
        }
    }

    fn turn(&mut self, from: Status, to: Status, watch_until: Option<Timestamp>, at: Timestamp) {
        self.status = to;
        self.watch_until = watch_until;
        self.held_by.clear();
        match (from, to) {
            (_, Status::Monitoring) => {
                self.monitoring_at.get_or_insert(at);
                self.mitigated_at = self.ended_at();
            }
            (_, Status::Resolved) => self.resolved_at = Some(at),
            (Status::Resolved, _) => {
                self.reopened += 1;
                self.open_since = at;
                self.breaks += 1;
                (self.resolved_at, self.mitigated_at, self.escalation) = (None, None, None);
                (self.acknowledged_at, self.acknowledged_by) = (None, None);
                self.symptom_seen = false;
                let cause_fires = self.active().any(|member| member.role() == Role::Cause);
                self.cause_known = cause_fires;
            }
            (Status::Monitoring, _) => {
                self.breaks += 1;
                self.mitigated_at = None;
            }
            _ => {}
        }
    }

    /// The latest recovery of its symptoms; where it had none, of its causes or else of its backlogs.
    fn ended_at(&self) -> Option<Timestamp> {
        let role = match (self.symptom_seen, self.cause_known) {
            (true, _) => Role::Symptom,
            (false, true) => Role::Cause,
            (false, false) => Role::Backlog,
        };
        let members = self.members.values().filter(|member| member.role() == role);
        let recovered = members.filter_map(|member| match member.state {
            AlertState::Resolved { recovered_at, .. } => Some(recovered_at),
            _ => None,
        });
        recovered.max()
    }

    fn posted(&mut self, post: &Post, at: Timestamp) {
        self.promise = post.next_update_by;
        self.promises.made += u32::from(post.next_update_by.is_some());
        self.said = Said { actions: self.actions.len(), causes: self.public_causes() };
        self.posts.push(Dated { at, item: Arc::new(post.clone()) });
    }

    fn paged(&mut self, page: &Page, at: Timestamp) {
        use PageReason::{MeasurementLost, NotAcknowledged, Opened, Reopened, SeverityRaised};
        let of_the_policy = matches!(page.reason, Opened | NotAcknowledged | SeverityRaised | Reopened);
        if let Some(escalation) = self.escalation.as_mut().filter(|_| of_the_policy) {
            escalation.paged.insert(page.step, at);
        }
        self.loss_paged |= page.reason == MeasurementLost;
        self.pages.push(Dated { at, item: Arc::new(page.clone()) });
    }
}

fn dated(at: Timestamp, by: &str, text: &str) -> Dated<Line> {
    Dated { at, item: Line { by: by.to_owned(), text: text.to_owned() } }
}
