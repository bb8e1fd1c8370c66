//! A service as a table of handlers, hooks, queries, views, reactions, publications and effects.

use std::any::{TypeId, type_name};
use std::sync::Arc;

use crate::bus::routes::{CommandRoute, Effect, Reaction, SendFn};
use crate::model::aggregate::{Aggregate, AnyRecorder, BeforeEach, OnFact, Recorder};
use crate::model::envelope::CommittedEvent;
use crate::model::kinds::Kinds;
use crate::model::message::{Command, Fact, Key, Message, PublicEvent, Query, Recorded};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::table::dispatch::{dispatch, dispatch_as};
use crate::table::procedure::{self, Procedure, ProcedureContext};
use crate::table::registration::{
    CommandEntry, CompositeEntry, FlowEntry, ProcedureEntry, QueryEntry, TranslationEntry,
};
use crate::views::answer::{Answer, Answerer, DeferredAnswer};
use crate::views::audit::Audit;
use crate::views::log_schema::{LogSchema, Publication, Timer, ViewEntry};
use crate::views::reading::Reading;
use crate::views::view::{BoundView, View};
use crate::write::composite::Composite;
use crate::write::handling::{Handling, ResolveKey};
use crate::write::together::Together;

/// The table of a service: its name and all its entries.
pub struct Service {
    /// The part that concerns its events.
    pub(crate) schema: LogSchema,
    pub(crate) commands: Vec<CommandEntry>,
    pub(crate) composites: Vec<CompositeEntry>,
    pub(crate) procedures: Vec<ProcedureEntry>,
    pub(crate) translations: Vec<TranslationEntry>,
    pub(crate) queries: Vec<QueryEntry>,
    pub(crate) follow_ups: Vec<FlowEntry>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) effects: Vec<Effect>,
}

impl Service {
    /// A service with one kind of aggregate and an otherwise empty table.
    #[must_use]
    pub fn of<A: Aggregate>(name: &'static str) -> Self {
        let schema = LogSchema {
            service: name,
            kinds: Arc::new(Kinds::new()),
            views: Vec::new(),
            timers: Vec::new(),
            publications: Vec::new(),
            audits: Vec::new(),
        };
        let service = Self {
            schema,
            commands: Vec::new(),
            composites: Vec::new(),
            procedures: Vec::new(),
            translations: Vec::new(),
            queries: Vec::new(),
            follow_ups: Vec::new(),
            reactions: Vec::new(),
            effects: Vec::new(),
        };
        service.and_of::<A>()
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.schema.service
    }

    /// Adds a kind of aggregate, whose events are in the same log.
    #[must_use]
    pub fn and_of<A: Aggregate>(mut self) -> Self {
        self.kinds_mut().add::<A>();
        self
    }

    fn kinds_mut(&mut self) -> &mut Kinds {
        Arc::get_mut(&mut self.schema.kinds).expect("the table is still being built")
    }

