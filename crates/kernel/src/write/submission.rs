//! A submitted command and the future of its reply.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::message::{Command, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::write::command_batch::{CommandBatch, Item};
use crate::write::handling::Handling;
use crate::write::partition::Partition;

/// A boxed future.
pub(crate) type ReplyFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A submitted command.
pub(crate) enum Submission<C: Command> {
    /// Queued at its partition's writer, or rejected by the queue.
    Queued(Result<oneshot::Receiver<Vec<Reply<C>>>, Failure>),
    /// A future that does all the work; it starts when it is first polled.
    InProgress(ReplyFuture<Reply<C>>),
}

impl<C: Command> Submission<C> {
    pub(crate) fn ended(reply: Reply<C>) -> Self {
        Self::InProgress(Box::pin(std::future::ready(reply)))
    }

    pub(crate) async fn reply(self) -> Reply<C> {
        match self {
            Self::Queued(submitted) => {
                replies(submitted, 1).await.pop().expect("one command has one reply")
            }
            Self::InProgress(work) => work.await,
        }
    }
}

/// Queues commands at a partition's writer. The receiver gets the replies.
pub(crate) fn submit<C: Command>(
    partition: &Partition,
    handling: &Arc<Handling<C>>,
    items: Vec<Item<C>>,
) -> Result<oneshot::Receiver<Vec<Reply<C>>>, Failure> {
    let (reply, replies) = oneshot::channel();
    let (handling, decided) = (Arc::clone(handling), Vec::with_capacity(items.len()));
    partition.submit(Box::new(CommandBatch { handling, items, decided, reply }))?;
    Ok(replies)
}

/// Waits for the replies to `count` commands that were submitted together.
pub(crate) async fn replies<C: Command>(
    submitted: Result<oneshot::Receiver<Vec<Reply<C>>>, Failure>,
    count: usize,
) -> Vec<Reply<C>> {
    let not_done = match submitted {
        Ok(receiver) => match receiver.await {
            Ok(replies) => return replies,
            Err(_) => NotDone::Unknown("the writer stopped before it answered".into()),
        },
        Err(failure) => NotDone::Failed(failure),
    };
    (0..count).map(|_| Reply::fresh(Err(not_done.clone()))).collect()
}
