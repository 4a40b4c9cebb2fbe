//! Fogsignal watches Prometheus metrics, opens and escalates incidents by itself, and tells people the truth
//! about them. ARCHITECTURE.md draws the rooms below and who may use whom.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod delivery;
pub mod incidents;
pub mod journal;
pub mod model;
pub mod outbox;
pub mod pipeline;
pub mod promql;
pub mod replay;
pub mod rules;
pub mod scrape;
pub mod series;
pub mod server;
pub mod sinks;
