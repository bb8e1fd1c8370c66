//! A running service: its partitions, and the routing of its commands to them.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::message::{Command, Key, Meta, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::model::partitioning::partition_of;
use crate::ports::clock::Clock;
use crate::ports::log::StoreError;
use crate::views::log_schema::LogSchema;
use crate::views::reading::Reading;
use crate::write::command_batch::Item;
use crate::write::composite::{Composite, CompositeJob};
use crate::write::handling::Handling;
use crate::write::partition::Partition;
use crate::write::submission::{Submission, replies, submit};
use crate::write::together::{Handlers, Scope};

/// A service whose partitions are open.
pub(crate) struct Running {
    pub(crate) schema: Arc<LogSchema>,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Running {
    /// The views of all partitions as of now.
    pub(crate) fn reading(&self) -> Result<Reading<'_>, StoreError> {
        // All logs are read before the first state is locked, so no lock is held during I/O.
        self.partitions.iter().try_for_each(|it| it.projector.follow())?;
        let states = self.partitions.iter().map(|it| it.projector.read_local());
        let states = states.collect::<Result<Vec<_>, _>>()?;
        Ok(Reading { schema: &self.schema, states, now: self.clock.now() })
    }

    /// The views of one partition as of now. Only aggregates of this partition can be read from it.
    pub(crate) fn reading_of(&self, partition: usize) -> Result<Reading<'_>, StoreError> {
        let state = self.partitions[partition].projector.read()?;
        Ok(Reading { schema: &self.schema, states: vec![state], now: self.clock.now() })
    }

    /// Sends a command to the writer of its key's partition.
    pub(crate) fn send<C: Command>(
        self: &Arc<Self>,
        handling: &Arc<Handling<C>>,
        command: C,
        meta: Meta,
    ) -> Submission<C> {
        let names_key = command.key().is_some();
        // The stored answer may be in another partition, where this command's writer cannot find
        // it.
        let may_be_elsewhere = !names_key || self.partitions.len() > 1;
        if may_be_elsewhere && let Some(reply) = self.stored_reply(&meta) {
            return Submission::ended(reply);
        }
        match self.key_of(handling, &command) {
            Ok(key) if names_key => Submission::Queued(self.submit(handling, key, command, meta)),
            Err(not_done) if names_key => Submission::ended(Reply::fresh(Err(not_done))),
            found => {
                let (running, handling) = (Arc::clone(self), Arc::clone(handling));
                Submission::InProgress(Box::pin(async move {
                    match running.agree_on_key(found, &meta).await {
                        Ok(key) => {
                            let submitted = running.submit(&handling, key, command, meta);
                            Submission::Queued(submitted).reply().await
                        }
                        Err(reply) => reply,
                    }
                }))
            }
        }
    }

    /// Sends a composite command to the writer of its key's partition.
    pub(crate) fn send_composite<C: Command>(
        &self,
        composite: &Arc<Composite<C>>,
        handlers: Arc<dyn Handlers>,
        command: C,
        meta: Meta,
    ) -> Submission<C> {
        let Some(key) = command.key() else {
            let failure = Failure::NotServed(format!("{} without a key", C::NAME));
            return Submission::ended(Reply::fresh(Err(failure.into())));
        };
        let partitions = self.partitions.len();
        // The stored answer may be in another partition, where this command's writer cannot find
        // it.
        if partitions > 1
            && let Some(reply) = self.stored_reply(&meta)
        {
            return Submission::ended(reply);
        }
        let partition = partition_of(key, partitions);
        let scope = Scope { handlers, partition, partitions };
        let (reply, replies) = oneshot::channel();
        let composite = Arc::clone(composite);
        let job = CompositeJob { composite, scope, command, meta, decided: None, reply };
        let submitted = self.partitions[partition].submit(Box::new(job));
        Submission::Queued(submitted.map(|()| replies))
    }

    /// Sends many commands of one type. The replies have the order of the commands.
    pub(crate) async fn send_many<C: Command>(
        &self,
        handling: &Arc<Handling<C>>,
        commands: Vec<(C, Meta)>,
    ) -> Vec<Reply<C>> {
        let mut ordered: Vec<Option<Reply<C>>> = commands.iter().map(|_| None).collect();
        let mut parts: Vec<(Vec<usize>, Vec<Item<C>>)> =
            self.partitions.iter().map(|_| (Vec::new(), Vec::new())).collect();
        for (index, (command, meta)) in commands.into_iter().enumerate() {
            match self.key_of(handling, &command) {
                Ok(key) => {
                    let (indexes, items) = &mut parts[partition_of(&key, self.partitions.len())];
                    indexes.push(index);
                    items.push(Item { key, command, meta });
                }
                Err(not_done) => ordered[index] = Some(Reply::fresh(Err(not_done))),
            }
        }
        let mut waiting = Vec::new();
        for (partition, (indexes, items)) in self.partitions.iter().zip(parts) {
            if !items.is_empty() {
                waiting.push((indexes, submit(partition, handling, items)));
            }
        }
        for (indexes, submitted) in waiting {
            let decided = replies(submitted, indexes.len()).await;
            for (index, reply) in indexes.into_iter().zip(decided) {
                ordered[index] = Some(reply);
            }
        }
        ordered.into_iter().map(|it| it.expect("every command has a reply")).collect()
    }

    /// The key of the aggregate that decides the command.
    fn key_of<C: Command>(
        &self,
        handling: &Handling<C>,
        command: &C,
    ) -> Result<Key, NotDone<C::Refusal>> {
        match (command.key(), &handling.resolve_key) {
            (Some(key), _) => Ok(key.into()),
            (None, Some(resolve)) => {
                let reading = self.reading().map_err(Failure::from)?;
                resolve(&reading, command).map_err(Failure::from)?.map_err(NotDone::Refused)
            }
            (None, None) => Err(Failure::NotServed(format!("{} without a key", C::NAME)).into()),
        }
    }

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
