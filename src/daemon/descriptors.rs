//! How many files and connections the process may have open.
//!
//! In:   the limits that it was started with.
//! Out:  the soft one raised to the hard one, as far as the system lets it.
//! Not:  the hard one stays what an administrator made it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Each target keeps a connection. The soft limit is mostly 1024, for the sake of programs that use `select(2)`, which
/// nothing here does.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    // Where it is refused, scrapes say what they lack.
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays what it is");
    }
}
