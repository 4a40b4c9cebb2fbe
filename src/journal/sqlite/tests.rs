use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::delivery::Fate;
use crate::delivery::samples::{at, posted};
use crate::journal::contract::{Opens, alert, keeps_its_contract};
use crate::rules::AlertState;

struct Folder(TempDir);

impl Opens for Folder {
    type Journal = Sqlite;
    async fn open(&self, name: &str) -> Sqlite {
        Sqlite::open(&self.0.path().join(name).join("journal.db"), at(0)).expect("it opens")
    }
}

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

fn refusal(path: &Path) -> JournalError {
    Sqlite::open(path, at(0)).err().expect("it does not open")
}

fn one_post(number: u64) -> Batch {
    let (event, delivery) = posted(number, 1, "hook");
    Batch { events: vec![event], deliveries: vec![delivery], ..Batch::default() }
}

#[tokio::test]
async fn sqlite_keeps_the_contract_of_a_journal() {
    keeps_its_contract(&Folder(TempDir::new().unwrap())).await;
}

/// What an earlier version wrote is there afterwards, and what it had not told the book is told.
#[tokio::test]
async fn a_journal_of_the_first_schema_is_brought_up_to_date() {
    let (_folder, path) = folder();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("migrations/0001_journal.sql")).unwrap();
    old.pragma_update(None, "application_id", 0x666f_6773).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    for (id, fate, unread) in [(1, "delivered", false), (2, "dead", true), (3, "waiting", false)] {
        let (_, delivery) = posted(id, 1, "hook");
        let json = serde_json::to_string(&delivery).unwrap();
        old.execute(
            "INSERT INTO deliveries (id, key, sink, incident, created_at, json, fate, fate_at, why, unread)
             VALUES (?1, ?2, 'hook', 1, 0, ?3, ?4, 5, 'answered 410', ?5)",
            (column(id), &delivery.key, json, fate, unread),
        )
        .unwrap();
    }
    old.execute("INSERT INTO attempts VALUES (1, 1, 5, 3, 'ok')", []).unwrap();
    drop(old);
    let journal = Sqlite::open(&path, at(0)).unwrap();
    let kept = journal.deliveries(DeliveryQuery::latest(9)).await.unwrap();
    assert_eq!(
        kept.iter().map(|status| status.fate.name()).collect::<Vec<_>>(),
        ["waiting", "dead", "delivered"]
    );
    assert_eq!(journal.attempts(DeliveryId(1)).await.unwrap().len(), 1);
    let reports = journal.unread_reports().await.unwrap();
    assert_eq!(reports.iter().map(|report| report.delivery.0).collect::<Vec<_>>(), [2]);
    assert!(journal.remembered(&SinkName::new("hook").unwrap(), IncidentId(1)).await.unwrap().opened);
    journal
        .record(Record::of_fate(
            DeliveryId(3),
            at(1),
            "by D-4",
            Fate::Superseded { at: at(1), by: DeliveryId(4) },
        ))
        .await
        .unwrap();
}

