-- One row a log: its name, given once and never changed, and the number that the next event gets.
-- Whoever appends locks this row first, so that commits of one partition queue up.
CREATE TABLE earmark.log_head (
    service   text   NOT NULL,
    partition int    NOT NULL,
    log_id    text   NOT NULL,
    next_seq  bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (service, partition)
) WITH (fillfactor = 10);

-- One row per committed group of commands; `events` is a JSON array with one envelope per number.
-- It is text, not jsonb: what was appended is read back to the byte.
CREATE TABLE earmark.log (
    service   text   NOT NULL,
    partition int    NOT NULL,
    first_seq bigint NOT NULL,
    last_seq  bigint NOT NULL,
    at        bigint NOT NULL,
    group_id  uuid   NOT NULL,
    events    text   NOT NULL,
    PRIMARY KEY (service, partition, first_seq)
);

-- Works that one process does at a time.
CREATE TABLE earmark.lease (
    service   text        NOT NULL,
    partition int         NOT NULL,
    work      text        NOT NULL,
    holder    uuid        NOT NULL,
    until     timestamptz NOT NULL,
    PRIMARY KEY (service, partition, work)
);

-- The log unrolled, one row per event, for people with psql.
CREATE VIEW earmark.events AS
SELECT log.service,
       log.partition,
       log.first_seq + element.place - 1    AS seq,
       log.at                               AS at,
       element.value ->> 'type'             AS type,
       element.value ->> 'of'               AS "of",
       element.value ->> 'key'              AS key,
       element.value -> 'data'              AS data
  FROM earmark.log,
       json_array_elements(log.events::json) WITH ORDINALITY AS element(value, place);
