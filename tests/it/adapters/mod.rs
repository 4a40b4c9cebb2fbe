//! The adapters that we ship, each against a strict imitation of its foreign system, built the way users build them:
//! from a configuration.

mod cachet;
mod definitions;
mod email;
mod journey;
mod local;
mod own;
mod pagerduty;
mod server;
mod slack;
mod statuspage;
mod table;
mod webhook;
