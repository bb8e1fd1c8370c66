//! The entries of a service's table, each with what must be known of its types.

use std::any::{Any, TypeId};

use crate::bus::routes::{CommandRoute, Dispatch};

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
    /// The route, given the place of the service in the bus.
    pub(crate) route: Box<dyn FnOnce(usize) -> CommandRoute + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// A message of others in the table: it becomes a command.
pub(crate) struct TranslationEntry {
    pub(crate) message: &'static str,
    pub(crate) by: &'static str,
    pub(crate) command: &'static str,
    pub(crate) dispatch: Dispatch,
}

/// A query in the table.
pub(crate) struct QueryEntry {
    pub(crate) query: &'static str,
    pub(crate) by: &'static str,
    pub(crate) query_type: TypeId,
    /// `Box<Answerer<Q>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
}

/// What follows from a fact, for the flow map.
pub(crate) struct FlowEntry {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) records: &'static [&'static str],
}
