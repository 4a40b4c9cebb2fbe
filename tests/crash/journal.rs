//! What the journal's file says, read without the daemon's help.
//!
//! In:   `journal.db`.
//! Out:  its events, and its deliveries with their fates.
//! Not:  nothing is written, and nothing is judged.

use std::path::Path;

use anyhow::{Context as _, ensure};
use fogsignal::incidents::Event;
use fogsignal::model::IncidentId;
use rusqlite::{Connection, OpenFlags};

use crate::verdict::Row;

/// Reads events and deliveries, as of one moment.
pub fn read(folder: &Path) -> anyhow::Result<(Vec<Event>, Vec<Row>)> {
    let mut connection = open(folder)?;
    let moment = connection.transaction()?;
    let mut events = moment.prepare("SELECT json FROM events ORDER BY seq")?;
    let events = events
        .query_map([], |row| row.get::<_, String>(0))?
        .map(|json| serde_json::from_str(&json?).context("an event that cannot be read"))
        .collect::<Result<_, _>>()?;
    let mut rows = moment
        .prepare("SELECT id, key, sink, incident, json ->> 'event_seq', fate FROM deliveries ORDER BY id")?;
    let rows = rows
        .query_map([], |row| {
            let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Row {
                id: number(0)?,
                key: row.get(1)?,
                sink: row.get(2)?,
                incident: IncidentId(number(3)?),
                event_seq: number(4)?,
                fate: row.get(5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok((events, rows))
}

/// Whether the file itself is whole.
pub fn check(folder: &Path) -> anyhow::Result<()> {
    let verdict: String = open(folder)?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "the journal is damaged: {verdict}");
    Ok(())
}

fn open(folder: &Path) -> anyhow::Result<Connection> {
    let path = folder.join("data/journal.db");
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("`{}` cannot be opened", path.display()))
}
