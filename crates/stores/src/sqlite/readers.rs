//! Read connections, used concurrently with the writer.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::OpenError;
use super::pragmas::{Pragma, connect_reader};

/// Concurrent reads of one file.
const READERS_COUNT: usize = 2;

/// Read connections to one file; a read takes the first idle one.
#[derive(Debug)]
pub(super) struct Readers {
    connections: [Mutex<Connection>; READERS_COUNT],
    next: AtomicUsize,
    /// Held by every read while it takes a connection, and by a caller that takes all connections;
    /// without it, such a caller could wait for the last connection without end.
    gate: Mutex<()>,
}

/// All connections of a file: nothing is read until this is dropped.
pub(super) struct NoReaders<'a> {
    _connections: Vec<MutexGuard<'a, Connection>>,
    _gate: MutexGuard<'a, ()>,
}

impl Readers {
    pub(super) fn open(path: &Path, pragmas: &[Pragma]) -> Result<Self, OpenError> {
        let first = connect_reader(path, pragmas)?;
        let second = connect_reader(path, pragmas)?;
        Ok(Self {
            connections: [first, second].map(Mutex::new),
            next: AtomicUsize::new(0),
            gate: Mutex::new(()),
        })
    }

    pub(super) fn connections(&self) -> &[Mutex<Connection>] {
        &self.connections
    }

    /// An idle connection, or the next one in turn when all are busy.
    pub(super) fn take(&self) -> MutexGuard<'_, Connection> {
        let _gate = locked(&self.gate);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        for offset in 0..READERS_COUNT {
            let candidate = &self.connections[(turn + offset) % READERS_COUNT];
            if let Ok(connection) = candidate.try_lock() {
                return connection;
            }
        }
        locked(&self.connections[turn % READERS_COUNT])
    }

    /// All connections, if no read is running.
    pub(super) fn take_idle(&self) -> Option<NoReaders<'_>> {
        let gate = self.gate.try_lock().ok()?;
        let connections: Option<_> =
            self.connections.iter().map(|one| one.try_lock().ok()).collect();
        Some(NoReaders { _connections: connections?, _gate: gate })
    }

    /// All connections; waits until the running reads have ended.
    pub(super) fn take_all(&self) -> NoReaders<'_> {
        let gate = locked(&self.gate);
        NoReaders { _connections: self.connections.iter().map(locked).collect(), _gate: gate }
    }
}

/// A connection is usable after a panic during a read: unwinding has reset the statement.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
