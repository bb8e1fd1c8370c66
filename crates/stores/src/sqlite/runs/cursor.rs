//! Rows of several runs in the order of their keys, the newest of each key.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::block::{Block, Entry};
use super::run::{Run, RunError};

/// A place in a run.
struct Cursor<'r> {
    run: &'r Run,
    number: usize,
    /// The block of this number.
    body: Vec<u8>,
    place: usize,
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
        from: &str,
    ) -> Result<Self, RunError> {
        let mut cursors = Vec::new();
        for run in runs {
            let number = run.block_of(from).unwrap_or(0);
            let body = run.read_block(connection, number)?;
            let block = Block::of(&body)?;
            let (place, is_beyond) = (block.lower_bound(from)?, block.len());
            let cursor = Cursor { run, number, body, place };
            if place < is_beyond {
                cursors.push(cursor);
            } else {
                cursors.extend(cursor.next_block(connection)?);
            }
        }
        Ok(Self { connection, backwards: false, cursors })
    }

    /// From the last key below `below` (`None`: from the end), backwards.
    pub(super) fn backwards(
        connection: &'r Connection,
        runs: impl Iterator<Item = &'r Arc<Run>>,
        below: Option<&str>,
    ) -> Result<Self, RunError> {
        let mut cursors = Vec::new();
        for run in runs {
            let number = match below {
                Some(key) => run.block_below(key),
                None => run.blocks().checked_sub(1),
            };
            let Some(number) = number else { continue };
            let body = run.read_block(connection, number)?;
            let block = Block::of(&body)?;
            let end = below.map_or(Ok(block.len()), |key| block.lower_bound(key))?;
            // The first key of the block is below it.
            let place = end.checked_sub(1).ok_or(RunError::Damaged)?;
            cursors.push(Cursor { run, number, body, place });
        }
        Ok(Self { connection, backwards: true, cursors })
    }

    /// Shows the newest row of each key, deleted ones too, for as long as `show` wants more.
    pub(super) fn each(
        mut self,
        mut show: impl FnMut(Entry<'_>) -> Result<ControlFlow<()>, RunError>,
    ) -> Result<(), RunError> {
        let mut with_key = Vec::with_capacity(self.cursors.len());
        while !self.cursors.is_empty() {
            let mut next: Option<Entry<'_>> = None;
            for (at, cursor) in self.cursors.iter().enumerate() {
                let entry = cursor.entry()?;
                let order = next.map_or(std::cmp::Ordering::Less, |next| entry.0.cmp(next.0));
                let order = if self.backwards && next.is_some() { order.reverse() } else { order };
                if order.is_lt() {
                    with_key.clear();
                    next = Some(entry);
                }
                if order.is_le() {
                    with_key.push(at);
                }
            }
            let Some(entry) = next else { break };
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
    fn entry(&self) -> Result<Entry<'_>, RunError> {
        Ok(Block::of(&self.body)?.entry(self.place)?)
    }

    /// Goes to the next row; says whether there is one.
    fn advance(&mut self, connection: &'r Connection, backwards: bool) -> Result<bool, RunError> {
        let within = match backwards {
            false => {
                Some(self.place + 1).filter(|it| Block::of(&self.body).is_ok_and(|b| *it < b.len()))
            }
            true => self.place.checked_sub(1),
        };
        if let Some(place) = within {
            self.place = place;
            return Ok(true);
        }
        let number = match backwards {
            false => Some(self.number + 1).filter(|it| *it < self.run.blocks()),
            true => self.number.checked_sub(1),
        };
        let Some(number) = number else {
            return Ok(false);
        };
        self.body = self.run.read_block(connection, number)?;
        self.number = number;
        let last = Block::of(&self.body)?.len().checked_sub(1).ok_or(RunError::Damaged)?;
        self.place = if backwards { last } else { 0 };
        Ok(true)
    }

    /// At the beginning of the block after this, if there is one.
    fn next_block(mut self, connection: &'r Connection) -> Result<Option<Self>, RunError> {
        self.place = Block::of(&self.body)?.len();
        Ok(self.advance(connection, false)?.then_some(self))
    }
}
