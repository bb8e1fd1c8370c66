//! Writes flushes, merges runs, and deletes merged ones, in the transaction of each flush.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use earmark_kernel::rows::{Changes, FlushBatch};
use rusqlite::Connection;

use super::merging::{self, Merging};
use super::part;
use super::run::{self, Dropped, Planned, Run, RunError, RunWriter};
use super::state::State;

/// Blocks merged at every flush in addition to the pace, however small the flush is, so that
/// merges left over from large flushes make progress.
const MERGED_BLOCKS_MIN: u64 = 128;
/// Blocks of dropped runs deleted for each block that is written or merged.
const DELETED_PER_WRITTEN: u64 = 2;
/// Bytes of an SQLite leaf page that are not available for a row.
const PAGE_OVERHEAD_BYTES: usize = 96;

/// Writes flushes; merges and deletes runs at the same time.
#[derive(Debug)]
pub(in crate::sqlite) struct Flusher {
    next_id: i64,
    merging: Vec<Merging>,
    dropped: Vec<Dropped>,
    /// The dropped runs and the runs being built before the present transaction.
    before: (Vec<Dropped>, Vec<i64>),
    block_bytes: usize,
}

impl Flusher {
    /// Continues after an earlier process: merges that it had begun are dropped.
    pub(in crate::sqlite) fn open(
        connection: &Connection,
        page_bytes: u32,
    ) -> rusqlite::Result<Self> {
        connection.execute("UPDATE runs SET state = 'dropped' WHERE state = 'building'", [])?;
        let sql = "SELECT coalesce(max(id), 0) + 1 FROM runs";
        let next_id = connection.query_row(sql, [], |row| row.get(0))?;
        let mut select = connection.prepare("SELECT id FROM runs WHERE state = 'dropped'")?;
        let dropped = select.query_map([], |row| Ok(Dropped { id: row.get(0)?, run: None }))?;
        let dropped = dropped.collect::<rusqlite::Result<_>>()?;
        let block_bytes = page_bytes as usize - PAGE_OVERHEAD_BYTES;
        Ok(Self { next_id, merging: Vec::new(), dropped, before: Default::default(), block_bytes })
    }

    /// Applies a flush within a transaction. The returned state is valid once the transaction is
    /// committed; if it is not committed, call [`Flusher::abandon`].
    pub(in crate::sqlite) fn flush(
        &mut self,
        tx: &Connection,
        before: &State,
        batch: &FlushBatch<'_>,
    ) -> Result<State, RunError> {
        // The clones in it would count as readers.
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
        let spare = MERGED_BLOCKS_MIN * block_bytes;
        let merged = spare + self.merge(tx, &mut state, &flushed, spare)?;
        let written = flushed.values().sum::<u64>() + merged;
        self.delete(tx, unread, DELETED_PER_WRITTEN * written / block_bytes)?;
        Ok(state)
    }

    /// Empties every table within a transaction, with the same rules as [`Flusher::flush`].
    pub(in crate::sqlite) fn clear(
        &mut self,
        tx: &Connection,
        before: &State,
    ) -> Result<State, RunError> {
        self.remember(&[]);
        let building = self.merging.drain(..).map(|it| Dropped { id: it.id(), run: None });
        self.dropped.extend(building);
        for run in before.tables.values().flatten() {
            run::set_dropped(tx, run.id)?;
            self.dropped.push(Dropped { id: run.id, run: Some(Arc::clone(run)) });
        }
        Ok(State::default())
    }

    /// Forgets the work of a transaction that was rolled back.
    pub(in crate::sqlite) fn abandon(&mut self) {
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

    /// Writes the changes of a table as a run. Returns the run and its bytes.
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

    /// Continues every merge at its pace, lower levels first, and spends the `spare` bytes in
    /// addition. Returns the bytes of all paces.
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

    /// Deletes at most this number of blocks of runs without readers.
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
    use earmark_kernel::rows::KeyRange;

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
    fn a_rolled_back_flush_changes_nothing_and_merged_runs_are_deleted() {
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
        // Every row is in a few runs at most, four rows in a block.
        assert!(count(&connection, "blocks") < 1_000, "{} blocks", count(&connection, "blocks"));
        let tx = connection.unchecked_transaction().unwrap();
        state = flusher.clear(&tx, &state).unwrap();
        for _ in 0..9 {
            state = flusher.flush(&tx, &state, &FlushBatch::default()).unwrap();
        }
        assert_eq!((count(&tx, "runs"), count(&tx, "blocks")), (0, 0));
    }

    #[test]
    fn merges_span_several_flushes_and_keep_up_with_them() {
        const TURNS: u64 = 240;
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let mut flusher = Flusher::open(&connection, 512).unwrap();
        let (mut state, mut unfinished, mut deepest) = (State::default(), 0, 0);
        let rows = |turn: u64, count: u64, bytes: usize| -> Box<dyn Changes> {
            // New keys are spread between the old ones.
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
