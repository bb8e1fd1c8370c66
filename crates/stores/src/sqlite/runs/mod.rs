//! Derived rows as sorted runs: each flush writes what changed of a table as one run, at the
//! end of the file; runs that are many are merged. Nothing is changed in its place, so what a row
//! costs does not grow with their number.

mod block;
mod cursor;
mod filter;
mod merging;
mod part;
mod run;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use earmark_kernel::rows::{Changes, FlushBatch, KeyRange};
use rusqlite::Connection;

use cursor::Merged;
use merging::{Merging, Tables};
use run::{Dropped, Planned, Run, RunWriter};

pub(super) use run::RunError;

/// So many blocks are merged at every flush beyond its pace, however small it is: what large
/// ones left gets done.
const MERGED_MIN: u64 = 128;
/// For each block that is written or merged so many are deleted, if so many are of no use any more.
const DELETED: u64 = 2;
/// A leaf page of SQLite holds a row of so many bytes less than the page has.
const PAGE_REST: usize = 96;

/// Every row as of one flush.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) flushed: u64,
    tables: Tables,
}

impl State {
    /// What the file has.
    pub(super) fn read(connection: &Connection, flushed: u64) -> Result<Self, RunError> {
        let mut tables = Tables::new();
        for (table, run) in Run::all(connection)? {
            tables.entry(table).or_default().push(Arc::new(run));
        }
        // The newest first: what was merged is older than what was not.
        tables.values_mut().for_each(|runs| runs.sort_by_key(|run| (run.level, -run.id)));
        Ok(Self { flushed, tables })
    }

