//! A service as a table: who handles what, what follows from which fact, who keeps and who tells.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::aggregate::{Aggregate, AnyRecorder, EventBox, First, Recorder, Rules, Then};
use crate::bus::{Bus, BusFuture, Caller};
use crate::clock::Now;
use crate::envelope::CommittedEvent;
use crate::handler::{Dispatch, Handling, Locate, dispatch};
use crate::kernel_event::{KERNEL, KernelEvent};
use crate::log::StoreError;
use crate::message::{Command, Event, Fact, Key, Meta, PublicEvent, Query, Recorded};
use crate::problem::NotDone;
use crate::reading::Reading;
use crate::rows::RowStore;
use crate::view::{AnyView, View, Viewing};

/// A service: what it is called and everything it does, line by line.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) handled: Vec<Handled>,
    pub(crate) conducted: Vec<Conducted>,
    pub(crate) answered: Vec<AnsweredQuery>,
    pub(crate) thens: Vec<FlowLine>,
    pub(crate) views: Vec<Viewed>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) publications: Vec<Publication>,
    pub(crate) timers: Vec<Timer>,
}

/// A handler in the table.
pub(crate) struct Handled {
    pub(crate) command: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) records: &'static [&'static str],
    pub(crate) command_type: TypeId,
    /// `Arc<Handling<C>>`.
    pub(crate) handling: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// A procedure in the table: a command that takes several commands.
pub(crate) struct Conducted {
    pub(crate) command: &'static str,
    pub(crate) procedure: &'static str,
    pub(crate) command_type: TypeId,
    /// `Arc<Procedure<C>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// How a procedure is run.
pub(crate) type Procedure<C> = dyn Fn(Caller, C) -> BusFuture<Result<<C as Command>::Answer, NotDone<<C as Command>::Refusal>>>
    + Send
    + Sync;

/// A query in the table.
pub(crate) struct AnsweredQuery {
    pub(crate) query: &'static str,
    pub(crate) by: &'static str,
    pub(crate) query_type: TypeId,
    /// `Box<Answerer<Q>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
}

/// How a query is answered.
pub(crate) type Answerer<Q> =
    dyn Fn(&Reading, Q) -> Result<<Q as Query>::Answer, StoreError> + Send + Sync;

/// What follows from a fact, for the flow map.
pub(crate) struct FlowLine {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) records: &'static [&'static str],
}

/// A view in the table.
pub(crate) struct Viewed {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) kind: KindIndex,
    pub(crate) view_type: TypeId,
    pub(crate) open: fn(KindIndex, Arc<dyn RowStore>) -> Box<dyn AnyView>,
}

/// A reaction in the table: a public event heard becomes commands.
pub(crate) struct Reaction {
    pub(crate) event: &'static str,
    pub(crate) command: &'static str,
    pub(crate) by: &'static str,
    pub(crate) run: ReactFn,
}

/// From the public event's JSON to the commands it asks for, each ready to be sent.
pub(crate) type ReactFn = Box<dyn Fn(&str) -> Result<Vec<SendFn>, serde_json::Error> + Send + Sync>;

/// Sends one command; tells only whether it was not decided and should be tried again.
pub(crate) type SendFn = Box<dyn Fn(Bus, Meta) -> BusFuture<Result<(), NotDone<String>>> + Send>;

/// A publication in the table: a fact becomes a public event.
pub(crate) struct Publication {
    pub(crate) fact: &'static str,
    pub(crate) event: &'static str,
    pub(crate) by: &'static str,
    pub(crate) run: PublishFn,
}

type PublishFn = Box<dyn Fn(u64, &CommittedEvent) -> Option<String> + Send + Sync>;

/// A timer in the table: a fact after which the aggregate must be looked at again at some moment.
pub(crate) struct Timer {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) due: Box<dyn Fn(&CommittedEvent) -> Option<Now> + Send + Sync>,
}

impl Service {
    /// A service that begins with one kind of aggregate.
    #[must_use]
    pub fn of<A: Aggregate>(name: &'static str) -> Self {
        let kinds = Arc::new(Kinds::new());
        let service = Self {
            name,
            kinds,
            handled: Vec::new(),
            conducted: Vec::new(),
            answered: Vec::new(),
            thens: Vec::new(),
            views: Vec::new(),
            reactions: Vec::new(),
            publications: Vec::new(),
            timers: Vec::new(),
        };
        service.and_of::<A>()
    }

