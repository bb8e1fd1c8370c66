//! What only the SQLite stores have: other processes, damaged files, other formats.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use earmark_kernel::log::{LogStore, Record};
use earmark_kernel::rows::RowStore;
use earmark_stores::sqlite::{DataFolder, OpenError, Settings, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::subjects::{LOG_ID, batch, keys, open, put, range, record};

const LOG: &str = "allocation-0.log.db";
const VIEWS: &str = "allocation-0.views.db";

fn refusal(temporary: &TempDir) -> String {
    let folder = DataFolder::open(temporary.path()).unwrap();
    SqliteStore::open(&folder, "allocation", 0, "another-name").unwrap_err().to_string()
}

/// A folder with a log of two records, and rows flushed through both.
fn filled() -> TempDir {
    let temporary = tempfile::tempdir().unwrap();
    let (log, rows) = open(&temporary, LOG_ID);
    log.append(&record(1, 2)).unwrap();
    log.append(&record(3, 3)).unwrap();
    let changes = (0..2000).map(|n| put(&format!("key {n:04}"), &"x".repeat(200))).collect();
    rows.flush(&batch(3, "lines", changes)).unwrap();
    temporary
}

#[test]
fn a_new_folder_is_accessible_by_its_owner_only() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("new/folder");
    let folder = DataFolder::open(&path).unwrap();
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_process_is_refused_with_the_id_of_the_first() {
    let temporary = tempfile::tempdir().unwrap();
    let lock = File::create(temporary.path().join("earmark.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(temporary.path().join("earmark.lock"), "4242").unwrap();
    let error = DataFolder::open(temporary.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    let text = error.to_string();
    assert!(text.contains("in use by process 4242; stop that process"), "{text}");
    drop(lock);
    DataFolder::open(temporary.path()).unwrap();
}

#[test]
fn the_folder_stays_locked_until_all_stores_are_dropped() {
    let temporary = tempfile::tempdir().unwrap();
    let (log, rows) = open(&temporary, LOG_ID);
    drop(log);
    let text = DataFolder::open(temporary.path()).unwrap_err().to_string();
    assert!(text.contains("this same process"), "{text}");
    drop(rows);
    let owner = fs::read_to_string(temporary.path().join("earmark.lock")).unwrap();
    assert_eq!(owner, std::process::id().to_string());
    DataFolder::open(temporary.path()).unwrap();
}

#[test]
fn a_service_name_with_invalid_characters_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temporary.path()).unwrap();
    for name in ["", "../x", "a/b", "A"] {
        let refused = SqliteStore::open(&folder, name, 0, LOG_ID);
        assert!(matches!(refused, Err(OpenError::ServiceName { .. })), "{name:?}");
    }
    SqliteStore::open(&folder, "stock-keeping", 7, LOG_ID).unwrap();
    assert!(temporary.path().join("stock-keeping-7.log.db").exists());
}

#[test]
fn the_files_are_in_wal_mode() {
    let temporary = filled();
    let mode = |file: &str| -> String {
        let connection = Connection::open(temporary.path().join(file)).unwrap();
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap()
    };
    assert_eq!(mode(LOG), "wal");
    assert_eq!(mode(VIEWS), "wal");
}

#[test]
fn anyone_can_query_the_events() {
    let temporary = filled();
    let connection = Connection::open(temporary.path().join(LOG)).unwrap();
    let sql = "SELECT seq, at, type, \"of\", key, data FROM events ORDER BY seq";
    let mut select = connection.prepare(sql).unwrap();
    let events: Vec<(i64, i64, String, String, String, String)> =
        select.query_map([], |row| row.try_into()).unwrap().map(Result::unwrap).collect();
    assert_eq!(events.len(), 3);
    let text = |text: &str| text.to_owned();
    let data = text(r#"{"n":2}"#);
    let second =
        (2, 1_700_000_000_001, text("allocation.allocated"), text("stock"), text("S2"), data);
    assert_eq!(events[1], second);
    assert_eq!(events[2].1, 1_700_000_000_003);
}

#[test]
fn a_log_of_a_newer_format_is_refused_and_not_changed() {
    let temporary = filled();
    let connection = Connection::open(temporary.path().join(LOG)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(temporary.path().join(LOG)).unwrap();
    let text = refusal(&temporary);
    assert!(text.contains("has format 99, but this program knows formats up to 1"), "{text}");
    assert!(fs::read(temporary.path().join(LOG)).unwrap() == before);
}

#[test]
fn a_file_that_is_not_a_log_is_refused_and_not_changed() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join(LOG);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE x(y)").unwrap();
    let text = refusal(&temporary);
    assert!(text.contains("is a database of another program"), "{text}");
    fs::write(&path, "no database at all".repeat(1000)).unwrap();
    let text = refusal(&temporary);
    assert!(text.contains("restore the data folder from a backup"), "{text}");
    assert_eq!(fs::read(&path).unwrap().len(), 18_000);
}

#[test]
fn a_torn_write_ahead_file_loses_only_the_torn_record() {
    let live = tempfile::tempdir().unwrap();
    let (log, _rows) = open(&live, LOG_ID);
    for seq in 1..=3 {
        log.append(&record(seq, seq)).unwrap();
    }
    let wal = format!("{LOG}-wal");
    let sound = fs::read(live.path().join(&wal)).unwrap();
    for torn_bytes in [1, 512, 4096, 8000] {
        let temporary = tempfile::tempdir().unwrap();
        fs::copy(live.path().join(LOG), temporary.path().join(LOG)).unwrap();
        fs::write(temporary.path().join(&wal), &sound[..sound.len() - torn_bytes]).unwrap();
        let (log, _rows) = open(&temporary, "another-name");
        assert_eq!(log.id().unwrap(), LOG_ID);
        assert_eq!(log.read_after(0, 9).unwrap(), [record(1, 1), record(2, 2)]);
        log.append(&record(3, 4)).unwrap();
        assert_eq!(log.head().unwrap(), 4);
    }
}

#[test]
fn unusable_views_are_rebuilt() {
    let garbage: fn(&Path) = |path| fs::write(path, "garbage".repeat(5000)).unwrap();
    let newer: fn(&Path) = |path| {
        Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    };
    let foreign: fn(&Path) = |path| {
        fs::remove_file(path).unwrap();
        Connection::open(path).unwrap().execute_batch("CREATE TABLE x(y)").unwrap();
    };
    let cut: fn(&Path) =
        |path| File::options().write(true).open(path).unwrap().set_len(70).unwrap();
    let gone: fn(&Path) = |path| fs::remove_file(path).unwrap();
    for make_unusable in [garbage, newer, foreign, cut, gone] {
        let temporary = filled();
        make_unusable(&temporary.path().join(VIEWS));
        let (log, rows) = open(&temporary, LOG_ID);
        assert_eq!((log.head().unwrap(), rows.flushed().unwrap()), (3, 0));
        assert_eq!(keys(&rows, "lines", &range("", None, 1)), [""; 0]);
        rows.flush(&batch(3, "lines", vec![put("a", "1")])).unwrap();
    }
}

#[test]
fn views_found_damaged_at_run_time_are_rebuilt_at_the_next_start() {
    let temporary = filled();
    let path = temporary.path().join(VIEWS);
    let file = File::options().write(true).open(&path).unwrap();
    for page in 4..file.metadata().unwrap().len() / 16_384 {
        file.write_all_at(&[0xAB; 512], page * 16_384).unwrap();
    }
    drop(file);
    let (log, rows) = open(&temporary, LOG_ID);
    let text = rows.rows("lines", &range("", None, 5000)).unwrap_err().to_string();
    assert!(text.contains("restart to rebuild them from the log"), "{text}");
    drop((log, rows));
    let (_log, rows) = open(&temporary, LOG_ID);
    assert_eq!(rows.flushed().unwrap(), 0);
    assert!(!temporary.path().join(format!("{VIEWS}.damaged")).exists());
}

#[test]
fn views_of_another_log_or_ahead_of_the_log_are_cleared() {
    let temporary = filled();
    let (log, rows) = open(&temporary, LOG_ID);
    rows.flush(&batch(4, "lines", vec![put("a", "1")])).unwrap();
    drop((log, rows));
    let (log, rows) = open(&temporary, LOG_ID);
    assert_eq!(rows.flushed().unwrap(), 0);
    rows.flush(&batch(2, "lines", vec![put("a", "1")])).unwrap();
    drop((log, rows));
    fs::remove_file(temporary.path().join(LOG)).unwrap();
    let (log, rows) = open(&temporary, "a-new-log");
    assert_eq!(log.id().unwrap(), "a-new-log");
    assert_eq!((log.head().unwrap(), rows.flushed().unwrap()), (0, 0));
    assert_eq!(keys(&rows, "lines", &range("", None, 1)), [""; 0]);
}

#[test]
fn the_write_ahead_file_stays_small_under_constant_writes_and_reads() {
    const MIB: u64 = 1 << 20;
    let temporary = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temporary.path()).unwrap();
    let settings = Settings {
        checkpoint_bytes: MIB,
        pause_bytes: 512 << 10,
        wal_bytes_max: 8 * MIB,
        ..Settings::default()
    };
    let (log, rows) = SqliteStore::open_with(&folder, "busy", 0, LOG_ID, settings).unwrap();
    let wal = temporary.path().join("busy-0.log.db-wal");
    let events = format!("[\"{}\"]", "x".repeat(256 << 10));
    let mut largest = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while log.head().unwrap() < 800 {
                log.read_after(log.head().unwrap().saturating_sub(20), 20).unwrap();
            }
        });
        for seq in 1..=800 {
            let events = events.clone();
            log.append(&Record { first_seq: seq, last_seq: seq, at_ms: 0, events }).unwrap();
            largest = largest.max(fs::metadata(&wal).unwrap().len());
        }
    });
    assert!(largest < 32 * MIB, "200 MiB went through a write-ahead file of {largest} bytes");
    drop((log, rows));
    let (log, _rows) = SqliteStore::open(&folder, "busy", 0, LOG_ID).unwrap();
    assert_eq!(log.head().unwrap(), 800);
    assert!(!log.read_after(799, 1).unwrap().is_empty());
}
