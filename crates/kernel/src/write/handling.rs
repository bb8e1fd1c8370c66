//! The handler of one type of command, as the writer uses it.

use crate::model::aggregate::AnyRecorder;
use crate::model::kinds::KindIndex;
use crate::model::message::{Command, Key};
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::views::reading::Reading;

/// The handler of one type of command.
pub(crate) struct Handling<C: Command> {
    pub(crate) kind: KindIndex,
    pub(crate) aggregate: &'static str,
    pub(crate) run: Box<Run<C>>,
    pub(crate) resolve_key: Option<Box<ResolveKey<C>>>,
}

/// Runs the `before_each` hooks, the handler, and the follow-ups of the recorded facts.
pub(crate) type Run<C> = dyn Fn(&mut dyn AnyRecorder, C, UnixMillis) -> Decided<C> + Send + Sync;

/// The result of a handler.
type Decided<C> = Result<<C as Command>::Answer, <C as Command>::Refusal>;

/// Finds the aggregate's key for a command that does not contain it.
pub(crate) type ResolveKey<C> =
    dyn Fn(&Reading, &C) -> Result<Result<Key, <C as Command>::Refusal>, StoreError> + Send + Sync;