    /// One more kind of aggregate in the same log.
    #[must_use]
    pub fn and_of<A: Aggregate>(mut self) -> Self {
        self.kinds_mut().add::<A>();
        self
    }

    fn kinds_mut(&mut self) -> &mut Kinds {
        Arc::get_mut(&mut self.kinds).expect("the table is not in use yet")
    }

    /// What runs before every command on an aggregate, and when a timer wakes it.
    #[must_use]
    pub fn first<A, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        F: Fn(&mut Recorder<A>, Now) + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        self.thens.push(FlowLine {
            fact: "(before every command, and when woken)",
            by,
            records,
        });
        self.kinds_mut().rules::<A>().first.push(First {
            records,
            run: Box::new(run),
        });
        self
    }

    /// A command is decided by a pure function, which may record only the events named here.
    #[must_use]
    pub fn handles<A, C, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        C: Command,
        F: Fn(&mut Recorder<A>, C, Now) -> Result<C::Answer, C::Refusal> + Send + Sync + 'static,
    {
        let kind = self.kinds.index_of::<A>();
        let of = A::NAME;
        let handling = Handling::<C> {
            kind,
            of,
            run: Box::new(move |recorder: &mut dyn AnyRecorder, command, now| {
                let recorder = recorder.as_any().downcast_mut();
                let recorder: &mut Recorder<A> = recorder.expect("a kind has one type");
                recorder.begin(now, records);
                let before = recorder.recorded().len();
                let answer = run(recorder, command, now);
                let kept = recorder.recorded().len() == before;
                assert!(
                    answer.is_ok() || kept,
                    "a handler that refuses has recorded nothing"
                );
                recorder.follow();
                answer
            }),
            locate: None,
        };
        self.handled.push(Handled {
            command: C::NAME,
            handler: function_name::<F>(),
            records,
            command_type: TypeId::of::<C>(),
            handling: Box::new(Arc::new(handling)),
            dispatch: dispatch::<C>(),
        });
        self
    }

    /// How the aggregate of a command that does not name it is found; `handles` comes before.
    ///
    /// # Panics
    /// When no line before this one handles the command.
    #[must_use]
    pub fn locates<C, F>(mut self, find: F) -> Self
    where
        C: Command,
        F: Fn(&Reading, &C) -> Result<Result<Key, C::Refusal>, StoreError> + Send + Sync + 'static,
    {
        let of_command = |it: &&mut Handled| it.command_type == TypeId::of::<C>();
        let handled = self
            .handled
            .iter_mut()
            .find(of_command)
            .expect("handles comes before");
        let handling: &mut Arc<Handling<C>> =
            handled.handling.downcast_mut().expect("found by its type");
        let locate: Box<Locate<C>> = Box::new(find);
        Arc::get_mut(handling)
            .expect("the table is not in use yet")
            .locate = Some(locate);
        self
    }

    /// A command that takes several commands, one after another, each safe to repeat.
    #[must_use]
    pub fn conducts<C, F, Fut>(mut self, run: F) -> Self
    where
        C: Command,
        F: Fn(Caller, C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, NotDone<C::Refusal>>> + Send + 'static,
    {
        let procedure: Arc<Procedure<C>> =
            Arc::new(move |caller, command| Box::pin(run(caller, command)));
        self.conducted.push(Conducted {
            command: C::NAME,
            procedure: function_name::<F>(),
            command_type: TypeId::of::<C>(),
            run: Box::new(procedure),
            dispatch: dispatch::<C>(),
        });
        self
    }

    /// A question is answered from the views.
    #[must_use]
    pub fn answers<Q, F>(mut self, run: F) -> Self
    where
        Q: Query,
        F: Fn(&Reading, Q) -> Result<Q::Answer, StoreError> + Send + Sync + 'static,
    {
        let boxed: Box<Answerer<Q>> = Box::new(run);
        self.answered.push(AnsweredQuery {
            query: Q::NAME,
            by: function_name::<F>(),
            query_type: TypeId::of::<Q>(),
            run: Box::new(boxed),
        });
        self
    }

    /// What follows from a fact in the same unit of work.
    #[must_use]
    pub fn then<A, T, F>(mut self, run: F, records: &'static [&'static str]) -> Self
    where
        A: Aggregate,
        T: Fact<Of = A::Event>,
        F: Fn(&mut Recorder<A>, &T, Now) + Send + Sync + 'static,
    {
        self.thens.push(FlowLine {
            fact: T::NAME,
            by: function_name::<F>(),
            records,
        });
        let run = move |recorder: &mut Recorder<A>, index: usize, now| {
            let fact = T::of(&recorder.recorded()[index]).cloned();
            run(recorder, &fact.expect("chosen by its name"), now);
        };
        let then = Then {
            fact: T::NAME,
            records,
            run: Box::new(run),
        };
        self.kinds_mut().rules::<A>().then.push(then);
        self
    }

    /// A fact after which the aggregate is looked at again (`first` runs) at the moment returned.
    #[must_use]
    pub fn timer<T, F>(mut self, due: F) -> Self
    where
        T: Fact,
        F: Fn(&T) -> Option<Now> + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        let due = Box::new(move |it: &CommittedEvent| due(fact::<T>(it)?));
        self.timers.push(Timer {
            fact: T::NAME,
            by,
            due,
        });
        self
    }

    /// A view follows the log.
    #[must_use]
    pub fn view<V: View>(mut self) -> Self {
        let kind = self.kinds.index_of_event::<V::Event>();
        let (name, version, view_type) = (V::NAME, V::VERSION, TypeId::of::<V>());
        let open = Viewing::<V>::boxed;
        self.views.push(Viewed {
            name,
            version,
            kind,
            view_type,
            open,
        });
        self
    }

    /// A public event of any service becomes commands.
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
            Ok(run(&event).into_iter().map(sending).collect())
        };
        let by = function_name::<F>();
        let run = Box::new(react);
        self.reactions.push(Reaction {
            event: E::NAME,
            command: C::NAME,
            by,
            run,
        });
        self
    }

    /// A fact is told to others.
    #[must_use]
    pub fn publishes<T, E, F>(mut self, tell: F) -> Self
    where
        T: Fact,
        E: PublicEvent,
        F: Fn(&Recorded<T>) -> E + Send + Sync + 'static,
    {
        let by = function_name::<F>();
        let run = Box::new(move |seq, it: &CommittedEvent| {
            let (at, causation, event) = (it.at, it.causation, fact::<T>(it)?);
            let public = tell(&Recorded {
                seq,
                at,
                key: &it.key,
                causation,
                event,
            });
            Some(serde_json::to_string(&public).expect("public events are plain data"))
        });
        self.publications.push(Publication {
            fact: T::NAME,
            event: E::NAME,
            by,
            run,
        });
        self
    }
}

