//! A run: rows of one table, sorted by key, in blocks; written once and never changed.

use std::sync::Arc;

use earmark_kernel::log::StoreError;
use rusqlite::Connection;

use super::block::{Block, BlockWriter};
use super::filter::{self, Filter};
use super::part::{self, Damaged, Entry, Part};

/// Blocks of a run have numbers of so many bits; what is above them is the run's own.
const BLOCK_BITS: u32 = 24;
/// Between the keys of the index; no key holds it.
const NUL: u8 = 0;

/// What went wrong with a run.
#[derive(Debug)]
pub(in crate::sqlite) enum RunError {
    /// SQLite could not read or write.
    Sqlite(rusqlite::Error),
    /// What was read is not what was written.
    Damaged,
    /// A row that was to be written could not be made.
    Unmade(StoreError),
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Unmade(error)
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

/// A run that is whole: what is needed of it to find its rows on disk.
#[derive(Debug)]
pub(in crate::sqlite) struct Run {
    pub(super) id: i64,
    /// How often its rows were merged.
    pub(super) level: u32,
    /// Groups at most.
    pub(super) groups: u32,
    /// The first key of each block.
    firsts: Vec<Box<[u8]>>,
    filter: Filter,
}

impl Run {
    /// Every whole run, with the name of its table.
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

    /// The run's row under `key`, `Some(None)` where it was deleted. `group` is the hash of the
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
            // The first key of the block is not above it.
            block.unpack(block.part_of(key)?.ok_or(Damaged)?, &mut rows)?;
            let Some((_, value)) = Part::of(&rows)?.find(key)? else { return Ok(None) };
            Ok(Some(value.map(part::text).transpose()?))
        })
    }

    /// Whether it may have rows of a group, by the group's hash.
    pub(super) fn may_have(&self, group: u64) -> bool {
        self.filter.may_have(group)
    }

    /// How many blocks it has.
    pub(super) fn blocks(&self) -> usize {
        self.firsts.len()
    }

    /// The block that has `key` if the run has it: `None` where `key` is below all.
    pub(super) fn block_of(&self, key: &[u8]) -> Option<usize> {
        self.firsts.partition_point(|first| **first <= *key).checked_sub(1)
    }

    /// The last block that has keys below `key`: `None` where there is none.
    pub(super) fn block_below(&self, key: &[u8]) -> Option<usize> {
        self.firsts.partition_point(|first| **first < *key).checked_sub(1)
    }

    /// Shows a block in the memory of SQLite.
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

/// A run in the making. Rows come in the order of their keys, in one transaction or in several.
#[derive(Debug)]
pub(super) struct RunWriter {
    id: i64,
    level: u32,
    groups: u32,
    firsts: Vec<Box<[u8]>>,
    filter: Filter,
    block: BlockWriter,
    first: Box<[u8]>,
    /// The group of the row before; nothing before the first.
    last_group: Vec<u8>,
    block_bytes: usize,
}

/// What a run will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) id: i64,
    pub(super) level: u32,
    /// At most so many groups.
    pub(super) groups: u32,
    /// A block with more than one row has rows of at most so many bytes, not compressed.
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

    /// Writes what is left, and makes it a run; `None` where it has no rows.
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

/// A run whose rows stand elsewhere by now; its blocks are deleted when nobody reads them.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    pub(super) id: i64,
    /// Readers may hold it too. `None`: it was never whole.
    pub(super) run: Option<Arc<Run>>,
}

impl Dropped {
    pub(super) fn is_read(&self) -> bool {
        self.run.as_ref().is_some_and(|run| Arc::strong_count(run) > 1)
    }
}

/// The run is no more; its blocks are gone or never were.
pub(super) fn forget(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run]).map(drop)
}

/// Its rows stand in another run by now.
pub(super) fn set_dropped(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET state = 'dropped', firsts = NULL, filter = NULL WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([run]).map(drop)
}

/// Deletes blocks of a run, at most so many; says how many.
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
