-- Which log the rows were derived from ('log_id') and through which number ('settled').
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
-- Rows of one table ('name'), sorted by key, newer than those of another run of a lower id or a
-- higher level. state: 'building', 'whole', or 'dropped' (its rows stand in another run by now).
CREATE TABLE runs (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    state  TEXT NOT NULL,
    level  INTEGER NOT NULL DEFAULT 0,
    groups INTEGER NOT NULL DEFAULT 0,
    firsts BLOB,
    filter BLOB
);
-- The rows: src/sqlite/runs/block.rs. The id has the run's in its upper bits.
CREATE TABLE blocks (
    id   INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
