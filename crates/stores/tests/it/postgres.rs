//! What only the PostgreSQL store has: other writers, unsafe servers, and closed connections.

use std::time::Duration;

use earmark_kernel::log::{AppendError, LogStore, Record};
use earmark_servers::clock::until;
use earmark_servers::pgbouncer::PgBouncer;
use earmark_servers::postgres::{Postgres as Server, Stop};
use earmark_servers::proxy::{Cut, Proxy};
use earmark_stores::postgres::{OpenError, Postgres};
use rstest::rstest;
use uuid::Uuid;

use crate::subjects::{LOG_ID, open_postgres, record};

fn server() -> (Server, String) {
    let server = Server::start(&[]).unwrap();
    let url = server.database("shop").unwrap();
    (server, url)
}

fn opened(url: &str, partitions: Option<u16>) -> Result<Postgres, OpenError> {
    Postgres::open(&url.parse().unwrap(), partitions)
}

/// Appends one event at the end of the log, in its own turn; returns what it read, and the record.
fn append_one(log: &dyn LogStore, seen: u64, pipelined: bool) -> Result<Vec<Record>, AppendError> {
    let mut read = log.begin(seen)?;
    let next = read.last().map_or(seen, |it| it.last_seq) + 1;
    match pipelined {
        false => log.append(&record(next, next))?,
        true => log.append_and_ask(&record(next, next))?,
    }
    read.push(record(next, next));
    Ok(read)
}

#[rstest]
fn several_writers_append_without_a_gap(#[values(false, true)] pipelined: bool) {
    const EACH: u64 = 60;
    let (_server, url) = server();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let log = open_postgres(&url, LOG_ID);
            scope.spawn(move || {
                let mut seen = 0;
                for _ in 0..EACH {
                    for read in append_one(&log, seen, pipelined).unwrap() {
                        assert_eq!(
                            read,
                            record(seen + 1, seen + 1),
                            "everything that others wrote"
                        );
                        seen = read.last_seq;
                    }
                }
            });
        }
    });
    let log = open_postgres(&url, LOG_ID);
    let records = log.read_after(0, u64::MAX).unwrap();
    assert!(records.iter().zip(1..).all(|(it, seq)| it.first_seq == seq));
    assert_eq!(records.len() as u64, 4 * EACH);
}

#[test]
fn a_turn_excludes_other_writers_until_it_ends() {
    let (_server, url) = server();
    let (one, other) = (open_postgres(&url, LOG_ID), open_postgres(&url, LOG_ID));
    assert!(one.is_shared());
    assert_eq!(one.begin(0).unwrap(), []);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| other.begin(0).unwrap());
        one.append(&record(1, 3)).unwrap();
        assert_eq!(waits.join().unwrap(), [record(1, 3)]);
    });
    assert_eq!(one.head().unwrap(), 3, "a reader does not wait");
    other.release();
    assert_eq!(one.begin(3).unwrap(), []);
    one.append(&record(4, 4)).unwrap();
}

/// Waits until this number of connections wait for a lock.
fn wait_for_waiting(server: &Server, connections: u64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let waiting = || server.sql("shop", sql).unwrap().trim().parse() == Ok(connections);
    assert!(until(Duration::from_secs(20), waiting), "no connection waits");
}

#[test]
fn a_turn_requested_with_a_commit_comes_after_the_waiting_writers() {
    let (server, url) = server();
    let (one, other) = (open_postgres(&url, LOG_ID), open_postgres(&url, LOG_ID));
    assert_eq!(one.begin(0).unwrap(), []);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            assert_eq!(other.begin(0).unwrap(), [record(1, 3)]);
            other.append_and_ask(&record(4, 4)).unwrap();
        });
        wait_for_waiting(&server, 1);
        one.append_and_ask(&record(1, 3)).unwrap();
        waits.join().unwrap();
    });
    assert_eq!(one.begin(3).unwrap(), [record(4, 4)]);
    one.append_and_ask(&record(5, 5)).unwrap();
    // The request of a dropped writer blocks nobody.
    drop(other);
    assert_eq!(one.begin(5).unwrap(), []);
    one.append_and_ask(&record(6, 6)).unwrap();
    // The turn was requested after record 6; a writer that has seen nothing gets all records.
    assert_eq!(one.begin(0).unwrap().len(), 4);
    one.release();
}

#[test]
fn a_turn_requested_over_a_closed_connection_is_requested_again() {
    let (server, url) = server();
    let (one, other) = (open_postgres(&url, LOG_ID), open_postgres(&url, LOG_ID));
    for seq in 1..4 {
        assert_eq!(one.begin(seq - 1).unwrap(), []);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| other.begin(seq - 1).unwrap());
            wait_for_waiting(&server, 1);
            one.append_and_ask(&record(seq, seq)).unwrap();
            assert_eq!(waits.join().unwrap(), [record(seq, seq)]);
        });
        wait_for_waiting(&server, 1);
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = 'shop' AND pid <> pg_backend_pid()";
        server.sql("shop", all).unwrap();
    }
    assert_eq!(one.begin(3).unwrap(), []);
    one.append(&record(4, 4)).unwrap();
    assert_eq!(other.begin(3).unwrap(), [record(4, 4)]);
}

