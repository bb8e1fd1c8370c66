//! Merging: runs that are many become one, a little with each flush.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::cursor::Merged;
use super::part;
use super::run::{Planned, Run, RunError, RunWriter};

/// So many runs of one level become one of the next. More, and each row is written less often and
/// looked for in more places.
pub(super) const RUNS_OF_A_LEVEL: usize = 6;
/// Twice as many where so many of them have more blocks than these: to write so much again less
/// often is worth more than the room that rows take which changed meanwhile. Most are new there.
const BLOCKS_OF_SMALL_RUNS: usize = 4_096;

/// Where merges lag behind, after a restart say, which begins them anew, a merge takes no more than
/// so many times the bytes that are flushed beside it.
const CATCH_UP: u64 = 8;

/// The runs of each table, the newest first.
pub(super) type Tables = BTreeMap<String, Vec<Arc<Run>>>;

/// Runs of one table on their way into one.
#[derive(Debug)]
pub(super) struct Merging {
    table: String,
    level: u32,
    /// The newest first.
    inputs: Vec<Arc<Run>>,
    /// Bytes of them that are not merged yet.
    rest: u64,
    /// Nothing is older than they: what was deleted need not be remembered.
    is_oldest: bool,
    output: RunWriter,
    /// Its keys come after this one.
    done_through: Option<Vec<u8>>,
}

impl Merging {
    /// Begins with the runs of a level of a table.
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

    /// The table it is of.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// How many bytes to merge beside a flush that wrote so many of the table: at this pace it
    /// ends a run before the next merge of the level is due, and no flush costs much more than
    /// another.
    pub(super) fn pace(&self, tables: &Tables, flushed: u64, block_bytes: usize) -> u64 {
        let runs = tables.get(&self.table).map_or(&[][..], Vec::as_slice);
        let there = runs.iter().filter(|run| run.level == self.level).count();
        let room = (2 * many(&self.inputs)).saturating_sub(there + 2) as u64;
        let before_due = room * bytes(&self.inputs, block_bytes) / self.inputs.len() as u64;
        let pace = u128::from(self.rest) * u128::from(flushed) / u128::from(before_due.max(1));
        u64::try_from(pace).unwrap_or(u64::MAX).min(CATCH_UP * flushed)
    }

    /// Whether it is this level of this table that is merged.
    pub(super) fn is_of(&self, table: &str, level: u32) -> bool {
        self.table == table && self.level == level
    }

    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The id of the run that comes of it.
    pub(super) fn id(&self) -> i64 {
        self.output.id()
    }

    /// Merges until the budget of bytes is used up, which it lowers; says whether that was all.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        budget: &mut u64,
    ) -> Result<bool, RunError> {
        // No key holds NUL, so this is the least key after it.
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

    /// Puts the run that came of it in the place of those that went into it, and gives these back.
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
            let place = runs.iter().position(|run| run.level > self.level).unwrap_or(runs.len());
            runs.insert(place, Arc::new(run));
        }
        Ok(self.inputs)
    }
}

/// How many runs like these are merged into one.
fn many(runs: &[Arc<Run>]) -> usize {
    let blocks: usize = runs.iter().map(|run| run.blocks()).sum();
    let is_small = blocks * RUNS_OF_A_LEVEL <= BLOCKS_OF_SMALL_RUNS * runs.len();
    if is_small { RUNS_OF_A_LEVEL } else { 2 * RUNS_OF_A_LEVEL }
}

/// How many bytes they have, at most.
fn bytes(runs: &[Arc<Run>], block_bytes: usize) -> u64 {
    runs.iter().map(|run| (run.blocks() * block_bytes) as u64).sum()
}

/// The levels of tables of which there are too many runs.
pub(super) fn due(tables: &Tables) -> Vec<(String, u32)> {
    let mut due = Vec::new();
    for (table, runs) in tables {
        // They stand in the order of their levels.
        let levels = runs.chunk_by(|a, b| a.level == b.level);
        let too_many = levels.filter(|of| of.len() >= many(of));
        due.extend(too_many.map(|of| (table.clone(), of[0].level)));
    }
    due
}

#[cfg(test)]
mod tests {
    use earmark_kernel::rows::{Changes, FlushBatch, KeyRange};
    use rusqlite::Connection;

    use super::super::{Flusher, State};
    use super::{BLOCKS_OF_SMALL_RUNS, RUNS_OF_A_LEVEL};

    #[test]
    fn large_runs_are_merged_when_there_are_twice_as_many() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = include_str!("../../../migrations/views/0001_rows.sql");
        connection.execute_batch(schema).unwrap();
        let mut flusher = Flusher::open(&connection, 512).unwrap();
        // Four rows and a little fill a block.
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
                // What was begun is dropped, and begun again.
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
        assert!(state.tables["large"].iter().any(|run| run.level == 1), "a merge has ended");
        let range = KeyRange { from: String::new(), below: None, limit: 999_999, backwards: false };
        let there = state.rows(&connection, "large", &range).unwrap();
        assert_eq!(there.len(), 5 * RUNS_OF_A_LEVEL * large);
        assert!(there.is_sorted_by(|a, b| a.0 < b.0));
    }
}
