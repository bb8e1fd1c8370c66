//! The entries of a service's table, each with its type-erased functions.

use std::any::{Any, TypeId};

use crate::bus::routes::{CommandRoute, Dispatch};

/// An entry for a command and its handler.
pub(crate) struct CommandEntry {
    pub(crate) command: &'static str,
    pub(crate) handler: &'static str,
    pub(crate) records: &'static [&'static str],
    pub(crate) command_type: TypeId,
    /// `Arc<Handling<C>>`.
    pub(crate) handling: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// An entry for a command that is decided by other commands of its partition.
pub(crate) struct CompositeEntry {
    pub(crate) command: &'static str,
    pub(crate) by: &'static str,
    pub(crate) sends: &'static [&'static str],
    pub(crate) command_type: TypeId,
    /// `Arc<Composite<C>>`.
    pub(crate) composite: Box<dyn Any + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// An entry for a command and its procedure.
pub(crate) struct ProcedureEntry {
    pub(crate) command: &'static str,
    pub(crate) procedure: &'static str,
    pub(crate) command_type: TypeId,
    /// Creates the route, given the index of the service in the bus.
    pub(crate) route: Box<dyn FnOnce(usize) -> CommandRoute + Send + Sync>,
    pub(crate) dispatch: Dispatch,
}

/// An entry for an external message that is translated into a command.
pub(crate) struct TranslationEntry {
    pub(crate) message: &'static str,
    pub(crate) by: &'static str,
    pub(crate) command: &'static str,
    pub(crate) dispatch: Dispatch,
}

/// An entry for a query.
pub(crate) struct QueryEntry {
    pub(crate) query: &'static str,
    pub(crate) by: &'static str,
    pub(crate) query_type: TypeId,
    /// `Box<Answerer<Q>>`.
    pub(crate) run: Box<dyn Any + Send + Sync>,
}

/// An entry for a hook or a follow-up of a fact, for the flow map.
pub(crate) struct FlowEntry {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) records: &'static [&'static str],
}