    pub(super) fn row(
        &self,
        connection: &Connection,
        table: &str,
        key: &str,
    ) -> Result<Option<String>, RunError> {
        let key = key.as_bytes();
        let group = filter::hash(filter::group(key));
        for run in self.tables.get(table).into_iter().flatten() {
            if let Some(found) = run.find(connection, key, group)? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(super) fn rows(
        &self,
        connection: &Connection,
        table: &str,
        range: &KeyRange,
    ) -> Result<Vec<(String, String)>, RunError> {
        let (from, below) = (range.from.as_bytes(), range.below.as_deref().map(str::as_bytes));
        let mut rows = Vec::new();
        if range.limit == 0 || below.is_some_and(|below| below <= from) {
            return Ok(rows);
        }
        let group = filter::group_of_range(from, below).map(filter::hash);
        let runs = self.tables.get(table).into_iter().flatten();
        let runs = runs.filter(|run| group.is_none_or(|group| run.may_have(group)));
        let merged = match range.backwards {
            false => Merged::forwards(connection, runs, from)?,
            true => Merged::backwards(connection, runs, below)?,
        };
        merged.each(|(key, value)| {
            let is_outside = match range.backwards {
                false => below.is_some_and(|below| key >= below),
                true => key < from,
            };
            if is_outside {
                return Ok(ControlFlow::Break(()));
            }
            if let Some(value) = value {
                rows.push((part::text(key)?, part::text(value)?));
            }
            let is_enough = rows.len() >= range.limit;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(rows)
    }
}

/// Writes flushes, and merges and deletes beside.
#[derive(Debug)]
pub(super) struct Flusher {
    next_id: i64,
    merging: Vec<Merging>,
    dropped: Vec<Dropped>,
    /// What was dropped before the present transaction, and what was merged then.
    before: (Vec<Dropped>, Vec<i64>),
    block_bytes: usize,
}

impl Flusher {
    /// Goes on where an earlier process ended: what it had begun to merge is dropped.
    pub(super) fn open(connection: &Connection, page_bytes: u32) -> rusqlite::Result<Self> {
        connection.execute("UPDATE runs SET state = 'dropped' WHERE state = 'building'", [])?;
        let sql = "SELECT coalesce(max(id), 0) + 1 FROM runs";
        let next_id = connection.query_row(sql, [], |row| row.get(0))?;
        let mut select = connection.prepare("SELECT id FROM runs WHERE state = 'dropped'")?;
        let dropped = select.query_map([], |row| Ok(Dropped { id: row.get(0)?, run: None }))?;
        let dropped = dropped.collect::<rusqlite::Result<_>>()?;
        let block_bytes = page_bytes as usize - PAGE_REST;
        Ok(Self { next_id, merging: Vec::new(), dropped, before: Default::default(), block_bytes })
    }

    /// Applies a flush within a transaction; what comes of it is so once that is committed.
    /// Where it does not commit, [`Flusher::abandon`] is due.
    pub(super) fn flush(
        &mut self,
        tx: &Connection,
        before: &State,
        batch: &FlushBatch<'_>,
    ) -> Result<State, RunError> {
        // What it remembers would count as read.
        self.before = Default::default();
        let (unread, read) = self.dropped.drain(..).partition(|it| !it.is_read());
        let unread: Vec<Dropped> = unread;
        self.dropped = read;
        self.remember(&unread);
        let mut state = State { flushed: batch.through_seq, ..before.clone() };
        let mut flushed = BTreeMap::new();
        for (table, changes) in batch.tables.iter().filter(|(_, it)| it.count() > 0) {
            let (run, bytes) = self.write(tx, table, &**changes)?;
            flushed.insert(table.as_str(), bytes);
            if let Some(run) = run {
                state.tables.entry(table.clone()).or_default().insert(0, Arc::new(run));
            }
        }
        let block_bytes = self.block_bytes as u64;
        let spare = MERGED_MIN * block_bytes;
        let merged = spare + self.merge(tx, &mut state, &flushed, spare)?;
        let written = flushed.values().sum::<u64>() + merged;
        self.delete(tx, unread, DELETED * written / block_bytes)?;
        Ok(state)
    }

    /// Empties every table within a transaction, as [`Flusher::flush`] does.
    pub(super) fn clear(&mut self, tx: &Connection, before: &State) -> Result<State, RunError> {
        self.remember(&[]);
        let building = self.merging.drain(..).map(|it| Dropped { id: it.id(), run: None });
        self.dropped.extend(building);
        for run in before.tables.values().flatten() {
            run::set_dropped(tx, run.id)?;
            self.dropped.push(Dropped { id: run.id, run: Some(Arc::clone(run)) });
        }
        Ok(State::default())
    }

    /// The transaction was rolled back: what was merged in it is not there.
    pub(super) fn abandon(&mut self) {
        let (dropped, merging) = std::mem::take(&mut self.before);
        self.merging.clear();
        self.dropped = dropped;
        self.dropped.extend(merging.into_iter().map(|id| Dropped { id, run: None }));
    }

    fn remember(&mut self, taken: &[Dropped]) {
        self.before.0 = self.dropped.iter().chain(taken).cloned().collect();
        self.before.1 = self.merging.iter().map(Merging::id).collect();
    }

    fn new_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Writes what changed of a table as a run; says how many bytes that is.
    fn write(
        &mut self,
        tx: &Connection,
        table: &str,
        changes: &dyn Changes,
    ) -> Result<(Option<Run>, u64), RunError> {
        let groups = u32::try_from(changes.count()).unwrap_or(u32::MAX);
        let id = self.new_id();
        let planned = Planned { id, level: 0, groups, block_bytes: self.block_bytes };
        let mut writer = RunWriter::begin(tx, table, planned)?;
        let (mut written, mut bytes) = (Ok(()), 0);
        changes.each(&mut |key, value| {
            let row = (key.as_bytes(), value);
            bytes += part::bytes_of(row) as u64;
            written = writer.push(tx, row);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        Ok((writer.finish(tx)?, bytes))
    }

    /// Goes on with every merge at its pace, and beyond it by so many bytes in all, those first
    /// that were merged the least. Says how many bytes the paces came to.
    fn merge(
        &mut self,
        tx: &Connection,
        state: &mut State,
        flushed: &BTreeMap<&str, u64>,
        mut spare: u64,
    ) -> Result<u64, RunError> {
        for (table, level) in merging::due(&state.tables) {
            if !self.merging.iter().any(|it| it.is_of(&table, level)) {
                let planned = (self.new_id(), self.block_bytes);
                let begun = Merging::begin(tx, &state.tables, (&table, level), planned)?;
                self.merging.push(begun);
            }
        }
        self.merging.sort_by_key(Merging::level);
        let mut paces = 0;
        for mut merging in std::mem::take(&mut self.merging) {
            let flushed = flushed.get(merging.table()).copied().unwrap_or(0);
            let pace = merging.pace(&state.tables, flushed, self.block_bytes);
            paces += pace;
            let mut budget = pace + spare;
            if budget > 0 && merging.step(tx, &mut budget)? {
                for run in merging.finish(tx, &mut state.tables)? {
                    run::set_dropped(tx, run.id)?;
                    self.dropped.push(Dropped { id: run.id, run: Some(run) });
                }
            } else {
                self.merging.push(merging);
            }
            spare = spare.min(budget);
        }
        Ok(paces)
    }

    /// Deletes so many blocks of runs that nobody reads.
    fn delete(
        &mut self,
        tx: &Connection,
        unread: Vec<Dropped>,
        mut blocks: u64,
    ) -> Result<(), RunError> {
        for dropped in unread {
            let deleted = if blocks > 0 { run::delete_blocks(tx, dropped.id, blocks)? } else { 0 };
            if deleted < blocks {
                run::forget(tx, dropped.id)?;
            } else {
                self.dropped.push(dropped);
            }
            blocks -= deleted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("../../../migrations/views/0001_rows.sql");

    fn changes(turn: u64) -> BTreeMap<String, Option<String>> {
        let key = |number: u64| format!("k{:03}", number * 7 % 500);
        let value =
            |number: u64| (!number.is_multiple_of(9)).then(|| format!("{turn}{}", "x".repeat(90)));
        (turn * 31..turn * 31 + 60).map(|number| (key(number), value(number))).collect()
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_no_text_is_damage_where_it_is_read_and_nowhere_else() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let planned = Planned { id: 1, level: 0, groups: 4, block_bytes: 512 };
        let mut writer = RunWriter::begin(&connection, "lines", planned).unwrap();
        for entry in [(b"a", b"1"), (b"b", b"\xff"), (b"c", b"3"), (b"\xff", b"4")] {
            writer.push(&connection, (entry.0, Some(entry.1))).unwrap();
        }
        let run = writer.finish(&connection).unwrap().unwrap();
        let tables = Tables::from([("lines".to_owned(), vec![Arc::new(run)])]);
        let state = State { flushed: 1, tables };
        let row = |key| state.row(&connection, "lines", key);
        assert_eq!(row("a").unwrap().as_deref(), Some("1"));
        assert!(matches!(row("b"), Err(RunError::Damaged)));
        assert_eq!(row("c").unwrap().as_deref(), Some("3"));
        let rows = |from: &str, limit| {
            let range = KeyRange { from: from.into(), below: None, limit, backwards: false };
            state.rows(&connection, "lines", &range)
        };
        assert!(matches!(rows("", 9), Err(RunError::Damaged)), "a value");
        assert_eq!(rows("c", 1).unwrap(), [("c".to_owned(), "3".to_owned())]);
        assert!(matches!(rows("c", 9), Err(RunError::Damaged)), "a key");
    }

    #[test]
    fn a_flush_that_is_rolled_back_changes_nothing_and_what_was_merged_leaves_the_file() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let mut flusher = Flusher::open(&connection, 512).unwrap();
        let (mut state, mut expected) = (State::default(), BTreeMap::new());
        for turn in 1..=200 {
            let changes = changes(turn);
            let rows = changes.clone().into_iter().collect::<Vec<_>>();
            let tables = vec![("lines".to_owned(), Box::new(rows) as Box<dyn Changes>)];
            let batch = FlushBatch { through_seq: turn, tables };
            let tx = connection.unchecked_transaction().unwrap();
            let next = flusher.flush(&tx, &state, &batch).unwrap();
            if turn % 3 == 0 {
                tx.rollback().unwrap();
                flusher.abandon();
            } else {
                tx.commit().unwrap();
                state = next;
                expected.extend(changes);
            }
            let range = KeyRange { from: String::new(), below: None, limit: 999, backwards: false };
            let rows = state.rows(&connection, "lines", &range).unwrap();
            let there = expected.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            assert!(rows.iter().map(|(key, value)| (key, value)).eq(there), "turn {turn}");
        }
        assert!(count(&connection, "runs") < 24, "{} runs", count(&connection, "runs"));
        // Every row stands in a few runs at most, four in a block.
        assert!(count(&connection, "blocks") < 1_000, "{} blocks", count(&connection, "blocks"));
        let tx = connection.unchecked_transaction().unwrap();
        state = flusher.clear(&tx, &state).unwrap();
        for _ in 0..9 {
            state = flusher.flush(&tx, &state, &FlushBatch::default()).unwrap();
        }
        assert_eq!((count(&tx, "runs"), count(&tx, "blocks")), (0, 0));
    }

    #[test]
    fn merges_take_several_flushes_and_keep_up_with_them() {
        const TURNS: u64 = 240;
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let mut flusher = Flusher::open(&connection, 512).unwrap();
        let (mut state, mut unfinished, mut deepest) = (State::default(), 0, 0);
        let rows = |turn: u64, count: u64, bytes: usize| -> Box<dyn Changes> {
            // New keys come between the old ones.
            let key = |number: u64| format!("k{:08x}", (number * 0x9e37_79b1) & 0xffff_ffff);
            let mut keys: Vec<_> = (turn * count..(turn + 1) * count).map(key).collect();
            keys.sort_unstable();
            let rows = keys.into_iter().map(|key| (key, Some("x".repeat(bytes))));
            Box::new(rows.collect::<Vec<_>>())
        };
        for turn in 0..TURNS {
            if turn == TURNS / 2 {
                flusher = Flusher::open(&connection, 512).unwrap();
                state = State::read(&connection, turn).unwrap();
            }
            let few = rows(turn, u64::from(turn % 4 == 0), 2_000);
            let tables =
                vec![("lines".to_owned(), rows(turn, 300, 100)), ("snapshots".to_owned(), few)];
            let batch = FlushBatch { through_seq: turn + 1, tables };
            let tx = connection.unchecked_transaction().unwrap();
            state = flusher.flush(&tx, &state, &batch).unwrap();
            tx.commit().unwrap();
            unfinished += usize::from(!flusher.merging.is_empty());
            let levels = state.tables.values().flatten().map(|run| run.level + 1);
            deepest = deepest.max(levels.max().unwrap_or(0));
            for (table, runs) in &state.tables {
                let most = runs.chunk_by(|a, b| a.level == b.level).map(<[_]>::len).max();
                let bound = 2 * merging::RUNS_OF_A_LEVEL;
                assert!(most.is_none_or(|most| most < bound), "turn {turn}: {most:?} of {table}");
            }
        }
        assert!(unfinished > 9, "{unfinished} merges were left for a later flush");
        assert_eq!(deepest, 3);
        let all = KeyRange { from: String::new(), below: None, limit: 99_999, backwards: false };
        let there = state.rows(&connection, "lines", &all).unwrap();
        assert_eq!(there.len() as u64, TURNS * 300);
        assert!(there.is_sorted_by(|a, b| a.0 < b.0));
    }
}
