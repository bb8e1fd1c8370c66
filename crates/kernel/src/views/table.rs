//! Rows in memory above rows on disk: what changed since the last flushing, in two layers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::message::{Key, Wire};
use crate::ports::log::StoreError;
use crate::ports::rows::{Changes, KeyRange, RowStore, ShowRow};
use crate::views::layer::{Layer, Sorted};

/// Changed rows: `None` is a deletion.
type Changed<R> = Layer<Option<R>>;

/// A table of a view: changes apply in memory at once and are flushed to disk in batches.
pub struct Table<R> {
    name: &'static str,
    /// Changed since the last freeze.
    active: Changed<R>,
    /// Being flushed; not changed any more.
    frozen: Arc<Changed<R>>,
    /// As they are on disk, where rows change so often that they are soon wanted again.
    recent: Arc<Changed<R>>,
    changes_often: bool,
    disk: Arc<dyn RowStore>,
}

impl<R: Wire> Table<R> {
    pub(crate) fn new(name: &'static str, disk: Arc<dyn RowStore>) -> Self {
        let (active, frozen, recent) = (Changed::default(), Arc::default(), Arc::default());
        Self { name, active, frozen, recent, changes_often: false, disk }
    }

    /// The same, for rows that change often.
    pub(crate) fn changing_often(self, changes_often: bool) -> Self {
        Self { changes_often, ..self }
    }

    /// The row under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<R>, StoreError> {
        let key = Sorted::from(key);
        match self.active.get(&key) {
            Some(row) => Ok(row.clone()),
            None => self.flushed(&key),
        }
    }

    /// Puts a row, whatever was there.
    pub fn put(&mut self, key: impl Into<Key>, row: R) {
        self.active.insert(key.into().into(), Some(row));
    }

    /// Deletes the row under `key`, if there is one.
    pub fn delete(&mut self, key: impl Into<Key>) {
        self.active.insert(key.into().into(), None);
    }

    /// Changes the row under `key`; what is not there is left alone.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn update(
        &mut self,
        key: impl Into<Key>,
        change: impl FnOnce(&mut R),
    ) -> Result<(), StoreError> {
        let key = Sorted::from(key.into());
        if let Some(slot) = self.active.get_mut(&key) {
            if let Some(row) = slot {
                change(row);
            }
            return Ok(());
        }
        if let Some(mut row) = self.flushed(&key)? {
            change(&mut row);
            self.active.insert(key, Some(row));
        }
        Ok(())
    }

    /// The row under `key` as it was before what changed since the last freeze.
    fn flushed(&self, key: &Sorted) -> Result<Option<R>, StoreError> {
        let mut layers = [&*self.frozen, &*self.recent].into_iter();
        if let Some(row) = layers.find_map(|layer| layer.get(key)) {
            return Ok(row.clone());
        }
        let text = self.disk.row(self.name, &key.key)?;
        text.map(|text| parse(self.name, &key.key, &text)).transpose()
    }

    /// The rows whose keys begin with `prefix` and come after `after` (exclusive), at most `limit`.
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
        let below = beyond(prefix);
        let mut found = Vec::new();
        loop {
            let page = self.step(&from, below.as_deref(), limit.max(16))?;
            found.extend(page.rows);
            found.truncate(limit);
            match page.known_through {
                Some(key) if found.len() < limit => from = successor(&key),
                _ => return Ok(found),
            }
        }
    }

    /// A step of a scan: up to `limit` entries of each layer, merged as far as all of them reach.
    fn step(&self, from: &str, below: Option<&str>, limit: usize) -> Result<Page<R>, StoreError> {
        let mut known_through: Option<Key> = None;
        let mut reached = |count: usize, last: Option<&str>| {
            if let (true, Some(last)) = (count == limit, last)
                && known_through.as_deref().is_none_or(|known| last < known)
            {
                known_through = Some(last.into());
            }
        };
        let range = KeyRange {
            from: from.into(),
            below: below.map(str::to_owned),
            limit,
            backwards: false,
        };
        let on_disk = self.disk.rows(self.name, &range)?;
        reached(on_disk.len(), on_disk.last().map(|(key, _)| key.as_str()));
        let mut merged: BTreeMap<Key, Option<R>> = BTreeMap::new();
        for layer in [&*self.frozen, &self.active] {
            let rows: Vec<_> = layer.range(from, below).take(limit).collect();
            reached(rows.len(), rows.last().map(|(key, _)| key.as_str()));
            merged.extend(rows.into_iter().map(|(key, row)| (key.clone(), row.clone())));
        }
        for (key, text) in on_disk {
            if !merged.contains_key(key.as_str()) {
                let row = parse(self.name, &key, &text)?;
                merged.insert(key.into(), Some(row));
            }
        }
        let in_reach = |key: &Key| known_through.as_ref().is_none_or(|known| key <= known);
        let rows = merged.into_iter().filter(|(key, _)| in_reach(key));
        let rows = rows.filter_map(|(key, row)| Some((key, row?))).collect();
        Ok(Page { rows, known_through })
    }
}

/// Part of a scan: the rows, and the key up to which they are all there is (`None`: to the end).
struct Page<R> {
    rows: Vec<(Key, R)>,
    known_through: Option<Key>,
}

/// The least key above `key`; keys hold no NUL.
fn successor(key: &str) -> String {
    format!("{key}\u{1}")
}

/// The least text above all that begin with `prefix`; `None`: there is none.
fn beyond(prefix: &str) -> Option<String> {
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

/// A table whose rows' type is not known at compile time, as flushing sees it.
pub(crate) trait AnyTable: Send + Sync {
    fn name(&self) -> &'static str;
    /// Rows after `after` as JSON, at most `limit`.
    fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<(Key, String)>, StoreError>;
    /// Sets the changes apart; they are read from there until [`AnyTable::mark_flushed`].
    fn freeze(&mut self);
    /// What is set apart, to be written without a lock.
    fn frozen(&self) -> Box<dyn Changes>;
    /// The changes set apart are on disk (or derived anew): forgets them.
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
        assert!(self.frozen.is_empty(), "one flushing at a time");
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

/// Rows set apart.
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
