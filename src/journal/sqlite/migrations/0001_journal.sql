-- The journal as first published. A row is kept whole as JSON, beside the columns that one asks by.
-- Times are milliseconds since 1970 in UTC.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    incident INTEGER NOT NULL,
    json     TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_incident ON events (incident, seq);

CREATE TABLE alerts (
    rule   TEXT NOT NULL,
    labels TEXT NOT NULL,
    state  TEXT NOT NULL,
    json   TEXT NOT NULL,
    PRIMARY KEY (rule, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    sink       TEXT NOT NULL,
    incident   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    json       TEXT NOT NULL,
    fate       TEXT NOT NULL CHECK (fate IN ('waiting', 'delivered', 'dead')),
    fate_at    INTEGER NOT NULL,            -- waiting: the next attempt; else: when it ended
    why        TEXT,                        -- dead: the reason
    attempts   INTEGER NOT NULL DEFAULT 0,
    last_note  TEXT,
    unread     INTEGER NOT NULL DEFAULT 0   -- 1: its fate matters to the book, which has not taken it in yet
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (sink, incident, id) WHERE fate = 'waiting';
CREATE INDEX deliveries_unread ON deliveries (id) WHERE unread = 1;

CREATE TABLE attempts (
    delivery INTEGER NOT NULL REFERENCES deliveries (id),
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    took_ms  INTEGER NOT NULL,
    note     TEXT NOT NULL,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
