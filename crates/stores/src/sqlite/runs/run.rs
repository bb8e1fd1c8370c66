//! A run: rows of one table, sorted by key, in blocks; written once and never changed.

use std::sync::Arc;

use earmark_kernel::log::StoreError;
use rusqlite::Connection;

use super::block::{Block, BlockWriter};
use super::filter::{self, Filter};
use super::part::{self, Damaged, Entry, Part};

/// Bits of a block's number within its run; the higher bits of a block's id are the run's id.
const BLOCK_BITS: u32 = 24;
/// Separates the keys of the index; no key contains it.
const NUL: u8 = 0;

/// Why a run could not be read or written.
#[derive(Debug)]
pub(in crate::sqlite) enum RunError {
    /// An SQLite error.
    Sqlite(rusqlite::Error),
    /// The bytes read differ from those written.
    Damaged,
    /// A row to be written could not be made.
    Row(StoreError),
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Row(error)
    }
}

impl From<rusqlite::Error> for RunError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Damaged> for RunError {
    fn from(Damaged: Damaged) -> Self {
        Self::Damaged
    }
}

/// A finished run: the data needed to find its rows on disk.
#[derive(Debug)]
pub(in crate::sqlite) struct Run {
    pub(super) id: i64,
    /// The number of times that its rows were merged.
    pub(super) level: u32,
    /// An upper bound for the number of groups.
    pub(super) groups: u32,
    /// The first key of each block.
    firsts: Vec<Box<[u8]>>,
    filter: Filter,
}

impl Run {
    /// Every finished run, with the name of its table.
    pub(super) fn all(connection: &Connection) -> Result<Vec<(String, Self)>, RunError> {
        let mut select = connection.prepare(
            "SELECT name, id, level, groups, firsts, filter FROM runs WHERE state = 'whole'",
        )?;
        let mut found = select.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = found.next()? {
            let firsts = row.get_ref(4)?.as_blob().map_err(|_| Damaged)?;
            let filter = row.get_ref(5)?.as_blob().map_err(|_| Damaged)?;
            let run = Self {
                id: row.get(1)?,
                level: row.get(2)?,
                groups: row.get(3)?,
                firsts: firsts.split(|byte| *byte == NUL).map(Box::from).collect(),
                filter: Filter::of_bytes(filter),
            };
            runs.push((row.get(0)?, run));
        }
        Ok(runs)
    }

    /// The run's row with this key; `Some(None)` if it was deleted. `group` is the hash of the
    /// key's group.
    pub(super) fn find(
        &self,
        connection: &Connection,
        key: &[u8],
        group: u64,
    ) -> Result<Option<Option<String>>, RunError> {
        let Some(number) = self.block_of(key).filter(|_| self.filter.may_have(group)) else {
            return Ok(None);
        };
        self.read_block(connection, number, |blob| {
            let (block, mut rows) = (Block::of(blob)?, Vec::new());
            // The first key of the block is not above the key.
            block.unpack(block.part_of(key)?.ok_or(Damaged)?, &mut rows)?;
            let Some((_, value)) = Part::of(&rows)?.find(key)? else { return Ok(None) };
            Ok(Some(value.map(part::text).transpose()?))
        })
    }

    /// Whether it may contain rows of a group, by the group's hash.
    pub(super) fn may_have(&self, group: u64) -> bool {
        self.filter.may_have(group)
    }

    /// The number of blocks.
    pub(super) fn blocks(&self) -> usize {
        self.firsts.len()
    }

    /// The block that may contain `key`: `None` if `key` is below all keys.
    pub(super) fn block_of(&self, key: &[u8]) -> Option<usize> {
        self.firsts.partition_point(|first| **first <= *key).checked_sub(1)
    }

    /// The last block with keys below `key`: `None` if there is none.
    pub(super) fn block_below(&self, key: &[u8]) -> Option<usize> {
        self.firsts.partition_point(|first| **first < *key).checked_sub(1)
    }

    /// Passes a block, in SQLite's memory, to `read`.
    pub(super) fn read_block<T>(
        &self,
        connection: &Connection,
        number: usize,
        read: impl FnOnce(&[u8]) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let mut select = connection.prepare_cached("SELECT body FROM blocks WHERE id = ?1")?;
        let mut found = select.query([self.block_id(number)])?;
        let blob = found.next()?.ok_or(RunError::Damaged)?.get_ref(0)?;
        read(blob.as_blob().map_err(|_| Damaged)?)
    }

    fn block_id(&self, number: usize) -> i64 {
        block_id(self.id, number)
    }
}

