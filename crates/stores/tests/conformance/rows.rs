//! What every store of derived rows does.

use std::panic::AssertUnwindSafe;

use earmark_kernel::log::StoreError;
use earmark_kernel::rows::{Changes, FlushBatch, KeyRange, RowStore, ShowRow};
use rstest::rstest;

use crate::subjects::{Kind, Subject, backwards, batch, delete, keys, put, range};

#[rstest]
fn nothing_is_flushed_at_first_and_missing_tables_are_empty(
    #[values(Kind::Memory, Kind::Sqlite)] kind: Kind,
) {
    let subject = Subject::new(kind);
    assert_eq!(subject.rows().flushed().unwrap(), 0);
    assert_eq!(subject.rows().row("none", "a").unwrap(), None);
    assert_eq!(keys(subject.rows(), "none", &range("", None, 10)), [""; 0]);
}

#[rstest]
fn rows_are_put_changed_and_deleted(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
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
    // By bytes of UTF-8: capitals before small letters, then the rest by code point.
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
fn a_name_that_no_table_may_have_is_refused_whole(
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
fn clearing_leaves_nothing_and_can_be_flushed_again(
    #[values(Kind::Memory, Kind::Sqlite)] kind: Kind,
) {
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
fn rows_are_there_when_opened_again(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
    let mut subject = Subject::new(kind);
    subject.log().append(&crate::subjects::record(1, 4)).unwrap();
    subject.rows().flush(&batch(4, "lines", vec![put("a", "1")])).unwrap();
    subject.reopen();
    assert_eq!(subject.rows().flushed().unwrap(), 4);
    assert_eq!(subject.rows().row("lines", "a").unwrap().as_deref(), Some("1"));
}

#[rstest]
fn a_reader_sees_a_flush_whole_or_not_at_all(#[values(Kind::Memory, Kind::Sqlite)] kind: Kind) {
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
                    assert!(turn >= flushed && turn >= seen, "nothing goes back");
                    seen = turn;
                }
            });
        }
        (2..=200).for_each(flush);
    });
}

/// Rows of several blocks, of which one cannot be made.
struct Breaks {
    panics: bool,
}

impl Changes for Breaks {
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
        assert!(!self.panics, "as ordained");
        Err(StoreError("the row \"b1500\" cannot be made".into()))
    }
}

#[rstest]
#[case::memory(Kind::Memory, false)]
#[case::sqlite(Kind::Sqlite, false)]
#[case::sqlite_where_it_panics(Kind::Sqlite, true)]
fn a_flush_of_which_a_row_cannot_be_made_changes_nothing(#[case] kind: Kind, #[case] panics: bool) {
    let mut subject = Subject::new(kind);
    subject.log().append(&crate::subjects::record(1, 4)).unwrap();
    let rows = subject.rows();
    rows.flush(&batch(1, "lines", vec![put("a", "1")])).unwrap();
    let mut broken = batch(2, "batches", vec![put("a", "2")]);
    broken.tables.push(("lines".into(), Box::new(Breaks { panics })));
    let flushed = std::panic::catch_unwind(AssertUnwindSafe(|| rows.flush(&broken)));
    match flushed {
        Ok(flushed) => {
            let told = flushed.unwrap_err().to_string();
            assert!(!panics && told.contains("\"b1500\" cannot be made"), "{told}");
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
