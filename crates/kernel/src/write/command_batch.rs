//! The jobs of a writer: batches of commands of one type, and the kernel's internal jobs.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::message::{Command, Key, Meta, Reply};
use crate::model::outcome::NotDone;
use crate::write::handling::Handling;
use crate::write::queue::Queued;
use crate::write::writer::{GroupOutcome, Job, Writer};

/// Commands of one type for one partition, decided in order and answered together.
pub(crate) struct CommandBatch<C: Command> {
    pub(crate) handling: Arc<Handling<C>>,
    pub(crate) items: Vec<Item<C>>,
    pub(crate) decided: Vec<Reply<C>>,
    pub(crate) reply: oneshot::Sender<Vec<Reply<C>>>,
}

/// A command, the key of the aggregate that decides it, and its metadata.
pub(crate) struct Item<C> {
    pub(crate) key: Key,
    pub(crate) command: C,
    pub(crate) meta: Meta,
}

impl<C: Command> Queued for CommandBatch<C> {
    fn commands(&self) -> usize {
        self.items.len()
    }
}

impl<C: Command> Job for CommandBatch<C> {
    fn decide(&mut self, writer: &mut Writer) {
        for item in &self.items {
            let decided = writer.decide(&self.handling, &item.key, &item.command, &item.meta);
            self.decided.push(decided);
        }
    }

    fn answer(self: Box<Self>, outcome: &GroupOutcome) {
        let not_done = match outcome {
            GroupOutcome::Committed => {
                // The caller may be gone; the commands are committed regardless.
                let _ = self.reply.send(self.decided);
                return;
            }
            GroupOutcome::Failed(failure) => NotDone::Failed(failure.clone()),
            GroupOutcome::Unknown(why) => NotDone::Unknown(why.clone()),
        };
        let replies = self.items.iter().map(|_| Reply::fresh(Err(not_done.clone())));
        let _ = self.reply.send(replies.collect());
    }
}

/// A job of the kernel itself, run by the writer as part of a group.
pub(crate) struct InternalJob {
    pub(crate) run: Box<dyn FnMut(&mut Writer) + Send>,
    pub(crate) reply: oneshot::Sender<GroupOutcome>,
}

impl Queued for InternalJob {
    fn commands(&self) -> usize {
        1
    }
}

impl Job for InternalJob {
    fn decide(&mut self, writer: &mut Writer) {
        (self.run)(writer);
    }
    fn answer(self: Box<Self>, outcome: &GroupOutcome) {
        let _ = self.reply.send(outcome.clone());
    }
}