fn block_id(run: i64, number: usize) -> i64 {
    let number = i64::try_from(number).ok().filter(|it| it >> BLOCK_BITS == 0);
    (run << BLOCK_BITS) | number.expect("a run has less than 16 million blocks")
}

/// Builds a run. Rows are added in the order of their keys, in one transaction or in several.
#[derive(Debug)]
pub(super) struct RunWriter {
    id: i64,
    level: u32,
    groups: u32,
    firsts: Vec<Box<[u8]>>,
    filter: Filter,
    block: BlockWriter,
    first: Box<[u8]>,
    /// The group of the previous row; empty before the first.
    last_group: Vec<u8>,
    block_bytes: usize,
}

/// The properties of a run to be built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) id: i64,
    pub(super) level: u32,
    /// An upper bound for the number of groups.
    pub(super) groups: u32,
    /// The largest uncompressed size of a block with more than one row.
    pub(super) block_bytes: usize,
}

impl RunWriter {
    pub(super) fn begin(
        connection: &Connection,
        name: &str,
        planned: Planned,
    ) -> Result<Self, RunError> {
        let Planned { id, level, groups, block_bytes } = planned;
        connection
            .prepare_cached("INSERT INTO runs(id, name, state) VALUES (?1, ?2, 'building')")?
            .execute((id, name))?;
        Ok(Self {
            id,
            level,
            groups: 0,
            firsts: Vec::new(),
            filter: Filter::with_room_for(groups as usize),
            block: BlockWriter::default(),
            first: Box::default(),
            last_group: Vec::new(),
            block_bytes,
        })
    }

    pub(super) fn id(&self) -> i64 {
        self.id
    }

    pub(super) fn push(
        &mut self,
        connection: &Connection,
        entry: Entry<'_>,
    ) -> Result<(), RunError> {
        let bytes = self.block.bytes() + part::bytes_of(entry);
        if !self.block.is_empty() && bytes > self.block_bytes {
            self.write_block(connection)?;
        }
        if self.block.is_empty() {
            self.first = entry.0.into();
        }
        let group = filter::group(entry.0);
        if self.groups == 0 || self.last_group != group {
            self.filter.add(group);
            self.last_group.clear();
            self.last_group.extend_from_slice(group);
            self.groups += 1;
        }
        self.block.push(entry);
        Ok(())
    }

    /// Writes the last block and finishes the run; `None` if it has no rows.
    pub(super) fn finish(mut self, connection: &Connection) -> Result<Option<Run>, RunError> {
        if !self.block.is_empty() {
            self.write_block(connection)?;
        }
        if self.firsts.is_empty() {
            forget(connection, self.id)?;
            return Ok(None);
        }
        let Self { id, level, groups, firsts, filter, .. } = self;
        connection
            .prepare_cached(
                "UPDATE runs SET state = 'whole', level = ?2, groups = ?3, \
                 firsts = ?4, filter = ?5 WHERE id = ?1",
            )?
            .execute((id, level, groups, firsts.join(&NUL), filter.bytes()))?;
        Ok(Some(Run { id, level, groups, firsts, filter }))
    }

    fn write_block(&mut self, connection: &Connection) -> Result<(), RunError> {
        let id = block_id(self.id, self.firsts.len());
        let mut insert =
            connection.prepare_cached("INSERT INTO blocks(id, body) VALUES (?1, ?2)")?;
        insert.execute((id, self.block.finish()))?;
        self.firsts.push(std::mem::take(&mut self.first));
        Ok(())
    }
}

/// A run that was merged or never finished; its blocks are deleted when no reader holds it.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    pub(super) id: i64,
    /// Shared with readers. `None`: it was never finished.
    pub(super) run: Option<Arc<Run>>,
}

impl Dropped {
    pub(super) fn is_read(&self) -> bool {
        self.run.as_ref().is_some_and(|run| Arc::strong_count(run) > 1)
    }
}

/// Deletes the entry of a run without blocks.
pub(super) fn forget(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run]).map(drop)
}

/// Marks a run whose rows are in another run.
pub(super) fn set_dropped(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET state = 'dropped', firsts = NULL, filter = NULL WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([run]).map(drop)
}

/// Deletes at most `most` blocks of a run; returns the number deleted.
pub(super) fn delete_blocks(connection: &Connection, run: i64, most: u64) -> rusqlite::Result<u64> {
    let first = block_id(run, 0);
    let last = block_id(run + 1, 0) - 1;
    let deleted = connection
        .prepare_cached(
            "DELETE FROM blocks WHERE id IN \
             (SELECT id FROM blocks WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)",
        )?
        .execute((first, last, i64::try_from(most).unwrap_or(i64::MAX)))?;
    Ok(deleted as u64)
}
