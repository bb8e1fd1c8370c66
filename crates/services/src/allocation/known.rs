//! The lines of a stock under their keys, found by the hashes of these: a hash stands where it is
//! compared, a key somewhere else in memory, and none but the right one is looked at.

use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::events::LineKey;
use super::figures::Line;

/// A line under its key. There are many, so who finds it by its key and who finds it by its rank
/// share it. (The set keeps some as they were, to tell its nodes apart.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) key: LineKey,
    pub(super) line: Line,
}

/// Lines, each key once. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownLines(OrdSet<ByKey>);

impl KnownLines {
    pub(super) fn get(&self, key: &LineKey) -> Option<&Arc<Known>> {
        self.0.get(&Hashed::of(key)).map(|it| &it.known)
    }

    /// Puts a line in the place of what was under its key.
    pub(super) fn insert(&mut self, known: Arc<Known>) {
        let Hashed { hash, .. } = Hashed::of(&known.key);
        self.0.insert(ByKey { hash, known });
    }

    pub(super) fn remove(&mut self, key: &LineKey) {
        self.0.remove(&Hashed::of(key));
    }

    /// All of them, always in the same order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.0.iter().map(|it| &*it.known)
    }
}

/// A line behind the hash of its key.
#[derive(Clone, Debug)]
struct ByKey {
    hash: u64,
    known: Arc<Known>,
}

/// A key behind its hash: where hashes are the same the keys decide.
#[derive(Clone, Copy)]
struct Hashed<'a> {
    hash: u64,
    key: &'a LineKey,
}

impl<'a> Hashed<'a> {
    fn of(key: &'a LineKey) -> Self {
        let order = xxh3_64(key.order_id.0.as_bytes());
        Self { hash: xxh3_64_with_seed(key.line_id.0.as_bytes(), order), key }
    }

    fn cmp(self, other: Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.key.cmp(other.key))
    }
}

impl ByKey {
    fn hashed(&self) -> Hashed<'_> {
        Hashed { hash: self.hash, key: &self.known.key }
    }
}

impl Comparable<ByKey> for Hashed<'_> {
    fn compare(&self, line: &ByKey) -> Ordering {
        self.cmp(line.hashed())
    }
}

impl Equivalent<ByKey> for Hashed<'_> {
    fn equivalent(&self, line: &ByKey) -> bool {
        self.cmp(line.hashed()).is_eq()
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hashed().cmp(other.hashed())
    }
}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByKey {}

#[cfg(test)]
mod tests {
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

    /// As if their hashes were the same.
    fn alike(it: &LineKey) -> Hashed<'_> {
        Hashed { hash: 7, key: it }
    }

    #[test]
    fn keys_with_the_same_hash_are_told_apart() {
        let mut lines = OrdSet::new();
        let keys = ["o2", "o1", "o3"].map(|order| key(order, "l"));
        for (number, key) in (0..).zip(&keys) {
            let known = Arc::new(Known { key: key.clone(), line: line(number) });
            lines.insert(ByKey { hash: 7, known });
        }
        let number = |lines: &OrdSet<ByKey>, key: &LineKey| {
            lines.get(&alike(key)).map(|it| it.known.line.number)
        };
        assert_eq!(keys.each_ref().map(|key| number(&lines, key)), [Some(0), Some(1), Some(2)]);
        assert_eq!(number(&lines, &key("o4", "l")), None);
        lines.remove(&alike(&keys[1]));
        assert_eq!(keys.each_ref().map(|key| number(&lines, key)), [Some(0), None, Some(2)]);
    }

    proptest! {
        #[test]
        fn they_are_a_map(
            steps in prop::collection::vec(("[ab]{1,2}", "[ab]{1,2}", prop::bool::ANY), 0..200),
        ) {
            let (mut lines, mut model) = (KnownLines::default(), std::collections::BTreeMap::new());
            for (number, (order, of_order, is_put)) in (0..).zip(&steps) {
                let key = key(order, of_order);
                if *is_put {
                    let line = line(number);
                    lines.insert(Arc::new(Known { key: key.clone(), line: line.clone() }));
                    model.insert(key, line);
                } else {
                    lines.remove(&key);
                    model.remove(&key);
                }
            }
            for (order, of_order, _) in &steps {
                let key = key(order, of_order);
                prop_assert_eq!(lines.get(&key).map(|it| &it.line), model.get(&key));
            }
            let pair = |it: &Known| (it.key.clone(), it.line.clone());
            let mut all: Vec<_> = lines.iter().map(pair).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(all, Vec::from_iter(model));
        }
    }
}