#[test]
fn a_log_that_lost_a_seen_record_is_not_continued() {
    for (is_writer, is_longer) in [(true, false), (true, true), (false, false), (false, true)] {
        let (server, url) = server();
        let [one, other] = [(); 2].map(|()| opened(&url, None).unwrap());
        let [one, other] = [one, other].map(|it| it.log("allocation", 0, "name").unwrap());
        one.append(&record(1, 1)).unwrap();
        one.append(&record(2, 3)).unwrap();
        assert!(one.broken().is_none());
        // Like a standby that takes over and has only the first record.
        let lose = "DELETE FROM earmark.log WHERE first_seq = 2; \
                    UPDATE earmark.log_head SET next_seq = 2";
        server.sql("shop", lose).unwrap();
        if is_longer {
            other.append(&record(2, 3)).unwrap();
            other.append(&record(4, 4)).unwrap();
        }
        let error = match is_writer {
            true => one.begin(3).unwrap_err().to_string(),
            false => one.read_after(3, 10).unwrap_err().to_string(),
        };
        assert!(error.contains("the log has lost the record at 2"), "{error}");
        let why = one.broken().unwrap();
        assert!(why.contains("the missing events are lost"), "{why}");
        drop(one);
        let again = opened(&url, None).unwrap().log("allocation", 0, "name").unwrap();
        let next = again.head().unwrap() + 1;
        again.append(&record(next, next)).unwrap();
    }
}

#[test]
fn processes_that_start_together_create_the_tables_once() {
    let (server, url) = server();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6)
            .map(|n| {
                let url = &url;
                scope.spawn(move || {
                    let postgres = opened(url, Some(3)).unwrap();
                    postgres.log("allocation", 2, &format!("name {n}")).unwrap().id().unwrap()
                })
            })
            .collect();
        let ids: Vec<String> = starts.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(ids.windows(2).all(|it| it[0] == it[1]), "{ids:?}");
    });
    let found = server.sql("shop", "SELECT name, value FROM earmark.meta ORDER BY 1").unwrap();
    assert_eq!(found, "format|3\npartitions|3\n");
}

#[test]
fn another_number_of_partitions_is_refused_with_both_numbers() {
    let (_server, url) = server();
    assert_eq!(opened(&url, Some(4)).unwrap().partitions(), 4);
    assert_eq!(opened(&url, None).unwrap().partitions(), 4);
    let text = opened(&url, Some(2)).unwrap_err().to_string();
    assert!(text.contains("created with 4 partitions, which cannot be changed to 2"), "{text}");
    assert!(matches!(opened(&url, Some(0)), Err(OpenError::PartitionCount { requested: 0 })));
}

#[test]
fn tables_of_a_newer_program_are_refused_and_left_alone() {
    let (server, url) = server();
    opened(&url, None).unwrap();
    server.sql("shop", "UPDATE earmark.meta SET value = 99 WHERE name = 'format'").unwrap();
    let text = opened(&url, None).unwrap_err().to_string();
    assert!(text.contains("have format 99, but this program knows formats up to 3"), "{text}");
}

#[test]
fn a_server_with_an_unsafe_setting_is_refused_with_its_name() {
    for (setting, expected) in [
        ("fsync=off", "has fsync = off"),
        ("full_page_writes=off", "has full_page_writes = off"),
        ("synchronous_commit=off", "has synchronous_commit = off"),
        ("synchronous_commit=local", "has synchronous_commit = local"),
    ] {
        let server = Server::start(&[setting]).unwrap();
        let text = opened(&server.url("postgres"), None).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn appends_are_refused_once_a_setting_becomes_unsafe() {
    let (server, url) = server();
    let log = open_postgres(&url, LOG_ID);
    log.append(&record(1, 1)).unwrap();
    server.sql("shop", "ALTER DATABASE shop SET synchronous_commit = off").unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = 'shop' AND pid <> pg_backend_pid()";
    server.sql("shop", end).unwrap();
    let refused = log.append(&record(2, 2)).unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit = off"), "{refused}");
}

#[rstest]
#[case::separate_turns(false, 2)]
#[case::turns_requested_with_a_commit(true, 4)]
fn it_works_behind_a_pooler_in_transaction_mode(#[case] pipelined: bool, #[case] connections: u32) {
    let (server, _) = server();
    let pooler = PgBouncer::start(&server, connections).unwrap();
    let url = pooler.url("shop");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let log = open_postgres(&url, LOG_ID);
            scope.spawn(move || {
                let mut seen = 0;
                for _ in 0..30 {
                    seen = append_one(&log, seen, pipelined).unwrap().last().unwrap().last_seq;
                    assert!(log.head().unwrap() >= seen);
                }
            });
        }
    });
    let log = open_postgres(&url, LOG_ID);
    assert_eq!(log.read_after(0, 1000).unwrap().len(), 90);
}

