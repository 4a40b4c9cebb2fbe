//! Wiring.

pub mod demo;
