//! The book, step by step: what moves at which time, and what it says then.

mod approval;
mod causes;
mod day;
mod escalation;
mod harness;
mod laws;
mod life;
mod people;
mod posts;
