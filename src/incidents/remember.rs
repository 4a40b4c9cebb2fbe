//! How each event changes what is remembered of an incident.
//!
//! In:   events, one after the other: proposed ones on a copy, committed ones, and those of the journal.
//! Out:  the incident after them.
//! Not:  nothing is decided here and no setting is read: the same events make the same incident for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{ComponentId, ComponentStatus, Timestamp};
use crate::rules::{AlertFacts, AlertKey, AlertState, Role};

use super::command::Holdable;
use super::event::{Event, Fixed, Raising, What};
use super::incident::{
    Action, ActionOutcome, Cause, Dated, Escalation, Incident, Note, Said, Undelivered, WaitingDraft,
};
use super::member::{Family, Member};
use super::message::{Page, PageReason, Post, PostKind};
use super::status::{Exposure, Span, Status};

impl Incident {
    /// Remembers an event. Cannot fail.
    pub(super) fn apply(&mut self, event: &Event) {
        let at = event.at;
        if is_news(&event.what) {
            self.news_at = at;
        }
        match &event.what {
            What::Opened { .. } | What::Changed { .. } => {}
            What::Joined { member } => self.take(member.clone(), at),
            What::Moved { key, state, facts } => self.moved(key, state, facts, at),
            What::Left { key, to, by } => {
                self.lose(key, at);
                self.split_from.extend(by.as_ref().map(|_| *to));
            }
            What::Absorbed { members, components, keys, split_from, .. } => {
                self.absorb(members, components, at);
                self.other_keys.extend(keys.iter().cloned());
                self.split_from.extend(split_from);
            }
            What::Merged { into } => self.merged_into = Some(*into),
            What::Dismissed { key, .. } => self.dismiss(key, true),
            What::Reinstated { key, .. } => self.dismiss(key, false),
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
            What::Suspected { suspects } => self.suspects.clone_from(suspects),
            What::CauseNamed { by, text, component, public } => {
                self.identified_at.get_or_insert(at);
                let (by, text, component, public) = (by.clone(), text.clone(), component.clone(), *public);
                self.cause = Some(Cause { at, by, text, component, public });
            }
            What::CauseWithdrawn { .. } => {
                self.rejected_causes.extend(self.cause.take().map(|cause| cause.text));
                self.cause_fired = false;
            }
            What::Fixed { fixed, .. } => match fixed {
                Fixed::Status { status } => self.fixed_status = Some(*status),
                Fixed::Impact { impact } => self.fixed_impact = Some(*impact),
                Fixed::Resolved => self.fixed_resolved = true,
            },
            What::Released { what, .. } => match what {
                Holdable::Status => self.fixed_status = None,
                Holdable::Impact => self.fixed_impact = None,
                Holdable::Sink(sink) => drop(self.stood_down.remove(sink)),
            },
            What::Noted { by, text } => {
                let item = Note { by: by.clone(), text: text.clone(), retracted: false };
                self.notes.push(Dated { at, item });
            }
            What::NoteRetracted { number, .. } => {
                nth(&mut self.notes, *number).into_iter().for_each(|note| note.item.retracted = true);
            }
            What::Acted { by, text, done_at, measured, seen } => {
                let (by, text, measured) = (by.clone(), text.clone(), measured.clone());
                let (outcome, seen) = (ActionOutcome::Open, *seen);
                let item = Action { by, text, measured, outcome, seen, retracted: false };
                self.actions.push(Dated { at: done_at.unwrap_or(at), item });
            }
            What::ActionRetracted { number, .. } => {
                nth(&mut self.actions, *number).into_iter().for_each(|action| action.item.retracted = true);
            }
            What::EffectMeasured { number, effect } => {
                let outcome = effect.clone().map_or(ActionOutcome::NoEffect, ActionOutcome::Measured);
                nth(&mut self.actions, *number).into_iter().for_each(|a| a.item.outcome = outcome.clone());
            }
            What::Posted { .. }
            | What::PromiseKept { .. }
            | What::PromiseMissed { .. }
            | What::PromiseWithdrawn { .. }
            | What::PromiseTaken { .. }
            | What::Drafted { .. }
            | What::DraftEdited { .. }
            | What::DraftDropped { .. }
            | What::Muted { .. }
            | What::Unmuted { .. } => self.said(&event.what, at),
            What::Escalating { .. }
            | What::Paged { .. }
            | What::Acknowledged { .. }
            | What::Unacknowledged { .. }
            | What::SeverityRaised { .. }
            | What::Undelivered { .. }
            | What::Adopted { .. }
            | What::StoodDown { .. } => self.told(&event.what, at),
        }
    }

