//! The lines of a stock under their keys, found by the hashes of these: a hash stands where it is
//! compared, a key somewhere else in memory, and none but the right one is looked at.

use std::sync::Arc;

use imbl::OrdMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::events::LineKey;
use super::figures::Line;

/// A line under its key. There are many, so who finds it by its key and who finds it by its rank
/// share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) key: LineKey,
    pub(super) line: Line,
}

/// Lines, each key once. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownLines {
    by_hash: OrdMap<u64, Arc<Known>>,
    /// Those whose place another line of the same hash has: none, unless somebody looks for such
    /// names.
    others: OrdMap<LineKey, Arc<Known>>,
}

impl KnownLines {
    pub(super) fn get(&self, key: &LineKey) -> Option<&Arc<Known>> {
        self.get_of(hash(key), key)
    }

    /// Puts a line in the place of what was under its key.
    pub(super) fn insert(&mut self, known: Arc<Known>) {
        self.insert_of(hash(&known.key), known);
    }

    pub(super) fn remove(&mut self, key: &LineKey) {
        self.remove_of(hash(key), key);
    }

    /// All of them, in the order of their hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.by_hash.values().chain(self.others.values()).map(|it| &**it)
    }

    fn get_of(&self, hash: u64, key: &LineKey) -> Option<&Arc<Known>> {
        let known = self.by_hash.get(&hash).filter(|it| it.key == *key);
        known.or_else(|| self.others.get(key))
    }

    fn insert_of(&mut self, hash: u64, known: Arc<Known>) {
        self.others.remove(&known.key);
        let before = self.by_hash.insert(hash, Arc::clone(&known));
        if let Some(before) = before.filter(|it| it.key != known.key) {
            self.others.insert(before.key.clone(), before);
        }
    }

    fn remove_of(&mut self, hash: u64, key: &LineKey) {
        if self.by_hash.get(&hash).is_some_and(|it| it.key == *key) {
            self.by_hash.remove(&hash);
        } else {
            self.others.remove(key);
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

    use super::super::figures::Place;
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
        let (mut lines, mut model) = (KnownLines::default(), BTreeMap::new());
        for (number, (order, of_order, is_put)) in (0..).zip(steps) {
            let key = key(order, of_order);
            let hash = hash(&key);
            if *is_put {
                let line = line(number);
                lines.insert_of(hash, Arc::new(Known { key: key.clone(), line: line.clone() }));
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
        let pair = |it: &Known| (it.key.clone(), it.line.clone());
        let mut all: Vec<_> = lines.iter().map(pair).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(all, Vec::from_iter(model));
    }

    proptest! {
        #[test]
        fn they_are_a_map(
            steps in prop::collection::vec(("[ab]{1,2}", "[ab]{1,2}", prop::bool::ANY), 0..200),
        ) {
            play(&steps, hash);
            // Keys with the same hash are told apart.
            play(&steps, |key| hash(key) % 3);
        }
    }
}
