//! Rows sorted by key, in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::message::Key;

/// Rows by key. Nothing but the beginnings of keys is looked at as long as these differ: they stand
/// beside each other, where a key may stand anywhere in memory.
pub(crate) struct Layer<R>(BTreeMap<Sorted, R>);

/// A key behind its first bytes. Keys hold no NUL: they are ordered as their bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sorted {
    head: [u8; 16],
    key: Key,
}

impl From<Key> for Sorted {
    fn from(key: Key) -> Self {
        let mut head = [0; 16];
        let bytes = head.len().min(key.len());
        head[..bytes].copy_from_slice(&key.as_bytes()[..bytes]);
        Self { head, key }
    }
}

impl From<&str> for Sorted {
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

    pub(crate) fn get(&self, key: &str) -> Option<&R> {
        self.0.get(&Sorted::from(key))
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut R> {
        self.0.get_mut(&Sorted::from(key))
    }

    pub(crate) fn insert(&mut self, key: Key, row: R) {
        self.0.insert(key.into(), row);
    }

    /// In the order of keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &R)> {
        self.0.iter().map(|(it, row)| (&it.key, row))
    }

    /// The same from a key on, below another if one is given.
    pub(crate) fn range(
        &self,
        from: &str,
        below: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &R)> {
        let below = below.map(Sorted::from).map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.0.range((Bound::Included(Sorted::from(from)), below));
        rows.map(|(it, row)| (&it.key, row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_stand_in_the_order_of_their_bytes(
            keys in prop::collection::btree_set("[a-b\u{1}\u{1f}箱]{0,20}", 0..40),
            from in "[a-b]{0,18}",
        ) {
            let mut layer = Layer::default();
            keys.iter().for_each(|key| layer.insert(Key::from(key.as_str()), ()));
            let sorted = |rows: Vec<(&Key, &())>| -> Vec<String> {
                rows.into_iter().map(|(key, ())| key.to_string()).collect()
            };
            prop_assert_eq!(sorted(layer.iter().collect()), Vec::from_iter(keys.clone()));
            let after: Vec<String> = keys.range(from.clone()..).cloned().collect();
            prop_assert_eq!(sorted(layer.range(&from, None).collect()), after);
            prop_assert!(keys.iter().all(|key| layer.get(key).is_some()));
        }
    }
}
