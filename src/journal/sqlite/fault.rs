//! What SQLite says, sorted by what the caller can do about it.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::journal::JournalError;

/// The journal's error for one of SQLite's on the file at `path`.
pub(super) fn fault(path: &Path, error: Error) -> JournalError {
    let path = path.to_owned();
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::InUse { path },
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory
            | ErrorCode::TooBig,
        ) => JournalError::Unwritable { path, detail },
        // The rest means that the file does not hold what a journal of this schema holds.
        _ => JournalError::Corrupt { path, detail },
    }
}

/// The journal's error for a row of `table` that does not go in or come out.
pub(super) fn row(table: &'static str, id: impl ToString, detail: impl ToString) -> JournalError {
    JournalError::Row { table, id: id.to_string(), detail: detail.to_string() }
}

/// As `fault`, but a row that is there already, or refers to one that is not, is named.
pub(super) fn write_fault(path: &Path, table: &'static str, id: impl ToString, error: Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => row(table, id, error),
        _ => fault(path, error),
    }
}