    /// What was, is and will be said in public.
    fn said(&mut self, what: &What, at: Timestamp) {
        match what {
            What::Posted { post } => self.posted(post, at),
            What::PromiseKept { .. } => (self.promise, self.promises.kept) = (None, self.promises.kept + 1),
            What::PromiseMissed { .. } => {
                (self.promise, self.promises.missed) = (None, self.promises.missed + 1);
            }
            What::PromiseWithdrawn { .. } => {
                (self.promise, self.promises.withdrawn) = (None, self.promises.withdrawn + 1);
            }
            What::PromiseTaken { due, .. } => {
                self.promises.made += u32::from(self.promise.is_none());
                self.promise = Some(self.promise.map_or(*due, |own| own.min(*due)));
            }
            What::Drafted { post } => {
                // A draft of another status is another word, and waits anew, once something was said since it waits:
                // a status that goes to and fro must not put the first word off for ever.
                let said_since = |since| self.posts.last().is_some_and(|last| since <= last.at);
                let since = match &self.draft {
                    Some(draft) if draft.post.status == post.status || !said_since(draft.since) => {
                        draft.since
                    }
                    _ => at,
                };
                let edited = self.draft.take().and_then(|draft| draft.edited);
                let takes_in = self.known_in_public();
                self.draft =
                    Some(WaitingDraft { since, revised_at: at, post: post.clone(), edited, takes_in });
            }
            What::DraftEdited { by, text } => {
                if let Some(draft) = &mut self.draft {
                    draft.edited = Some((by.clone(), text.clone()));
                }
            }
            What::DraftDropped { by } => {
                self.discarded = self.draft.take().filter(|_| by.is_some()).map(|draft| draft.post);
            }
            What::Muted { by } => self.muted_by = Some(by.clone()),
            What::Unmuted { .. } => self.muted_by = None,
            _ => {}
        }
    }

    /// What responders were told, and what they and the sinks said to it.
    fn told(&mut self, what: &What, at: Timestamp) {
        match what {
            What::Escalating { severity, reason } => {
                (self.acknowledged_at, self.acknowledged_by) = (None, None);
                self.escalation = Some(Escalation {
                    started_at: at,
                    severity: *severity,
                    reason: *reason,
                    paged: BTreeMap::new(),
                });
            }
            What::Paged { page } => self.paged(page, at),
            What::Acknowledged { by } => {
                (self.acknowledged_at, self.acknowledged_by) = (Some(at), Some(by.clone()));
                self.first_acknowledged_at.get_or_insert(at);
            }
            What::Unacknowledged { .. } => (self.acknowledged_at, self.acknowledged_by) = (None, None),
            What::SeverityRaised { to, because } => {
                self.raised = Some(*to);
                // The next slip counts from what is said from here on.
                if matches!(because, Raising::EtaSlipped { .. }) {
                    self.first_etas.clear();
                }
            }
            What::Undelivered { delivery, sink, because } => {
                let lost = Undelivered { sink: sink.clone(), because: because.clone() };
                self.undelivered.insert(*delivery, lost);
            }
            What::Adopted { sink, id } => drop(self.adopted.insert(sink.clone(), id.clone())),
            What::StoodDown { sink, what } => drop(self.stood_down.insert(sink.clone(), what.clone())),
            _ => {}
        }
    }

    fn moved(&mut self, key: &AlertKey, state: &AlertState, facts: &AlertFacts, at: Timestamp) {
        let Some(known) = self.members.get(key) else { return };
        let mut member = Member::clone(known);
        // A dismissal is about what it was: what gets worse, or comes back, counts again.
        let is_firing = |state: &AlertState| matches!(state, AlertState::Firing { .. });
        let is_worse = known.state.severity() < state.severity();
        if self.dismissed.contains(key) && (is_worse || is_firing(state) && !is_firing(&known.state)) {
            self.dismiss(key, false);
        }
        // What an alert does after the end is no part of what this incident was.
        if self.is_open() {
            member.worst = state.severity().map_or(member.worst, |now| now.max(member.worst));
        }
        if !state.is_active() {
            self.first_etas.remove(key);
        }
        (member.state, member.facts, member.moved_at) = (state.clone(), facts.clone(), at);
        self.take(member, at);
        if self.fixed_resolved && !self.members.values().any(|member| member.is_active()) {
            self.fixed_resolved = false;
        }
    }

