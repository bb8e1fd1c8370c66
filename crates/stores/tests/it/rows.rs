//! The contract of every store of derived rows.

use std::panic::AssertUnwindSafe;

use earmark_kernel::log::StoreError;
use earmark_kernel::rows::{Changes, FlushBatch, KeyRange, RowStore, ShowRow};
use rstest::rstest;

use crate::subjects::{Kind, Subject, backwards, batch, delete, keys, put, range};

#[rstest]
fn a_new_store_has_flushed_nothing_and_missing_tables_are_empty(
    #[values(Kind::Memory, Kind::Sqlite)] kind: Kind,
) {
    let subject = Subject::new(kind);
    assert_eq!(subject.rows().flushed().unwrap(), 0);
    assert_eq!(subject.rows().row("none", "a").unwrap(), None);
    assert_eq!(keys(subject.rows(), "none", &range("", None, 10)), [""; 0]);
}

#[rstest]
fn rows_are_inserted_changed_and_deleted(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let subject = Subject::new(kind);
    let rows = subject.rows();
    rows.flush(&batch(3, "lines", vec![put("a", "1"), put("b", "2")])).unwrap();
    assert_eq!(rows.flushed().unwrap(), 3);
    assert_eq!(rows.row("lines", "a").unwrap().as_deref(), Some("1"));
    assert_eq!(rows.row("lines", "A").unwrap(), None);
    let changes = vec![delete("a"), put("b", "3"), put("c", "4"), delete("d")];
    rows.flush(&batch(7, "lines", changes)).unwrap();
    assert_eq!(rows.flushed().unwrap(), 7);
    let all = rows.rows("lines", &range("", None, 10)).unwrap();
    assert_eq!(all, [("b".into(), "3".into()), ("c".into(), "4".into())]);
    assert_eq!(rows.row("lines", "a").unwrap(), None);
}

#[rstest]
fn ranges_have_bounds_limits_and_two_directions(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let subject = Subject::new(kind);
    let rows = subject.rows();
    // By bytes of UTF-8: upper case before lower case, then the rest by code point.
    let sorted = ["", "B", "a", "a b", "a%", "aa", "b", "é", "箱", "\u{ffff}", "👧"];
    let changes = sorted.iter().map(|key| put(key, "1")).collect();
    rows.flush(&batch(1, "lines", changes)).unwrap();
    let all = range("", None, 100);
    assert_eq!(keys(rows, "lines", &all), sorted);
    let mut reversed = sorted;
    reversed.reverse();
    assert_eq!(keys(rows, "lines", &backwards(all)), reversed);
    let of_a = || range("a", Some("b"), 100);
    assert_eq!(keys(rows, "lines", &of_a()), ["a", "a b", "a%", "aa"]);
    assert_eq!(keys(rows, "lines", &KeyRange { limit: 2, ..of_a() }), ["a", "a b"]);
    let last = backwards(KeyRange { limit: 2, ..of_a() });
    assert_eq!(keys(rows, "lines", &last), ["aa", "a%"]);
    assert_eq!(keys(rows, "lines", &KeyRange { limit: 0, ..of_a() }), [""; 0]);
    assert_eq!(keys(rows, "lines", &KeyRange { limit: usize::MAX, ..of_a() }).len(), 4);
    assert_eq!(keys(rows, "lines", &range("b", Some("b"), 100)), [""; 0]);
    assert_eq!(keys(rows, "lines", &range("b", Some("a"), 100)), [""; 0]);
    assert_eq!(keys(rows, "lines", &range("b", Some(""), 100)), [""; 0]);
}

#[rstest]
fn a_flush_may_have_no_rows_or_many_tables(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let subject = Subject::new(kind);
    let rows = subject.rows();
    rows.flush(&FlushBatch { through_seq: 5, tables: Vec::new() }).unwrap();
    assert_eq!(rows.flushed().unwrap(), 5);
    let names = ["lines", "order", "select", "_", "t_t"];
    let mut all = FlushBatch { through_seq: 6, tables: Vec::new() };
    for name in names {
        all.tables.extend(batch(6, name, vec![put("k", name)]).tables);
    }
    rows.flush(&all).unwrap();
    for name in names {
        assert_eq!(rows.row(name, "k").unwrap().as_deref(), Some(name));
    }
}

