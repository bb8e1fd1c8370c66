//! One command on its way to the writer that decides it: the aggregate found, a kept answer used.

use std::sync::Arc;

use crate::bus::{Bus, Running, answers, partition_of, submit};
use crate::handler::Handling;
use crate::message::{Command, Key, Meta, Reply};
use crate::problem::{Failure, NotDone};
use crate::task::Item;

impl Bus {
    pub(crate) async fn send_handled<C: Command>(
        &self,
        service: usize,
        line: usize,
        command: C,
        meta: Meta,
    ) -> Reply<C> {
        let running = &self.services()[service];
        // Where the writer of the command's own partition cannot know the answer that was given.
        let is_elsewhere = command.key().is_none() || running.partitions.len() > 1;
        if is_elsewhere && let Some(reply) = running.kept(&meta) {
            return reply;
        }
        let handling: Arc<Handling<C>> = running.service.handling(line);
        let found = self.key_of(running, &handling, &command);
        let agreed = match (command.key(), found) {
            (Some(_), found) => found.map_err(|not_done| Reply::fresh(Err(not_done))),
            (None, found) => running.agree_on_place(found, &meta).await,
        };
        let key = match agreed {
            Ok(key) => key,
            Err(reply) => return reply,
        };
        let partition = &running.partitions[partition_of(&key, running.partitions.len())];
        let submitted = submit(partition, &handling, vec![Item { key, command, meta }]);
        answers(submitted, 1).await.pop().expect("one command has one answer")
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
