//! One command on its way to the writer that decides it: the aggregate found, a kept answer used.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::bus::{Bus, BusFuture, Running, partition_of};
use crate::command_batch::{CommandBatch, Item};
use crate::handler::Handling;
use crate::message::{Command, Key, Meta, Reply};
use crate::partition::Partition;
use crate::problem::{Failure, NotDone};

/// A command that was sent.
pub(crate) enum Sent<C: Command> {
    /// Before the writer of its partition, if that took it.
    Queued(Result<oneshot::Receiver<Vec<Reply<C>>>, Failure>),
    /// More is to be done before or after: it begins when it is waited for.
    UnderWay(BusFuture<Reply<C>>),
}

impl<C: Command> Sent<C> {
    pub(crate) fn ended(reply: Reply<C>) -> Self {
        Self::UnderWay(Box::pin(std::future::ready(reply)))
    }

    pub(crate) async fn answer(self) -> Reply<C> {
        match self {
            Self::Queued(submitted) => {
                answers(submitted, 1).await.pop().expect("one command has one answer")
            }
            Self::UnderWay(work) => work.await,
        }
    }
}

impl Bus {
    pub(crate) fn send_handled<C: Command>(
        &self,
        service: usize,
        line: usize,
        command: C,
        meta: Meta,
    ) -> Sent<C> {
        let running = &self.services()[service];
        let names_key = command.key().is_some();
        // Where the writer of the command's own partition cannot know the answer that was given.
        let is_elsewhere = !names_key || running.partitions.len() > 1;
        if is_elsewhere && let Some(reply) = running.kept(&meta) {
            return Sent::ended(reply);
        }
        let handling: Arc<Handling<C>> = running.service.handling(line);
        match self.key_of(running, &handling, &command) {
            Ok(key) if names_key => Sent::Queued(running.submit(&handling, key, command, meta)),
            Err(not_done) if names_key => Sent::ended(Reply::fresh(Err(not_done))),
            found => {
                let bus = self.clone();
                Sent::UnderWay(Box::pin(async move {
                    let running = &bus.services()[service];
                    match running.agree_on_place(found, &meta).await {
                        Ok(key) => {
                            let submitted = running.submit(&handling, key, command, meta);
                            Sent::Queued(submitted).answer().await
                        }
                        Err(reply) => reply,
                    }
                }))
            }
        }
    }

    /// The key of the aggregate that decides a command.
    pub(crate) fn key_of<C: Command>(
        &self,
        running: &Running,
        handling: &Handling<C>,
        command: &C,
    ) -> Result<Key, NotDone<C::Refusal>> {
        match (command.key(), &handling.locate) {
            (Some(key), _) => Ok(key.into()),
            (None, Some(locate)) => {
                let reading = self.reading(running).map_err(Failure::from)?;
                locate(&reading, command).map_err(Failure::from)?.map_err(NotDone::Refused)
            }
            (None, None) => Err(Failure::NotServed(format!("{} without a key", C::NAME)).into()),
        }
    }
}

impl Running {
    /// Gives a command to the writer of its key's partition.
    fn submit<C: Command>(
        &self,
        handling: &Arc<Handling<C>>,
        key: Key,
        command: C,
        meta: Meta,
    ) -> Result<oneshot::Receiver<Vec<Reply<C>>>, Failure> {
        let partition = &self.partitions[partition_of(&key, self.partitions.len())];
        submit(partition, handling, vec![Item { key, command, meta }])
    }
}

/// Gives commands to a partition's writer; the receiver brings the answers.
pub(crate) fn submit<C: Command>(
    partition: &Partition,
    handling: &Arc<Handling<C>>,
    items: Vec<Item<C>>,
) -> Result<oneshot::Receiver<Vec<Reply<C>>>, Failure> {
    let (reply, answers) = oneshot::channel();
    let (handling, decided) = (Arc::clone(handling), Vec::with_capacity(items.len()));
    partition.submit(Box::new(CommandBatch { handling, items, decided, reply }))?;
    Ok(answers)
}

pub(crate) async fn answers<C: Command>(
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