#[rstest]
fn an_invalid_table_name_refuses_the_whole_flush(
    #[values(Kind::Memory, Kind::Sqlite)] kind: Kind,
    #[values("", "Lines", "a\"; DROP TABLE meta; --", "x1", "ü", &"x".repeat(41))] name: &str,
) {
    let subject = Subject::new(kind);
    let rows = subject.rows();
    let mut both = batch(1, "lines", vec![put("a", "1")]);
    both.tables.extend(batch(1, name, vec![put("a", "1")]).tables);
    rows.flush(&both).unwrap_err();
    rows.row(name, "a").unwrap_err();
    rows.rows(name, &range("", None, 1)).unwrap_err();
    assert_eq!(rows.flushed().unwrap(), 0);
    assert_eq!(rows.row("lines", "a").unwrap(), None);
}

#[rstest]
fn a_cleared_store_is_empty_and_accepts_flushes(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let mut subject = Subject::new(kind);
    subject.rows().flush(&batch(9, "lines", vec![put("a", "1")])).unwrap();
    subject.rows().clear().unwrap();
    subject.reopen();
    let rows = subject.rows();
    assert_eq!(rows.flushed().unwrap(), 0);
    assert_eq!(keys(rows, "lines", &range("", None, 10)), [""; 0]);
    rows.flush(&batch(2, "lines", vec![put("b", "2")])).unwrap();
    assert_eq!(keys(rows, "lines", &range("", None, 10)), ["b"]);
}

#[rstest]
fn a_reopened_store_has_its_rows(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let mut subject = Subject::new(kind);
    subject.log().append(&crate::subjects::record(1, 4)).unwrap();
    subject.rows().flush(&batch(4, "lines", vec![put("a", "1")])).unwrap();
    subject.reopen();
    assert_eq!(subject.rows().flushed().unwrap(), 4);
    assert_eq!(subject.rows().row("lines", "a").unwrap().as_deref(), Some("1"));
}

#[rstest]
fn a_reader_sees_all_of_a_flush_or_nothing(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let subject = Subject::new(kind);
    let rows = subject.rows();
    let names: Vec<String> = (0..50).map(|number| format!("key {number:02}")).collect();
    let flush = |turn: u64| {
        let value = turn.to_string();
        let changes = names.iter().map(|key| put(key, &value)).collect();
        rows.flush(&batch(turn, "lines", changes)).unwrap();
    };
    flush(1);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < 200 {
                    let flushed = rows.flushed().unwrap();
                    let found = rows.rows("lines", &range("", None, 100)).unwrap();
                    let turn: u64 = found[0].1.parse().unwrap();
                    assert!(found.len() == 50 && found.iter().all(|row| row.1 == found[0].1));
                    assert!(turn >= flushed && turn >= seen, "a reader never sees an older state");
                    seen = turn;
                }
            });
        }
        (2..=200).for_each(flush);
    });
}

/// Rows of several blocks; making one of them fails.
struct FailingRows {
    panics: bool,
}

impl Changes for FailingRows {
    fn count(&self) -> usize {
        2_000
    }
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError> {
        for number in 0..1_500 {
            let value = "x".repeat(100);
            if show(&format!("b{number:04}"), Some(value.as_bytes())).is_break() {
                return Ok(());
            }
        }
        assert!(!self.panics, "the requested panic");
        Err(StoreError("the row \"b1500\" cannot be made".into()))
    }
}

#[rstest]
#[case::memory(Kind::Memory, false)]
#[case::sqlite(Kind::Sqlite, false)]
#[case::sqlite_with_a_panic(Kind::Sqlite, true)]
fn a_flush_with_a_failing_row_changes_nothing(#[case] kind: Kind, #[case] panics: bool) {
    let mut subject = Subject::new(kind);
    subject.log().append(&crate::subjects::record(1, 4)).unwrap();
    let rows = subject.rows();
    rows.flush(&batch(1, "lines", vec![put("a", "1")])).unwrap();
    let mut broken = batch(2, "batches", vec![put("a", "2")]);
    broken.tables.push(("lines".into(), Box::new(FailingRows { panics })));
    let flushed = std::panic::catch_unwind(AssertUnwindSafe(|| rows.flush(&broken)));
    match flushed {
        Ok(flushed) => {
            let error = flushed.unwrap_err().to_string();
            assert!(!panics && error.contains("\"b1500\" cannot be made"), "{error}");
        }
        Err(_) => assert!(panics),
    }
    let is_as_before = |rows: &dyn RowStore| {
        assert_eq!(rows.row("batches", "a").unwrap(), None);
        keys(rows, "lines", &range("", None, 10))
    };
    assert_eq!((is_as_before(rows), rows.flushed().unwrap()), (vec!["a".to_owned()], 1));
    rows.flush(&batch(3, "lines", vec![put("c", "1")])).unwrap();
    subject.reopen();
    assert_eq!(subject.rows().flushed().unwrap(), 3);
    assert_eq!(is_as_before(subject.rows()), ["a", "c"]);
}
