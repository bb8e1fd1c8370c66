//! Groups: what is asked while one is written is the next, and is answered when it is on the disk.

use std::fmt::Display;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::clock::thread;

/// What waits to be written, gathered in a `G`.
pub struct Groups<G> {
    waiting: Mutex<Waiting<G>>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting<G> {
    gathered: G,
    answers: Vec<oneshot::Sender<()>>,
}

impl<G: Default + Send + 'static> Groups<G> {
    /// Starts the thread that writes, which lives as long as the process.
    pub fn start<E: Display>(
        mut write: impl FnMut(&G) -> Result<(), E> + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let groups = Arc::new(Self { waiting: Mutex::default(), arrived: Condvar::new() });
        let writer = Arc::clone(&groups);
        thread("write", move || {
            loop {
                let Waiting { gathered, answers } = writer.next();
                if let Err(error) = write(&gathered) {
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
        Ok(groups)
    }

    /// Waits until what is added is on the disk.
    pub async fn append(&self, add: impl FnOnce(&mut G)) -> Result<(), ()> {
        let (answer, answered) = oneshot::channel();
        self.push(add, answer);
        self.arrived.notify_one();
        answered.await.map_err(drop)
    }

    fn push(&self, add: impl FnOnce(&mut G), answer: oneshot::Sender<()>) {
        let mut waiting = self.lock();
        add(&mut waiting.gathered);
        waiting.answers.push(answer);
    }

    fn next(&self) -> Waiting<G> {
        let waiting = self.lock();
        let waited = self.arrived.wait_while(waiting, |it| it.answers.is_empty());
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<G>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
