//! Runs our own scripts: in them a warning or an info that no line expects is a failure too.

use crate::promql::{Unspoken, run_script};

pub(super) fn run(name: &str, script: &str) {
    let done = run_script(script, Unspoken::Failure)
        .unwrap_or_else(|error| panic!("{name}:{}: {error}", error.line));
    assert!(!done.is_empty(), "{name} evaluates nothing");
    for one in done {
        assert_eq!(one.failure, None, "{name}:{}: {}", one.line, one.expr);
    }
}
