//! What is written: batches of the pipeline, attempts of the outbox. Each in one transaction.

use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

use crate::delivery::{Attempt, Delivery, Fate, Record};
use crate::incidents::{Event, SinkNews};
use crate::journal::{Batch, JournalError};
use crate::model::{DeliveryId, SinkName, Timestamp};
use crate::rules::{AlertKey, AlertRow};

use super::fault::{fault, row, write_fault};
use super::{Flush, Store, column};

impl Store {
    /// Commits all of `batch` or nothing. An empty one says that we are alive (`last_commit`).
    pub(super) fn commit(&mut self, now: Timestamp, batch: &Batch) -> Result<(), JournalError> {
        // Alert states alone are evaluated again after a loss of power; what was said or answered is not.
        let needs_disk = !batch.events.is_empty() || !batch.deliveries.is_empty();
        self.within(if needs_disk { Flush::Now } else { Flush::Later }, |work| {
            batch.events.iter().try_for_each(|event| work.insert_event(event))?;
            batch.deliveries.iter().try_for_each(|delivery| work.insert_delivery(delivery))?;
            batch.alerts.iter().try_for_each(|alert| work.put_alert(alert))?;
            batch.forgotten.iter().try_for_each(|key| work.forget_alert(key))?;
            batch.reports_read.iter().try_for_each(|number| work.mark_read(*number))?;
            work.run(
                "INSERT OR REPLACE INTO meta (name, value) VALUES ('last_commit', ?1)",
                [now.as_millis()],
            )
        })
    }

    /// Records attempts and the fates after them, all in one transaction: many that end at a time wait for the disk once.
    /// A delivery that has ended keeps its fate, so that recording the same twice changes nothing.
    pub(super) fn record(&mut self, records: &[&Record]) -> Result<(), JournalError> {
        // A word that was taken must not be sent again for a loss of power.
        let ended = records.iter().any(|record| record.fate.next_attempt_at().is_none());
        self.within(if ended { Flush::Now } else { Flush::Later }, |work| {
            records.iter().try_for_each(|record| work.record(record))
        })
    }

    /// Whatever waits at `sink` may go at `now`.
    pub(super) fn hasten(&mut self, sink: &SinkName, now: Timestamp) -> Result<(), JournalError> {
        self.within(Flush::Later, |work| {
            work.run(
                "UPDATE deliveries SET fate_at = ?2 WHERE sink = ?1 AND fate = 'waiting' AND ?2 < fate_at",
                params![sink.as_str(), now.as_millis()],
            )
        })
    }

    /// A dead delivery waits again.
    pub(super) fn revive(
        &mut self,
        id: DeliveryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), JournalError> {
        self.within(Flush::Now, |work| {
            let revived = work
                .connection
                .prepare_cached(
                    "UPDATE deliveries SET fate = 'waiting', fate_at = ?2, why = NULL,
                     json = json_set(json, '$.expires_at', ?3) WHERE id = ?1 AND fate = 'dead'",
                )
                .and_then(|mut update| {
                    update.execute(params![column(id.0), now.as_millis(), until.as_millis()])
                })
                .map_err(|error| fault(work.store, error))?;
            let refused = |why| Err(row("deliveries", id, why));
            match revived {
                0 if work.has_delivery(column(id.0))? => refused("it is not dead"),
                0 => refused("there is no such delivery"),
                _ => Ok(()),
            }
        })
    }

    /// Runs `work` in a transaction: all of it is committed, or nothing.
    fn within(
        &mut self,
        flush: Flush,
        work: impl FnOnce(&Work<'_>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        self.flush(flush)?;
        let failed = |error| fault(&self.path, error);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Dropped without a commit, the transaction is rolled back.
        work(&Work { store: &self.path, connection: &transaction })?;
        transaction.commit().map_err(failed)
    }

    fn flush(&mut self, flush: Flush) -> Result<(), JournalError> {
        if self.flushes != flush {
            let mode = match flush {
                Flush::Now => "FULL",
                Flush::Later => "NORMAL",
            };
            self.connection
                .pragma_update(None, "synchronous", mode)
                .map_err(|error| fault(&self.path, error))?;
            self.flushes = flush;
        }
        Ok(())
    }
}

/// An open transaction.
struct Work<'a> {
    store: &'a std::path::Path,
    connection: &'a Connection,
}

