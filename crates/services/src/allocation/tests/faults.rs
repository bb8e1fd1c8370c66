//! Failed commits, crashed processes, and lost or wrong rows.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use earmark_contracts::allocation::{GetLines, LinePhase};
use earmark_kernel::log::{LogStore, Record};
use earmark_kernel::rows::{Changes, FlushBatch, RowStore};
use earmark_kernel::{Failure, NotDone};
use earmark_stores::memory::{AppendFault, Faults, MemoryLog, MemoryRows};

use super::{LOG_ID, NOON, World, batch_of, line, line_id, order_id};

/// A world with a batch of 30 lamps, with the fault injection of its log and rows.
fn world() -> (World, Faults) {
    let faults = Faults::new();
    let log = MemoryLog::with_faults(LOG_ID, faults.clone());
    let world = World::allocation_on(log, MemoryRows::forgetful(faults.clone()), NOON);
    world.batch("b1", "LAMP", 30, None);
    (world, faults)
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn answers_and_refusals_are_sent_only_after_the_commit() {
    let (world, _) = world();
    let mut placed = pin!(world.bus.send(line("o1", "LAMP", 20)));
    let mut none_left = pin!(world.bus.send(line("o2", "LAMP", 20)));
    let mut refused = pin!(world.bus.send(line("o1", "LAMP", 21)));
    assert!(poll(placed.as_mut()).is_pending());
    assert!(poll(none_left.as_mut()).is_pending());
    assert!(poll(refused.as_mut()).is_pending());
    assert_eq!(world.bus.status()[0].queued, 3);
    let head = world.head();
    assert!(world.lines("o1").is_empty());
    assert!(world.bus.step());
    let record = world.bus.records("allocation", 0, head, 1).unwrap();
    assert_eq!((record.len(), record[0].last_seq), (1, head + 2), "one record for the group");
    let Poll::Ready(Ok(placed)) = poll(placed) else { panic!() };
    assert_eq!(batch_of(&placed), Some("b1"));
    assert!(matches!(poll(none_left), Poll::Ready(Ok(it)) if batch_of(&it).is_none()));
    assert!(matches!(poll(refused), Poll::Ready(Err(NotDone::Refused(_)))));
}

#[test]
fn a_commit_that_fails_fails_the_whole_group_and_leaves_nothing() {
    for fault in [AppendFault::Failed, AppendFault::Full] {
        let (world, faults) = world();
        let head = world.head();
        faults.next_append(fault);
        let mut placed = pin!(world.bus.send(line("o1", "LAMP", 20)));
        let mut refused = pin!(world.bus.send(line("o1", "LAMP", 21)));
        assert!(poll(placed.as_mut()).is_pending() && poll(refused.as_mut()).is_pending());
        assert!(world.bus.step());
        let Poll::Ready(Err(NotDone::Failed(why))) = poll(placed) else { panic!() };
        assert_eq!(matches!(why, Failure::StorageFull(_)), fault == AppendFault::Full);
        let refused = poll(refused);
        assert!(
            matches!(refused, Poll::Ready(Err(NotDone::Failed(_)))),
            "it depends on the other command"
        );
        assert_eq!((world.head(), world.totals("b1")), (head, [30, 0, 0, 30]));
        assert_eq!(
            batch_of(&world.allocate("o3", "LAMP", 30)),
            Some("b1"),
            "all units are available"
        );
        assert!(world.lines("o1").is_empty());
        world.check();
    }
}

#[test]
fn a_commit_of_unknown_outcome_stops_the_writer_and_the_restart_tells() {
    for (fault, written) in [(AppendFault::UnknownWritten, true), (AppendFault::UnknownLost, false)]
    {
        let (world, faults) = world();
        faults.next_append(fault);
        let unknown = world.send(line("o1", "LAMP", 20));
        assert!(matches!(unknown, Err(NotDone::Unknown(_))), "{unknown:?}");
        let after = world.send(line("o2", "LAMP", 20));
        assert_eq!(after, Err(NotDone::Failed(Failure::Stopping)));
        assert!(world.bus.status()[0].halted.is_some());
        let world = world.restarted(false);
        assert_eq!(world.lines("o1").len(), usize::from(written));
        assert_eq!(world.allocate("o1", "LAMP", 20).already_accepted, written);
        assert_eq!(world.totals("b1"), [30, 20, 0, 10]);
        world.check();
    }
}

#[test]
fn the_tests_detect_a_log_that_loses_committed_events() {
    let (world, faults) = world();
    faults.next_append(AppendFault::Unsynced);
    world.allocate("o1", "LAMP", 20);
    let world = world.restarted(false);
    assert!(world.lines("o1").is_empty(), "an event that was not synced is lost");
}

#[test]
fn answered_commands_survive_a_restart() {
    for flushed in [false, true] {
        let (world, _) = world();
        world.allocate("o1", "LAMP", 20);
        let world = world.restarted(flushed);
        assert_eq!(world.batches_of("o1"), ["b1"]);
        assert_eq!(batch_of(&world.allocate("o2", "LAMP", 11)), None);
        assert!(world.allocate("o1", "LAMP", 20).already_accepted);
        let line_id = Some(line_id("LAMP"));
        let lines = world.bus.ask(GetLines { order_id: order_id("o1"), line_id }).unwrap();
        assert_eq!(lines[0].state, LinePhase::Placed);
        world.check();
    }
}

#[test]
fn a_stock_whose_events_were_flushed_one_by_one_is_loaded() {
    // More stream rows than are read in one batch, without a snapshot.
    const LINES: u32 = 300;
    let world = World::allocation();
    world.batch("b1", "LAMP", u64::from(LINES) + 5, None);
    for number in 0..LINES {
        world.allocate(&format!("o{number}"), "LAMP", 1);
        world.bus.flush().unwrap();
    }
    let world = world.restarted(true);
    assert!(world.allocate("o0", "LAMP", 1).already_accepted);
    assert!(world.allocate(&format!("o{}", LINES - 1), "LAMP", 1).already_accepted);
    assert_eq!(batch_of(&world.allocate("more", "LAMP", 6)), None);
    assert_eq!(batch_of(&world.allocate("rest", "LAMP", 5)), Some("b1"));
    world.check();
}

#[test]
fn lost_rows_are_derived_again() {
    let (world, _) = world();
    world.allocate("o1", "LAMP", 20);
    world.bus.flush().unwrap();
    world.queue("o2", "LAMP", 20);
    let now = world.bus.now();
    let world = World::allocation_on(world.log.crash(), MemoryRows::new(), now);
    assert_eq!(
        (world.batches_of("o1"), world.batches_of("o2")),
        (vec!["b1".into()], vec!["Short".into()])
    );
    world.check();
}

#[test]
fn rows_of_another_log_or_of_a_later_one_are_discarded() {
    let (old, _) = world();
    old.allocate("o1", "LAMP", 20);
    old.bus.flush().unwrap();
    let other = MemoryLog::new("0190a0b0-0000-7000-8000-00000000000f");
    let world = World::allocation_on(other, old.rows.crash(usize::MAX), NOON);
    assert!(world.lines("o1").is_empty());
    world.batch("b1", "LAMP", 5, None);
    world.check();
    let later = MemoryLog::new(LOG_ID);
    let world = World::allocation_on(later, old.rows.crash(usize::MAX), NOON);
    assert!(world.lines("o1").is_empty());
    world.check();
}

#[test]
fn failed_or_lost_flushes_change_nothing() {
    let (world, faults) = world();
    faults.fail_flushes(2);
    for round in 0..4 {
        world.allocate(&format!("o{round}"), "LAMP", 5);
        assert_eq!(world.bus.flush().is_err(), round < 2);
        assert_eq!(world.totals("b1")[1], 5 * (round + 1));
        world.check();
    }
    // After a power failure only the first flush survives.
    let now = world.bus.now();
    let world = World::allocation_on(world.log.crash(), world.rows.crash(1), now);
    assert_eq!(world.totals("b1"), [30, 20, 0, 10]);
    world.check();
}

#[test]
fn rows_of_a_restored_and_diverged_log_are_derived_again() {
    let (world, _) = world();
    let older = world.bus.records("allocation", 0, 0, u64::MAX).unwrap();
    world.allocate("o1", "LAMP", 20);
    world.bus.flush().unwrap();
    let log = MemoryLog::new(LOG_ID);
    older.iter().for_each(|record| log.append(record).unwrap());
    let diverged = World::allocation_on(log.clone(), MemoryRows::new(), NOON);
    for order in ["o2", "o3", "o4"] {
        diverged.allocate(order, "LAMP", 5);
    }
    let rows = world.rows.crash(usize::MAX);
    let world = World::allocation_on(log.crash(), rows, NOON);
    assert_eq!(world.totals("b1")[1], 15);
    assert_eq!(batch_of(&world.allocate("o1", "LAMP", 16)), None);
    world.check();
}

#[test]
fn a_failed_read_fails_only_its_command() {
    let (world, faults) = world();
    world.allocate("o1", "LAMP", 20);
    let world = world.restarted(true);
    faults.fail_reads(1);
    let failed = world.send(line("o2", "LAMP", 5));
    assert!(matches!(failed, Err(NotDone::Failed(Failure::Storage(_)))), "{failed:?}");
    assert_eq!(batch_of(&world.allocate("o2", "LAMP", 5)), Some("b1"));
    world.check();
}

/// A world with a stock that has enough events for a snapshot, flushed.
fn long_lived() -> World {
    let (world, _) = world();
    for round in 0..300 {
        let order = format!("o{round}");
        world.allocate(&order, "LAMP", 5);
        if round % 60 != 0 {
            world.deallocate(&order, "LAMP");
        }
        if round == 280 {
            world.bus.flush().unwrap();
        }
    }
    world.bus.flush().unwrap();
    world
}

#[test]
fn a_stock_with_a_long_history_is_loaded_from_its_snapshot() {
    let world = long_lived();
    let snapshot = world.rows.row("snapshot_stock", "LAMP").unwrap().unwrap();
    assert!(snapshot.starts_with(r#"{"through_seq":"#), "{snapshot}");
    world.check();
    let world = world.restarted(false);
    assert_eq!(world.totals("b1"), [30, 25, 0, 5]);
    assert_eq!(batch_of(&world.allocate("more", "LAMP", 6)), None);
    assert!(world.allocate("o0", "LAMP", 5).already_accepted);
    world.deallocate("o0", "LAMP");
    world.check();
    world.restarted(true).check();
}

/// Overwrites or deletes a row, as the service never does.
fn overwrite(world: &World, table: &str, key: &str, value: Option<&str>) {
    let through_seq = world.rows.flushed().unwrap();
    let changes: Box<dyn Changes> = Box::new(vec![(key, value)]);
    let tables = vec![(table.to_owned(), changes)];
    world.rows.flush(&FlushBatch { through_seq, tables }).unwrap();
}

fn violation(world: &World) -> String {
    world.bus.verify("allocation", |_, _| {}).unwrap_err().to_string()
}

#[test]
fn verify_detects_a_row_that_differs_from_the_log() {
    let world = long_lived();
    let key = "LAMP\u{1f}b1";
    let row = world.rows.row("batches", key).unwrap().unwrap();
    let wrong = row.replace(r#""allocated":25"#, r#""allocated":24"#);
    assert_ne!(row, wrong);
    overwrite(&world, "batches", key, Some(&wrong));
    let message = violation(&world);
    assert!(message.starts_with("the view batches has Some"), "{message}");
    overwrite(&world, "batches", key, None);
    let message = violation(&world);
    assert!(message.starts_with("the view batches has None"), "{message}");
    overwrite(&world, "batches", key, Some(&row));
    world.check();
    overwrite(&world, "batches", "ZZZ\u{1f}b9", Some(&row));
    assert!(violation(&world).contains("ZZZ"));
}

#[test]
fn verify_detects_a_snapshot_that_differs_from_the_log() {
    let world = long_lived();
    let snapshot = world.rows.row("snapshot_stock", "LAMP").unwrap().unwrap();
    let wrong = snapshot.replace(r#""q":5"#, r#""q":4"#);
    assert_ne!(snapshot, wrong);
    overwrite(&world, "snapshot_stock", "LAMP", Some(&wrong));
    let message = violation(&world);
    assert!(message.starts_with(r#"the stock "LAMP" is "#), "{message}");
}

#[test]
fn verify_detects_an_impossible_log() {
    let (world, _) = world();
    world.allocate("o1", "LAMP", 20);
    let records = world.bus.records("allocation", 0, 0, u64::MAX).unwrap();
    let copy_with = |change: &dyn Fn(&mut Record)| {
        let log = MemoryLog::new(LOG_ID);
        for mut record in records.clone() {
            change(&mut record);
            log.append(&record).unwrap();
        }
        World::allocation_on(log, MemoryRows::new(), NOON)
    };
    copy_with(&|_| {}).check();
    let more = r#""line_id":"LAMP","quantity":31"#;
    let oversold = copy_with(&|it| {
        it.events = it.events.replace(r#""line_id":"LAMP","quantity":20"#, more);
    });
    let message = violation(&oversold);
    assert!(message.contains("the batch b1 is oversold"), "{message}");
    let backwards = copy_with(&|it| it.at_ms -= i64::try_from(it.first_seq).unwrap());
    assert!(violation(&backwards).starts_with("time goes back at"));
}

#[test]
fn verify_detects_a_batch_that_was_oversold_temporarily() {
    let (world, _) = world();
    world.allocate("o0", "LAMP", 1);
    world.allocate("o1", "LAMP", 20);
    world.deallocate("o1", "LAMP");
    let log = MemoryLog::new(LOG_ID);
    for mut record in world.bus.records("allocation", 0, 0, u64::MAX).unwrap() {
        record.events = record.events.replace(r#""quantity":20"#, r#""quantity":30"#);
        log.append(&record).unwrap();
    }
    let message = violation(&World::allocation_on(log, MemoryRows::new(), NOON));
    assert!(
        message.starts_with("after command ") && message.contains("b1 is oversold"),
        "{message}"
    );
}

#[test]
fn stream_rows_are_arrays_and_the_old_object_form_is_readable() {
    let (world, _) = world();
    world.allocate("o1", "LAMP", 2);
    world.bus.flush().unwrap();
    let key = format!("LAMP\u{1f}{:016x}", 2);
    let row = world.rows.row("stream_stock", &key).unwrap().unwrap();
    let now = NOON.0;
    let begins = format!(r#"[[2,{now},{{"type":"allocation.batch_created","#);
    assert!(row.starts_with(&begins), "{row}");
    let named = row
        .replace(&format!("[2,{now},"), &format!(r#"{{"seq":2,"at":{now},"event":"#))
        .replace(&format!("[3,{now},"), &format!(r#"{{"seq":3,"at":{now},"event":"#))
        .replace("}]", "}}");
    assert_eq!(named.matches(r#""event":"#).count(), 2, "{named}");
    overwrite(&world, "stream_stock", &key, Some(&named));
    let world = world.restarted(true);
    world.check();
    assert!(world.allocate("o1", "LAMP", 2).already_accepted);
}
