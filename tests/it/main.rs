//! What holds for the whole house, and for the program as a process. One binary, so that it links once.

mod answers;
mod bad_input;
mod deliveries;
mod docs;
mod real;
mod rooms;
mod rule_packs;
mod scenarios;
mod seed;
mod support;
mod told;
