//! Merges many runs of a level into one of the next, in small steps with each flush.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::cursor::Merged;
use super::part;
use super::run::{Planned, Run, RunError, RunWriter};

/// Runs of one level that are merged into one of the next. With a larger number each row is written
/// less often, and a lookup searches more runs.
pub(super) const RUNS_OF_A_LEVEL: usize = 6;
/// Blocks of [`RUNS_OF_A_LEVEL`] average runs up to which runs count as small. Twice the number of
/// large runs is merged: rewriting large runs less often is worth more than the space of outdated
/// rows, because most of their rows are new.
const BLOCKS_OF_SMALL_RUNS: usize = 4_096;

/// When merges lag behind, for example because a restart began them again, a merge processes at
/// most this multiple of the bytes of the flush.
const CATCH_UP_MAX: u64 = 8;

/// The runs of each table, the newest first.
pub(super) type Tables = BTreeMap<String, Vec<Arc<Run>>>;

/// A merge of several runs of one table into one.
#[derive(Debug)]
pub(super) struct Merging {
    table: String,
    level: u32,
    /// The newest first.
    inputs: Vec<Arc<Run>>,
    /// Bytes of the inputs that are not merged yet.
    rest: u64,
    /// No older run exists, so deleted rows can be left out.
    is_oldest: bool,
    output: RunWriter,
    /// Keys up to this one are merged.
    done_through: Option<Vec<u8>>,
}

impl Merging {
    /// Begins to merge the runs of a level of a table.
    pub(super) fn begin(
        connection: &Connection,
        tables: &Tables,
        (table, level): (&str, u32),
        (id, block_bytes): (i64, usize),
    ) -> Result<Self, RunError> {
        let runs = tables.get(table).map_or(&[][..], Vec::as_slice);
        let inputs: Vec<_> = runs.iter().filter(|run| run.level == level).cloned().collect();
        let groups = inputs.iter().fold(0_u32, |sum, run| sum.saturating_add(run.groups));
        let planned = Planned { id, level: level + 1, groups, block_bytes };
        Ok(Self {
            table: table.to_owned(),
            level,
            rest: bytes(&inputs, block_bytes),
            is_oldest: runs.iter().all(|run| run.level <= level),
            output: RunWriter::begin(connection, table, planned)?,
            inputs,
            done_through: None,
        })
    }

    /// The table of the runs.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Bytes to merge together with a flush of `flushed` bytes to the table. At this pace the merge
    /// ends one run before the next merge of the level is due, and flushes have similar costs.
    pub(super) fn pace(&self, tables: &Tables, flushed: u64, block_bytes: usize) -> u64 {
        let runs = tables.get(&self.table).map_or(&[][..], Vec::as_slice);
        let there = runs.iter().filter(|run| run.level == self.level).count();
        let room = (2 * merged_count(&self.inputs)).saturating_sub(there + 2) as u64;
        let before_due = room * bytes(&self.inputs, block_bytes) / self.inputs.len() as u64;
        let pace = u128::from(self.rest) * u128::from(flushed) / u128::from(before_due.max(1));
        u64::try_from(pace).unwrap_or(u64::MAX).min(CATCH_UP_MAX * flushed)
    }

    /// Whether it merges this level of this table.
    pub(super) fn is_of(&self, table: &str, level: u32) -> bool {
        self.table == table && self.level == level
    }

    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The id of the resulting run.
    pub(super) fn id(&self) -> i64 {
        self.output.id()
    }

    /// Merges until `budget`, which it lowers, is used up; returns whether the merge is complete.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        budget: &mut u64,
    ) -> Result<bool, RunError> {
        // No key contains NUL, so this is the smallest key after it.
        let mut from = Vec::new();
        if let Some(key) = self.done_through.take() {
            from = key;
            from.push(1);
        }
        let (output, is_oldest, rest) = (&mut self.output, self.is_oldest, &mut self.rest);
        let mut done_through = None;
        Merged::forwards(connection, self.inputs.iter(), &from)?.each(|entry| {
            if entry.1.is_some() || !is_oldest {
                output.push(connection, entry)?;
            }
            let bytes = part::bytes_of(entry) as u64;
            *budget = budget.saturating_sub(bytes);
            *rest = rest.saturating_sub(bytes);
            if *budget > 0 {
                return Ok(ControlFlow::Continue(()));
            }
            done_through = Some(entry.0.to_owned());
            Ok(ControlFlow::Break(()))
        })?;
        self.done_through = done_through;
        Ok(self.done_through.is_none())
    }

    /// Replaces the input runs in the table by the resulting run, and returns the input runs.
    pub(super) fn finish(
        self,
        connection: &Connection,
        tables: &mut Tables,
    ) -> Result<Vec<Arc<Run>>, RunError> {
        let output = self.output.finish(connection)?;
        let runs = tables.entry(self.table).or_default();
        let ids: Vec<i64> = self.inputs.iter().map(|run| run.id).collect();
        runs.retain(|run| !ids.contains(&run.id));
        if let Some(run) = output {
            let index = runs.iter().position(|run| run.level > self.level).unwrap_or(runs.len());
            runs.insert(index, Arc::new(run));
        }
        Ok(self.inputs)
    }
}

