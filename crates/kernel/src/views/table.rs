//! A table of rows: changes in memory, in layers above the rows on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::message::{Key, Wire};
use crate::ports::log::StoreError;
use crate::ports::rows::{Changes, KeyRange, RowStore, ShowRow};
use crate::views::layer::{Layer, SortKey};

/// Changed rows: `None` is a deletion.
type Changed<R> = Layer<Option<R>>;

/// The rows of a view. Changes apply immediately in memory and are flushed to disk in batches.
pub struct Table<R> {
    name: &'static str,
    /// Changes since the last freeze.
    active: Changed<R>,
    /// Changes that are being flushed; immutable.
    frozen: Arc<Changed<R>>,
    /// The rows of the last flush, kept as a cache if rows change often. Equal to those on disk.
    recent: Arc<Changed<R>>,
    changes_often: bool,
    disk: Arc<dyn RowStore>,
}

impl<R: Wire> Table<R> {
    pub(crate) fn new(name: &'static str, disk: Arc<dyn RowStore>) -> Self {
        let (active, frozen, recent) = (Changed::default(), Arc::default(), Arc::default());
        Self { name, active, frozen, recent, changes_often: false, disk }
    }

    /// Sets whether recently flushed rows stay in memory.
    pub(crate) fn changing_often(self, changes_often: bool) -> Self {
        Self { changes_often, ..self }
    }

    /// The row under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<R>, StoreError> {
        let key = SortKey::from(key);
        match self.active.get(&key) {
            Some(row) => Ok(row.clone()),
            None => self.below_active(&key),
        }
    }

    /// Inserts or replaces the row under `key`.
    pub fn put(&mut self, key: impl Into<Key>, row: R) {
        self.active.insert(key.into().into(), Some(row));
    }

    /// Deletes the row under `key`, if there is one.
    pub fn delete(&mut self, key: impl Into<Key>) {
        self.active.insert(key.into().into(), None);
    }

    /// Changes the row under `key`, if there is one.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn update(
        &mut self,
        key: impl Into<Key>,
        change: impl FnOnce(&mut R),
    ) -> Result<(), StoreError> {
        let key = SortKey::from(key.into());
        if let Some(slot) = self.active.get_mut(&key) {
            if let Some(row) = slot {
                change(row);
            }
            return Ok(());
        }
        if let Some(mut row) = self.below_active(&key)? {
            change(&mut row);
            self.active.insert(key, Some(row));
        }
        Ok(())
    }

    /// The row under `key` without the changes since the last freeze.
    fn below_active(&self, key: &SortKey) -> Result<Option<R>, StoreError> {
        let mut layers = [&*self.frozen, &*self.recent].into_iter();
        if let Some(row) = layers.find_map(|layer| layer.get(key)) {
            return Ok(row.clone());
        }
        let text = self.disk.row(self.name, &key.key)?;
        text.map(|text| parse(self.name, &key.key, &text)).transpose()
    }

    /// The rows whose keys begin with `prefix` and are greater than `after`, ordered by key, at
    /// most `limit`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, R)>, StoreError> {
        let mut from = after.map_or_else(|| prefix.to_owned(), successor);
        let below = prefix_end(prefix);
        let mut found = Vec::new();
        loop {
            let page = self.scan_page(&from, below.as_deref(), limit.max(16))?;
            found.extend(page.rows);
            found.truncate(limit);
            match page.complete_through {
                Some(key) if found.len() < limit => from = successor(&key),
                _ => return Ok(found),
            }
        }
    }

    /// One page of a scan: up to `limit` entries of each layer, merged up to the smallest key at
    /// which one of the layers was cut off.
    fn scan_page(
        &self,
        from: &str,
        below: Option<&str>,
        limit: usize,
    ) -> Result<Page<R>, StoreError> {
        let mut complete_through: Option<Key> = None;
        let mut note_cutoff = |count: usize, last: Option<&str>| {
            if let (true, Some(last)) = (count == limit, last)
                && complete_through.as_deref().is_none_or(|through| last < through)
            {
                complete_through = Some(last.into());
            }
        };
        let range = KeyRange {
            from: from.into(),
            below: below.map(str::to_owned),
            limit,
            backwards: false,
        };
        let on_disk = self.disk.rows(self.name, &range)?;
        note_cutoff(on_disk.len(), on_disk.last().map(|(key, _)| key.as_str()));
        let mut merged: BTreeMap<Key, Option<R>> = BTreeMap::new();
        for layer in [&*self.frozen, &self.active] {
            let rows: Vec<_> = layer.range(from, below).take(limit).collect();
            note_cutoff(rows.len(), rows.last().map(|(key, _)| key.as_str()));
            merged.extend(rows.into_iter().map(|(key, row)| (key.clone(), row.clone())));
        }
        for (key, text) in on_disk {
            if !merged.contains_key(key.as_str()) {
                let row = parse(self.name, &key, &text)?;
                merged.insert(key.into(), Some(row));
            }
        }
        let is_complete =
            |key: &Key| complete_through.as_ref().is_none_or(|through| key <= through);
        let rows = merged.into_iter().filter(|(key, _)| is_complete(key));
        let rows = rows.filter_map(|(key, row)| Some((key, row?))).collect();
        Ok(Page { rows, complete_through })
    }
}

