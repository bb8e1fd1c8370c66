//! Operations in flight: futures that one task polls together, without spawning.

use std::task::Poll;

use crate::model::operation::DueOperation;
use crate::model::outcome::Failure;
use crate::write::submission::ReplyFuture;

/// Running operations. They make progress only while [`InFlight::next`] is polled.
#[derive(Default)]
pub(crate) struct InFlight {
    /// In the order in which they were started. There are few, so all of them are polled whenever
    /// one wakes the task.
    runs: Vec<(DueOperation, ReplyFuture<Result<(), Failure>>)>,
}

impl InFlight {
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.runs.iter().any(|(operation, _)| operation.id == id)
    }

    pub(crate) fn start(&mut self, operation: DueOperation, run: ReplyFuture<Result<(), Failure>>) {
        self.runs.push((operation, run));
    }

    /// Waits until an operation ends; `None` if none is running. The others keep their progress if
    /// the returned future is dropped.
    pub(crate) async fn next(&mut self) -> Option<(DueOperation, Result<(), Failure>)> {
        std::future::poll_fn(|context| {
            for (index, (_, run)) in self.runs.iter_mut().enumerate() {
                if let Poll::Ready(ending) = run.as_mut().poll(context) {
                    return Poll::Ready(Some((self.runs.remove(index).0, ending)));
                }
            }
            if self.runs.is_empty() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}
