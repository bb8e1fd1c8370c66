//! The lines of a stock under their keys, found by the hashes of these: a hash stands where it is
//! compared, a key somewhere else in memory, and none but the right one is looked at.

use std::sync::Arc;

use imbl::OrdMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::batch_totals::Line;
use super::events::LineKey;

/// A line under its key. There are many, so who finds it by its key and who finds it by its rank
/// share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyedLine {
    pub(super) key: LineKey,
    pub(super) line: Line,
}

/// Lines, each key once. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct LineIndex {
    /// Of each hash, the line with the least key: where lines stand depends on nothing but them.
    by_hash: OrdMap<u64, Arc<KeyedLine>>,
    /// The other lines of the hashes above: none, unless somebody looks for such names.
    others: OrdMap<u64, OrdMap<LineKey, Arc<KeyedLine>>>,
}

impl LineIndex {
    pub(super) fn get(&self, key: &LineKey) -> Option<&Arc<KeyedLine>> {
        self.get_of(hash(key), key)
    }

    /// Puts a line in the place of what was under its key.
    pub(super) fn insert(&mut self, known: Arc<KeyedLine>) {
        self.insert_of(hash(&known.key), known);
    }

    pub(super) fn remove(&mut self, key: &LineKey) {
        self.remove_of(hash(key), key);
    }

    /// All of them, always in the same order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyedLine> {
        let others = self.others.values().flat_map(OrdMap::values);
        self.by_hash.values().chain(others).map(|it| &**it)
    }

    fn get_of(&self, hash: u64, key: &LineKey) -> Option<&Arc<KeyedLine>> {
        let known = self.by_hash.get(&hash)?;
        if known.key == *key { Some(known) } else { self.others.get(&hash)?.get(key) }
    }

    fn insert_of(&mut self, hash: u64, known: Arc<KeyedLine>) {
        let before = self.by_hash.insert(hash, Arc::clone(&known));
        let Some(before) = before.filter(|before| before.key != known.key) else {
            return;
        };
        let (first, other) = if before.key < known.key { (before, known) } else { (known, before) };
        self.by_hash.insert(hash, first);
        self.others.entry(hash).or_default().insert(other.key.clone(), other);
    }

    fn remove_of(&mut self, hash: u64, key: &LineKey) {
        let Some(known) = self.by_hash.get(&hash) else {
            return;
        };
        let is_first = known.key == *key;
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

    use super::super::batch_totals::Place;
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
            place: Place::Released,
            passed_over: Box::default(),
        }
    }

    /// Does the same to the lines, whose keys have these hashes, and to a map.
    fn play(steps: &[(String, String, bool)], hash: fn(&LineKey) -> u64) {
        let (mut lines, mut model) = (LineIndex::default(), BTreeMap::new());
        for (number, (order, of_order, is_put)) in (0..).zip(steps) {
            let key = key(order, of_order);
            let hash = hash(&key);
            if *is_put {
                let line = line(number);
                lines.insert_of(hash, Arc::new(KeyedLine { key: key.clone(), line: line.clone() }));
                model.insert(key, line);
            } else {
                lines.remove_of(hash, &key);
                model.remove(&key);
            }
        }
        for (order, of_order, _) in steps {
            let key = key(order, of_order);
            let known = lines.get_of(hash(&key), &key);
            assert_eq!(known.map(|it| &it.line), model.get(&key));
        }
        let pair = |it: &KeyedLine| (it.key.clone(), it.line.clone());
        let all: Vec<_> = lines.iter().map(pair).collect();
        // In whatever order they came, they stand in one.
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
    fn keys_with_the_same_hash_are_told_apart() {
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
    fn order_and_line_have_their_parts_in_the_hash() {
        let [one, other, third] = [("o1", "l1"), ("o2", "l1"), ("o1", "l2")];
        let hashes = [one, other, third].map(|(order, line)| hash(&key(order, line)));
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    }

    proptest! {
        #[test]
        fn they_are_a_map(
            steps in prop::collection::vec(("[ab]{1,2}", "[ab]{1,2}", prop::bool::ANY), 0..200),
        ) {
            play(&steps, hash);
            play(&steps, |key| hash(key) % 3);
        }
    }
}
