//! What caused an incident, probably or as somebody said, and what people did against it.

use serde::Serialize;

use super::{Time, time};
use crate::incidents::{Action, ActionOutcome, Cause, Change, Dated, Effect, Suspect};

/// Something that rolled out.
#[derive(Debug, Serialize)]
pub struct ChangeView {
    at: Time,
    component: Option<String>,
    kind: &'static str,
    version: Option<String>,
    summary: String,
    by: Option<String>,
}

impl ChangeView {
    /// The change as the book knows it.
    pub fn new(change: &Change) -> Self {
        Self {
            at: time(change.at),
            component: change.component.as_ref().map(ToString::to_string),
            kind: change.kind.as_str(),
            version: change.version.clone(),
            summary: change.summary.clone(),
            by: change.by.clone(),
        }
    }
}

/// A probable cause, with what makes it likely.
#[derive(Debug, Serialize)]
pub(super) struct SuspectView {
    kind: &'static str,
    component: Option<String>,
    summary: String,
    at: Time,
    score: f64,
    parts: PartsView,
}

#[derive(Debug, Serialize)]
struct PartsView {
    time: f64,
    graph: f64,
    kind: f64,
    share: f64,
}

impl SuspectView {
    pub(super) fn new(suspect: &Suspect) -> Self {
        let parts = suspect.parts;
        Self {
            kind: suspect.kind.as_str(),
            component: suspect.component.as_ref().map(ToString::to_string),
            summary: suspect.summary.clone(),
            at: time(suspect.at),
            score: suspect.score,
            parts: PartsView { time: parts.time, graph: parts.graph, kind: parts.kind, share: parts.share },
        }
    }
}

/// A cause that somebody named.
#[derive(Debug, Serialize)]
pub(super) struct CauseView {
    at: Time,
    by: String,
    text: String,
    component: Option<String>,
    public: bool,
}

impl CauseView {
    pub(super) fn new(cause: &Cause) -> Self {
        Self {
            at: time(cause.at),
            by: cause.by.clone(),
            text: cause.text.clone(),
            component: cause.component.as_ref().map(ToString::to_string),
            public: cause.public,
        }
    }
}

/// Something people did.
#[derive(Debug, Serialize)]
pub(super) struct ActionView {
    number: usize,
    at: Time,
    by: String,
    text: String,
    /// `open` while it is not known what it changed, `none`, or `measured`.
    outcome: &'static str,
    effect: Option<EffectView>,
}

#[derive(Debug, Serialize)]
struct EffectView {
    what: String,
    from: f64,
    to: f64,
    within_seconds: f64,
}

impl ActionView {
    pub(super) fn new(number: usize, action: &Dated<Action>) -> Self {
        let (outcome, effect) = match &action.item.outcome {
            ActionOutcome::Open => ("open", None),
            ActionOutcome::NoEffect => ("none", None),
            ActionOutcome::Measured(effect) => ("measured", Some(EffectView::new(effect))),
        };
        Self {
            number,
            at: time(action.at),
            by: action.item.by.clone(),
            text: action.item.text.clone(),
            outcome,
            effect,
        }
    }
}

impl EffectView {
    fn new(effect: &Effect) -> Self {
        Self {
            what: effect.what.clone(),
            from: effect.from,
            to: effect.to,
            within_seconds: effect.within_ms as f64 / 1000.0,
        }
    }
}
