//! Checkpoints the log: copies the write-ahead file back into the log's file, off the commit path,
//! so that the write-ahead file starts over.
//!
//! SQLite starts the write-ahead file over only when a commit finds all of it copied and no reader
//! using it. Under constant load that does not happen by itself: while a copy is synced, the next
//! commits arrive. So a thread copies concurrently until little is left, and then has the writer
//! copy the rest before its next commit.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use earmark_kernel::log::Record;
use rusqlite::Connection;

use super::error::{OpenError, explain, is_disk_failure};
use super::fsync;
use super::health::Health;
use super::pragmas::{apply, connect, pragma};
use super::readers::Readers;
use super::settings::Settings;

/// Concurrent copies per round.
const PASSES_MAX: usize = 8;

/// Approximate overhead of a record: a frame and a row.
const RECORD_OVERHEAD_BYTES: u64 = 128;

/// The connections to one log file. Field order matters: the connections must be closed before the
/// plain file, because closing any handle of a file drops this process's POSIX locks on it.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) readers: Readers,
    /// The connection that appends.
    pub(super) writer: Mutex<Connection>,
    copier: Mutex<Connection>,
    data: File,
    pub(super) path: PathBuf,
    /// The number of the last committed event. Only this process writes, so it needs no query.
    pub(super) head: AtomicU64,
    /// Approximate number of bytes that this process has written to the write-ahead file.
    written_bytes: AtomicU64,
    /// Little is left to copy: the writer copies it before its next commit.
    rest_is_small: AtomicBool,
    /// The write-ahead file is too large: the writer copies all of it before its next commit.
    overdue: AtomicBool,
    settings: Settings,
    pub(super) health: Health,
}

/// The result of a copy, in bytes of the write-ahead file.
#[derive(Clone, Copy, Debug)]
struct Copied {
    /// Size of the write-ahead file when the copy began.
    wal_bytes: u64,
    /// Bytes that could not be copied, because a reader still uses an older state.
    held_bytes: u64,
}

impl LogFile {
    pub(super) fn open(
        path: &Path,
        readers: Readers,
        writer: Connection,
        head: u64,
        settings: Settings,
        health: &Health,
    ) -> Result<Self, OpenError> {
        let copier = connect(path)?;
        let pragmas = [pragma("synchronous", 2), pragma("wal_autocheckpoint", 0)];
        apply(&copier, path, &pragmas)?;
        let data = File::open(path).map_err(|source| OpenError::Io {
            doing: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            readers,
            writer: Mutex::new(writer),
            copier: Mutex::new(copier),
            data,
            path: path.to_owned(),
            head: AtomicU64::new(head),
            written_bytes: AtomicU64::new(0),
            rest_is_small: AtomicBool::new(false),
            overdue: AtomicBool::new(false),
            settings,
            health: health.clone(),
        })
    }

    /// Copies everything now; the writer and the readers wait.
    pub(super) fn checkpoint_all(&self) -> rusqlite::Result<()> {
        // Lock order, to avoid a deadlock: the writer before the readers. A writer that panicked
        // has no open transaction.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _readers = self.readers.take_all();
        self.copy(&self.copier()).map(|_| ())
    }

    /// The writer's part, before it begins a commit: copies the rest if the thread requested it, so
    /// that this commit starts the write-ahead file over. The thread reports transient errors, as
    /// it encounters the same ones.
    pub(super) fn copy_rest_if_requested(&self) {
        if self.overdue.swap(false, Ordering::Relaxed) {
            self.rest_is_small.store(false, Ordering::Relaxed);
            let _readers = self.readers.take_all();
            let _ = self.copy(&self.copier());
        } else if self.rest_is_small.load(Ordering::Relaxed)
            && let Ok(copier) = self.copier.try_lock()
            && let Some(_readers) = self.readers.take_idle()
        {
            self.rest_is_small.store(false, Ordering::Relaxed);
            let _ = self.copy(&copier);
        }
    }

