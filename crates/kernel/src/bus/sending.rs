//! The bus: sends each command to the service that handles it, and each query to the one that
//! answers it.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::bus::relay_registry::RelayRegistry;
use crate::bus::routes::{CommandRoute, Effect, Place, Reaction, Routes};
use crate::model::json_reply::JsonReply;
use crate::model::message::{Command, Meta, Query, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::clock::{Clock, UnixMillis};
use crate::ports::ids::Ids;
use crate::ports::log::{Record, StoreError};
use crate::views::answer::{Answer, Answerer};
use crate::views::reading::Reading;
use crate::write::partition::Partition;
use crate::write::running::Running;
use crate::write::submission::Submission;
use crate::write::together::Handlers;

/// The bus of a process. Clones are cheap and share the same bus.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    services: Vec<Arc<Running>>,
    routes: Routes,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// The status of the relays of this process.
    relays: RelayRegistry,
}

/// The handlers of one service of a bus.
struct ServiceHandlers {
    inner: Arc<Inner>,
    service: usize,
}

impl Handlers for ServiceHandlers {
    fn find(&self, command: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        match self.inner.routes.commands.get(&command)? {
            CommandRoute::Handler { service, handling } if *service == self.service => {
                Some(handling.as_ref())
            }
            _ => None,
        }
    }
}

