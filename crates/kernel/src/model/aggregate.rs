//! State as the fold of events: aggregates, and the recorder through which handlers state facts.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::message::{Event, Key};
use crate::ports::clock::UnixMillis;

/// More events than this from one command is a handler that runs in circles.
const EVENTS_PER_COMMAND_MAX: usize = 2_000_000;

/// What one key stands for: the stock of one SKU, one order. Its state is the fold of its events.
///
/// A clone should be cheap whatever the size (persistent collections): dry runs clone.
pub trait Aggregate:
    Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name of the kind in the log; never changes.
    const NAME: &'static str;
    /// Counted up when the shape of the state changes: snapshots of another version are of no use.
    const VERSION: u32 = 1;
    /// What can happen to it.
    type Event: Event;

    /// Changes the state as the event says. Total: no event is refused, none is checked again.
    fn evolve(&mut self, event: &Self::Event);
}

/// What always holds for an aggregate: what runs first, and what follows from which fact.
pub(crate) struct Rules<A: Aggregate> {
    pub(crate) before_each: Vec<BeforeEach<A>>,
    pub(crate) on_fact: Vec<OnFact<A>>,
}

/// Runs before every command on the aggregate, and when a timer wakes it.
pub(crate) struct BeforeEach<A: Aggregate> {
    pub(crate) records: &'static [&'static str],
    pub(crate) run: BeforeEachFn<A>,
}
type BeforeEachFn<A> = Box<dyn Fn(&mut Recorder<A>, UnixMillis) + Send + Sync>;

/// Runs after a fact was recorded, in the same unit of work.
pub(crate) struct OnFact<A: Aggregate> {
    pub(crate) fact: &'static str,
    pub(crate) records: &'static [&'static str],
    pub(crate) run: OnFactFn<A>,
}
/// The number is the fact's place among the recorded.
pub(crate) type OnFactFn<A> = Box<dyn Fn(&mut Recorder<A>, usize, UnixMillis) + Send + Sync>;

/// An aggregate at work: read its state through it, state facts with [`Recorder::record`].
#[derive(Clone)]
pub struct Recorder<A: Aggregate> {
    key: Key,
    state: A,
    version: u64,
    now: UnixMillis,
    recorded: Vec<A::Event>,
    followed: usize,
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
        let (recorded, followed) = (Vec::new(), 0);
        Self { key, state, version, now: UnixMillis(0), recorded, followed, declared: &[], rules }
    }

    /// The aggregate's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How many events made the state what it is. Every change counts.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the present command has recorded so far, what followed from it included.
    #[must_use]
    pub fn recorded(&self) -> &[A::Event] {
        &self.recorded
    }

    /// States a fact: the state changes at once, the event is kept if the command is not refused.
    ///
    /// # Panics
    /// When the service's table does not say that this handler records such a fact.
    pub fn record(&mut self, event: A::Event) {
        let name = event.name();
        assert!(
            self.declared.contains(&name),
            "the table does not declare that this records {name}"
        );
        assert!(self.recorded.len() < EVENTS_PER_COMMAND_MAX, "a command records without end");
        self.state.evolve(&event);
        self.version += 1;
        self.recorded.push(event);
    }

    /// Does now what follows from the facts recorded so far (the table's `on`). The kernel calls
    /// it after every handler; a handler whose answer tells what followed calls it itself.
    pub fn follow(&mut self) {
        let rules = Arc::clone(&self.rules);
        while self.followed < self.recorded.len() {
            let index = self.followed;
            self.followed += 1;
            let name = self.recorded[index].name();
            for follow_up in rules.on_fact.iter().filter(|it| it.fact == name) {
                let declared = std::mem::replace(&mut self.declared, follow_up.records);
                (follow_up.run)(self, index, self.now);
                self.declared = declared;
            }
        }
    }

    /// Makes ready for a command: runs what always comes first.
    pub(crate) fn begin(&mut self, now: UnixMillis, declared: &'static [&'static str]) {
        debug_assert!(self.recorded.is_empty(), "the command before was drained");
        (self.now, self.followed) = (now, 0);
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

/// A recorder whose kind is not known at compile time, as the writer keeps it.
pub(crate) trait AnyRecorder: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn copy(&self) -> Box<dyn AnyRecorder>;
    /// Takes what was recorded, each event with its wire name.
    fn drain(&mut self, sink: &mut dyn FnMut(&'static str, EventBox));
    /// Changes the state as an event from the log says.
    fn fold_any(&mut self, event: &(dyn Any + Send + Sync));
    /// Runs only what always comes first.
    fn wake(&mut self, now: UnixMillis);
    fn version(&self) -> u64;
    /// The version and the state as JSON.
    fn snapshot(&self) -> Result<(u64, String), serde_json::Error>;
}

/// An event of some aggregate, as the group and the views carry it.
pub(crate) type EventBox = Box<dyn AnyEvent>;

/// An event whose kind is not known at compile time.
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
    fn copy(&self) -> Box<dyn AnyRecorder> {
        Box::new(self.clone())
    }
    fn drain(&mut self, sink: &mut dyn FnMut(&'static str, EventBox)) {
        // Most aggregates record nothing for a long time: no room is kept for it.
        for event in std::mem::take(&mut self.recorded) {
            sink(event.name(), Box::new(event));
        }
    }
    fn fold_any(&mut self, event: &(dyn Any + Send + Sync)) {
        let event = event.downcast_ref().expect("a stream holds one kind of event");
        self.fold(event);
    }
    fn wake(&mut self, now: UnixMillis) {
        self.begin(now, &[]);
    }
    fn version(&self) -> u64 {
        self.version
    }
    fn snapshot(&self) -> Result<(u64, String), serde_json::Error> {
        Ok((self.version, serde_json::to_string(&self.state)?))
    }
}
