//! Opening the file: whose it is, whether it is whole, whether it can be written, and which schema it has.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::journal::JournalError;
use crate::model::Timestamp;

use super::fault::fault;
use super::{Flush, Store};

/// The size of the pages of a new file.
const PAGE_BYTES: i64 = 1024;
/// Marks a SQLite file as ours (`PRAGMA application_id`): 'fogs'.
const APPLICATION_ID: i64 = 0x666f_6773;

/// One a version of the schema, from 1; a published one is never changed.
const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001_journal.sql"), include_str!("migrations/0002_delivery.sql")];

/// How long a lock that somebody holds for a moment (a backup, `sqlite3`) is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The WAL file is cut back to this after a checkpoint.
const WAL_KEPT_BYTES: i64 = 16 << 20;

impl Store {
    pub(super) fn open(path: &Path, now: Timestamp) -> Result<Self, JournalError> {
        let lock = lock(path)?;
        // Without URI: a path is a path, whatever characters it has.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error| fault(path, error);
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        let schema = identify(path, &connection)?;
        check(path, &connection)?;
        set_up(path, &connection)?;
        migrate(&mut connection, schema, now).map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", "ON").map_err(failed)?;
        Ok(Self { path: path.to_owned(), connection, flushes: Flush::Now, _lock: lock })
    }
}

/// Takes the lock that keeps other processes of ours out. SQLite's own locks come and go with each transaction.
fn lock(path: &Path) -> Result<File, JournalError> {
    let unwritable = |detail: String| JournalError::Unwritable { path: path.to_owned(), detail };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| unwritable(format!("folder `{}`: {e}", folder.display())))?;
    }
    let lock_path = path.with_extension("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|e| unwritable(format!("`{}`: {e}", lock_path.display())))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => Err(unwritable(format!("`{}`: {e}", lock_path.display()))),
    }
}

/// Whether the file is a journal, and which schema it has; 0 for a new one.
fn identify(path: &Path, connection: &Connection) -> Result<i64, JournalError> {
    let failed = |error| fault(path, error);
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let schema = ask("user_version").map_err(failed)?;
    let owner = ask("application_id").map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let is_new = tables == 0 && schema == 0;
    if !is_new && owner != APPLICATION_ID {
        let detail = "it is a SQLite file of another program".to_owned();
        return Err(JournalError::Corrupt { path: path.to_owned(), detail });
    }
    let known = MIGRATIONS.len() as i64;
    if schema > known {
        return Err(JournalError::NewerSchema { path: path.to_owned(), found: schema, known });
    }
    Ok(schema)
}

/// Whether the file is whole, as far as can be seen without comparing every index.
fn check(path: &Path, connection: &Connection) -> Result<(), JournalError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| fault(path, error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(JournalError::Corrupt { path: path.to_owned(), detail: verdict })
}

fn set_up(path: &Path, connection: &Connection) -> Result<(), JournalError> {
    let failed = |error| fault(path, error);
    let unwritable = |detail: String| JournalError::Unwritable { path: path.to_owned(), detail };
    // SQLite opens a file that it may only read without a word.
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(unwritable("it may only be read".to_owned()));
    }
    // Of a new file. A commit writes whole pages, and most commits change a few rows of a few hundred bytes.
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(unwritable(format!("its file system has no shared memory (journal_mode {mode})")));
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // A migration may write a table anew that others refer to.
    connection.pragma_update(None, "foreign_keys", "OFF").map_err(failed)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    // A plan must not depend on the values bound: otherwise each statement with a `LIMIT` is planned anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    Ok(())
}

/// Brings the schema up to date, all of it or nothing; what was done is on the disk when this returns. Writes in
/// any case, so that a full disk shows at the start.
fn migrate(connection: &mut Connection, schema: i64, now: Timestamp) -> rusqlite::Result<()> {
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (at, script) in MIGRATIONS.iter().enumerate() {
        let version = at as i64 + 1;
        if version > schema {
            work.execute_batch(script)?;
            work.pragma_update(None, "user_version", version)?;
        }
    }
    work.pragma_update(None, "application_id", APPLICATION_ID)?;
    work.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('opened_at', ?1)", [now.as_millis()])?;
    work.commit()
}
