//! The allocation service on real files: open it, send commands, and check files and views.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use earmark_kernel::clock::VirtualClock;
use earmark_kernel::ids::RandomIds;
use earmark_kernel::log::Record;
use earmark_kernel::{
    Bus, Failure, Idempotency, Limits, Meta, NotDone, Opening, Stores, UnixMillis,
};
use earmark_stores::faults;
use earmark_stores::sqlite::{DataFolder, Settings, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

use super::commands::TestCommand;
use super::disk_model::Image;

pub const SERVICE: &str = "allocation";
const FILES: [&str; 2] = ["allocation-0.log.db", "allocation-0.views.db"];

/// Small limits, so that checkpoints and pauses happen within a few commands.
const SETTINGS: Settings = Settings {
    log_page_bytes: 4096,
    rows_page_bytes: 4096,
    checkpoint_bytes: 128 << 10,
    pause_bytes: 64 << 10,
    wal_bytes_max: 1 << 20,
    rows_checkpoint_bytes: 128 << 10,
    rows_cache_bytes: 1 << 20,
};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The bytes of an answer or a refusal: both are stored under the key.
    Answered(String),
    Failed(Failure),
    Unknown,
}

/// A folder for one disk; in memory if possible, because syncs are then free.
pub fn temp_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

pub fn open(folder: &Path) -> Result<Bus, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let folder = DataFolder::open(folder).map_err(|e| text(&e))?;
    let opened = SqliteStore::open_with(&folder, SERVICE, 0, "a-log", SETTINGS);
    let (log, rows) = opened.map_err(|e| text(&e))?;
    let stores = vec![Stores { log: Arc::new(log), rows: Arc::new(rows) }];
    let service = earmark_services::allocation::service();
    let clock = Arc::new(VirtualClock::at(UnixMillis(1_300_000_000_000)));
    // Few events per snapshot, so that snapshots are written.
    let limits = Limits { snapshot_events: 16, ..Limits::default() };
    let openings = vec![Opening { service, stores }];
    Bus::open(openings, clock, Arc::new(RandomIds), limits).map_err(|e| text(&e))
}

/// Sends a command; returns how it ended, and whether the answer was replayed.
pub async fn send(bus: &Bus, index: usize, command: &TestCommand) -> (Outcome, bool) {
    let meta = Meta {
        command_id: Uuid::from_u128(1 + index as u128),
        idempotency: Some(Idempotency::of(&command.key, command.json.as_bytes())),
        at: Some(UnixMillis(command.at_ms)),
        ..Meta::default()
    };
    let reply = bus.send_json(command.name, &command.json, meta).await.unwrap();
    let outcome = match reply.ending {
        Ok(answer) => Outcome::Answered(answer.get().to_owned()),
        Err(NotDone::Refused(refused)) => Outcome::Answered(refused.refusal.get().to_owned()),
        Err(NotDone::Failed(failure)) => Outcome::Failed(failure),
        Err(NotDone::Unknown(_)) => Outcome::Unknown,
    };
    (outcome, reply.replayed)
}

/// Awaits all futures concurrently.
pub async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<Pin<Box<_>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *output = Some(done);
            }
        }
        if outputs.iter().any(Option::is_none) {
            return Poll::Pending;
        }
        Poll::Ready(outputs.iter_mut().map(|it| it.take().unwrap()).collect())
    })
    .await
}

pub fn records(bus: &Bus) -> Vec<Record> {
    bus.records(SERVICE, 0, 0, u64::MAX).unwrap()
}

/// Writes the files of an image to a folder.
pub fn write(image: &Image, folder: &Path) {
    for (name, bytes) in image {
        fs::write(folder.join(&**name), bytes).unwrap();
    }
}

/// Checks the files with SQLite's integrity check, and sequences, views and snapshots with the
/// kernel's verification.
pub fn check_integrity(bus: &Bus, folder: &Path) -> Result<(), String> {
    for file in FILES {
        let path: PathBuf = folder.join(file);
        let found = faults::integrity(&path).map_err(|why| format!("{file}: {why}"))?;
        if found != "ok" {
            return Err(format!("{file}: {found}"));
        }
    }
    bus.verify(SERVICE, |_, _| {}).map(|_| ()).map_err(|e| e.to_string())
}
