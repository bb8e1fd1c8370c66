//! An index of a stock's lines by the hashes of their keys. Hashes are stored inline in the tree,
//! while a comparison of keys would load each key from elsewhere in memory.

use std::sync::Arc;

use imbl::OrdMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::events::LineKey;
use super::line::Line;

/// A line with its key. The index and the ranking share it, because a stock can have many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyedLine {
    pub(super) key: LineKey,
    pub(super) line: Line,
}

/// Lines with unique keys. Clones share the lines.
#[derive(Clone, Debug, Default)]
pub(super) struct LineIndex {
    /// For each hash, the line with the smallest key, so that the order depends only on the keys.
    by_hash: OrdMap<u64, Arc<KeyedLine>>,
    /// Further lines with the same hashes. Collisions are rare unless a caller constructs them.
    others: OrdMap<u64, OrdMap<LineKey, Arc<KeyedLine>>>,
}

impl LineIndex {
    pub(super) fn get(&self, key: &LineKey) -> Option<&Arc<KeyedLine>> {
        self.get_of(hash(key), key)
    }

    /// Inserts a line and replaces the line with the same key.
    pub(super) fn insert(&mut self, line: Arc<KeyedLine>) {
        self.insert_of(hash(&line.key), line);
    }

    pub(super) fn remove(&mut self, key: &LineKey) {
        self.remove_of(hash(key), key);
    }

    /// All lines, in an order that depends only on their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyedLine> {
        let others = self.others.values().flat_map(OrdMap::values);
        self.by_hash.values().chain(others).map(|it| &**it)
    }

    fn get_of(&self, hash: u64, key: &LineKey) -> Option<&Arc<KeyedLine>> {
        let first = self.by_hash.get(&hash)?;
        if first.key == *key { Some(first) } else { self.others.get(&hash)?.get(key) }
    }

    fn insert_of(&mut self, hash: u64, line: Arc<KeyedLine>) {
        let before = self.by_hash.insert(hash, Arc::clone(&line));
        let Some(before) = before.filter(|before| before.key != line.key) else {
            return;
        };
        let (first, other) = if before.key < line.key { (before, line) } else { (line, before) };
        self.by_hash.insert(hash, first);
        self.others.entry(hash).or_default().insert(other.key.clone(), other);
    }

    fn remove_of(&mut self, hash: u64, key: &LineKey) {
        let Some(first) = self.by_hash.get(&hash) else {
            return;
        };
        let is_first = first.key == *key;
        let mut others = self.others.remove(&hash).unwrap_or_default();
        if is_first {
            let (next, rest) = others.without_min();
            match next {
                Some(next) => self.by_hash.insert(hash, next),
                None => self.by_hash.remove(&hash),
            };
            others = rest;
        } else {
            others.remove(key);
        }
        if !others.is_empty() {
            self.others.insert(hash, others);
        }
    }
}

fn hash(key: &LineKey) -> u64 {
    let order = xxh3_64(key.order_id.0.as_bytes());
    xxh3_64_with_seed(key.line_id.0.as_bytes(), order)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use earmark_contracts::values::{LineId, OrderId, Priority, Text};
    use proptest::prelude::*;

    use super::super::line::LineStatus;
    use super::*;

    fn key(order: &str, line: &str) -> LineKey {
        let text = |it| Text::parse(it).unwrap();
        LineKey { order_id: OrderId(text(order)), line_id: LineId(text(line)) }
    }

    fn line(number: u32) -> Line {
        Line {
            number,
            quantity: 1,
            shipped: 0,
            shipped_from: None,
            returned: 0,
            need_by: None,
            priority: Priority::default(),
            reservation: None,
            status: LineStatus::Released,
            passed_over: Box::default(),
        }
    }

    /// Applies the same steps to an index with this hash function and to a map.
    fn compare(steps: &[(String, String, bool)], hash: fn(&LineKey) -> u64) {
        let (mut lines, mut model) = (LineIndex::default(), BTreeMap::new());
        for (number, (order, line_id, is_insert)) in (0..).zip(steps) {
            let key = key(order, line_id);
            let hash = hash(&key);
            if *is_insert {
                let line = line(number);
                lines.insert_of(hash, Arc::new(KeyedLine { key: key.clone(), line: line.clone() }));
                model.insert(key, line);
            } else {
                lines.remove_of(hash, &key);
                model.remove(&key);
            }
        }
        for (order, line_id, _) in steps {
            let key = key(order, line_id);
            let found = lines.get_of(hash(&key), &key);
            assert_eq!(found.map(|it| &it.line), model.get(&key));
        }
        let pair = |it: &KeyedLine| (it.key.clone(), it.line.clone());
        let all: Vec<_> = lines.iter().map(pair).collect();
        // The order does not depend on the order of insertion.
        let mut again = LineIndex::default();
        for (key, line) in all.iter().rev().cloned() {
            again.insert_of(hash(&key), Arc::new(KeyedLine { key, line }));
        }
        assert!(again.iter().map(pair).eq(all.iter().cloned()));
        let mut sorted = all;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(sorted, Vec::from_iter(model));
    }

    #[test]
    fn keys_with_the_same_hash_are_distinguished() {
        let mut lines = LineIndex::default();
        let keys = ["o2", "o1", "o3"].map(|order| key(order, "l"));
        for (number, key) in (0..).zip(&keys) {
            lines.insert_of(7, Arc::new(KeyedLine { key: key.clone(), line: line(number) }));
        }
        let number =
            |lines: &LineIndex, key: &LineKey| lines.get_of(7, key).map(|it| it.line.number);
        assert_eq!(keys.each_ref().map(|key| number(&lines, key)), [Some(0), Some(1), Some(2)]);
        assert_eq!(number(&lines, &key("o4", "l")), None);
        lines.remove_of(7, &keys[1]);
        assert_eq!(keys.each_ref().map(|key| number(&lines, key)), [Some(0), None, Some(2)]);
    }

    #[test]
    fn order_and_line_both_affect_the_hash() {
        let [one, other, third] = [("o1", "l1"), ("o2", "l1"), ("o1", "l2")];
        let hashes = [one, other, third].map(|(order, line)| hash(&key(order, line)));
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    }

    proptest! {
        #[test]
        fn an_index_equals_a_map(
            steps in prop::collection::vec(("[ab]{1,2}", "[ab]{1,2}", prop::bool::ANY), 0..200),
        ) {
            compare(&steps, hash);
            compare(&steps, |key| hash(key) % 3);
        }
    }
}
