//! The bounded queue of a writer: a job that does not fit is rejected before any work is done.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An item of the queue.
pub(crate) trait Queued: Send {
    /// The number of commands in it.
    fn commands(&self) -> usize;
}

/// A queue of jobs whose size is counted in commands.
pub(crate) struct Queue<J: ?Sized> {
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
    commands_max: usize,
}

struct Waiting<J: ?Sized> {
    jobs: VecDeque<Box<J>>,
    commands: usize,
    closed: bool,
    /// Whether the writer is waiting. Notifying it otherwise would be a needless system call.
    is_awaited: bool,
}

/// Why a job was rejected.
pub(crate) enum NotTaken {
    Full,
    Closed,
}

impl<J: ?Sized> Default for Waiting<J> {
    fn default() -> Self {
        Self { jobs: VecDeque::new(), commands: 0, closed: false, is_awaited: false }
    }
}

impl<J: Queued + ?Sized> Queue<J> {
    pub(crate) fn new(commands_max: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), commands_max }
    }

    /// Appends a job. A job larger than the whole queue is accepted if the queue is empty.
    pub(crate) fn push(&self, job: Box<J>) -> Result<(), NotTaken> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        let commands = waiting.commands + job.commands();
        if commands > self.commands_max && waiting.commands > 0 {
            return Err(NotTaken::Full);
        }
        waiting.commands = commands;
        waiting.jobs.push_back(job);
        let is_awaited = std::mem::take(&mut waiting.is_awaited);
        drop(waiting);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Removes the jobs of the next group: at most `commands_max` commands, but at least one job if
    /// there is any.
    pub(crate) fn take(&self, commands_max: usize) -> Vec<Box<J>> {
        let mut waiting = self.lock();
        let (mut jobs, mut commands) = (Vec::new(), 0);
        while let Some(job) = waiting.jobs.front() {
            if !jobs.is_empty() && commands + job.commands() > commands_max {
                break;
            }
            commands += job.commands();
            jobs.extend(waiting.jobs.pop_front());
        }
        waiting.commands -= commands;
        jobs
    }

    /// Waits until a job is queued or the queue is closed, at most `timeout`. Only one thread may
    /// wait.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut waiting = self.lock();
        if waiting.jobs.is_empty() && !waiting.closed {
            assert!(!waiting.is_awaited, "a queue has one writer");
            waiting.is_awaited = true;
            let waited = self.arrived.wait_timeout(waiting, at_most);
            waited.unwrap_or_else(PoisonError::into_inner).0.is_awaited = false;
        }
    }

    /// Rejects further jobs; queued ones are still served.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether no job is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().jobs.is_empty()
    }

    /// The number of queued commands.
    pub(crate) fn depth(&self) -> usize {
        self.lock().commands
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
