//! x
pub mod day;
pub mod message;
pub mod pace;
pub mod platform;
pub mod receiver;
pub mod server;
