//! A future that is completed even if the caller stops waiting for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::panics::{Panicked, poll_caught};

/// A future that can continue as a task of its own.
pub(crate) trait Detachable: Future<Output: Send + 'static> + Send + 'static {}

impl<F: Future<Output: Send + 'static> + Send + 'static> Detachable for F {}

/// Runs within the caller's task. If the caller drops it first (the client hung up), the rest runs
/// as a task of its own; a task is started only in that case. A panic becomes an error.
pub(crate) struct DetachOnDrop<F: Detachable> {
    /// None: it has completed.
    future: Option<Pin<Box<F>>>,
    tasks: TaskTracker,
}

impl<F: Detachable> DetachOnDrop<F> {
    pub(crate) fn new(future: Pin<Box<F>>, tasks: &TaskTracker) -> Self {
        Self { future: Some(future), tasks: tasks.clone() }
    }
}

impl<F: Detachable> Future for DetachOnDrop<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.future.as_mut().expect("a completed future is not polled again");
        let polled = poll_caught(future.as_mut(), context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<F: Detachable> Drop for DetachOnDrop<F> {
    fn drop(&mut self) {
        // Without a runtime the process is ending.
        if let (Some(future), Ok(_)) = (self.future.take(), Handle::try_current()) {
            drop(self.tasks.spawn(future));
        }
    }
}