impl Bus {
    /// Creates a bus of opened services, with the routes to them.
    pub(crate) fn assemble(
        services: Vec<Arc<Running>>,
        routes: Routes,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let relays = RelayRegistry::default();
        Self { inner: Arc::new(Inner { services, routes, clock, ids, relays }) }
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`NotDone`] says whether the command was refused, failed or has an unknown outcome.
    pub async fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        self.send_as(command, Meta::default()).await.ending
    }

    /// Sends a command with its metadata. A command that contains its aggregate's key is queued (or
    /// answered from its idempotency key) when this returns, even if the future is never polled.
    /// Any other command (one whose key must be looked up, or a procedure) starts when the future
    /// is first polled.
    pub fn send_as<C: Command>(
        &self,
        command: C,
        mut meta: Meta,
    ) -> impl Future<Output = Reply<C>> + Send + use<C> {
        self.identify(&mut meta);
        let submission = match self.inner.routes.commands.get(&TypeId::of::<C>()) {
            Some(CommandRoute::Handler { service, handling }) => self.inner.services[*service]
                .send(CommandRoute::handling(handling.as_ref()), command, meta),
            Some(CommandRoute::Composite { service, composite }) => {
                let inner = Arc::clone(&self.inner);
                let handlers = Arc::new(ServiceHandlers { inner, service: *service });
                let composite = CommandRoute::composite(composite.as_ref());
                self.inner.services[*service].send_composite(composite, handlers, command, meta)
            }
            Some(CommandRoute::Procedure { run }) => {
                let run = CommandRoute::procedure::<C>(run.as_ref());
                Submission::InProgress(run(self.clone(), command, meta))
            }
            None => Submission::ended(Reply::fresh(Err(Failure::NotServed(C::NAME.into()).into()))),
        };
        submission.reply()
    }

    /// Sends many commands of one type, which is cheaper than one by one. Those of one partition
    /// are decided in order. The replies have the order of the commands.
    pub async fn send_many<C: Command>(&self, commands: Vec<(C, Meta)>) -> Vec<Reply<C>> {
        let Some(CommandRoute::Handler { service, handling }) =
            self.inner.routes.commands.get(&TypeId::of::<C>())
        else {
            let mut replies = Vec::with_capacity(commands.len());
            for (command, meta) in commands {
                replies.push(self.send_as(command, meta).await);
            }
            return replies;
        };
        let mut commands = commands;
        commands.iter_mut().for_each(|(_, meta)| self.identify(meta));
        self.inner.services[*service]
            .send_many(CommandRoute::handling(handling.as_ref()), commands)
            .await
    }

    /// Sends a command or an external message by its wire name, as JSON.
    ///
    /// # Errors
    /// When no service handles it, or it cannot be decoded. The outcome of the command itself is in
    /// the reply.
    pub async fn send_json(
        &self,
        name: &str,
        json: &str,
        meta: Meta,
    ) -> Result<JsonReply, Failure> {
        let dispatch = self.inner.routes.by_name.get(name);
        let dispatch = dispatch.ok_or_else(|| Failure::NotServed(name.to_owned()))?;
        dispatch(self.clone(), json, meta).await
    }

    /// Answers a query from the views. The answer reflects all commands that were answered before
    /// this call.
    ///
    /// # Errors
    /// When no service answers it, or the storage cannot be read.
    pub fn ask<Q: Query>(&self, query: Q) -> Result<Q::Answer, Failure> {
        let route = self.inner.routes.queries.get(&TypeId::of::<Q>());
        let (service, answerer) = route.ok_or_else(|| Failure::NotServed(Q::NAME.into()))?;
        let answerer = answerer.downcast_ref::<Box<Answerer<Q>>>();
        let answerer = answerer.expect("found by its type");
        let answer = answerer(&self.inner.services[*service].reading()?, query)?;
        match answer {
            Answer::Ready(answer) => Ok(answer),
            Answer::Deferred(answer) => Ok(answer()?),
        }
    }

    /// The records of a partition's log that hold events after `after`, oldest first, as returned
    /// by [`crate::ports::log::LogStore::read_after`].
    ///
    /// # Errors
    /// When there is no such service or partition, or the storage cannot be read.
    pub fn records(
        &self,
        service: &str,
        partition: usize,
        after: u64,
        events_max: u64,
    ) -> Result<Vec<Record>, Failure> {
        Ok(self.partition(service, partition)?.log.read_after(after, events_max)?)
    }

    /// The sequence number of the last event of a partition, as a channel of changes.
    ///
    /// # Errors
    /// When there is no such service or partition.
    pub fn watch_head(
        &self,
        service: &str,
        partition: usize,
    ) -> Result<watch::Receiver<u64>, Failure> {
        Ok(self.partition(service, partition)?.projector.watch())
    }

    /// Waits until a partition's log holds an event after `after`, at most `timeout`.
    ///
    /// # Errors
    /// When there is no such service or partition.
    pub async fn wait_after(
        &self,
        service: &str,
        partition: usize,
        after: u64,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let mut head = self.watch_head(service, partition)?;
        // A timeout and a stopped service are not errors: there are no new events.
        let _ = tokio::time::timeout(timeout, head.wait_for(|head| *head > after)).await;
        Ok(())
    }

    /// The current time, by the clock of this bus.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    pub(crate) fn services(&self) -> &[Arc<Running>] {
        &self.inner.services
    }

    /// The reactions of a service, by its index in [`Bus::services`].
    pub(crate) fn reactions(&self, service: usize) -> &[Reaction] {
        &self.inner.routes.reactions[service]
    }

    /// The effects of a service, by its index in [`Bus::services`].
    pub(crate) fn effects(&self, service: usize) -> &[Effect] {
        &self.inner.routes.effects[service]
    }

    /// The views of one partition as of now.
    pub(crate) fn reading_of(&self, place: Place) -> Result<Reading<'_>, StoreError> {
        self.inner.services[place.service].reading_of(place.partition)
    }

    pub(crate) fn running(&self, service: &str) -> Result<&Arc<Running>, Failure> {
        let found = self.inner.services.iter().find(|it| it.schema.service == service);
        found.ok_or_else(|| Failure::NotServed(format!("messages for {service}")))
    }

    pub(crate) fn partition(
        &self,
        service: &str,
        index: usize,
    ) -> Result<&Arc<Partition>, Failure> {
        let missing = || Failure::NotServed(format!("partition {index} of {service}"));
        self.running(service)?.partitions.get(index).ok_or_else(missing)
    }

    pub(crate) fn relay_registry(&self) -> &RelayRegistry {
        &self.inner.relays
    }

    /// A new id that was never returned before.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.inner.ids.next()
    }

    /// Assigns an id to a command that has none.
    pub(crate) fn identify(&self, meta: &mut Meta) {
        if meta.command_id.is_nil() {
            meta.command_id = self.inner.ids.next();
        }
    }
}
