//! Merges the rows of several runs in key order, with only the newest row of each key.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::block::Block;
use super::part::{Entry, Part, Span};
use super::run::{Run, RunError};

/// A position in a run.
struct Cursor<'r> {
    run: &'r Run,
    number: usize,
    /// The block with this number, and one of its parts.
    block: Vec<u8>,
    part: usize,
    rows: Vec<u8>,
    /// The index of the row in the part.
    index: usize,
    /// The position of that row's bytes in the part.
    span: Span,
}

/// Cursors over several runs, the newest first.
pub(super) struct Merged<'r> {
    connection: &'r Connection,
    backwards: bool,
    cursors: Vec<Cursor<'r>>,
}

impl<'r> Merged<'r> {
    /// From the first key that is not below `from`.
    pub(super) fn forwards(
        connection: &'r Connection,
        runs: impl Iterator<Item = &'r Arc<Run>>,
        from: &[u8],
    ) -> Result<Self, RunError> {
        let mut cursors = Vec::new();
        for run in runs {
            let mut cursor = Cursor::at(connection, run, run.block_of(from).unwrap_or(0))?;
            cursor.unpack(Block::of(&cursor.block)?.part_of(from)?.unwrap_or(0))?;
            cursor.index = Part::of(&cursor.rows)?.lower_bound(from)?;
            if cursor.find_row()? || cursor.next_part(connection, false)? {
                cursors.push(cursor);
            }
        }
        Ok(Self { connection, backwards: false, cursors })
    }

    /// Backwards from the last key below `below` (`None`: from the end).
    pub(super) fn backwards(
        connection: &'r Connection,
        runs: impl Iterator<Item = &'r Arc<Run>>,
        below: Option<&[u8]>,
    ) -> Result<Self, RunError> {
        let mut cursors = Vec::new();
        for run in runs {
            let number = match below {
                Some(key) => run.block_below(key),
                None => run.blocks().checked_sub(1),
            };
            let Some(number) = number else { continue };
            let mut cursor = Cursor::at(connection, run, number)?;
            let block = Block::of(&cursor.block)?;
            // The first key of the block is below it.
            let part = below.map_or(Ok(Some(block.parts() - 1)), |key| block.part_below(key))?;
            cursor.unpack(part.ok_or(RunError::Damaged)?)?;
            let rows = Part::of(&cursor.rows)?;
            let end = below.map_or(Ok(rows.len()), |key| rows.lower_bound(key))?;
            cursor.index = end.checked_sub(1).ok_or(RunError::Damaged)?;
            cursor.span = rows.span(cursor.index)?;
            cursors.push(cursor);
        }
        Ok(Self { connection, backwards: true, cursors })
    }

    /// Passes the newest row of each key, including deleted rows, to `show` until it breaks.
    pub(super) fn each(
        mut self,
        mut show: impl FnMut(Entry<'_>) -> Result<ControlFlow<()>, RunError>,
    ) -> Result<(), RunError> {
        let mut with_key = Vec::with_capacity(self.cursors.len());
        while let Some(first) = self.cursors.first() {
            let mut key = first.key();
            with_key.clear();
            with_key.push(0);
            for (at, cursor) in self.cursors.iter().enumerate().skip(1) {
                let order = cursor.key().cmp(key);
                let order = if self.backwards { order.reverse() } else { order };
                if order.is_lt() {
                    key = cursor.key();
                    with_key.clear();
                }
                if order.is_le() {
                    with_key.push(at);
                }
            }
            let entry = self.cursors[with_key[0]].entry();
            if show(entry)?.is_break() {
                return Ok(());
            }
            // From the end, so that removing one does not change the indexes of those before.
            for at in with_key.drain(..).rev() {
                if !self.cursors[at].advance(self.connection, self.backwards)? {
                    self.cursors.remove(at);
                }
            }
        }
        Ok(())
    }
}

impl<'r> Cursor<'r> {
    /// A cursor in a block, before any part is unpacked.
    fn at(connection: &'r Connection, run: &'r Run, number: usize) -> Result<Self, RunError> {
        let (block, rows, span) = (Vec::new(), Vec::new(), Span::default());
        let mut cursor = Self { run, number, block, part: 0, rows, index: 0, span };
        cursor.go_to_block(connection, number)?;
        Ok(cursor)
    }

    fn key(&self) -> &[u8] {
        self.span.key_of(&self.rows)
    }

    fn entry(&self) -> Entry<'_> {
        self.span.of(&self.rows)
    }

    /// Finds the bytes of the row at the index; returns whether there is one.
    fn find_row(&mut self) -> Result<bool, RunError> {
        let part = Part::of(&self.rows)?;
        if self.index >= part.len() {
            return Ok(false);
        }
        self.span = part.span(self.index)?;
        Ok(true)
    }

