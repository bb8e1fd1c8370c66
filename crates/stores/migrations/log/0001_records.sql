-- One row per committed group of commands; `events` is a JSON array with one envelope per number.
CREATE TABLE log (
    first_seq INTEGER PRIMARY KEY,
    last_seq  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    events    TEXT    NOT NULL
);

-- What is true of the whole file: 'log_id', its name, given once and never changed.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The log unrolled, one row per event, for people with a plain SQLite shell.
CREATE VIEW events AS
SELECT log.first_seq + element.key              AS seq,
       log.at                                   AS at,
       json_extract(element.value, '$.type')    AS type,
       json_extract(element.value, '$.of')      AS "of",
       json_extract(element.value, '$.key')     AS key,
       json_extract(element.value, '$.data')    AS data
  FROM log, json_each(log.events) AS element;
