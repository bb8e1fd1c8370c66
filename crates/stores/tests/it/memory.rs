//! What only the memory stores do: fail on request, and lose unsynced data.

use earmark_kernel::log::{AppendError, LogStore};
use earmark_kernel::rows::RowStore;
use earmark_stores::memory::{AppendFault, Faults, MemoryLog, MemoryRows};

use crate::subjects::{LOG_ID, batch, put, record};

#[test]
fn failed_and_full_write_nothing_and_the_record_can_be_appended_again() {
    let log = MemoryLog::new(LOG_ID);
    log.faults().next_append(AppendFault::Failed);
    log.faults().next_append(AppendFault::Full);
    assert!(matches!(log.append(&record(1, 2)), Err(AppendError::Failed(_))));
    assert!(matches!(log.append(&record(1, 2)), Err(AppendError::Full(_))));
    assert_eq!(log.head().unwrap(), 0);
    log.append(&record(1, 2)).unwrap();
    assert_eq!(log.crash().head().unwrap(), 2);
}

#[test]
fn after_unknown_only_the_next_process_appends() {
    for (fault, head) in [(AppendFault::UnknownWritten, 2), (AppendFault::UnknownLost, 0)] {
        let log = MemoryLog::new(LOG_ID);
        log.faults().next_append(fault);
        assert!(matches!(log.append(&record(1, 2)), Err(AppendError::Unknown(_))));
        let again = log.append(&record(head + 1, head + 1));
        assert!(matches!(again, Err(AppendError::Unknown(_))), "{again:?}");
        let next = log.crash();
        assert_eq!(next.head().unwrap(), head);
        next.append(&record(head + 1, head + 1)).unwrap();
    }
}

#[test]
fn a_crashed_process_can_neither_read_nor_write() {
    let log = MemoryLog::new(LOG_ID);
    let next = log.crash();
    assert!(matches!(log.append(&record(1, 1)), Err(AppendError::Failed(_))));
    log.head().unwrap_err();
    assert_eq!(next.head().unwrap(), 0);
    let rows = MemoryRows::new();
    let next = rows.crash(0);
    rows.flush(&batch(1, "lines", vec![put("a", "1")])).unwrap_err();
    assert_eq!(next.flushed().unwrap(), 0);
}

#[test]
fn an_unsynced_record_is_lost_in_a_crash_unless_a_later_one_was_synced() {
    let log = MemoryLog::new(LOG_ID);
    log.faults().next_append(AppendFault::Unsynced);
    log.append(&record(1, 1)).unwrap();
    let log = log.crash();
    assert_eq!(log.head().unwrap(), 0);
    log.faults().next_append(AppendFault::Unsynced);
    log.append(&record(1, 1)).unwrap();
    log.append(&record(2, 2)).unwrap();
    assert_eq!(log.crash().head().unwrap(), 2);
}

#[test]
fn faults_happen_in_order_until_they_are_removed() {
    let faults = Faults::new();
    let log = MemoryLog::with_faults(LOG_ID, faults.clone());
    faults.spare_append();
    faults.next_append(AppendFault::Failed);
    log.append(&record(1, 1)).unwrap();
    log.append(&record(2, 2)).unwrap_err();
    faults.next_append(AppendFault::Failed);
    faults.fail_reads(5);
    log.read_after(0, 1).unwrap_err();
    faults.heal();
    log.append(&record(2, 2)).unwrap();
    assert_eq!(log.read_after(0, 9).unwrap().len(), 2);
}

#[test]
fn a_crash_loses_the_latest_flushes_and_their_number_is_right() {
    let rows = MemoryRows::forgetful(Faults::new());
    let flush = |rows: &MemoryRows, seq: u64| {
        let changes = vec![put("a", &seq.to_string()), put(&format!("b{seq}"), "")];
        rows.flush(&batch(seq, "lines", changes)).unwrap();
    };
    flush(&rows, 1);
    rows.sync_point();
    flush(&rows, 2);
    flush(&rows, 3);
    rows.clear().unwrap();
    assert_eq!(rows.unsynced_count(), 3);
    let rows = rows.crash(1);
    assert_eq!(rows.flushed().unwrap(), 2);
    assert_eq!(rows.row("lines", "a").unwrap().as_deref(), Some("2"));
    assert_eq!(rows.row("lines", "b3").unwrap(), None);
    flush(&rows, 3);
    let rows = rows.crash(0);
    assert_eq!(rows.flushed().unwrap(), 2, "everything that survived a crash is synced");
    rows.faults().fail_flushes(1);
    rows.clear().unwrap_err();
    assert_eq!(rows.flushed().unwrap(), 2);
}
