//! Random flushes and scans: SQLite and memory return the same rows.

use earmark_kernel::rows::{Changes, FlushBatch, KeyRange, RowStore};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::subjects::{Change, Kind, Subject};

#[derive(Clone, Debug)]
enum Step {
    Flush(Vec<(String, Vec<Change>)>),
    Scan(&'static str, KeyRange),
    Row(&'static str, String),
    Clear,
    Reopen,
}

fn table() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["lines", "stock"])
}

fn key() -> impl Strategy<Value = String> {
    "[abé箱/]{0,3}"
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let changes = btree_map(key(), option::weighted(0.7, "[0-9\"\\\\ü]{0,6}"), 0..12);
    changes.prop_map(Vec::from_iter)
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    (key(), option::of(key()), 0..20_usize, any::<bool>())
        .prop_map(|(from, below, limit, backwards)| KeyRange { from, below, limit, backwards })
}

fn step() -> impl Strategy<Value = Step> {
    let batch = vec((table().prop_map(String::from), changes()), 0..3);
    prop_oneof![
        4 => batch.prop_map(Step::Flush),
        6 => (table(), key_range()).prop_map(|(table, range)| Step::Scan(table, range)),
        3 => (table(), key()).prop_map(|(table, key)| Step::Row(table, key)),
        1 => Just(Step::Clear),
        1 => Just(Step::Reopen),
    ]
}

fn apply(subject: &mut Subject, step: &Step) -> String {
    let rows: &dyn RowStore = subject.rows();
    match step {
        Step::Flush(tables) => {
            let boxed = |it: &Vec<Change>| -> Box<dyn Changes> { Box::new(it.clone()) };
            let tables = tables.iter().map(|(table, it)| (table.clone(), boxed(it))).collect();
            format!("{:?}", rows.flush(&FlushBatch { through_seq: 0, tables }).is_ok())
        }
        Step::Scan(table, range) => format!("{:?}", rows.rows(table, range).unwrap()),
        Step::Row(table, key) => format!("{:?}", rows.row(table, key).unwrap()),
        Step::Clear => format!("{:?}", rows.clear().is_ok()),
        Step::Reopen => {
            subject.reopen();
            format!("{:?}", subject.rows().flushed().unwrap())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_and_memory_give_the_same_rows(steps in vec(step(), 1..40)) {
        let mut memory = Subject::new(Kind::Memory);
        let mut sqlite = Subject::new(Kind::Sqlite);
        for step in &steps {
            prop_assert_eq!(apply(&mut memory, step), apply(&mut sqlite, step), "{:?}", step);
        }
    }
}