    /// Moves to the next row; returns whether there is one.
    fn advance(&mut self, connection: &'r Connection, backwards: bool) -> Result<bool, RunError> {
        if let Some(index) = step(self.index, backwards) {
            self.index = index;
            if self.find_row()? {
                return Ok(true);
            }
        }
        self.next_part(connection, backwards)
    }

    /// Moves to the first row of the next part, or backwards to the last row of the one before;
    /// returns whether there is one.
    fn next_part(&mut self, connection: &'r Connection, backwards: bool) -> Result<bool, RunError> {
        let parts = Block::of(&self.block)?.parts();
        let part = match step(self.part, backwards).filter(|part| *part < parts) {
            Some(part) => part,
            None => {
                let number = step(self.number, backwards);
                let Some(number) = number.filter(|number| *number < self.run.blocks()) else {
                    return Ok(false);
                };
                self.go_to_block(connection, number)?;
                if backwards { Block::of(&self.block)?.parts() - 1 } else { 0 }
            }
        };
        self.unpack(part)?;
        self.index = if backwards { Part::of(&self.rows)?.len() - 1 } else { 0 };
        self.find_row()
    }

    fn go_to_block(&mut self, connection: &'r Connection, number: usize) -> Result<(), RunError> {
        let Self { run, block, .. } = self;
        run.read_block(connection, number, |blob| {
            block.clear();
            block.extend_from_slice(blob);
            Ok(())
        })?;
        self.number = number;
        Ok(())
    }

    fn unpack(&mut self, part: usize) -> Result<(), RunError> {
        Block::of(&self.block)?.unpack(part, &mut self.rows)?;
        self.part = part;
        Ok(())
    }
}

/// The next index in a direction, if it is not negative.
fn step(index: usize, backwards: bool) -> Option<usize> {
    if backwards { index.checked_sub(1) } else { Some(index + 1) }
}

#[cfg(test)]
mod tests {
    use super::super::filter;
    use super::super::run::{Planned, RunWriter};
    use super::*;

    /// The size in real files; such a block has several parts.
    const BLOCK_BYTES: usize = 16 * 1024;

    #[test]
    fn rows_are_read_from_anywhere_in_both_directions() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../migrations/views/0001_rows.sql")).unwrap();
        let key = |number: usize| format!("k{number:04}").into_bytes();
        let run = |id, keys: &[usize]| {
            let planned = Planned { id, level: 0, groups: 999, block_bytes: BLOCK_BYTES };
            let mut writer = RunWriter::begin(&connection, "lines", planned).unwrap();
            for number in keys {
                // One row is larger than a block, and some are deleted.
                let value = format!("{id}").repeat(if *number == 100 { 20_000 } else { 100 });
                let value =
                    Some(value.as_bytes()).filter(|_| id == 1 || !number.is_multiple_of(18));
                writer.push(&connection, (&key(*number), value)).unwrap();
            }
            Arc::new(writer.finish(&connection).unwrap().unwrap())
        };
        // Even keys; multiples of six are also in a newer run.
        let newer = run(2, &(0..900).filter(|it| it % 6 == 0).collect::<Vec<_>>());
        let older = run(1, &(0..900).filter(|it| it % 2 == 0).collect::<Vec<_>>());
        assert!(older.blocks() > 2, "{} blocks", older.blocks());
        let runs = [newer, older];
        let expected = |number: usize| {
            let value = match number {
                _ if number.is_multiple_of(18) => None,
                _ if number.is_multiple_of(6) => Some((b'2', 100)),
                100 => Some((b'1', 20_000)),
                _ => Some((b'1', 100)),
            };
            (key(number), value)
        };
        let few = |merged: Merged<'_>| {
            let mut rows = Vec::new();
            merged
                .each(|(key, value)| {
                    rows.push((key.to_vec(), value.map(|it| (it[0], it.len()))));
                    Ok(if rows.len() < 99 {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    })
                })
                .unwrap();
            rows
        };
        for from in 0..=900 {
            let onwards = (from..900).filter(|it| it % 2 == 0).take(99).map(expected);
            let read = few(Merged::forwards(&connection, runs.iter(), &key(from)).unwrap());
            assert!(read.into_iter().eq(onwards), "from {from}");
            let back = (0..from).rev().filter(|it| it % 2 == 0).take(99).map(expected);
            let below = key(from);
            let below = (from < 900).then_some(below.as_slice());
            let read = few(Merged::backwards(&connection, runs.iter(), below).unwrap());
            assert!(read.into_iter().eq(back), "below {from}");
            let (key, value) = expected(from);
            let group = filter::hash(filter::group(&key));
            let found = runs.iter().find_map(|it| it.find(&connection, &key, group).unwrap());
            let found = found.map(|row| row.map(|it| (it.as_bytes()[0], it.len())));
            let is_there = from < 900 && from.is_multiple_of(2);
            assert_eq!(found, is_there.then_some(value), "{from}");
        }
    }
}