    fn take(&mut self, member: Member, at: Timestamp) {
        if self.members.get(&member.key).is_some_and(|known| self.is_symptom_now(known)) {
            self.active_symptoms = self.active_symptoms.saturating_sub(1);
        }
        if self.is_symptom_now(&member) {
            self.active_symptoms += 1;
            self.symptom_seen = true;
            self.started_by_symptom |= member.state.breached_at() == self.started_at;
        }
        if member.is_active() && member.role() == Role::Cause {
            self.cause_fired = true;
            self.identified_at.get_or_insert(at);
        }
        self.count(&member, 1);
        self.moved_at = at;
        if let Some(before) = self.members.insert(member.key.clone(), Arc::new(member)) {
            self.count(&before, -1);
        }
        self.forget_loss_once_over();
    }

    /// Counts an alert in for its component and its family, or out.
    fn count(&mut self, member: &Member, by: isize) {
        if let Some(component) = member.facts.component.clone() {
            count(&mut self.alerting, component, by);
        }
        if let Some(family) = Family::of(&member.key, &member.facts) {
            count(&mut self.families, family, by);
        }
    }

    /// Once everything is measured again, the next loss is told anew.
    fn forget_loss_once_over(&mut self) {
        if self.loss_paged {
            let is_lost = self.active().any(|member| member.lost_since().is_some());
            self.loss_paged = is_lost;
        }
    }

    /// Without what was dismissed or went elsewhere, its cause may not be known any more.
    fn forget_cause_without_alert(&mut self) {
        if self.cause_fired {
            let counts = |m: &Member| m.facts.counts && !self.dismissed.contains(&m.key);
            let is_there = self.members.values().any(|m| m.role() == Role::Cause && counts(m));
            self.cause_fired = is_there;
        }
    }

    fn is_symptom_now(&self, member: &Member) -> bool {
        member.role() == Role::Symptom && self.counts(member)
    }

    fn lose(&mut self, key: &AlertKey, at: Timestamp) {
        let Some(member) = self.members.remove(key) else { return };
        if self.is_symptom_now(&member) {
            self.active_symptoms = self.active_symptoms.saturating_sub(1);
        }
        self.dismissed.remove(key);
        self.moved_at = at;
        self.count(&member, -1);
        self.forget_loss_once_over();
        self.forget_cause_without_alert();
    }

    fn absorb(&mut self, members: &[Member], components: &BTreeMap<ComponentId, Vec<Span>>, at: Timestamp) {
        members.iter().for_each(|member| self.take(member.clone(), at));
        for (component, spans) in components {
            let own = self.components.entry(component.clone()).or_default();
            // What lasts there lasts here, unless it shows something already.
            let lasts = own.last().is_some_and(|span| span.until.is_none());
            own.extend(spans.iter().map(|span| match span.until {
                None if lasts => Span { until: Some(at), ..*span },
                _ => *span,
            }));
            own.sort_by_key(|span| (span.until.is_none(), span.from));
        }
    }

    fn dismiss(&mut self, key: &AlertKey, is_dismissed: bool) {
        let Some(member) = self.members.get(key).cloned() else { return };
        let was_symptom = self.is_symptom_now(&member);
        if is_dismissed {
            self.dismissed.insert(key.clone());
        } else {
            self.dismissed.remove(key);
        }
        match (was_symptom, self.is_symptom_now(&member)) {
            (true, false) => self.active_symptoms = self.active_symptoms.saturating_sub(1),
            (false, true) => self.active_symptoms += 1,
            _ => {}
        }
        self.forget_loss_once_over();
        self.forget_cause_without_alert();
    }

