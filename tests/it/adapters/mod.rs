//! The adapters that we ship, each against a strict imitation of its foreign system, built the way users build them:
//! from a configuration.

mod definitions;
mod journey;
mod server;
mod statuspage;
