-- Turns are given in the order in which they were asked for. A row's lock goes to whoever comes
-- first when it is let go: a process that asks with its commit would always be that, and all others
-- would wait for ever. Locks by number stand in a queue.

-- Waits for its place in the queue, locks the head, and gives the number of the last event; then
-- nobody else appends until the transaction ends. Whoever stands still in it loses it, so that the
-- others go on; nobody waits longer for it.
CREATE FUNCTION earmark.lock_head(of_service text, of_partition int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    last_of_log bigint;
BEGIN
    PERFORM pg_catalog.set_config('idle_in_transaction_session_timeout', '10s', true),
            pg_catalog.set_config('lock_timeout', '20s', true);
    PERFORM pg_catalog.pg_advisory_xact_lock(
        'earmark.log_head'::pg_catalog.regclass::pg_catalog.oid::int,
        pg_catalog.hashtext(of_service || of_partition)
    );
    SELECT log_head.next_seq - 1 INTO STRICT last_of_log FROM earmark.log_head
     WHERE log_head.service = of_service AND log_head.partition = of_partition FOR UPDATE;
    RETURN last_of_log;
END $$;

-- As before, in the order of the queue.
CREATE OR REPLACE FUNCTION earmark.begin_turn(
    of_service text, of_partition int, after bigint, known_first bigint, known_group uuid
) RETURNS TABLE (
    head bigint, first_seq bigint, last_seq bigint, at bigint, events text, group_id uuid
) LANGUAGE plpgsql AS $$
DECLARE
    last_of_log bigint := earmark.lock_head(of_service, of_partition);
BEGIN
    PERFORM earmark.expect(of_service, of_partition, known_first, known_group);
    RETURN QUERY
        SELECT last_of_log, log.first_seq, log.last_seq, log.at, log.events, log.group_id
          FROM (SELECT) AS one LEFT JOIN earmark.log
            ON log.service = of_service AND log.partition = of_partition AND log.first_seq > after
         ORDER BY log.first_seq;
END $$;