    /// What a post of now takes in beside its fields.
    fn known_in_public(&self) -> Said {
        Said { actions: self.actions.len(), causes: self.public_causes(), ..self.said.clone() }
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
        self.watched_since = (to == Status::Monitoring).then_some(at);
        self.held_by.clear();
        match (from, to) {
            (_, Status::Monitoring) => {
                self.monitoring_at.get_or_insert(at);
                self.mitigated_at = self.ended_at();
                self.raised = None;
            }
            (_, Status::Resolved) => {
                self.resolved_at = Some(at);
                self.mitigated_at = self.mitigated_at.or_else(|| self.ended_at());
                (self.fixed_status, self.fixed_impact, self.muted_by, self.raised) = (None, None, None, None);
            }
            (Status::Resolved, _) => {
                self.reopened += 1;
                (self.open_since, self.happening_since) = (at, at);
                self.breaks += 1;
                (self.resolved_at, self.mitigated_at, self.escalation) = (None, None, None);
                (self.acknowledged_at, self.acknowledged_by) = (None, None);
                (self.merged_into, self.cause, self.fixed_resolved) = (None, None, false);
                self.rejected_causes.clear();
                self.first_etas.clear();
                self.symptom_seen = 0 < self.active_symptoms;
                let cause_fires = self.active().any(|member| member.role() == Role::Cause);
                self.cause_fired = cause_fires;
            }
            (Status::Monitoring, _) => {
                self.breaks += 1;
                self.happening_since = at;
                self.mitigated_at = None;
            }
            _ => {}
        }
    }

    /// The latest recovery of its symptoms; where it had none, of its causes or else of its backlogs.
    fn ended_at(&self) -> Option<Timestamp> {
        let role = match (self.symptom_seen, self.cause_fired) {
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
        // A holding statement says that something is wrong, not what, and the draft waits on; a person's own words
        // need not say what is known either.
        if matches!(post.kind, PostKind::Update | PostKind::Written { own_words: false, .. }) {
            self.said = self.known_in_public();
        }
        if post.kind != PostKind::Holding {
            (self.draft, self.discarded) = (None, None);
        }
        // That it can no longer be told is a word about the ETA too.
        let told_before = self.posts.last().is_some_and(|last| !last.item.etas.is_empty());
        if !post.etas.is_empty() || told_before {
            self.said.eta_at = Some(at);
        }
        for eta in &post.etas {
            self.first_etas.entry(eta.alert.clone()).or_insert(eta.best);
        }
        self.worst_impact = self.worst_impact.max(post.impact);
        self.posts.push(Dated { at, item: Arc::new(post.clone()) });
    }

    fn paged(&mut self, page: &Page, at: Timestamp) {
        use PageReason::{
            AcknowledgementExpired, MeasurementLost, NotAcknowledged, Opened, Reopened, SeverityRaised,
        };
        let of_the_policy = matches!(
            page.reason,
            Opened | NotAcknowledged | SeverityRaised | Reopened | AcknowledgementExpired
        );
        if let Some(escalation) = self.escalation.as_mut().filter(|_| of_the_policy) {
            escalation.paged.insert(page.step, at);
        }
        self.loss_paged |= page.reason == MeasurementLost;
        self.pages.push(Dated { at, item: Arc::new(page.clone()) });
    }
}

/// Whether something was heard of the incident: of its alerts, or from a person.
fn is_news(what: &What) -> bool {
    match what {
        What::Unacknowledged { by } | What::DraftDropped { by } => by.is_some(),
        What::Opened { .. }
        | What::Joined { .. }
        | What::Moved { .. }
        | What::Acknowledged { .. }
        | What::Noted { .. }
        | What::NoteRetracted { .. }
        | What::Acted { .. }
        | What::ActionRetracted { .. }
        | What::CauseNamed { .. }
        | What::CauseWithdrawn { .. }
        | What::Fixed { .. }
        | What::Released { .. }
        | What::Muted { .. }
        | What::Unmuted { .. }
        | What::DraftEdited { .. }
        | What::Absorbed { .. }
        | What::Dismissed { .. }
        | What::Reinstated { .. } => true,
        _ => false,
    }
}

/// Counts `key` up or down; what is there no more is not kept.
fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, by: isize) {
    match counts.get(&key).copied().unwrap_or_default().saturating_add_signed(by) {
        0 => drop(counts.remove(&key)),
        now => drop(counts.insert(key, now)),
    }
}

/// The `number`th, from 1.
fn nth<T>(items: &mut [T], number: u32) -> Option<&mut T> {
    items.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
}
