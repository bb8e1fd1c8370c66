//! The bus: every command goes to the one service that handles it, every query to the one that
//! answers it, typed from end to end.

use std::any::TypeId;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::watch;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::{Clock, UnixMillis};
use crate::command_batch::Item;
use crate::feed::{Feed, PublicRecord};
use crate::handler::{Handling, JsonReply};
use crate::ids::Ids;
use crate::log::{Record, StoreError};
use crate::message::{Command, Meta, Query, Reply};
use crate::partition::{Limits, Partition, Stores};
use crate::problem::{Failure, NotDone};
use crate::reading::Reading;
use crate::registration::{Answer, Answerer};
use crate::relay_registry::RelayRegistry;
use crate::sending::{Sent, answers, submit};
use crate::service::Service;

/// What an asynchronous function of a table returns.
pub(crate) type BusFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The bus of a process. Cloning it is cheap; all clones are the same bus.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    services: Vec<Running>,
    commands: FxHashMap<TypeId, Route>,
    queries: FxHashMap<TypeId, (usize, usize)>,
    by_name: FxHashMap<&'static str, Route>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// How the relays of this process are doing.
    relays: RelayRegistry,
}

pub(crate) struct Running {
    pub(crate) service: Arc<Service>,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

/// Where a command goes: a line of a service's table.
#[derive(Clone, Copy)]
enum Route {
    Command { service: usize, line: usize },
    Procedure { service: usize, line: usize },
    Translation { service: usize, line: usize },
}

/// The partition of a key. The same key always gives the same one.
pub(crate) fn partition_of(key: &str, partitions: usize) -> usize {
    if partitions == 1 {
        return 0;
    }
    let hash = xxh3_64(key.as_bytes()) % partitions as u64;
    usize::try_from(hash).expect("less than the number of partitions")
}

/// A service that is not started yet, with the stores of its partitions.
pub struct Opening {
    /// The service's table.
    pub service: Service,
    /// One a partition, in order.
    pub stores: Vec<Stores>,
}

impl Bus {
    /// Opens the services: views are brought to the head of their logs first.
    ///
    /// Nothing is decided yet: a [`crate::runtime::Runtime`] (or a simulator) moves the partitions.
    ///
    /// # Errors
    /// When a log or its rows cannot be read.
    ///
    /// # Panics
    /// When two services handle the same command.
    pub fn open(
        services: Vec<Opening>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let mut running = Vec::new();
        for Opening { service, stores } in services {
            let service = Arc::new(service);
            let open = |(index, stores)| {
                Partition::open(&service, index, stores, &clock, limits).map(Arc::new)
            };
            let partitions =
                stores.into_iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
            running.push(Running { service, partitions });
        }
        let mut inner = Inner {
            services: running,
            commands: FxHashMap::default(),
            queries: FxHashMap::default(),
            by_name: FxHashMap::default(),
            clock,
            ids,
            relays: RelayRegistry::default(),
        };
        inner.draw_routes();
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`NotDone`] says whether it was refused, failed or has an unknown outcome.
    pub async fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        self.send_as(command, Meta::default()).await.ending
    }

    /// Sends a command with what is to be said about it. One that names its aggregate is queued
    /// when this returns, whether somebody waits for the answer or not; any other begins when it
    /// is first waited for.
    pub fn send_as<C: Command>(
        &self,
        command: C,
        mut meta: Meta,
    ) -> impl Future<Output = Reply<C>> + Send + use<C> {
        self.identify(&mut meta);
        let sent = match self.inner.commands.get(&TypeId::of::<C>()) {
            Some(&Route::Command { service, line }) => {
                self.send_handled(service, line, command, meta)
            }
            Some(&Route::Procedure { service, line }) => {
                let bus = self.clone();
                let conduct = async move { bus.conduct(service, line, command, meta).await };
                Sent::UnderWay(Box::pin(conduct))
            }
            Some(Route::Translation { .. }) | None => {
                Sent::ended(Reply::fresh(Err(Failure::NotServed(C::NAME.into()).into())))
            }
        };
        sent.answer()
    }

    /// Sends many commands of one type; they are decided in order (those of one partition), and the
    /// replies come in the same order. Cheaper than one by one.
    pub async fn send_many<C: Command>(&self, commands: Vec<(C, Meta)>) -> Vec<Reply<C>> {
        let Some(&Route::Command { service, line }) = self.inner.commands.get(&TypeId::of::<C>())
        else {
            let mut replies = Vec::with_capacity(commands.len());
            for (command, meta) in commands {
                replies.push(self.send_as(command, meta).await);
            }
            return replies;
        };
        let running = &self.inner.services[service];
        let handling: Arc<Handling<C>> = running.service.handling(line);
        let mut replies: Vec<Option<Reply<C>>> = commands.iter().map(|_| None).collect();
        let mut parts: Vec<(Vec<usize>, Vec<Item<C>>)> =
            running.partitions.iter().map(|_| (Vec::new(), Vec::new())).collect();
        for (place, (command, mut meta)) in commands.into_iter().enumerate() {
            self.identify(&mut meta);
            match self.key_of(running, &handling, &command) {
                Ok(key) => {
                    let (places, items) = &mut parts[partition_of(&key, running.partitions.len())];
                    places.push(place);
                    items.push(Item { key, command, meta });
                }
                Err(not_done) => replies[place] = Some(Reply::fresh(Err(not_done))),
            }
        }
        let mut waiting = Vec::new();
        for (partition, (places, items)) in running.partitions.iter().zip(parts) {
            if !items.is_empty() {
                waiting.push((places, submit(partition, &handling, items)));
            }
        }
        for (places, submitted) in waiting {
            let decided = answers(submitted, places.len()).await;
            for (place, reply) in places.into_iter().zip(decided) {
                replies[place] = Some(reply);
            }
        }
        replies.into_iter().map(|it| it.expect("every command was answered")).collect()
    }

