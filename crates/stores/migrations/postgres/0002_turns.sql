-- What every turn asks, in functions: the server keeps their plans, also behind a pooler.

-- Fails where the log has not the record that was read from it before: another server took over and
-- had not got it yet.
CREATE FUNCTION earmark.expect(
    of_service text, of_partition int, known_first bigint, known_group uuid
) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF known_group IS NOT NULL AND NOT EXISTS (
        SELECT FROM earmark.log
         WHERE log.service = of_service AND log.partition = of_partition
           AND log.first_seq = known_first AND log.group_id = known_group
    ) THEN
        RAISE EXCEPTION 'the log has lost the record at %, which was there before', known_first
              USING ERRCODE = 'EA001';
    END IF;
END $$;

-- Locks the head; then nobody else appends until the transaction ends. Gives the number of the last
-- event, and beside it each record after `after`, or nothing where there is none.
-- Whoever stands still in its turn loses it, so that the others go on; nobody waits longer for it.
CREATE FUNCTION earmark.begin_turn(
    of_service text, of_partition int, after bigint, known_first bigint, known_group uuid
) RETURNS TABLE (
    head bigint, first_seq bigint, last_seq bigint, at bigint, events text, group_id uuid
) LANGUAGE plpgsql AS $$
DECLARE
    last_of_log bigint;
BEGIN
    PERFORM pg_catalog.set_config('idle_in_transaction_session_timeout', '10s', true),
            pg_catalog.set_config('lock_timeout', '20s', true);
    SELECT log_head.next_seq - 1 INTO STRICT last_of_log FROM earmark.log_head
     WHERE log_head.service = of_service AND log_head.partition = of_partition FOR UPDATE;
    PERFORM earmark.expect(of_service, of_partition, known_first, known_group);
    RETURN QUERY
        SELECT last_of_log, log.first_seq, log.last_seq, log.at, log.events, log.group_id
          FROM (SELECT) AS one LEFT JOIN earmark.log
            ON log.service = of_service AND log.partition = of_partition AND log.first_seq > after
         ORDER BY log.first_seq;
END $$;

-- Appends a record where the head stands at its first number; says whether it does.
CREATE FUNCTION earmark.append(
    of_service text, of_partition int, from_seq bigint, through_seq bigint, moment bigint,
    own_group uuid, body text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE earmark.log_head SET next_seq = through_seq + 1
     WHERE log_head.service = of_service AND log_head.partition = of_partition
       AND log_head.next_seq = from_seq;
    IF FOUND THEN
        INSERT INTO earmark.log(service, partition, first_seq, last_seq, at, group_id, events)
        VALUES (of_service, of_partition, from_seq, through_seq, moment, own_group, body);
    END IF;
    RETURN FOUND;
END $$;

-- LZ4 costs a tenth of what PostgreSQL's own compression does; a server may be built without it.
DO $$
BEGIN
    ALTER TABLE earmark.log ALTER COLUMN events SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN
    NULL;
END $$;