#[test]
fn a_newer_schema_is_named() {
    let (_folder, path) = folder();
    drop(Sqlite::open(&path, at(0)).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert_eq!(
        refusal(&path).to_string(),
        format!("journal `{}` has schema 7, this version knows up to 2", path.display())
    );
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let (_folder, path) = folder();
    let text = "These are my notes.\n".repeat(500);
    fs::write(&path, &text).unwrap();
    assert!(matches!(refusal(&path), JournalError::Corrupt { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(refusal(&path), JournalError::Corrupt { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn damage_is_found_when_it_is_opened() {
    let (_folder, path) = folder();
    {
        let journal = Sqlite::open(&path, at(0)).unwrap();
        for number in 1..=200 {
            journal.commit(at(1), one_post(number)).await.unwrap();
        }
    }
    let whole = fs::read(&path).unwrap();
    let mut scratched = whole.clone();
    scratched[8192..whole.len() - 8192].fill(0x5a);
    fs::write(&path, scratched).unwrap();
    assert!(matches!(refusal(&path), JournalError::Corrupt { .. }));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(refusal(&path), JournalError::Corrupt { .. }));
}

#[test]
fn a_second_process_is_kept_out_until_the_first_has_closed_it() {
    let (_folder, path) = folder();
    let first = Sqlite::open(&path, at(0)).unwrap();
    assert!(matches!(refusal(&path), JournalError::InUse { .. }));
    drop(first);
    Sqlite::open(&path, at(0)).expect("it is free again");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let (folder, path) = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    let below_a_file = folder.path().join("file").join("journal.db");
    assert!(matches!(refusal(&below_a_file), JournalError::Unwritable { .. }));
    fs::create_dir(&path).unwrap();
    assert!(matches!(refusal(&path), JournalError::Unwritable { .. }));
}

#[tokio::test]
async fn a_full_disk_fails_a_commit_whole_and_the_next_may_succeed() {
    let (_folder, path) = folder();
    let journal = Sqlite::open(&path, at(0)).unwrap();
    journal.commit(at(1), one_post(1)).await.unwrap();
    let limit = |pages: i64| {
        let set = move |store: &mut Store| {
            let pragma = store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            pragma.map_err(|error| fault::fault(&store.path, error))
        };
        journal.ask(set)
    };
    limit(1).await.unwrap();
    let mut large = one_post(2);
    large.alerts =
        (0..200).map(|n| alert(&format!("host-{n}"), AlertState::Pending { breached_at: at(1) })).collect();
    let refused = journal.commit(at(2), large.clone()).await;
    assert!(matches!(refused, Err(JournalError::Unwritable { .. })), "{refused:?}");
    let kept = journal.load().await.unwrap();
    assert_eq!((kept.events.len(), kept.alerts.len(), kept.last_commit), (1, 0, Some(at(1))));
    limit(1_000_000).await.unwrap();
    journal.commit(at(3), large).await.unwrap();
    assert_eq!(journal.load().await.unwrap().alerts.len(), 200);
}

#[tokio::test]
async fn a_file_that_turns_read_only_is_named() {
    let (_folder, path) = folder();
    let journal = Sqlite::open(&path, at(0)).unwrap();
    let turn = |store: &mut Store| {
        store
            .connection
            .pragma_update(None, "query_only", 1)
            .map_err(|error| fault::fault(&store.path, error))
    };
    journal.ask(turn).await.unwrap();
    let refused = journal.commit(at(1), one_post(1)).await;
    assert!(matches!(refused, Err(JournalError::Unwritable { .. })), "{refused:?}");
}

/// What a kill leaves: the files as they lie on the disk in the middle of a transaction.
#[tokio::test]
async fn a_kill_in_the_middle_of_a_commit_leaves_what_was_committed() {
    let (folder, path) = folder();
    let journal = Sqlite::open(&path, at(0)).unwrap();
    journal.commit(at(1), one_post(1)).await.unwrap();
    let copy = folder.path().join("after").join("journal.db");
    fs::create_dir(copy.parent().unwrap()).unwrap();
    let (from, to) = (path.clone(), copy.clone());
    let killed = move |store: &mut Store| {
        let failed = |error| fault::fault(&from, error);
        let work = store.connection.transaction().map_err(failed)?;
        // Small enough a cache that the unfinished transaction spills into the WAL.
        work.execute_batch("PRAGMA cache_size = 2; DELETE FROM deliveries; DELETE FROM events;")
            .map_err(failed)?;
        for n in 0..500 {
            work.execute("INSERT INTO meta VALUES (?1, 1)", [format!("{n:0>200}")]).map_err(failed)?;
        }
        work.cache_flush().map_err(failed)?;
        for end in ["", "-wal"] {
            let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
            fs::copy(name(&from), name(&to)).expect("it is copied");
        }
        Ok(())
    };
    journal.ask(killed).await.unwrap();
    let left = Sqlite::open(&copy, at(2)).unwrap();
    let kept = left.load().await.unwrap();
    assert_eq!((kept.events, kept.last_delivery), (one_post(1).events, 1));
    assert_eq!(journal.load().await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_row_that_is_no_longer_understood_is_named() {
    let (_folder, path) = folder();
    let journal = Sqlite::open(&path, at(0)).unwrap();
    journal.commit(at(1), one_post(1)).await.unwrap();
    let spoil = |store: &mut Store| {
        store
            .connection
            .execute("UPDATE events SET json = '{}'", [])
            .map(|_| ())
            .map_err(|error| fault::fault(&store.path, error))
    };
    journal.ask(spoil).await.unwrap();
    let refused = journal.load().await.expect_err("it is not read");
    assert!(matches!(&refused, JournalError::Row { table: "events", id, .. } if id == "1"), "{refused:?}");
}
