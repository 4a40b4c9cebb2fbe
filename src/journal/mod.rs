//! Remembers events, deliveries and alert states in one transaction; decides nothing.
//!
//! In:   what one turn of the house decided (`Batch`); attempts of deliveries.
//! Out:  all of it again after a restart; the deliveries that are due.
//! Not:  no rule of the business: the order and meaning of what it keeps belong to others.

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod failing;
mod memory;
mod sqlite;
mod store;

pub use memory::Memory;
pub use sqlite::Sqlite;
pub use store::{Batch, DeliveryQuery, DeliveryStatus, Journal, JournalError, Snapshot};