fn fact<T: Fact>(it: &CommittedEvent) -> Option<&T> {
    if it.name == T::NAME {
        T::of(it.event.as_any().downcast_ref()?)
    } else {
        None
    }
}

fn sending<C: Command>(command: C) -> SendFn {
    Box::new(move |bus, meta| {
        let command = command.clone();
        Box::pin(async move {
            let ending = bus.send_as(command, meta).await.ending;
            ending
                .map(drop)
                .map_err(|e| e.map_refused(|refusal| refusal.to_string()))
        })
    })
}

/// The last part of a function's path: `allocate` of `services::allocation::handlers::allocate`.
fn function_name<F>() -> &'static str {
    let path = type_name::<F>();
    path.rsplit("::")
        .find(|part| !part.starts_with('{'))
        .unwrap_or(path)
}

/// The place of a kind of aggregate in its service's table; 0 is the kernel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KindIndex(pub(crate) u8);

impl KindIndex {
    pub(crate) const KERNEL: Self = Self(0);
}

/// The kinds of aggregates of a service.
pub(crate) struct Kinds {
    kinds: Vec<Kind>,
    by_name: BTreeMap<&'static str, KindIndex>,
}

/// A kind of aggregate, with what must be known of its type.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    aggregate: TypeId,
    event: TypeId,
    rules: Arc<dyn Any + Send + Sync>,
    decode: fn(&str) -> Result<(&'static str, EventBox), serde_json::Error>,
    restore: fn(&Kind, &Key, Option<(u64, &str)>) -> Result<Box<dyn AnyRecorder>, StoreError>,
}

