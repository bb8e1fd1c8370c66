//! A command on its way to the writer that decides it, and the reply that comes back.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::message::{Command, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::write::command_batch::{CommandBatch, Item};
use crate::write::handling::Handling;
use crate::write::partition::Partition;

/// A future that brings a reply.
pub(crate) type ReplyFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A command that was sent.
pub(crate) enum Submission<C: Command> {
    /// In the queue of its partition's writer, if the queue took it.
    Queued(Result<oneshot::Receiver<Vec<Reply<C>>>, Failure>),
    /// More is to be done before or after: it begins when it is first polled.
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

/// Puts commands into the queue of a partition's writer; the receiver brings the replies.
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
            Err(_) => NotDone::Unknown("the writer ended before it answered".into()),
        },
        Err(failure) => NotDone::Failed(failure),
    };
    (0..count).map(|_| Reply::fresh(Err(not_done.clone()))).collect()
}
