//! Aggregates, whose state is the fold of their events, and the recorder that handlers use.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::message::{Event, Key};
use crate::ports::clock::UnixMillis;

/// A handler that records more events than this for one command is in an endless loop.
const EVENTS_PER_COMMAND_MAX: usize = 2_000_000;

/// The unit of consistency behind one key, for example the stock of one SKU, or one order. Its
/// state is the fold of its events.
///
/// Cloning should be cheap for any size (persistent collections), because dry runs clone.
pub trait Aggregate:
    Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name of this kind of aggregate in the log; never changes.
    const NAME: &'static str;
    /// Incremented when the shape of the state changes. Snapshots of other versions are discarded.
    const VERSION: u32 = 1;
    /// The events of this kind of aggregate.
    type Event: Event;

    /// Applies an event to the state. Total: events are facts, so they are never refused or
    /// validated here.
    fn evolve(&mut self, event: &Self::Event);
}

/// The hooks of one kind of aggregate: before each command, and after a fact.
pub(crate) struct Rules<A: Aggregate> {
    pub(crate) before_each: Vec<BeforeEach<A>>,
    pub(crate) on_fact: Vec<OnFact<A>>,
}

/// Runs before every command on the aggregate, and when one of its timers fires.
pub(crate) struct BeforeEach<A: Aggregate> {
    pub(crate) records: &'static [&'static str],
    pub(crate) run: BeforeEachFn<A>,
}
type BeforeEachFn<A> = Box<dyn Fn(&mut Recorder<A>, UnixMillis) + Send + Sync>;

/// Runs after a fact was recorded, as part of the same command.
pub(crate) struct OnFact<A: Aggregate> {
    pub(crate) fact: &'static str,
    pub(crate) records: &'static [&'static str],
    pub(crate) run: OnFactFn<A>,
}
/// Arguments: the recorder, the index of the fact in [`Recorder::recorded`], and the time.
pub(crate) type OnFactFn<A> = Box<dyn Fn(&mut Recorder<A>, usize, UnixMillis) + Send + Sync>;

/// An aggregate that is handling a command. It dereferences to the state; [`Recorder::record`]
/// records facts.
#[derive(Clone)]
pub struct Recorder<A: Aggregate> {
    key: Key,
    state: A,
    version: u64,
    now: UnixMillis,
    recorded: Vec<A::Event>,
    followed_up: usize,
    declared: &'static [&'static str],
    rules: Arc<Rules<A>>,
}

impl<A: Aggregate> Deref for Recorder<A> {
    type Target = A;
    fn deref(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate> Recorder<A> {
    pub(crate) fn restore(key: Key, state: A, version: u64, rules: Arc<Rules<A>>) -> Self {
        let (recorded, followed_up) = (Vec::new(), 0);
        Self {
            key,
            state,
            version,
            now: UnixMillis(0),
            recorded,
            followed_up,
            declared: &[],
            rules,
        }
    }

    /// The aggregate's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The number of events folded into the state since the aggregate exists.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the current command has recorded so far, including the follow-ups of its facts.
    #[must_use]
    pub fn recorded(&self) -> &[A::Event] {
        &self.recorded
    }

    /// Records a fact. The state changes immediately; the event is written to the log with the
    /// group. A handler that refuses its command must not record anything.
    ///
    /// # Panics
    /// When the service's table does not declare that this handler records such a fact, or when one
    /// command records more than two million events.
    pub fn record(&mut self, event: A::Event) {
        let name = event.name();
        assert!(
            self.declared.contains(&name),
            "the table does not declare that this records {name}"
        );
        assert!(self.recorded.len() < EVENTS_PER_COMMAND_MAX, "a command records too many events");
        self.state.evolve(&event);
        self.version += 1;
        self.recorded.push(event);
    }

    /// Runs the follow-ups (the table's `on`) of the facts recorded so far. The kernel calls it
    /// after every handler. A handler whose answer depends on the follow-ups calls it itself.
    pub fn follow(&mut self) {
        let rules = Arc::clone(&self.rules);
        while self.followed_up < self.recorded.len() {
            let index = self.followed_up;
            self.followed_up += 1;
            let name = self.recorded[index].name();
            for follow_up in rules.on_fact.iter().filter(|it| it.fact == name) {
                let declared = std::mem::replace(&mut self.declared, follow_up.records);
                (follow_up.run)(self, index, self.now);
                self.declared = declared;
            }
        }
    }

    /// Prepares for a command: sets the time and runs the `before_each` hooks.
    pub(crate) fn begin(&mut self, now: UnixMillis, declared: &'static [&'static str]) {
        debug_assert!(self.recorded.is_empty(), "the previous command was drained");
        (self.now, self.followed_up) = (now, 0);
        let rules = Arc::clone(&self.rules);
        for hook in &rules.before_each {
            self.declared = hook.records;
            (hook.run)(self, now);
            self.follow();
        }
        self.declared = declared;
    }

    pub(crate) fn fold(&mut self, event: &A::Event) {
        self.state.evolve(event);
        self.version += 1;
    }
}

/// A recorder whose type is erased; the writer's cache holds these.
pub(crate) trait AnyRecorder: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn as_any_ref(&self) -> &dyn Any;
    fn clone_box(&self) -> Box<dyn AnyRecorder>;
    /// Removes the recorded events and passes each one, with its wire name, to `sink`.
    fn drain(&mut self, sink: &mut dyn FnMut(&'static str, EventBox));
    /// Applies an event from the log to the state.
    fn fold_any(&mut self, event: &(dyn Any + Send + Sync));
    /// Runs only the `before_each` hooks.
    fn run_before_each(&mut self, now: UnixMillis);
    fn version(&self) -> u64;
    /// The version, and the state as JSON.
    fn snapshot(&self) -> Result<(u64, String), serde_json::Error>;
}

/// An event of any aggregate, as groups and views hold it.
pub(crate) type EventBox = Box<dyn AnyEvent>;

/// An event whose type is erased.
pub(crate) trait AnyEvent: Send + Sync {
    fn as_any(&self) -> &(dyn Any + Send + Sync);
    /// Writes the event as JSON: `{"type":…,"data":…}`.
    fn write_json(&self, into: &mut Vec<u8>) -> Result<(), serde_json::Error>;
}

impl<E: Event> AnyEvent for E {
    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
    fn write_json(&self, into: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(into, self)
    }
}

impl<A: Aggregate> AnyRecorder for Recorder<A> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
    fn as_any_ref(&self) -> &dyn Any {
        self
    }
    fn clone_box(&self) -> Box<dyn AnyRecorder> {
        Box::new(self.clone())
    }
    fn drain(&mut self, sink: &mut dyn FnMut(&'static str, EventBox)) {
        // `take` frees the buffer: most cached aggregates record nothing for a long time.
        for event in std::mem::take(&mut self.recorded) {
            sink(event.name(), Box::new(event));
        }
    }
    fn fold_any(&mut self, event: &(dyn Any + Send + Sync)) {
        let event = event.downcast_ref().expect("all events of a stream have one type");
        self.fold(event);
    }
    fn run_before_each(&mut self, now: UnixMillis) {
        self.begin(now, &[]);
    }
    fn version(&self) -> u64 {
        self.version
    }
    fn snapshot(&self) -> Result<(u64, String), serde_json::Error> {
        Ok((self.version, serde_json::to_string(&self.state)?))
    }
}
