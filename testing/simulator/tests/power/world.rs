//! The service over real files: opened, asked, closed, and looked at from all sides.

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

use crate::orders::Order;
use crate::platter::Image;

pub const SERVICE: &str = "allocation";
const FILES: [&str; 2] = ["allocation-0.log.db", "allocation-0.views.db"];

/// Small files, so that everything the store does with them happens within a few commands.
const SETTINGS: Settings = Settings {
    log_page_bytes: 4096,
    rows_page_bytes: 4096,
    checkpoint_bytes: 128 << 10,
    pause_bytes: 64 << 10,
    wal_bytes_max: 1 << 20,
    rows_checkpoint_bytes: 128 << 10,
    rows_cache_bytes: 1 << 20,
};

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An answer or a refusal, byte for byte: both are kept.
    Answered(String),
    Failed(Failure),
    Unknown,
}

/// A folder for one disk; in memory where there is such a place, for a sync then costs nothing.
pub fn place() -> TempDir {
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
    // Few events a snapshot, so that there are some.
    let limits = Limits { snapshot_events: 16, ..Limits::default() };
    let openings = vec![Opening { service, stores }];
    Bus::open(openings, clock, Arc::new(RandomIds), limits).map_err(|e| text(&e))
}

/// Sends an order; says how it ended, and whether it was answered before.
pub async fn send(bus: &Bus, index: usize, order: &Order) -> (Said, bool) {
    let meta = Meta {
        command_id: Uuid::from_u128(1 + index as u128),
        idempotency: Some(Idempotency::of(&order.key, order.json.as_bytes())),
        at: Some(UnixMillis(order.at_ms)),
        ..Meta::default()
    };
    let reply = bus.send_json(order.name, &order.json, meta).await.unwrap();
    let said = match reply.ending {
        Ok(answer) => Said::Answered(answer.get().to_owned()),
        Err(NotDone::Refused(refused)) => Said::Answered(refused.refusal.get().to_owned()),
        Err(NotDone::Failed(failure)) => Said::Failed(failure),
        Err(NotDone::Unknown(_)) => Said::Unknown,
    };
    (said, reply.replayed)
}

/// Waits for all of them at once.
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

/// Puts the files of an image where a store can open them.
pub fn write(image: &Image, folder: &Path) {
    for (name, bytes) in image {
        fs::write(folder.join(&**name), bytes).unwrap();
    }
}

/// Finds nothing wrong: SQLite with its files, nor the kernel with numbers, views and snapshots.
pub fn sound(bus: &Bus, folder: &Path) -> Result<(), String> {
    for file in FILES {
        let path: PathBuf = folder.join(file);
        let found = faults::integrity(&path).map_err(|why| format!("{file}: {why}"))?;
        if found != "ok" {
            return Err(format!("{file}: {found}"));
        }
    }
    bus.verify(SERVICE, |_, _| {}).map(|_| ()).map_err(|e| e.to_string())
}
