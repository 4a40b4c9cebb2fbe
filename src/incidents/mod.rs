//! The book: decides when incidents open, change and resolve, what is said to the public and whom to page.
//!
//! In:   alert transitions from `rules`, changes and operators' commands, the fate of deliveries, and `Tick`;
//!       readings, which only inform and are never journaled.
//! Out:  events, each with the reason for it; `delivery` turns them into deliveries.
//! Not:  no clock, no database, no network, no randomness. Memory changes only in `apply`, after the commit.
//!
//! The usual life: investigating → identified → monitoring → resolved. Two things complicate it: a symptom that
//! comes back during the watch breaks it, and a backlog or a lost measurement holds the incident from resolved.

mod affected;
mod book;
mod command;
mod correlate;
mod draft;
mod escalate;
mod event;
mod incident;
mod input;
mod lifecycle;
mod page;
mod promise;
mod publish;
mod remember;
mod settings;
mod words;

#[cfg(test)]
mod tests;

pub use book::{Book, Wake};
pub use escalate::REPEAT_AT_LEAST;
pub use incident::{Dated, Escalation, Incident, Line, Promises, Undelivered};

pub use event::{
    ComponentNow, Event, Exposure, Impact, Member, Page, PageReason, Post, Span, Status, What, Why,
};
pub use input::{Change, Command, CommandKind, Evaluation, Input, Readings, SinkReport};
pub use settings::{
    Cadence, EscalationPolicy, EscalationStep, Language, PolicyMatch, Publish, PublishMode, Settings,
};
