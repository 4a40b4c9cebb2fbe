//! One turn of the house: evaluate rule by rule → observe → decide → commit → apply.
//!
//! In:   pages and what else comes through the inbox; the clock; a journal.
//! Out:  commits to the journal, and a nudge to the outbox when one carried deliveries.
//! Not:  no clock of its own and no network: the daemon and replay turn the same house.
//!
//! The normal turn commits and goes on. When a commit fails nothing has changed: the same instant is evaluated
//! again after a pause, samples are still taken in meanwhile, and `Health` says since when it fails.

mod agenda;
mod ask;
mod followers;
mod health;
mod house;
mod inbox;
mod lookout;
#[cfg(test)]
mod news_tests;
#[cfg(test)]
mod tests;
mod turn;

pub use agenda::{GroupReport, Phases};
pub use ask::{Answer, Asked, Asker, ask};
pub use health::Health;
pub use house::{House, Rulebook};
pub use inbox::{Inbound, Inbox};
pub use turn::{Pipeline, SharedHouse};