impl Work<'_> {
    fn insert_event(&self, event: &Event) -> Result<(), JournalError> {
        let json = json("events", event.seq, event)?;
        self.row(
            "events",
            event.seq,
            "INSERT INTO events (seq, at, incident, json) VALUES (?1, ?2, ?3, ?4)",
            params![column(event.seq), event.at.as_millis(), column(event.incident.0), json],
        )
    }

    fn insert_delivery(&self, delivery: &Delivery) -> Result<(), JournalError> {
        let json = json("deliveries", delivery.id, delivery)?;
        self.row(
            "deliveries",
            delivery.id,
            "INSERT INTO deliveries (id, key, sink, incident, created_at, json, fate, fate_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?5)",
            params![
                column(delivery.id.0),
                delivery.key,
                delivery.sink.as_str(),
                column(delivery.incident.0),
                delivery.created_at.as_millis(),
                json
            ],
        )
    }

    fn put_alert(&self, alert: &AlertRow) -> Result<(), JournalError> {
        let labels = json("alerts", &alert.key, &alert.key.labels)?;
        let json = json("alerts", &alert.key, alert)?;
        self.row(
            "alerts",
            &alert.key,
            "INSERT OR REPLACE INTO alerts (rule, labels, state, json) VALUES (?1, ?2, ?3, ?4)",
            params![alert.key.rule.as_str(), labels, alert.state.name().as_str(), json],
        )
    }

    fn forget_alert(&self, key: &AlertKey) -> Result<(), JournalError> {
        let labels = json("alerts", key, &key.labels)?;
        self.run("DELETE FROM alerts WHERE rule = ?1 AND labels = ?2", params![key.rule.as_str(), labels])
    }

    fn mark_read(&self, number: u64) -> Result<(), JournalError> {
        self.run("DELETE FROM reports WHERE number = ?1", [column(number)])
    }

    fn record(&self, record: &Record) -> Result<(), JournalError> {
        let attempt = &record.attempt;
        if attempt.number > 0 {
            self.insert_attempt(attempt)?;
        }
        if !self.update_fate(attempt, &record.fate)? {
            return Ok(());
        }
        if let Some(news) = &record.news {
            self.insert_report(attempt, news)?;
        }
        if let Some(remember) = &record.remember {
            let json = json("remembered", attempt.delivery, remember)?;
            self.run(
                "INSERT OR REPLACE INTO remembered (sink, incident, json)
                 SELECT sink, incident, ?2 FROM deliveries WHERE id = ?1",
                params![column(attempt.delivery.0), json],
            )?;
        }
        Ok(())
    }

    fn insert_report(&self, attempt: &Attempt, news: &SinkNews) -> Result<(), JournalError> {
        let json = json("reports", attempt.delivery, news)?;
        self.run(
            "INSERT INTO reports (delivery, incident, sink, at, news)
             SELECT id, incident, sink, ?2, ?3 FROM deliveries WHERE id = ?1",
            params![column(attempt.delivery.0), attempt.at.as_millis(), json],
        )
    }

    /// Whether the delivery was still waiting, so that its fate changed.
    fn update_fate(&self, attempt: &Attempt, fate: &Fate) -> Result<bool, JournalError> {
        let (at, why, by) = match fate {
            Fate::Waiting { next_attempt_at } => (next_attempt_at, None, None),
            Fate::Delivered { at } => (at, None, None),
            Fate::Superseded { at, by } => (at, None, Some(column(by.0))),
            Fate::Dead { at, why } => (at, Some(why), None),
        };
        let (id, name) = (column(attempt.delivery.0), fate.name());
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE deliveries SET fate = ?2, fate_at = ?3, why = ?4, by = ?5,
                 attempts = max(attempts, ?6), last_note = ?7 WHERE id = ?1 AND fate = 'waiting'",
            )
            .and_then(|mut update| {
                update.execute(params![id, name, at.as_millis(), why, by, attempt.number, attempt.note])
            })
            .map_err(|error| fault(self.store, error))?;
        match changed > 0 || self.has_delivery(id)? {
            true => Ok(changed > 0),
            false => Err(row("deliveries", attempt.delivery, "there is no such delivery")),
        }
    }

    fn has_delivery(&self, id: i64) -> Result<bool, JournalError> {
        self.connection
            .prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1")
            .and_then(|mut select| select.exists([id]))
            .map_err(|error| fault(self.store, error))
    }

    fn insert_attempt(&self, attempt: &Attempt) -> Result<(), JournalError> {
        self.row(
            "attempts",
            attempt.delivery,
            "INSERT OR IGNORE INTO attempts (delivery, number, at, took_ms, note) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                column(attempt.delivery.0),
                attempt.number,
                attempt.at.as_millis(),
                column(attempt.took_ms),
                attempt.note
            ],
        )
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), JournalError> {
        self.execute(sql, values).map_err(|error| fault(self.store, error))
    }

    fn row(
        &self,
        table: &'static str,
        id: impl ToString,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), JournalError> {
        self.execute(sql, values).map_err(|error| write_fault(self.store, table, id, error))
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(values).map(|_| ())
    }
}

fn json(table: &'static str, id: impl ToString, value: &impl Serialize) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| row(table, id, error))
}
