//! A file that is appended to in groups: one sync for all that waits, answered after it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::clock::thread;

/// As large as the file is made beforehand; behind its end it begins again.
pub const FILE_BYTES: u64 = 256 * 1024 * 1024;
/// It is written with zeros, so that a sync has no metadata to write.
const ZEROS: usize = 1024 * 1024;

/// A file that is as large as it will ever be.
pub struct Preallocated {
    file: File,
    at: u64,
    bytes: u64,
}

impl Preallocated {
    pub fn create(folder: &Path, bytes: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut open = OpenOptions::new();
        open.create(true).truncate(true).write(true);
        let mut file = open.open(folder.join("bare"))?;
        let zeros = vec![0; ZEROS];
        for _ in 0..bytes.div_ceil(ZEROS as u64) {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, bytes })
    }

    /// Appends, and returns when it is on the disk.
    pub fn append(&mut self, group: &[u8]) -> io::Result<()> {
        if self.at + group.len() as u64 > self.bytes {
            self.at = 0;
        }
        self.file.write_all_at(group, self.at)?;
        self.at += group.len() as u64;
        self.file.sync_data()
    }
}

/// A file with a thread that writes whatever waits.
pub struct GroupFile {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    answers: Vec<oneshot::Sender<()>>,
}

impl GroupFile {
    /// Makes the file and starts its thread, which lives as long as the process.
    pub fn create(folder: &Path, bytes: u64) -> io::Result<Arc<Self>> {
        let mut file = Preallocated::create(folder, bytes)?;
        let group = Arc::new(Self { waiting: Mutex::default(), arrived: Condvar::new() });
        let writer = Arc::clone(&group);
        thread("write", move || {
            loop {
                let Waiting { bytes, answers } = writer.next();
                if let Err(error) = file.append(&bytes) {
                    // Who waits for it sees that nobody answers.
                    eprintln!("a group was not written: {error}");
                    continue;
                }
                for answer in answers {
                    // Who asked may be gone.
                    let _ = answer.send(());
                }
            }
        })?;
        Ok(group)
    }

    /// Waits until a line, or many, are on the disk.
    pub async fn append(&self, line: &[u8]) -> Result<(), ()> {
        let (answer, answered) = oneshot::channel();
        self.push(line, answer);
        self.arrived.notify_one();
        answered.await.map_err(drop)
    }

    fn push(&self, line: &[u8], answer: oneshot::Sender<()>) {
        let mut waiting = self.lock();
        waiting.bytes.extend_from_slice(line);
        waiting.bytes.push(b'\n');
        waiting.answers.push(answer);
    }

    fn next(&self) -> Waiting {
        let waiting = self.lock();
        let waited = self.arrived.wait_while(waiting, |it| it.answers.is_empty());
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
