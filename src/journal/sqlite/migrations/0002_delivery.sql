-- A fourth fate; what sinks have to tell, and what is remembered of an incident at a sink, in tables of their own.
-- A table whose CHECK changes is written anew. Foreign keys are off meanwhile.

CREATE TABLE deliveries_anew (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    sink       TEXT NOT NULL,
    incident   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    json       TEXT NOT NULL,
    fate       TEXT NOT NULL CHECK (fate IN ('waiting', 'delivered', 'superseded', 'dead')),
    fate_at    INTEGER NOT NULL,            -- waiting: the next attempt; else: when it ended
    why        TEXT,                        -- dead: the reason
    by         INTEGER,                     -- superseded: the delivery that stands for it
    attempts   INTEGER NOT NULL DEFAULT 0,
    last_note  TEXT
) STRICT;

INSERT INTO deliveries_anew (id, key, sink, incident, created_at, json, fate, fate_at, why, attempts, last_note)
    SELECT id, key, sink, incident, created_at, json, fate, fate_at, why, attempts, last_note FROM deliveries;

CREATE TABLE reports (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER NOT NULL,
    incident INTEGER NOT NULL,
    sink     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    news     TEXT NOT NULL
) STRICT;

INSERT INTO reports (delivery, incident, sink, at, news)
    SELECT id, incident, sink, fate_at, json_object('news', 'dead', 'because', coalesce(why, ''))
    FROM deliveries WHERE unread = 1 ORDER BY id;

DROP TABLE deliveries;
ALTER TABLE deliveries_anew RENAME TO deliveries;
CREATE INDEX deliveries_waiting ON deliveries (sink, incident, id) WHERE fate = 'waiting';
CREATE INDEX deliveries_of_incident ON deliveries (incident, id);

CREATE TABLE remembered (
    sink     TEXT NOT NULL,
    incident INTEGER NOT NULL,
    json     TEXT NOT NULL,
    PRIMARY KEY (sink, incident)
) STRICT, WITHOUT ROWID;

-- Whoever took a message of an incident before has been told of it.
INSERT INTO remembered (sink, incident, json)
    SELECT DISTINCT sink, incident, '{"opened":true}' FROM deliveries WHERE fate = 'delivered';
