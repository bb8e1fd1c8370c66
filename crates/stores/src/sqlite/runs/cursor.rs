//! Rows of several runs in the order of their keys, the newest of each key.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::block::{Block, Entry, Span};
use super::run::{Run, RunError};

/// A place in a run.
struct Cursor<'r> {
    run: &'r Run,
    number: usize,
    /// The block of this number.
    body: Vec<u8>,
    place: usize,
    /// Where the row at the place stands in it.
    span: Span,
}

/// Runs that are read side by side, the newest first.
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
            let number = run.block_of(from).unwrap_or(0);
            let mut body = Vec::new();
            run.read_block(connection, number, &mut body)?;
            let place = Block::of(&body)?.lower_bound(from)?;
            let mut cursor = Cursor { run, number, body, place, span: Span::default() };
            if cursor.look()? || cursor.go_to_block(connection, number + 1, false)? {
                cursors.push(cursor);
            }
        }
        Ok(Self { connection, backwards: false, cursors })
    }

    /// From the last key below `below` (`None`: from the end), backwards.
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
            let mut body = Vec::new();
            run.read_block(connection, number, &mut body)?;
            let block = Block::of(&body)?;
            let end = below.map_or(Ok(block.len()), |key| block.lower_bound(key))?;
            // The first key of the block is below it.
            let place = end.checked_sub(1).ok_or(RunError::Damaged)?;
            let span = block.span(place)?;
            cursors.push(Cursor { run, number, body, place, span });
        }
        Ok(Self { connection, backwards: true, cursors })
    }

    /// Shows the newest row of each key, deleted ones too, for as long as `show` wants more.
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
            // From the end, so that those before keep their places.
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
    fn key(&self) -> &[u8] {
        self.span.key_of(&self.body)
    }

    fn entry(&self) -> Entry<'_> {
        self.span.of(&self.body)
    }

    /// Looks where the row at the place stands; says whether there is one.
    fn look(&mut self) -> Result<bool, RunError> {
        let block = Block::of(&self.body)?;
        if self.place >= block.len() {
            return Ok(false);
        }
        self.span = block.span(self.place)?;
        Ok(true)
    }

    /// Goes to the next row; says whether there is one.
    fn advance(&mut self, connection: &'r Connection, backwards: bool) -> Result<bool, RunError> {
        let place = if backwards { self.place.checked_sub(1) } else { Some(self.place + 1) };
        if let Some(place) = place {
            self.place = place;
            if self.look()? {
                return Ok(true);
            }
        }
        match if backwards { self.number.checked_sub(1) } else { Some(self.number + 1) } {
            Some(number) => self.go_to_block(connection, number, backwards),
            None => Ok(false),
        }
    }

    /// Goes to the first row of a block, or backwards to its last; says whether there is one.
    fn go_to_block(
        &mut self,
        connection: &'r Connection,
        number: usize,
        backwards: bool,
    ) -> Result<bool, RunError> {
        if number >= self.run.blocks() {
            return Ok(false);
        }
        self.run.read_block(connection, number, &mut self.body)?;
        self.number = number;
        let last = Block::of(&self.body)?.len().checked_sub(1).ok_or(RunError::Damaged)?;
        self.place = if backwards { last } else { 0 };
        self.look()
    }
}
