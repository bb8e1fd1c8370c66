//! Commands of one partition that are decided together: all of them or none.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::aggregate::{AnyRecorder, EventBox};
use crate::model::message::{Command, Meta};
use crate::model::outcome::Failure;
use crate::model::partitioning::partition_of;
use crate::ports::clock::UnixMillis;
use crate::write::cache::Id;
use crate::write::handling::Handling;
use crate::write::writer::Writer;

/// The handlers of a service, by the type of their command.
pub(crate) trait Handlers: Send + Sync {
    /// `Arc<Handling<C>>` of the command with this type.
    fn find(&self, command: TypeId) -> Option<&(dyn Any + Send + Sync)>;
}

/// Where the commands that are decided together go.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) handlers: Arc<dyn Handlers>,
    pub(crate) partition: usize,
    pub(crate) partitions: usize,
}

/// Decides commands of one partition as one unit: what they record is written to the log in one
/// record, or not at all.
///
/// It works on copies of the aggregates. They replace the aggregates when the whole is decided, and
/// are dropped when it fails.
pub struct Together<'a> {
    writer: &'a mut Writer,
    scope: &'a Scope,
    sends: &'static [&'static str],
    now: UnixMillis,
    /// The whole, and the attempts in progress, innermost last.
    layers: Vec<Layer>,
}

/// What was decided so far, on copies of the aggregates.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) aggregates: BTreeMap<Id, Box<dyn AnyRecorder>>,
    pub(super) events: Vec<DecidedEvent>,
}

/// An event with its aggregate.
pub(super) struct DecidedEvent {
    pub(super) id: Id,
    pub(super) aggregate: &'static str,
    pub(super) name: &'static str,
    pub(super) event: EventBox,
}

impl<'a> Together<'a> {
    pub(super) fn new(
        writer: &'a mut Writer,
        scope: &'a Scope,
        sends: &'static [&'static str],
        meta: &Meta,
    ) -> Self {
        let now = meta.at.unwrap_or(writer.group.at);
        Self { writer, scope, sends, now, layers: vec![Layer::default()] }
    }

    /// What was decided.
    pub(super) fn finish(mut self) -> Layer {
        self.layers.pop().expect("the whole is a layer")
    }

    /// The time at which the commands are decided.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Decides a command. It sees what the commands before it have recorded.
    ///
    /// # Errors
    /// When the command names no key or one of another partition, no handler of this service
    /// decides it, or the storage cannot be read. The whole must fail then.
    ///
    /// # Panics
    /// When the table does not declare that this command is sent.
    pub fn send<C: Command>(
        &mut self,
        command: C,
    ) -> Result<Result<C::Answer, C::Refusal>, Failure> {
        assert!(
            self.sends.contains(&C::NAME),
            "the table does not declare that this sends {}",
            C::NAME
        );
        let found = self.scope.handlers.find(TypeId::of::<C>());
        let handling = found.and_then(|it| it.downcast_ref::<Arc<Handling<C>>>());
        let handling = handling.ok_or_else(|| Failure::NotServed(C::NAME.into()))?;
        let key = command.key().map(Into::into);
        let key: crate::model::message::Key =
            key.ok_or_else(|| Failure::NotServed(format!("{} without a key", C::NAME)))?;
        if partition_of(&key, self.scope.partitions) != self.scope.partition {
            let why = format!("{} of {key:?} together with commands of another partition", C::NAME);
            return Err(Failure::NotServed(why));
        }
        let id = (handling.kind, key);
        let mut recorder = self.take(&id)?;
        let decided = (handling.run)(recorder.as_mut(), command, self.now);
        let layer = self.layers.last_mut().expect("the whole is a layer");
        recorder.drain(&mut |name, event| {
            let (id, aggregate) = (id.clone(), handling.aggregate);
            layer.events.push(DecidedEvent { id, aggregate, name, event });
        });
        layer.aggregates.insert(id, recorder);
        Ok(decided)
    }

    /// Sends several commands of which all are done or none: if `run` returns a refusal, everything
    /// that was recorded in it is dropped, and the rest of the whole goes on.
    ///
    /// # Errors
    /// As those of [`Together::send`].
    pub fn attempt<T, R>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<Result<T, R>, Failure>,
    ) -> Result<Result<T, R>, Failure> {
        self.layers.push(Layer::default());
        let outcome = run(self)?;
        let attempt = self.layers.pop().expect("pushed above");
        if outcome.is_ok() {
            let below = self.layers.last_mut().expect("the whole is a layer");
            below.aggregates.extend(attempt.aggregates);
            below.events.extend(attempt.events);
        }
        Ok(outcome)
    }

    /// A copy of an aggregate as the innermost attempt sees it, to be put back changed.
    fn take(&mut self, id: &Id) -> Result<Box<dyn AnyRecorder>, Failure> {
        let own = self.layers.last_mut().and_then(|layer| layer.aggregates.remove(id));
        if let Some(own) = own {
            return Ok(own);
        }
        let below = self.layers.iter().rev().find_map(|layer| layer.aggregates.get(id));
        if let Some(below) = below {
            return Ok(below.clone_box());
        }
        Ok(self.writer.cache.load(id, &self.writer.group)?.clone_box())
    }
}