/// A page of a scan: the rows, and the key through which they are complete (`None`: to the end of
/// the range).
struct Page<R> {
    rows: Vec<(Key, R)>,
    complete_through: Option<Key>,
}

/// The smallest key greater than `key`; keys hold no NUL.
fn successor(key: &str) -> String {
    format!("{key}\u{1}")
}

/// The smallest text that is greater than all texts with this prefix; `None` if there is none.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

fn parse<R: Wire>(table: &str, key: &str, text: &str) -> Result<R, StoreError> {
    serde_json::from_str(text)
        .map_err(|e| StoreError(format!("the row {key:?} of {table} cannot be read: {e}")))
}

/// A table whose row type is erased, as used by flushing and verification.
pub(crate) trait AnyTable: Send + Sync {
    fn name(&self) -> &'static str;
    /// The rows with keys greater than `after`, as JSON, at most `limit`.
    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<(Key, String)>, StoreError>;
    /// Freezes the changes for flushing. They remain readable.
    fn freeze(&mut self);
    /// The frozen changes, which can be written without holding a lock.
    fn frozen(&self) -> Box<dyn Changes>;
    /// Drops the frozen changes after they were written to disk.
    fn mark_flushed(&mut self);
}

impl<R: Wire> AnyTable for Table<R> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<(Key, String)>, StoreError> {
        let json = |(key, row): (Key, R)| {
            let json = serde_json::to_string(&row).map_err(|e| StoreError(e.to_string()))?;
            Ok((key, json))
        };
        self.scan("", after, limit)?.into_iter().map(json).collect()
    }
    fn freeze(&mut self) {
        assert!(self.frozen.is_empty(), "one flush at a time");
        self.frozen = Arc::new(std::mem::take(&mut self.active));
    }
    fn frozen(&self) -> Box<dyn Changes> {
        Box::new(Frozen { table: self.name, rows: Arc::clone(&self.frozen) })
    }
    fn mark_flushed(&mut self) {
        let flushed = std::mem::take(&mut self.frozen);
        if self.changes_often {
            self.recent = flushed;
        }
    }
}

/// The frozen changes of a table.
struct Frozen<R> {
    table: &'static str,
    rows: Arc<Changed<R>>,
}

impl<R: Wire> Changes for Frozen<R> {
    fn count(&self) -> usize {
        self.rows.len()
    }
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for (key, row) in self.rows.iter() {
            text.clear();
            if let Some(row) = row {
                serde_json::to_writer(&mut text, row).map_err(|e| {
                    StoreError(format!("the row {key:?} of {} cannot be written: {e}", self.table))
                })?;
            }
            if show(key, row.is_some().then_some(&text)).is_break() {
                break;
            }
        }
        Ok(())
    }
}