/// The number of runs of this size that are merged into one.
fn merged_count(runs: &[Arc<Run>]) -> usize {
    let blocks: usize = runs.iter().map(|run| run.blocks()).sum();
    let is_small = blocks * RUNS_OF_A_LEVEL <= BLOCKS_OF_SMALL_RUNS * runs.len();
    if is_small { RUNS_OF_A_LEVEL } else { 2 * RUNS_OF_A_LEVEL }
}

/// An upper bound for the bytes of these runs.
fn bytes(runs: &[Arc<Run>], block_bytes: usize) -> u64 {
    runs.iter().map(|run| (run.blocks() * block_bytes) as u64).sum()
}

/// The tables and levels with too many runs.
pub(super) fn due(tables: &Tables) -> Vec<(String, u32)> {
    let mut due = Vec::new();
    for (table, runs) in tables {
        // The runs are sorted by level.
        let levels = runs.chunk_by(|a, b| a.level == b.level);
        let too_many = levels.filter(|of| of.len() >= merged_count(of));
        due.extend(too_many.map(|of| (table.clone(), of[0].level)));
    }
    due
}

#[cfg(test)]
mod tests {
    use earmark_kernel::rows::{Changes, FlushBatch, KeyRange};
    use rusqlite::Connection;

    use super::super::flusher::Flusher;
    use super::super::state::State;
    use super::{BLOCKS_OF_SMALL_RUNS, RUNS_OF_A_LEVEL};

    #[test]
    fn large_runs_are_merged_at_twice_the_number() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = include_str!("../../../migrations/views/0001_rows.sql");
        connection.execute_batch(schema).unwrap();
        let mut flusher = Flusher::open(&connection, 512).unwrap();
        // A block holds four rows.
        let large = 5 * BLOCKS_OF_SMALL_RUNS / RUNS_OF_A_LEVEL;
        let rows = |turn: usize, count: usize| -> Box<dyn Changes> {
            let key = |number| (format!("k{turn:02}{number:05}"), Some("x".repeat(100)));
            Box::new((0..count).map(key).collect::<Vec<_>>())
        };
        let merged = |table: &str| -> bool {
            let sql = "SELECT count(*) FROM runs \
                       WHERE name = ?1 AND (level = 1 OR state = 'building')";
            connection.query_row(sql, [table], |row| row.get::<_, i64>(0)).unwrap() > 0
        };
        let mut state = State::default();
        for turn in 1..=5 * RUNS_OF_A_LEVEL {
            if turn <= 2 * RUNS_OF_A_LEVEL {
                assert_eq!(merged("small"), turn > RUNS_OF_A_LEVEL, "turn {turn}");
                assert!(!merged("large"), "turn {turn}");
            }
            if turn == 2 * RUNS_OF_A_LEVEL + 2 {
                assert!(merged("large"));
                // A restart drops the merge and begins it again.
                flusher = Flusher::open(&connection, 512).unwrap();
                state = State::read(&connection, state.flushed).unwrap();
            }
            let tables =
                vec![("small".to_owned(), rows(turn, 20)), ("large".to_owned(), rows(turn, large))];
            let batch = FlushBatch { through_seq: turn as u64, tables };
            let tx = connection.unchecked_transaction().unwrap();
            state = flusher.flush(&tx, &state, &batch).unwrap();
            tx.commit().unwrap();
            let unmerged = state.tables["large"].iter().filter(|run| run.level == 0).count();
            assert!(unmerged < 4 * RUNS_OF_A_LEVEL, "turn {turn}: {unmerged}");
        }
        assert!(state.tables["large"].iter().any(|run| run.level == 1), "a merge has finished");
        let range = KeyRange { from: String::new(), below: None, limit: 999_999, backwards: false };
        let there = state.rows(&connection, "large", &range).unwrap();
        assert_eq!(there.len(), 5 * RUNS_OF_A_LEVEL * large);
        assert!(there.is_sorted_by(|a, b| a.0 < b.0));
    }
}
