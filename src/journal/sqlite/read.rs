//! What is read: everything for a start, what is due, what the book has not taken in, the latest for people.

use std::collections::BTreeMap;

use rusqlite::{Params, Row};
use serde::de::DeserializeOwned;

use crate::delivery::{Attempt, Delivery, Fate, Remembered};
use crate::incidents::SinkReport;
use crate::journal::{DeliveryQuery, DeliveryStatus, JournalError, Snapshot};
use crate::model::{DeliveryId, IncidentId, SinkName, Timestamp};

use super::fault::{fault, row};
use super::{Store, column};

/// The oldest delivery that is not done yet, of each incident.
macro_rules! heads {
    () => {
        "SELECT min(id) FROM deliveries WHERE sink = ?1 AND fate = 'waiting' GROUP BY incident"
    };
}

macro_rules! statuses {
    () => {
        "SELECT id, json, fate, fate_at, why, by, attempts, last_note FROM deliveries "
    };
}

impl Store {
    pub(super) fn load(&self) -> Result<Snapshot, JournalError> {
        let events = self.rows("SELECT seq, json FROM events ORDER BY seq", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        let alerts = self.rows("SELECT rule, labels, json FROM alerts ORDER BY rule, labels", [], |row| {
            let (rule, labels): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((format!("{rule} {labels}"), row.get::<_, String>(2)?))
        })?;
        let last_delivery: Option<i64> = self.one("SELECT max(id) FROM deliveries", [])?;
        let last_commit: Option<i64> =
            self.one("SELECT max(value) FROM meta WHERE name = 'last_commit'", [])?;
        Ok(Snapshot {
            events: parse_all("events", events)?,
            alerts: parse_all("alerts", alerts)?,
            last_delivery: last_delivery.map_or(0, i64::unsigned_abs),
            last_commit: last_commit.map(Timestamp::from_millis),
        })
    }

    /// The longest due first, so that none starves behind those that are tried again and again.
    pub(super) fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeliveryStatus>, JournalError> {
        let sql = concat!(
            statuses!(),
            "WHERE id IN (",
            heads!(),
            ") AND fate_at <= ?2 ORDER BY fate_at, id LIMIT ?3"
        );
        self.statuses(sql, (sink.as_str(), now.as_millis(), column(limit as u64)))
    }

    pub(super) fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, JournalError> {
        let sql = concat!("SELECT min(fate_at) FROM deliveries WHERE id IN (", heads!(), ")");
        Ok(self.one(sql, [sink.as_str()])?.map(Timestamp::from_millis))
    }

    pub(super) fn unread_reports(&self) -> Result<Vec<SinkReport>, JournalError> {
        let sql = "SELECT number, delivery, incident, sink, at, news FROM reports ORDER BY number";
        let rows = self.rows(sql, [], |row| {
            let numbers: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok((numbers, row.get::<_, String>(3)?, row.get::<_, i64>(4)?, row.get::<_, String>(5)?))
        })?;
        let report = |(numbers, sink, at, news): ([i64; 3], String, i64, String)| {
            let [number, delivery, incident] = numbers.map(i64::unsigned_abs);
            Ok(SinkReport {
                number,
                delivery: DeliveryId(delivery),
                incident: IncidentId(incident),
                sink: SinkName::new(&sink).map_err(|error| row("reports", number, error))?,
                at: Timestamp::from_millis(at),
                news: parse("reports", number, &news)?,
            })
        };
        rows.into_iter().map(report).collect()
    }

    pub(super) fn remembered(
        &self,
        sink: &SinkName,
        incident: IncidentId,
    ) -> Result<Remembered, JournalError> {
        let sql = "SELECT json FROM remembered WHERE sink = ?1 AND incident = ?2";
        let found = self.rows(sql, (sink.as_str(), column(incident.0)), |row| row.get::<_, String>(0))?;
        found.first().map_or(Ok(Remembered::default()), |json| parse("remembered", incident, json))
    }

    pub(super) fn behind(&self, delivery: &Delivery) -> Result<Vec<Delivery>, JournalError> {
        let sql = concat!(
            statuses!(),
            "WHERE sink = ?1 AND incident = ?2 AND ?3 < id AND fate = 'waiting' ORDER BY id"
        );
        let values = (delivery.sink.as_str(), column(delivery.incident.0), column(delivery.id.0));
        Ok(self.statuses(sql, values)?.into_iter().map(|status| status.delivery).collect())
    }

    pub(super) fn waiting(&self) -> Result<BTreeMap<SinkName, u64>, JournalError> {
        let sql = "SELECT sink, count(*) FROM deliveries WHERE fate = 'waiting' GROUP BY sink";
        let counts = self.rows(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let named =
            |(sink, count): (String, i64)| Some((SinkName::new(&sink).ok()?, u64::try_from(count).ok()?));
        Ok(counts.into_iter().filter_map(named).collect())
    }

    pub(super) fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryStatus>, JournalError> {
        Ok(self.statuses(concat!(statuses!(), "WHERE id = ?1"), [column(id.0)])?.pop())
    }

    pub(super) fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<DeliveryStatus>, JournalError> {
        macro_rules! fitting {
            ($of:literal) => {
                concat!(
                    statuses!(),
                    "WHERE ",
                    $of,
                    " AND (?2 IS NULL OR sink = ?2) AND (?3 IS NULL OR fate = ?3) ORDER BY id DESC LIMIT ?4"
                )
            };
        }
        // Those of one incident are found by their index, however many others there are.
        let sql = if query.incident.is_some() { fitting!("incident = ?1") } else { fitting!("?1 IS NULL") };
        let incident = query.incident.map(|incident| column(incident.0));
        let sink = query.sink.as_ref().map(SinkName::as_str);
        self.statuses(sql, (incident, sink, query.fate.as_deref(), column(query.limit as u64)))
    }

    pub(super) fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, JournalError> {
        let sql = "SELECT number, at, took_ms, note FROM attempts WHERE delivery = ?1 ORDER BY number";
        self.rows(sql, [column(id.0)], |row| {
            Ok(Attempt {
                delivery: id,
                number: row.get(0)?,
                at: Timestamp::from_millis(row.get(1)?),
                took_ms: row.get::<_, i64>(2)?.unsigned_abs(),
                note: row.get(3)?,
            })
        })
    }

    fn statuses(&self, sql: &str, values: impl Params) -> Result<Vec<DeliveryStatus>, JournalError> {
        self.rows(sql, values, StatusColumns::read)?.into_iter().map(StatusColumns::parse).collect()
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, JournalError> {
        let select = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare_cached(sql)?.query_map(values, read)?.collect()
        };
        select().map_err(|error| fault(&self.path, error))
    }

    fn one(&self, sql: &str, values: impl Params) -> Result<Option<i64>, JournalError> {
        let select = || self.connection.prepare_cached(sql)?.query_row(values, |row| row.get(0));
        select().map_err(|error| fault(&self.path, error))
    }
}

/// A row of `deliveries` as it lies there.
struct StatusColumns {
    id: i64,
    json: String,
    fate: String,
    fate_at: i64,
    why: Option<String>,
    by: Option<i64>,
    attempts: u32,
    last_note: Option<String>,
}

impl StatusColumns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            json: row.get(1)?,
            fate: row.get(2)?,
            fate_at: row.get(3)?,
            why: row.get(4)?,
            by: row.get(5)?,
            attempts: row.get(6)?,
            last_note: row.get(7)?,
        })
    }

    fn parse(self) -> Result<DeliveryStatus, JournalError> {
        let delivery: Delivery = parse("deliveries", self.id, &self.json)?;
        let at = Timestamp::from_millis(self.fate_at);
        let fate = match self.fate.as_str() {
            "waiting" => Fate::Waiting { next_attempt_at: at },
            "delivered" => Fate::Delivered { at },
            "superseded" => {
                Fate::Superseded { at, by: DeliveryId(self.by.unwrap_or_default().unsigned_abs()) }
            }
            "dead" => Fate::Dead { at, why: self.why.unwrap_or_default() },
            other => return Err(row("deliveries", self.id, format!("unknown fate `{other}`"))),
        };
        Ok(DeliveryStatus { delivery, fate, attempts: self.attempts, last_note: self.last_note })
    }
}

fn parse_all<T: DeserializeOwned>(
    table: &'static str,
    rows: Vec<(impl ToString, String)>,
) -> Result<Vec<T>, JournalError> {
    rows.into_iter().map(|(id, json)| parse(table, id, &json)).collect()
}

fn parse<T: DeserializeOwned>(table: &'static str, id: impl ToString, json: &str) -> Result<T, JournalError> {
    serde_json::from_str(json).map_err(|error| row(table, id, error))
}