fn decode<E: Event>(json: &str) -> Result<(&'static str, EventBox), serde_json::Error> {
    let event: E = serde_json::from_str(json)?;
    Ok((event.name(), Box::new(event)))
}

impl Kinds {
    fn new() -> Self {
        let kernel = Kind {
            name: KERNEL,
            aggregate: TypeId::of::<()>(),
            event: TypeId::of::<KernelEvent>(),
            rules: Arc::new(()),
            decode: decode::<KernelEvent>,
            restore: |_, _, _| Err(StoreError("the kernel's events have no aggregate".into())),
        };
        let by_name = BTreeMap::from([(KERNEL, KindIndex::KERNEL)]);
        Self {
            kinds: vec![kernel],
            by_name,
        }
    }

    fn add<A: Aggregate>(&mut self) {
        let index = KindIndex(u8::try_from(self.kinds.len()).expect("a service has few kinds"));
        let taken = self.by_name.insert(A::NAME, index);
        assert!(
            taken.is_none(),
            "two kinds of aggregates are named {}",
            A::NAME
        );
        self.kinds.push(Kind {
            name: A::NAME,
            aggregate: TypeId::of::<A>(),
            event: TypeId::of::<A::Event>(),
            rules: Arc::new(Rules::<A> {
                first: Vec::new(),
                then: Vec::new(),
            }),
            decode: decode::<A::Event>,
            restore: restore::<A>,
        });
    }

    fn rules<A: Aggregate>(&mut self) -> &mut Rules<A> {
        let index = self.index_of::<A>();
        let rules = Arc::get_mut(&mut self.kinds[usize::from(index.0)].rules);
        let rules = rules.expect("the table is not in use yet");
        rules.downcast_mut().expect("a kind has one type")
    }

    pub(crate) fn index_of<A: Aggregate>(&self) -> KindIndex {
        self.find(|kind| kind.aggregate == TypeId::of::<A>(), type_name::<A>())
    }

    fn index_of_event<E: Event>(&self) -> KindIndex {
        self.find(|kind| kind.event == TypeId::of::<E>(), type_name::<E>())
    }

    fn find(&self, wanted: impl Fn(&Kind) -> bool, name: &str) -> KindIndex {
        let place = self.kinds.iter().position(wanted);
        let place = place.unwrap_or_else(|| panic!("the service has no aggregate for {name}"));
        KindIndex(u8::try_from(place).expect("a service has few kinds"))
    }

    pub(crate) fn get(&self, index: KindIndex) -> &Kind {
        &self.kinds[usize::from(index.0)]
    }

    /// The kinds of the service itself, without the kernel's.
    pub(crate) fn aggregates(&self) -> impl Iterator<Item = (KindIndex, &Kind)> {
        (1..).map(KindIndex).zip(self.kinds.iter().skip(1))
    }

    pub(crate) fn decode(
        &self,
        of: &str,
        envelope: &str,
    ) -> Result<(KindIndex, &'static str, EventBox), String> {
        let index = *self
            .by_name
            .get(of)
            .ok_or_else(|| format!("no aggregate is called {of:?}"))?;
        let (name, event) = (self.get(index).decode)(envelope).map_err(|e| e.to_string())?;
        Ok((index, name, event))
    }
}

impl Kind {
    /// An aggregate of this kind as a snapshot has it, or as it is before anything happened.
    pub(crate) fn restore(
        &self,
        key: &Key,
        snapshot: Option<(u64, &str)>,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        (self.restore)(self, key, snapshot)
    }
}

fn restore<A: Aggregate>(
    kind: &Kind,
    key: &Key,
    snapshot: Option<(u64, &str)>,
) -> Result<Box<dyn AnyRecorder>, StoreError> {
    let rules = Arc::clone(&kind.rules)
        .downcast::<Rules<A>>()
        .expect("a kind has one type");
    let (version, state) = match snapshot {
        None => (0, A::default()),
        Some((version, json)) => {
            let state = serde_json::from_str(json).map_err(|e| {
                StoreError(format!(
                    "the snapshot of {} {key:?} cannot be read: {e}",
                    A::NAME
                ))
            })?;
            (version, state)
        }
    };
    Ok(Box::new(Recorder::restore(
        key.clone(),
        state,
        version,
        rules,
    )))
}
