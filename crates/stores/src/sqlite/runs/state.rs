//! Every row as of one flush, read from the runs that existed then.

use std::ops::ControlFlow;
use std::sync::Arc;

use earmark_kernel::rows::KeyRange;
use rusqlite::Connection;

use super::cursor::Merged;
use super::merging::Tables;
use super::run::{Run, RunError};
use super::{filter, part};

/// Every row as of one flush.
#[derive(Clone, Debug, Default)]
pub(in crate::sqlite) struct State {
    pub(in crate::sqlite) flushed: u64,
    pub(super) tables: Tables,
}

impl State {
    /// Reads the runs of the file.
    pub(in crate::sqlite) fn read(connection: &Connection, flushed: u64) -> Result<Self, RunError> {
        let mut tables = Tables::new();
        for (table, run) in Run::all(connection)? {
            tables.entry(table).or_default().push(Arc::new(run));
        }
        // The newest first: a merged run is older than the runs of lower levels.
        tables.values_mut().for_each(|runs| runs.sort_by_key(|run| (run.level, -run.id)));
        Ok(Self { flushed, tables })
    }

    pub(in crate::sqlite) fn row(
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

    pub(in crate::sqlite) fn rows(
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

#[cfg(test)]
mod tests {
    use super::super::run::{Planned, RunWriter};
    use super::*;

    const SCHEMA: &str = include_str!("../../../migrations/views/0001_rows.sql");

    #[test]
    fn a_row_that_is_not_utf8_is_reported_as_damage_only_when_it_is_read() {
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
}
