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
    state: Mutex<State<J>>,
    job_arrived: Condvar,
    commands_max: usize,
}

struct State<J: ?Sized> {
    jobs: VecDeque<Box<J>>,
    commands: usize,
    closed: bool,
    /// Whether the writer is waiting. Notifying it otherwise would be a needless system call.
    is_writer_waiting: bool,
}

/// Why a job was rejected.
pub(crate) enum PushError {
    Full,
    Closed,
}

impl<J: ?Sized> Default for State<J> {
    fn default() -> Self {
        Self { jobs: VecDeque::new(), commands: 0, closed: false, is_writer_waiting: false }
    }
}

impl<J: Queued + ?Sized> Queue<J> {
    pub(crate) fn new(commands_max: usize) -> Self {
        Self { state: Mutex::default(), job_arrived: Condvar::new(), commands_max }
    }

    /// Appends a job. A job larger than the whole queue is accepted if the queue is empty.
    pub(crate) fn push(&self, job: Box<J>) -> Result<(), PushError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PushError::Closed);
        }
        let commands = state.commands + job.commands();
        if commands > self.commands_max && state.commands > 0 {
            return Err(PushError::Full);
        }
        state.commands = commands;
        state.jobs.push_back(job);
        let is_writer_waiting = std::mem::take(&mut state.is_writer_waiting);
        drop(state);
        if is_writer_waiting {
            self.job_arrived.notify_one();
        }
        Ok(())
    }

    /// Removes the jobs of the next group: at most `commands_max` commands, but at least one job if
    /// there is any.
    pub(crate) fn take(&self, commands_max: usize) -> Vec<Box<J>> {
        let mut state = self.lock();
        let (mut jobs, mut commands) = (Vec::new(), 0);
        while let Some(job) = state.jobs.front() {
            if !jobs.is_empty() && commands + job.commands() > commands_max {
                break;
            }
            commands += job.commands();
            jobs.extend(state.jobs.pop_front());
        }
        state.commands -= commands;
        jobs
    }

    /// Waits until a job is queued or the queue is closed, at most `timeout`. Only one thread may
    /// wait.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut state = self.lock();
        if state.jobs.is_empty() && !state.closed {
            assert!(!state.is_writer_waiting, "a queue has one writer");
            state.is_writer_waiting = true;
            let waited = self.job_arrived.wait_timeout(state, timeout);
            waited.unwrap_or_else(PoisonError::into_inner).0.is_writer_waiting = false;
        }
    }

    /// Rejects further jobs; queued ones are still served.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.job_arrived.notify_all();
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

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
