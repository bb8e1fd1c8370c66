//! The SQLite rows while their runs become many, are merged, and are opened again.

use std::collections::BTreeMap;

use crate::subjects::{Kind, Subject, backwards, batch, delete, put, range};

#[test]
fn after_many_flushes_and_merges_every_row_has_its_last_value() {
    let mut subject = Subject::new(Kind::Sqlite);
    let mut expected = BTreeMap::new();
    let mut seed = 7_u64;
    for turn in 1..=150_u64 {
        let mut changes = BTreeMap::new();
        for _ in 0..40 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(turn);
            let key = format!("o{}\u{1f}l{}", (seed >> 33) % 300, (seed >> 50) % 4);
            let value =
                (seed >> 60 != 0).then(|| format!("{{\"turn\":{turn},\"pad\":\"{key:>99}\"}}"));
            changes.insert(key, value);
        }
        let of = |(key, value): (&String, &Option<String>)| match value {
            Some(value) => put(key, value),
            None => delete(key),
        };
        let changed = changes.iter().map(of).collect();
        subject.rows().flush(&batch(turn, "lines", changed)).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => expected.insert(key, value),
                None => expected.remove(&key),
            };
        }
        if turn % 37 == 0 {
            subject.log().append(&crate::subjects::record(turn - 36, turn)).unwrap();
            subject.reopen();
        }
    }
    let rows = subject.rows();
    let all: Vec<(String, String)> = expected.clone().into_iter().collect();
    assert_eq!(rows.rows("lines", &range("", None, usize::MAX)).unwrap(), all);
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(rows.rows("lines", &backwards(range("", None, usize::MAX))).unwrap(), reversed);
    for order in 0..300 {
        let (from, below) = (format!("o{order}\u{1f}"), format!("o{order} "));
        let of_order: Vec<_> = expected.range(from.clone()..below.clone()).collect();
        let found = rows.rows("lines", &range(&from, Some(&below), 10)).unwrap();
        assert_eq!(found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), of_order);
        for line in 0..5 {
            let key = format!("o{order}\u{1f}l{line}");
            assert_eq!(rows.row("lines", &key).unwrap().as_ref(), expected.get(&key));
        }
    }
}
