//! What holds for the whole house, and for the program as a process. One binary, so that it links once.

mod adapters;
mod answers;
mod bad_input;
// The binary of the crash harness has no test runner.
#[path = "../crash/verdict_tests.rs"]
mod crash_verdict;
mod deliveries;
mod differential;
mod discovery;
mod disk;
mod docs;
mod mutated;
mod native;
mod query;
mod readers;
mod real;
mod rooms;
mod rule_packs;
mod scenarios;
mod seed;
mod support;
mod targets;
mod told;