    /// Adds a hook that runs before every command on an aggregate, and when one of its timers
    /// fires. It may record only the events listed in `records`.
    #[must_use]
    pub fn before_each<A, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        F: Fn(&mut Recorder<A>, UnixMillis) + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        self.follow_ups.push(FlowEntry {
            fact: "(before every command, and when a timer fires)",
            by,
            records,
        });
        self.kinds_mut().rules::<A>().before_each.push(BeforeEach { records, run: Box::new(run) });
        self
    }

    /// Adds the handler of a command: a pure function that may record only the events listed in
    /// `records`.
    #[must_use]
    pub fn handles<A, C, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        C: Command,
        F: Fn(&mut Recorder<A>, C, UnixMillis) -> Result<C::Answer, C::Refusal>
            + Send
            + Sync
            + 'static,
    {
        let kind = self.schema.kinds.index_of::<A>();
        let aggregate = A::NAME;
        let handling = Handling::<C> {
            kind,
            aggregate,
            run: Box::new(move |recorder: &mut dyn AnyRecorder, command, now| {
                let recorder = recorder.as_any().downcast_mut();
                let recorder: &mut Recorder<A> = recorder.expect("a kind has one type");
                recorder.begin(now, records);
                let before = recorder.recorded().len();
                let answer = run(recorder, command, now);
                let is_unchanged = recorder.recorded().len() == before;
                assert!(
                    answer.is_ok() || is_unchanged,
                    "a handler that refuses must not record events"
                );
                recorder.follow();
                answer
            }),
            resolve_key: None,
        };
        self.commands.push(CommandEntry {
            command: C::NAME,
            handler: function_name::<F>(),
            records,
            command_type: TypeId::of::<C>(),
            handling: Box::new(Arc::new(handling)),
            dispatch: dispatch::<C>(),
        });
        self
    }

    /// Adds a function that finds the aggregate's key for a command that does not contain it. The
    /// command's `handles` comes first.
    ///
    /// # Panics
    /// When no earlier entry handles the command.
    #[must_use]
    pub fn resolves_key<C, F>(mut self, find: F) -> Self
    where
        C: Command,
        F: Fn(&Reading, &C) -> Result<Result<Key, C::Refusal>, StoreError> + Send + Sync + 'static,
    {
        let of_command = |it: &&mut CommandEntry| it.command_type == TypeId::of::<C>();
        let handled = self.commands.iter_mut().find(of_command).expect("handles comes before");
        let handling: &mut Arc<Handling<C>> =
            handled.handling.downcast_mut().expect("found by its type");
        let resolve_key: Box<ResolveKey<C>> = Box::new(find);
        Arc::get_mut(handling).expect("the table is still being built").resolve_key =
            Some(resolve_key);
        self
    }

    /// Adds a command that is decided by sending other commands of its partition, all in one
    /// record: a function that may send only the commands listed in `sends`. Nothing is recorded if
    /// it fails. In the writer's queue it counts as `weight` commands.
    #[must_use]
    pub fn handles_together<C, F>(
        mut self,
        run: F,
        sends: &'static [&'static str],
        weight: fn(&C) -> usize,
    ) -> Self
    where
        C: Command,
        F: Fn(&mut Together, C) -> Result<Result<C::Answer, C::Refusal>, Failure>
            + Send
            + Sync
            + 'static,
    {
        let composite = Composite::<C> { decide: Box::new(run), sends, weight };
        self.composites.push(CompositeEntry {
            command: C::NAME,
            by: function_name::<F>(),
            sends,
            command_type: TypeId::of::<C>(),
            composite: Box::new(Arc::new(composite)),
            dispatch: dispatch::<C>(),
        });
        self
    }

    /// Adds a procedure: a command that is carried out by several commands, each safe to repeat.
    #[must_use]
    pub fn orchestrates<C, F, Fut>(mut self, run: F) -> Self
    where
        C: Command,
        F: Fn(ProcedureContext, C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, NotDone<C::Refusal>>> + Send + 'static,
    {
        let run: Arc<Procedure<C>> =
            Arc::new(move |context, command| Box::pin(run(context, command)));
        let route = move |service| CommandRoute::Procedure {
            run: Box::new(procedure::route::<C>(service, run)),
        };
        self.procedures.push(ProcedureEntry {
            command: C::NAME,
            procedure: function_name::<F>(),
            command_type: TypeId::of::<C>(),
            route: Box::new(route),
            dispatch: dispatch::<C>(),
        });
        self
    }

    /// Adds a translation of an external message into a command of any service.
    #[must_use]
    pub fn translates<M, C, F>(mut self, run: F) -> Self
    where
        M: Message,
        C: Command,
        F: Fn(M) -> C + Send + Sync + 'static,
    {
        let (message, command, by) = (M::NAME, C::NAME, function_name::<F>());
        let dispatch = dispatch_as::<C, M>(M::NAME, run);
        self.translations.push(TranslationEntry { message, by, command, dispatch });
        self
    }

    /// Adds a query that is answered from the views.
    #[must_use]
    pub fn answers<Q, F>(self, run: F) -> Self
    where
        Q: Query,
        F: Fn(&Reading, Q) -> Result<Q::Answer, StoreError> + Send + Sync + 'static,
    {
        let run = move |reading: &Reading, query| run(reading, query).map(Answer::Ready);
        self.answers_by::<Q>(function_name::<F>(), Box::new(run))
    }

    /// Adds a query that is answered from the history of aggregates. `run` collects what it needs
    /// and returns a function that computes the answer, which may take long and holds no locks.
    #[must_use]
    pub fn answers_from_history<Q, F>(self, run: F) -> Self
    where
        Q: Query,
        F: Fn(&Reading, Q) -> Result<DeferredAnswer<Q::Answer>, StoreError> + Send + Sync + 'static,
    {
        let run = move |reading: &Reading, query| run(reading, query).map(Answer::Deferred);
        self.answers_by::<Q>(function_name::<F>(), Box::new(run))
    }

    fn answers_by<Q: Query>(mut self, by: &'static str, run: Box<Answerer<Q>>) -> Self {
        let (query, query_type) = (Q::NAME, TypeId::of::<Q>());
        self.queries.push(QueryEntry { query, by, query_type, run: Box::new(run) });
        self
    }

    /// Adds a follow-up of a fact, which runs as part of the same command. It may record only the
    /// events listed in `records`.
    #[must_use]
    pub fn on<A, T, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        T: Fact<Of = A::Event>,
        F: Fn(&mut Recorder<A>, &T, UnixMillis) + Send + Sync + 'static,
    {
        self.follow_ups.push(FlowEntry { fact: T::NAME, by: function_name::<F>(), records });
        let run = move |recorder: &mut Recorder<A>, index: usize, now| {
            let fact = T::of(&recorder.recorded()[index]).cloned();
            run(recorder, &fact.expect("chosen by its name"), now);
        };
        let follow_up = OnFact { fact: T::NAME, records, run: Box::new(run) };
        self.kinds_mut().rules::<A>().on_fact.push(follow_up);
        self
    }

    /// Adds an invariant of an aggregate, which holds between commands. [`crate::Bus::verify`]
    /// checks it; the error says what is violated.
    #[must_use]
    pub fn invariant<A: Aggregate>(
        mut self,
        check: impl Fn(&A) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.kinds_mut().add_invariant(check);
        self
    }

    /// Adds an invariant that concerns one fact, checked after all events of the command that
    /// recorded it. Unlike the check of `invariant`, its cost must not grow with the aggregate.
    #[must_use]
    pub fn invariant_after<A: Aggregate>(
        mut self,
        check: impl Fn(&A, &A::Event) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.kinds_mut().add_invariant_after(check);
        self
    }

    /// Adds an audit: a check over the whole log, across aggregates and partitions, which
    /// [`crate::Bus::verify`] makes.
    #[must_use]
    pub fn audit<A: Audit>(mut self) -> Self {
        self.schema.audits.push(|| Box::new(A::default()));
        self
    }

    /// Adds a timer: after the fact, the aggregate's `before_each` hooks run at the returned time.
    #[must_use]
    pub fn timer<T, F>(mut self, due: F) -> Self
    where
        T: Fact,
        F: Fn(&T) -> Option<UnixMillis> + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        let due = Box::new(move |it: &CommittedEvent| due(fact::<T>(it)?));
        self.schema.timers.push(Timer { fact: T::NAME, by, due });
        self
    }

    /// Adds a view.
    #[must_use]
    pub fn view<V: View>(mut self) -> Self {
        let kind = self.schema.kinds.index_of_event::<V::Event>();
        let (name, version, view_type) = (V::NAME, V::VERSION, TypeId::of::<V>());
        let open = BoundView::<V>::boxed;
        self.schema.views.push(ViewEntry { name, version, kind, view_type, open });
        self
    }

    /// Adds a reaction: a public event of any service leads to commands.
    #[must_use]
    pub fn reacts<E, C, I, F>(mut self, run: F) -> Self
    where
        E: PublicEvent,
        C: Command,
        I: IntoIterator<Item = C>,
        F: Fn(&E) -> I + Send + Sync + 'static,
    {
        let react = move |json: &str| {
            let event: E = serde_json::from_str(json)?;
            Ok(run(&event).into_iter().map(send_fn).collect())
        };
        let by = function_name::<F>();
        let run = Box::new(react);
        self.reactions.push(Reaction { event: E::NAME, command: C::NAME, by, run });
        self
    }

    /// Adds a publication: a fact becomes a public event.
    #[must_use]
    pub fn publishes<T, E, F>(mut self, publish: F) -> Self
    where
        T: Fact,
        E: PublicEvent,
        F: Fn(&Recorded<T>) -> E + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        let run = Box::new(move |seq, it: &CommittedEvent| {
            let (at, causation, event) = (it.at, it.causation, fact::<T>(it)?);
            let public = publish(&Recorded { seq, at, key: &it.key, causation, event });
            Some(serde_json::to_string(&public).expect("plain data always serializes"))
        });
        self.schema.publications.push(Publication { fact: T::NAME, event: E::NAME, by, run });
        self
    }
}

fn fact<T: Fact>(it: &CommittedEvent) -> Option<&T> {
    if it.name == T::NAME { T::of(it.event.as_any().downcast_ref()?) } else { None }
}

fn send_fn<C: Command>(command: C) -> SendFn {
    Box::new(move |bus, meta| {
        let command = command.clone();
        Box::pin(async move {
            let ending = bus.send_as(command, meta).await.ending;
            ending.map(drop).map_err(|e| e.map_refused(|refusal| refusal.to_string()))
        })
    })
}

/// The last part of a function's path: `allocate` for `services::allocation::handlers::allocate`.
pub(crate) fn function_name<F>() -> &'static str {
    let path = type_name::<F>();
    path.rsplit("::").find(|part| !part.starts_with('{')).unwrap_or(path)
}
