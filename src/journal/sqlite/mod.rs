//! The journal in one SQLite file (WAL), owned by one thread.
//!
//! In:   calls of the `Journal` trait; they travel to the thread over a bounded channel.
//! Out:  answers over a one-shot channel each, so that no disk is waited for on the async runtime.
//! Not:  no second writer: `journal.lock` beside the file keeps other processes of ours out. Reading the file with
//!       `sqlite3` while we run is fine.
//!
//! A call whose future is dropped before the answer came may have been carried out all the same.

mod fault;
mod open;
mod read;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::delivery::{Attempt, Delivery, Record, Remembered};
use crate::incidents::SinkReport;
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

use super::store::{Batch, DeliveryQuery, DeliveryStatus, Journal, JournalError, Snapshot};

/// How many calls may wait for the thread; a caller beyond that waits for a place.
const COMMANDS_WAITING: usize = 64;

type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What the thread is asked to do.
enum Command {
    /// Anything, by itself.
    Do(Box<dyn FnOnce(&mut Store) + Send>),
    /// An attempt: those that wait for the thread at a time share one transaction, and one wait for the disk.
    Record(Record, Answer<()>),
}

/// A journal in one SQLite file. Clones share the thread; the last one to go waits for it to close the file.
#[derive(Clone)]
pub struct Sqlite(Arc<Handle>);

struct Handle {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread owns.
struct Store {
    path: PathBuf,
    connection: Connection,
    flushes: Flush,
    /// Held for as long as the file is open; the system lets go of it also when the process is killed.
    _lock: File,
}

/// When a commit is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Before the commit returns.
    Now,
    /// With the next one that must be, or at a checkpoint.
    ///
    /// Safe for what nothing outside depends on yet: in WAL mode a loss of power takes the latest commits only,
    /// in order, and never an older one before a newer one or a part of one. What is lost is evaluated again.
    Later,
}

impl Sqlite {
    /// Opens the journal at `path`, or begins a new one there; brings an older schema up to date.
    ///
    /// # Errors
    /// Where the file is newer than we are, damaged, in use, or cannot be written.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, JournalError> {
        let mut store = Store::open(path, now)?;
        let (commands, mut inbox) = mpsc::channel::<Command>(COMMANDS_WAITING);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let mut next = inbox.blocking_recv();
                while let Some(command) = next {
                    let after = match command {
                        Command::Do(work) => {
                            work(&mut store);
                            None
                        }
                        Command::Record(record, answer) => {
                            let (records, after) = waiting_too(&mut inbox, (record, answer));
                            record_all(&mut store, records);
                            after
                        }
                    };
                    next = after.or_else(|| inbox.blocking_recv());
                }
            })
            .map_err(|error| JournalError::Unwritable {
                path: path.to_owned(),
                detail: format!("no thread for it: {error}"),
            })?;
        Ok(Self(Arc::new(Handle { commands: Some(commands), thread: Some(thread) })))
    }

    /// Has `work` done by the thread that owns the file.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let commands = self.0.commands.as_ref().ok_or(JournalError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let command = Command::Do(Box::new(move |store| {
            // Nobody waits for the answer any more: the work is done all the same.
            let _ = answer.send(work(store));
        }));
        commands.send(command).await.map_err(|_| JournalError::Closed)?;
        answered.await.map_err(|_| JournalError::Closed)?
    }
}

/// The attempts that wait right behind `first`, and what comes after them.
fn waiting_too(
    inbox: &mut mpsc::Receiver<Command>,
    first: (Record, Answer<()>),
) -> (Vec<(Record, Answer<()>)>, Option<Command>) {
    let mut records = vec![first];
    while records.len() < COMMANDS_WAITING {
        match inbox.try_recv() {
            Ok(Command::Record(record, answer)) => records.push((record, answer)),
            Ok(other) => return (records, Some(other)),
            Err(_) => break,
        }
    }
    (records, None)
}

fn record_all(store: &mut Store, records: Vec<(Record, Answer<()>)>) {
    let together: Vec<&Record> = records.iter().map(|(record, _)| record).collect();
    if store.record(&together).is_ok() {
        records.into_iter().for_each(|(_, answer)| drop(answer.send(Ok(()))));
        return;
    }
    // One that cannot be recorded must not keep the others from it, and each is told its own reason.
    for (record, answer) in records {
        let recorded = store.record(&[&record]);
        let _ = answer.send(recorded);
    }
}

impl Drop for Handle {
    /// Lets the thread finish what it has and close the file, so that whoever opens it next finds it free.
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so on its way out.
            let _ = thread.join();
        }
    }
}

impl Journal for Sqlite {
    async fn commit(&self, now: Timestamp, batch: Batch) -> Result<(), JournalError> {
        self.ask(move |store| store.commit(now, &batch)).await
    }

    async fn load(&self) -> Result<Snapshot, JournalError> {
        self.ask(|store| store.load()).await
    }

    async fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeliveryStatus>, JournalError> {
        let sink = sink.clone();
        self.ask(move |store| store.due(&sink, now, limit)).await
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, JournalError> {
        let sink = sink.clone();
        self.ask(move |store| store.next_due(&sink)).await
    }

    async fn record(&self, record: Record) -> Result<(), JournalError> {
        let commands = self.0.commands.as_ref().ok_or(JournalError::Closed)?;
        let (answer, answered) = oneshot::channel();
        commands.send(Command::Record(record, answer)).await.map_err(|_| JournalError::Closed)?;
        answered.await.map_err(|_| JournalError::Closed)?
    }

    async fn remembered(&self, sink: &SinkName, incident: IncidentId) -> Result<Remembered, JournalError> {
        let sink = sink.clone();
        self.ask(move |store| store.remembered(&sink, incident)).await
    }

    async fn behind(&self, delivery: &Delivery) -> Result<Vec<Delivery>, JournalError> {
        let delivery = delivery.clone();
        self.ask(move |store| store.behind(&delivery)).await
    }

    async fn hasten(&self, sink: &SinkName, now: Timestamp) -> Result<(), JournalError> {
        let sink = sink.clone();
        self.ask(move |store| store.hasten(&sink, now)).await
    }

    async fn revive(&self, id: DeliveryId, now: Timestamp, until: Timestamp) -> Result<(), JournalError> {
        self.ask(move |store| store.revive(id, now, until)).await
    }

    async fn unread_reports(&self) -> Result<Vec<SinkReport>, JournalError> {
        self.ask(|store| store.unread_reports()).await
    }

    async fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        self.ask(|store| store.waiting()).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryStatus>, JournalError> {
        self.ask(move |store| store.delivery(id)).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DeliveryStatus>, JournalError> {
        self.ask(move |store| store.deliveries(&query)).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, JournalError> {
        self.ask(move |store| store.attempts(id)).await
    }
}

/// A number of ours as a column holds it. A sequence that counts by ones never gets to where they differ.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
