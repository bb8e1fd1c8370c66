//! A sorted map of rows in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::model::message::Key;

/// Rows by key. Keys are compared by their first 16 bytes, which are stored inline; the rest of a
/// long key, which is elsewhere in memory, is read only if these are equal.
pub(crate) struct Layer<R>(BTreeMap<SortKey, R>);

/// A key together with its first 16 bytes as two big-endian numbers, padded with zeros, for fast
/// comparison. The order is that of the keys: zero is the lowest byte, and if the first 16 bytes
/// are equal, the keys are compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    head: [u64; 2],
    pub(crate) key: Key,
}

impl From<Key> for SortKey {
    fn from(key: Key) -> Self {
        let number = |bytes: &[u8]| {
            let mut number = [0; 8];
            number[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(number)
        };
        let bytes = key.as_bytes();
        let (first, rest) = bytes.split_at(bytes.len().min(8));
        Self { head: [number(first), number(&rest[..rest.len().min(8)])], key }
    }
}

impl From<&str> for SortKey {
    fn from(key: &str) -> Self {
        Key::from(key).into()
    }
}

impl<R> Default for Layer<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R> Layer<R> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &SortKey) -> Option<&R> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &SortKey) -> Option<&mut R> {
        self.0.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: SortKey, row: R) {
        self.0.insert(key, row);
    }

    /// All rows, ordered by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &R)> {
        self.0.iter().map(|(it, row)| (&it.key, row))
    }

    /// The rows with `from <= key < below`, ordered by key; `None` for no upper bound.
    pub(crate) fn range(
        &self,
        from: &str,
        below: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &R)> {
        let below = below.map(SortKey::from).map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.0.range((Bound::Included(SortKey::from(from)), below));
        rows.map(|(it, row)| (&it.key, row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates keys of which many share their first bytes.
    const KEYS: &str = "(a{14,17}|箱{5}|)[ab\u{1}\u{1f}箱]{0,3}";

    proptest! {
        #[test]
        fn a_layer_behaves_like_a_sorted_map(
            keys in prop::collection::vec(KEYS, 0..60),
            (one, other) in (KEYS, KEYS),
        ) {
            let (mut layer, mut model) = (Layer::default(), BTreeMap::new());
            for (row, key) in keys.iter().enumerate() {
                layer.insert(key.as_str().into(), row);
                model.insert(key.clone(), row);
            }
            fn entries<'r>(
                rows: impl Iterator<Item = (&'r Key, &'r usize)>,
            ) -> Vec<(String, usize)> {
                rows.map(|(key, row)| (key.to_string(), *row)).collect()
            }
            prop_assert_eq!(entries(layer.iter()), Vec::from_iter(model.clone()));
            for key in keys.iter().chain([&one, &other]) {
                let sorted = key.as_str().into();
                prop_assert_eq!(layer.get(&sorted), model.get(key));
                prop_assert_eq!(layer.get_mut(&sorted), model.get_mut(key));
            }
            let (from, below) = (one.clone().min(other.clone()), one.max(other));
            let own = |it: (&String, &usize)| (it.0.clone(), *it.1);
            let rows: Vec<_> = model.range(from.clone()..below.clone()).map(own).collect();
            prop_assert_eq!(entries(layer.range(&from, Some(&below))), rows);
            let rows: Vec<_> = model.range(from.clone()..).map(own).collect();
            prop_assert_eq!(entries(layer.range(&from, None)), rows);
        }
    }
}