    /// Sends a command or a message that is known by its wire name only, as JSON.
    ///
    /// # Errors
    /// When no service here takes it, or it cannot be read.
    pub async fn send_json(
        &self,
        name: &str,
        json: &str,
        meta: Meta,
    ) -> Result<JsonReply, Failure> {
        let services = &self.inner.services;
        let future = match self.inner.by_name.get(name) {
            Some(&Route::Command { service, line }) => {
                (services[service].service.commands[line].dispatch)(self.clone(), json, meta)
            }
            Some(&Route::Procedure { service, line }) => {
                (services[service].service.procedures[line].dispatch)(self.clone(), json, meta)
            }
            Some(&Route::Translation { service, line }) => {
                (services[service].service.translations[line].dispatch)(self.clone(), json, meta)
            }
            None => return Err(Failure::NotServed(name.to_owned())),
        };
        future.await
    }

    /// Asks the views. The answer reflects everything that was answered before it was asked.
    ///
    /// # Errors
    /// When no service here answers it, or the storage cannot be read.
    pub fn ask<Q: Query>(&self, query: Q) -> Result<Q::Answer, Failure> {
        let route = self.inner.queries.get(&TypeId::of::<Q>());
        let &(service, line) = route.ok_or_else(|| Failure::NotServed(Q::NAME.into()))?;
        let running = &self.inner.services[service];
        let answerer = running.service.queries[line].run.downcast_ref::<Box<Answerer<Q>>>();
        let answerer = answerer.expect("found by its type");
        let told = answerer(&self.reading(running)?, query)?;
        match told {
            Answer::Ready(answer) => Ok(answer),
            Answer::Deferred(tell) => Ok(tell()?),
        }
    }

    /// The public events of a partition after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When there is no such service or partition, or the storage cannot be read.
    pub fn feed(
        &self,
        service: &str,
        partition: usize,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PublicRecord>, Failure> {
        let at = self.partition(service, partition)?;
        let (log_id, log) = (at.log_id.as_str(), at.log.as_ref());
        let feed = Feed { service: &at.service, log, log_id, partition };
        Ok(feed.read(after, at.projector.head(), limit)?)
    }

    /// The records of a partition's log that hold events after `after`, oldest first, as
    /// [`crate::log::LogStore::read_after`] gives them.
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

    /// The number of the last event of a partition, as it changes.
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

    /// Waits until a partition's log holds an event after `after`, at most `at_most`.
    ///
    /// # Errors
    /// When there is no such service or partition.
    pub async fn wait_after(
        &self,
        service: &str,
        partition: usize,
        after: u64,
        at_most: Duration,
    ) -> Result<(), Failure> {
        let mut head = self.watch_head(service, partition)?;
        // Neither the end of the time nor the end of the service is an error: there is nothing new.
        let _ = tokio::time::timeout(at_most, head.wait_for(|head| *head > after)).await;
        Ok(())
    }

    /// The present moment, by the clock of this bus.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    pub(crate) fn services(&self) -> &[Running] {
        &self.inner.services
    }

    pub(crate) fn running(&self, service: &str) -> Result<&Running, Failure> {
        let found = self.inner.services.iter().find(|it| it.service.name == service);
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

    /// An id that was never given before.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.inner.ids.next()
    }

    pub(crate) fn identify(&self, meta: &mut Meta) {
        if meta.command_id.is_nil() {
            meta.command_id = self.inner.ids.next();
        }
    }

    pub(crate) fn reading<'a>(&'a self, running: &'a Running) -> Result<Reading<'a>, StoreError> {
        // Nobody waits for a store while it holds the materialized state.
        running.partitions.iter().try_for_each(|it| it.projector.follow())?;
        let states = running.partitions.iter().map(|it| it.projector.read_known());
        let states = states.collect::<Result<Vec<_>, _>>()?;
        Ok(Reading { service: &running.service, states, now: self.now() })
    }
}

impl Inner {
    fn draw_routes(&mut self) {
        for (service, running) in self.services.iter().enumerate() {
            let table = &running.service;
            let handled = table.commands.iter().enumerate();
            let handled = handled
                .map(|(line, it)| (it.command_type, it.command, Route::Command { service, line }));
            let conducted = table.procedures.iter().enumerate();
            let conducted = conducted.map(|(line, it)| {
                (it.command_type, it.command, Route::Procedure { service, line })
            });
            for (command_type, name, route) in handled.chain(conducted) {
                let taken = self.commands.insert(command_type, route);
                assert!(taken.is_none(), "two lines of the tables take {name}");
                self.by_name.insert(name, route);
            }
            for (line, it) in table.translations.iter().enumerate() {
                let taken = self.by_name.insert(it.message, Route::Translation { service, line });
                assert!(taken.is_none(), "two lines of the tables take {}", it.message);
            }
            for (line, it) in table.queries.iter().enumerate() {
                let taken = self.queries.insert(it.query_type, (service, line));
                assert!(taken.is_none(), "two lines of the tables answer {}", it.query);
            }
        }
    }
}

impl Service {
    pub(crate) fn handling<C: Command>(&self, line: usize) -> Arc<Handling<C>> {
        let handling = self.commands[line].handling.downcast_ref::<Arc<Handling<C>>>();
        Arc::clone(handling.expect("found by its type"))
    }
}
