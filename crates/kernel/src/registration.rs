//! The lines of a service's table, each with what must be known of its types.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::bus::{Bus, BusFuture};
use crate::clock::UnixMillis;
use crate::envelope::CommittedEvent;
use crate::handler::Dispatch;
use crate::kinds::KindIndex;
use crate::log::StoreError;
use crate::message::{Command, Meta, Query};
use crate::problem::NotDone;
use crate::procedure::ProcedureContext;
use crate::reading::Reading;
use crate::rows::RowStore;
use crate::view::AnyView;

/// A handler in the table.
pub(crate) struct CommandEntry {
    pub(crate) command: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) records: &'static [&'static str],
    pub(crate) command_type: TypeId,
    /// `Arc<Handling<C>>`.
    pub(crate) handling: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// A procedure in the table: a command that takes several commands.
pub(crate) struct ProcedureEntry {
    pub(crate) command: &'static str,
    pub(crate) procedure: &'static str,
    pub(crate) command_type: TypeId,
    /// `Arc<Procedure<C>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// A message of others in the table: it becomes a command.
pub(crate) struct TranslationEntry {
    pub(crate) message: &'static str,
    pub(crate) by: &'static str,
    pub(crate) command: &'static str,
    pub(crate) dispatch: Dispatch,
}

/// How a procedure is run.
pub(crate) type Procedure<C> = dyn Fn(ProcedureContext, C) -> BusFuture<Ended<C>> + Send + Sync;

/// How a procedure ends.
type Ended<C> = Result<<C as Command>::Answer, NotDone<<C as Command>::Refusal>>;

/// A query in the table.
pub(crate) struct QueryEntry {
    pub(crate) query: &'static str,
    pub(crate) by: &'static str,
    pub(crate) query_type: TypeId,
    /// `Box<Answerer<Q>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
}

/// How a query is answered.
pub(crate) type Answerer<Q> =
    dyn Fn(&Reading, Q) -> Result<Answer<<Q as Query>::Answer>, StoreError> + Send + Sync;

/// What takes long to tell, told when nothing is held any more.
pub type DeferredAnswer<T> = Box<dyn FnOnce() -> Result<T, StoreError> + Send>;

/// An answer, or how to come by it.
pub(crate) enum Answer<T> {
    Ready(T),
    Deferred(DeferredAnswer<T>),
}

/// What follows from a fact, for the flow map.
pub(crate) struct FlowEntry {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) records: &'static [&'static str],
}

/// A view in the table.
pub(crate) struct ViewEntry {
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
    pub(crate) due: DueFn,
}

type DueFn = Box<dyn Fn(&CommittedEvent) -> Option<UnixMillis> + Send + Sync>;
