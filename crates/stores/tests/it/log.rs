//! The contract of every log.

use earmark_kernel::log::{AppendError, Record};
use rstest::rstest;

use crate::subjects::{Kind, LOG_ID, Subject, record};

#[rstest]
fn a_new_log_is_empty(#[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let subject = Subject::new(kind);
    assert_eq!(subject.log().head().unwrap(), 0);
    assert_eq!(subject.log().read_after(0, 100).unwrap(), []);
    assert_eq!(subject.log().id().unwrap(), LOG_ID);
}

#[rstest]
fn records_are_read_back_in_order_as_they_were_appended(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let subject = Subject::new(kind);
    let records = [record(1, 3), record(4, 4), record(5, 9)];
    for record in &records {
        subject.log().append(record).unwrap();
        assert_eq!(subject.log().head().unwrap(), record.last_seq);
    }
    assert_eq!(subject.log().read_after(0, u64::MAX).unwrap(), records);
}

#[rstest]
#[case::gap(record(3, 4))]
#[case::overlap(record(1, 1))]
#[case::within(record(2, 3))]
#[case::zero(Record { first_seq: 0, ..record(1, 1) })]
#[case::without_events(Record { first_seq: 3, last_seq: 2, at_ms: 0, events: "[]".into() })]
fn a_record_that_does_not_follow_the_last_is_refused_and_changes_nothing(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[case] wrong: Record,
) {
    let subject = Subject::new(kind);
    subject.log().append(&record(1, 1)).unwrap();
    if wrong.first_seq == 2 || wrong.first_seq == 3 && wrong.last_seq == 2 {
        subject.log().append(&record(2, 2)).unwrap();
    }
    let before = subject.log().read_after(0, u64::MAX).unwrap();
    let refused = subject.log().append(&wrong);
    assert!(matches!(refused, Err(AppendError::Failed(_))), "{refused:?}");
    assert_eq!(subject.log().read_after(0, u64::MAX).unwrap(), before);
    let head = subject.log().head().unwrap();
    subject.log().append(&record(head + 1, head + 2)).unwrap();
}

#[rstest]
fn a_read_returns_whole_records_that_begin_within_the_limit(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let subject = Subject::new(kind);
    for (first, last) in [(1, 3), (4, 4), (5, 9), (10, 10)] {
        subject.log().append(&record(first, last)).unwrap();
    }
    let firsts = |after, events_max| -> Vec<u64> {
        let records = subject.log().read_after(after, events_max).unwrap();
        records.iter().map(|record| record.first_seq).collect()
    };
    assert_eq!(firsts(0, 3), [1], "the second record begins after the limit");
    assert_eq!(firsts(0, 4), [1, 4]);
    assert_eq!(firsts(0, 5), [1, 4, 5], "a record that begins within the limit is returned whole");
    assert_eq!(firsts(0, 0), [1], "at least one record, if there is any");
    assert_eq!(firsts(1, 100), [1, 4, 5, 10], "a record with the next number is returned whole");
    assert_eq!(firsts(3, 1), [4]);
    assert_eq!(firsts(6, 1), [5], "the first record may begin before the next number");
    assert_eq!(firsts(6, 4), [5, 10]);
    assert_eq!(firsts(9, 100), [10]);
    assert_eq!(firsts(10, 100), [0; 0]);
    assert_eq!(firsts(u64::MAX, u64::MAX), [0; 0]);
}

#[rstest]
fn a_reopened_log_has_its_records_and_its_name(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let mut subject = Subject::new(kind);
    subject.log().append(&record(1, 2)).unwrap();
    for turn in 1..=3 {
        subject.reopen();
        assert_eq!(subject.log().id().unwrap(), LOG_ID);
        assert_eq!(subject.log().head().unwrap(), turn + 1);
        subject.log().append(&record(turn + 2, turn + 2)).unwrap();
    }
    let records = subject.log().read_after(0, 100).unwrap();
    assert_eq!(records, [record(1, 2), record(3, 3), record(4, 4), record(5, 5)]);
}

#[rstest]
#[case::eight_mib(format!("[\"{}\"]", "x".repeat(8 << 20)))]
#[case::unicode("[\"Grüße, 箱, 👩‍👩‍👧, e\u{301}, \u{202e}, \\u0000\"]".to_owned())]
fn any_text_is_stored_byte_for_byte(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[case] events: String,
) {
    let mut subject = Subject::new(kind);
    let record = Record { first_seq: 1, last_seq: 1, at_ms: -1, events };
    subject.log().append(&record).unwrap();
    assert!(subject.log().read_after(0, 1).unwrap() == [record.clone()]);
    subject.reopen();
    assert!(subject.log().read_after(0, 1).unwrap() == [record]);
}

#[rstest]
fn readers_see_whole_records_while_the_writer_appends(
    #[values(Kind::Memory, Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let subject = Subject::new(kind);
    let log = subject.log();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut after = 0;
                while after < 600 {
                    for read in log.read_after(after, 50).unwrap() {
                        assert_eq!(read, record(after + 1, after + 3));
                        after = read.last_seq;
                    }
                }
            });
        }
        for turn in 0..200 {
            log.append(&record(turn * 3 + 1, turn * 3 + 3)).unwrap();
        }
    });
}