    /// The thread's part: copies concurrently until little is left.
    fn checkpoint(&self) -> rusqlite::Result<Copied> {
        let mut passes = 0;
        loop {
            passes += 1;
            let before = self.written_bytes.load(Ordering::Relaxed);
            let copied = self.copy(&self.copier())?;
            // The copy is synced here, so that the writer need not wait for it. Linux reports a
            // sync error only once: SQLite's own sync may not see it.
            if let Err(error) = fsync::sync_data(&self.data, &self.path) {
                self.health.lose(format!("cannot sync {}: {error}", self.path.display()));
            }
            let since = self.written_bytes.load(Ordering::Relaxed) - before;
            let is_small = since + copied.held_bytes <= self.settings.pause_bytes;
            self.rest_is_small.store(is_small, Ordering::Relaxed);
            self.overdue.store(copied.wal_bytes >= self.settings.wal_bytes_max, Ordering::Relaxed);
            if is_small || passes == PASSES_MAX {
                return Ok(copied);
            }
        }
    }

    fn copier(&self) -> MutexGuard<'_, Connection> {
        self.copier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies what is possible now. After a disk failure it does nothing, because a later sync may
    /// report success although the copy is not on the disk.
    fn copy(&self, connection: &Connection) -> rusqlite::Result<Copied> {
        if self.health.broken().is_some() {
            return Ok(Copied { wal_bytes: 0, held_bytes: 0 });
        }
        let (frames, copied) = wal_checkpoint(connection, "PASSIVE").inspect_err(|error| {
            if is_disk_failure(error) {
                let (path, error) = (self.path.display(), explain(error));
                self.health.lose(format!("cannot checkpoint into {path}: {error}"));
            }
        })?;
        let bytes = |frames: i64| {
            u64::try_from(frames).unwrap_or(0) * u64::from(self.settings.log_page_bytes)
        };
        Ok(Copied { wal_bytes: bytes(frames), held_bytes: bytes(frames - copied) })
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let connections = [&self.writer, &self.copier];
        for connection in connections.into_iter().chain(self.readers.connections()) {
            self.health
                .keep_wal_if_broken(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Runs a checkpoint in a mode. Returns the number of frames in the write-ahead file, and how many
/// of them are copied.
pub(super) fn wal_checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The thread that checkpoints one log. It wakes when the write-ahead file has grown, and ends when
/// this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    woken_at_bytes: AtomicU64,
}

impl Checkpointer {
    pub(super) fn start(file: &Arc<LogFile>) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        // A large write-ahead file of an earlier process is copied first.
        let wal = format!("{}-wal", file.path.display());
        if fs::metadata(wal).is_ok_and(|wal| wal.len() >= file.settings.checkpoint_bytes) {
            let _ = wake.try_send(());
        }
        let file = Arc::clone(file);
        #[expect(clippy::disallowed_methods, reason = "checkpoints must not hold up commits")]
        let thread =
            thread::Builder::new().name("checkpoint".into()).spawn(move || work(&file, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread), woken_at_bytes: AtomicU64::new(0) })
    }

    /// Counts a committed record, and wakes the thread when the write-ahead file has grown enough.
    pub(super) fn wrote(&self, file: &LogFile, record: &Record) {
        let pages = 2
            + (record.events.len() as u64 + RECORD_OVERHEAD_BYTES)
                / u64::from(file.settings.log_page_bytes);
        let bytes = pages * u64::from(file.settings.log_page_bytes);
        let written = file.written_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let woken_at = self.woken_at_bytes.load(Ordering::Relaxed);
        if written - woken_at >= file.settings.checkpoint_bytes {
            self.woken_at_bytes.store(written, Ordering::Relaxed);
            if let Some(wake) = &self.wake {
                // If the channel is full, the thread is about to begin a round.
                let _ = wake.try_send(());
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpointer panicked");
        }
    }
}

fn work(file: &LogFile, woken: &Receiver<()>) {
    let mut is_failing = false;
    while woken.recv().is_ok() {
        let path = file.path.display();
        let was_failing = is_failing;
        match file.checkpoint() {
            Ok(copied) => {
                is_failing =
                    copied.held_bytes > 0 && copied.wal_bytes >= file.settings.wal_bytes_max;
                if is_failing && !was_failing {
                    tracing::warn!(
                        %path, wal_bytes = copied.wal_bytes,
                        "another program keeps a read transaction open, so the write-ahead file \
                         grows; end that program"
                    );
                }
            }
            Err(error) => {
                is_failing = true;
                if !was_failing {
                    let error = explain(&error);
                    tracing::warn!(
                        %path, error,
                        "the log's checkpoint failed; nothing is lost, and it will be retried"
                    );
                }
            }
        }
    }
}
