//! Group commit: requests that arrive while a group is written form the next group, and are
//! answered when it is on disk.

use std::fmt::Display;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::clock::thread;

/// The queue of a writer thread; its groups have content of type `G`.
pub struct GroupCommit<G> {
    next: Mutex<Group<G>>,
    arrived: Condvar,
}

#[derive(Default)]
struct Group<G> {
    content: G,
    answers: Vec<oneshot::Sender<()>>,
}

impl<G: Default + Send + 'static> GroupCommit<G> {
    /// Starts the writer thread, which runs until the process exits.
    pub fn start<E: Display>(
        mut write: impl FnMut(&G) -> Result<(), E> + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let groups = Arc::new(Self { next: Mutex::default(), arrived: Condvar::new() });
        let writer = Arc::clone(&groups);
        thread("write", move || {
            loop {
                let Group { content, answers } = writer.next_group();
                if let Err(error) = write(&content) {
                    // Dropping the senders reports the failure to the requests.
                    eprintln!("a group was not written: {error}");
                    continue;
                }
                for answer in answers {
                    // The client may have disconnected.
                    let _ = answer.send(());
                }
            }
        })?;
        Ok(groups)
    }

    /// Adds to the next group and waits until it is on disk.
    pub async fn append(&self, add: impl FnOnce(&mut G)) -> Result<(), ()> {
        let (answer, answered) = oneshot::channel();
        self.push(add, answer);
        self.arrived.notify_one();
        answered.await.map_err(drop)
    }

    fn push(&self, add: impl FnOnce(&mut G), answer: oneshot::Sender<()>) {
        let mut group = self.lock();
        add(&mut group.content);
        group.answers.push(answer);
    }

    fn next_group(&self) -> Group<G> {
        let group = self.lock();
        let group = self.arrived.wait_while(group, |it| it.answers.is_empty());
        std::mem::take(&mut *group.unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Group<G>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
