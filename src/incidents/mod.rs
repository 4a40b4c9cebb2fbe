//! The book: decides when incidents open, change and resolve, what is said to the public and whom to page.
//!
//! In:   alert transitions from `rules`, changes and operators' commands, the fate of deliveries, and `Tick`;
//!       readings, which only inform and are never journaled.
//! Out:  events, each with the reason for it; `delivery` turns them into deliveries.
//! Not:  no clock, no database, no network, no randomness. Memory changes only in `apply`, after the commit.
//!
//! The usual life: investigating → identified → monitoring → resolved. Two things complicate it: a symptom that
//! comes back during the watch breaks it, and a backlog or a lost measurement holds the incident from resolved.

mod action;
mod affected;
mod backlog;
mod book;
mod command;
mod config;
mod correlate;
mod draft;
mod escalate;
mod event;
mod finding;
mod incident;
mod input;
mod lifecycle;
mod member;
mod merge;
mod message;
mod page;
mod promise;
mod publish;
mod raise;
mod remember;
mod settings;
mod status;
mod suspects;
mod why;
mod words;

#[cfg(test)]
mod tests;

pub use book::Book;
pub use command::{Command, CommandKind, Holdable, Refused};
pub use escalate::REPEAT_AT_LEAST;
pub use event::{Event, Fixed, Raising, What};
pub use finding::{Effect, Figure, ScoreParts, Suspect, SuspectKind};
pub use incident::{
    Action, ActionOutcome, Cause, Dated, Escalation, Incident, Note, Promises, Undelivered, WaitingDraft,
};
pub use input::{Change, ChangeKind, Evaluation, Input, Readings, SinkNews, SinkReport};
pub use member::Member;
pub use message::{ComponentNow, Eta, Page, PageReason, Post, PostKind};
pub use settings::{
    Cadence, EscalationPolicy, EscalationStep, Fallback, Gate, Language, PolicyMatch, Publish, PublishMode,
    Raise, RaiseWhen, Settings, Templates,
};
pub use status::{Exposure, Impact, Span, Status};
pub use why::{Wake, Why};
pub use words::{TemplateKind, check_template};