#[test]
fn a_lease_belongs_to_its_holder_until_it_expires() {
    let (server, url) = server();
    let (one, other) = (open_postgres(&url, LOG_ID), open_postgres(&url, LOG_ID));
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let long = Duration::from_secs(600);
    assert!(one.lease("relay", a, long).unwrap());
    assert!(one.lease("relay", a, long).unwrap(), "the holder can renew it");
    assert!(!other.lease("relay", b, long).unwrap());
    assert!(other.lease("mail", b, long).unwrap(), "another job");
    server.sql("shop", "UPDATE earmark.lease SET until = now() - interval '1 s'").unwrap();
    assert!(other.lease("relay", b, long).unwrap());
    assert!(!one.lease("relay", a, long).unwrap());
}

#[test]
fn anyone_can_query_the_events() {
    let (server, url) = server();
    let log = open_postgres(&url, LOG_ID);
    log.append(&record(1, 2)).unwrap();
    log.append(&record(3, 3)).unwrap();
    let sql = "SELECT seq, type, \"of\", key, data FROM earmark.events ORDER BY seq";
    let found = server.sql("shop", sql).unwrap();
    let line = |n: u64| format!("{n}|allocation.allocated|stock|S{n}|{{\"n\":{n}}}\n");
    assert_eq!(found, [line(1), line(2), line(3)].concat());
}

#[test]
fn a_restarted_server_is_used_again() {
    let (mut server, url) = server();
    let log = open_postgres(&url, LOG_ID);
    for (seq, stop) in [(1, Stop::Fast), (2, Stop::Immediate)] {
        log.append(&record(seq, seq)).unwrap();
        server.stop(stop).unwrap();
        server.start_again().unwrap();
    }
    assert_eq!(log.head().unwrap(), 2);
    // A turn that began before the restart is lost.
    assert_eq!(log.begin(2).unwrap(), []);
    server.stop(Stop::Immediate).unwrap();
    server.start_again().unwrap();
    let lost = log.append(&record(3, 3));
    assert!(matches!(lost, Err(AppendError::Failed(_))), "{lost:?}");
    log.append(&record(3, 3)).unwrap();
    assert_eq!(log.read_after(0, 9).unwrap(), [record(1, 1), record(2, 2), record(3, 3)]);
}

#[rstest]
fn the_outcome_of_a_commit_is_found_out_after_the_connection_is_cut(
    #[values(false, true)] pipelined: bool,
) {
    let (server, _) = server();
    let proxy = Proxy::start(server.port()).unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/shop", proxy.port());
    let log = open_postgres(&url, LOG_ID);
    let (mut written, mut failed) = (0, 0);
    for turn in 0..30_u64 {
        let seen = written;
        let cut = match turn % 3 {
            0 => Cut::BeforeAnswerTo(b"COMMIT".to_vec()),
            1 => Cut::AfterBytesSent(turn * 37 % 900),
            _ => Cut::AfterBytesReceived(turn * 13 % 120),
        };
        // In half of the cases the turn has begun when the connection is cut.
        if turn % 2 == 0 {
            assert_eq!(log.begin(seen).unwrap(), []);
            proxy.cut(cut);
        } else {
            proxy.cut(cut);
            assert_eq!(log.begin(seen).unwrap(), []);
        }
        let next = record(seen + 1, seen + 1);
        match if pipelined { log.append_and_ask(&next) } else { log.append(&next) } {
            Ok(()) => written += 1,
            Err(AppendError::Failed(_)) => failed += 1,
            Err(other) => panic!("{other}"),
        }
        assert_eq!(log.head().unwrap(), written, "the reported outcome of a commit is right");
    }
    assert!(
        proxy.cuts() >= 20 && failed > 0 && written >= 10,
        "{failed} failed, {written} written"
    );
    let records = log.read_after(0, 1000).unwrap();
    assert!(records.iter().zip(1..).all(|(it, seq)| *it == record(seq, seq)));
}

#[test]
fn an_append_fails_if_the_server_stays_unreachable() {
    let (mut server, url) = server();
    let log = open_postgres(&url, LOG_ID);
    server.stop(Stop::Immediate).unwrap();
    assert!(matches!(log.append(&record(1, 1)), Err(AppendError::Failed(_))));
    server.start_again().unwrap();
    log.append(&record(1, 1)).unwrap();
}
