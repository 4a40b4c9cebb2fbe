//! What was said about an incident, and to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{Time, time};
use crate::incidents::{ComponentNow, Dated, Eta, Note, Page, PageReason, Post, PostKind, WaitingDraft};

/// A public word.
#[derive(Debug, Serialize)]
pub(super) struct PostView {
    number: u32,
    at: Time,
    /// `update`, `holding`, `written`, `muted` or `merged`.
    kind: &'static str,
    /// Who wrote or approved it.
    by: Option<String>,
    status: &'static str,
    impact: &'static str,
    title: String,
    body: String,
    affected: String,
    components: BTreeMap<String, &'static str>,
    next_update_by: Option<Time>,
}

impl PostView {
    pub(super) fn new(at: Time, post: &Post) -> Self {
        let (kind, by) = match &post.kind {
            PostKind::Update => ("update", None),
            PostKind::Holding => ("holding", None),
            PostKind::Written { by, .. } => ("written", Some(by.clone())),
            PostKind::Muted => ("muted", None),
            PostKind::Merged { .. } => ("merged", None),
        };
        let shown = |component: &ComponentNow| (component.id.to_string(), component.status.as_str());
        Self {
            number: post.number,
            at,
            kind,
            by,
            status: post.status.as_str(),
            impact: post.impact.as_str(),
            title: post.title.clone(),
            body: post.body.clone(),
            affected: post.affected.clone(),
            components: post.components.iter().map(shown).collect(),
            next_update_by: post.next_update_by.map(time),
        }
    }

    pub(super) fn said(post: &Dated<Arc<Post>>) -> Self {
        Self::new(time(post.at), &post.item)
    }
}

/// When a backlog is expected to be drained, as it was last said in public.
#[derive(Debug, Serialize)]
pub(super) struct EtaView {
    alert: String,
    component: Option<String>,
    low: Time,
    best: Time,
    high: Time,
}

impl EtaView {
    pub(super) fn new(eta: &Eta) -> Self {
        Self {
            alert: eta.alert.to_string(),
            component: eta.component.as_ref().map(ToString::to_string),
            low: time(eta.low),
            best: time(eta.best),
            high: time(eta.high),
        }
    }
}

/// A post that waits for a person's word.
#[derive(Debug, Serialize)]
pub(super) struct DraftView {
    since: Time,
    /// Who wrote another text into it.
    edited_by: Option<String>,
    post: PostView,
}

impl DraftView {
    pub(super) fn new(draft: &WaitingDraft) -> Self {
        let mut post = PostView::new(time(draft.revised_at), &draft.post);
        if let Some((_, text)) = &draft.edited {
            post.body.clone_from(text);
        }
        Self { since: time(draft.since), edited_by: draft.edited.as_ref().map(|(by, _)| by.clone()), post }
    }
}

/// A call to responders.
#[derive(Debug, Serialize)]
pub(super) struct PageView {
    number: u32,
    at: Time,
    reason: PageReason,
    to: Vec<String>,
    step: u32,
    summary: String,
}

impl PageView {
    pub(super) fn new(page: &Dated<Arc<Page>>) -> Self {
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

/// An internal line.
#[derive(Debug, Serialize)]
pub(super) struct NoteView {
    number: usize,
    at: Time,
    by: String,
    text: String,
}

impl NoteView {
    pub(super) fn new(number: usize, note: &Dated<Note>) -> Self {
        Self { number, at: time(note.at), by: note.item.by.clone(), text: note.item.text.clone() }
    }
}
