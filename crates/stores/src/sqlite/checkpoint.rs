//! Copies the log's write-ahead file back into the log, off the commit path, so that it starts
//! over.
//!
//! SQLite starts the write-ahead file over only when a commit finds all of it copied and nobody
//! reading from it. Under constant load that never happens by itself: while a copy is synced, the
//! next commits arrive. So a thread copies beside the writer until little is left, and asks the
//! writer to copy that little itself before its next commit.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use earmark_kernel::log::Record;
use rusqlite::Connection;

use super::error::{OpenError, is_disk_failure};
use super::health::Health;
use super::log::explain;
use super::pragmas::{apply, connect, pragma};
use super::readers::Readers;
use super::settings::Settings;
use super::unsynced;

/// So often a round copies beside the writer before it waits for the next one.
const PASSES_MAX: usize = 8;

/// What a frame and a row cost beside the events' own bytes, roughly.
const RECORD_OVERHEAD_BYTES: u64 = 128;

/// Everything that works on one log file. The connections stand before the plain file: they must
/// be closed first, because closing any handle of a file drops this process's POSIX locks on it.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) readers: Readers,
    /// The one connection that appends.
    pub(super) writer: Mutex<Connection>,
    copier: Mutex<Connection>,
    data: File,
    pub(super) path: PathBuf,
    /// The number of the last committed event. Only this process writes, so it needs no query.
    pub(super) head: AtomicU64,
    /// Bytes ever written to the write-ahead file by this process, roughly.
    written_bytes: AtomicU64,
    /// Little is left to copy: the writer is to do it before its next commit.
    rest_is_small: AtomicBool,
    /// Much may be left, but the write-ahead file is too large: the writer copies whatever it is.
    overdue: AtomicBool,
    settings: Settings,
    pub(super) health: Health,
}

/// How far a copy came, in bytes of the write-ahead file.
#[derive(Clone, Copy, Debug)]
struct Copied {
    /// What the write-ahead file held when the copy began.
    wal_bytes: u64,
    /// What of that could not be copied, because somebody still reads an older state.
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

    /// Copies everything now, with the writer and the readers held back.
    pub(super) fn checkpoint_all(&self) -> rusqlite::Result<()> {
        // The writer before the readers, as everywhere: two orders could wait for each other. A
        // writer that panicked has no transaction that a copy could harm.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _readers = self.readers.take_all();
        self.copy(&self.copier()).map(|_| ())
    }

    /// The writer's part, done before it begins a commit: copies the rest if it was asked to, so
    /// that this commit starts the write-ahead file over. An error that passes is the thread's to
    /// report: it meets the same one.
    pub(super) fn copy_rest_if_asked(&self) {
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

    /// The thread's part: copies beside the writer until little is left.
    fn checkpoint(&self) -> rusqlite::Result<Copied> {
        let mut passes = 0;
        loop {
            passes += 1;
            let before = self.written_bytes.load(Ordering::Relaxed);
            let copied = self.copy(&self.copier())?;
            // The copy is synced here, so that the writer need not wait for it. Linux tells an
            // error once: SQLite's own sync may not meet it again.
            if let Err(error) = unsynced::sync(&self.data, &self.path) {
                self.health.lose(format!("{} could not be synced: {error}", self.path.display()));
            }
            let since = self.written_bytes.load(Ordering::Relaxed) - before;
            let small = since + copied.held_bytes <= self.settings.pause_bytes;
            self.rest_is_small.store(small, Ordering::Relaxed);
            self.overdue.store(copied.wal_bytes >= self.settings.wal_bytes_max, Ordering::Relaxed);
            if small || passes == PASSES_MAX {
                return Ok(copied);
            }
        }
    }

    fn copier(&self) -> MutexGuard<'_, Connection> {
        self.copier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing, where the disk has failed: a copy that is synced again may only seem to be there.
    fn copy(&self, connection: &Connection) -> rusqlite::Result<Copied> {
        if self.health.broken().is_some() {
            return Ok(Copied { wal_bytes: 0, held_bytes: 0 });
        }
        let (frames, copied) = wal_checkpoint(connection, "PASSIVE").inspect_err(|error| {
            if is_disk_failure(error) {
                let (path, error) = (self.path.display(), explain(error));
                self.health.lose(format!("{path} could not be copied to: {error}"));
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
            self.health.leave_as_it_is(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Checkpoints in a mode; says how many frames the write-ahead file holds, and how many of them
/// are copied.
pub(super) fn wal_checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The thread that checkpoints one log, woken when its write-ahead file has grown; it ends when
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
        // What an earlier process left is copied first, if it is much.
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

    /// Counts a record that was committed, and wakes the thread when enough came together.
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
                // A full channel means that the thread has not yet begun the round it was woken
                // for.
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
    let mut trouble = false;
    while woken.recv().is_ok() {
        let path = file.path.display();
        let trouble_before = trouble;
        match file.checkpoint() {
            Ok(copied) => {
                trouble = copied.held_bytes > 0 && copied.wal_bytes >= file.settings.wal_bytes_max;
                if trouble && !trouble_before {
                    tracing::warn!(
                        %path, wal_bytes = copied.wal_bytes,
                        "another program reads the log without end, so its write-ahead file grows; \
                         end that program"
                    );
                }
            }
            Err(error) => {
                trouble = true;
                if !trouble_before {
                    let error = explain(&error);
                    tracing::warn!(
                        %path, error,
                        "the log's write-ahead file could not be copied back; nothing is lost, and \
                         it is tried again"
                    );
                }
            }
        }
    }
}
