//! How one type of command is decided: the handler as the writer knows it.

use crate::model::aggregate::AnyRecorder;
use crate::model::kinds::KindIndex;
use crate::model::message::{Command, Key};
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::views::reading::Reading;

/// How one type of command is decided.
pub(crate) struct Handling<C: Command> {
    pub(crate) kind: KindIndex,
    pub(crate) of: &'static str,
    pub(crate) run: Box<Run<C>>,
    pub(crate) resolve_key: Option<Box<ResolveKey<C>>>,
}

/// Runs what comes first, the handler, and what follows.
pub(crate) type Run<C> = dyn Fn(&mut dyn AnyRecorder, C, UnixMillis) -> Decided<C> + Send + Sync;

/// What a handler returns.
type Decided<C> = Result<<C as Command>::Answer, <C as Command>::Refusal>;

/// Finds the key of the aggregate of a command that does not name it.
pub(crate) type ResolveKey<C> =
    dyn Fn(&Reading, &C) -> Result<Result<Key, <C as Command>::Refusal>, StoreError> + Send + Sync;
