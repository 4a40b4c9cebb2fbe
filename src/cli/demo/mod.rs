//! x
pub mod config;
pub mod day;
pub mod message;
pub mod narrator;
pub mod pace;
pub mod platform;
pub mod receiver;
pub mod scorecard;
pub mod server;
