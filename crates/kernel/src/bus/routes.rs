//! The routes of a bus: from a type or a wire name to the handler.

use std::any::{Any, TypeId};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bus::sending::Bus;
use crate::model::json_reply::JsonReply;
use crate::model::message::{Command, Meta, Reply};
use crate::model::operation::DueOperation;
use crate::model::outcome::{Failure, NotDone};
use crate::ports::log::StoreError;
use crate::views::reading::Reading;
use crate::write::composite::Composite;
use crate::write::handling::Handling;
use crate::write::submission::ReplyFuture;

/// The routes of a bus. A service is identified by its index in the bus.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) commands: FxHashMap<TypeId, CommandRoute>,
    /// The service's index, and `Box<Answerer<Q>>`.
    pub(crate) queries: FxHashMap<TypeId, (usize, Box<dyn Any + Send + Sync>)>,
    pub(crate) by_name: FxHashMap<&'static str, Dispatch>,
    /// By the service's index.
    pub(crate) reactions: Vec<Vec<Reaction>>,
    /// By the service's index.
    pub(crate) effects: Vec<Vec<Effect>>,
}

/// The destination of a command.
pub(crate) enum CommandRoute {
    /// The writer of its key's partition.
    Handler {
        service: usize,
        /// `Arc<Handling<C>>`.
        handling: Box<dyn Any + Send + Sync>,
    },
    /// The writer of its key's partition, which decides it by other commands.
    Composite {
        service: usize,
        /// `Arc<Composite<C>>`.
        composite: Box<dyn Any + Send + Sync>,
    },
    /// A procedure.
    Procedure {
        /// `Arc<RunProcedure<C>>`.
        run: Box<dyn Any + Send + Sync>,
    },
}

impl CommandRoute {
    pub(crate) fn handling<C: Command>(handling: &(dyn Any + Send + Sync)) -> &Arc<Handling<C>> {
        handling.downcast_ref().expect("found by its type")
    }

    pub(crate) fn composite<C: Command>(composite: &(dyn Any + Send + Sync)) -> &Arc<Composite<C>> {
        composite.downcast_ref().expect("found by its type")
    }

    pub(crate) fn procedure<C: Command>(run: &(dyn Any + Send + Sync)) -> &Arc<RunProcedure<C>> {
        run.downcast_ref().expect("found by its type")
    }
}

/// Runs a procedure and returns its reply.
pub(crate) type RunProcedure<C> = dyn Fn(Bus, C, Meta) -> ReplyFuture<Reply<C>> + Send + Sync;

/// Decodes a command from JSON and sends it.
pub(crate) type Dispatch =
    Box<dyn Fn(Bus, &str, Meta) -> ReplyFuture<Result<JsonReply, Failure>> + Send + Sync>;

/// A reaction in the table: a public event leads to commands.
pub(crate) struct Reaction {
    pub(crate) event: &'static str,
    pub(crate) command: &'static str,
    pub(crate) by: &'static str,
    pub(crate) run: ReactFn,
}

/// Decodes the public event from JSON and returns the resulting commands, each ready to be sent.
pub(crate) type ReactFn = Box<dyn Fn(&str) -> Result<Vec<SendFn>, serde_json::Error> + Send + Sync>;

/// Sends one command and discards its answer; the error says why it was not done.
pub(crate) type SendFn = Box<dyn Fn(Bus, Meta) -> ReplyFuture<Result<(), NotDone<String>>> + Send>;

/// An effect in the table: operations that become due are carried out.
pub(crate) struct Effect {
    pub(crate) name: &'static str,
    pub(crate) by: &'static str,
    /// The commands that it sends, as far as the table names them.
    pub(crate) commands: Vec<&'static str>,
    pub(crate) due: Box<DueFn>,
    pub(crate) run: Box<RunEffect>,
}

/// Reads the due operations of one partition, earliest first, at most the given number.
pub(crate) type DueFn =
    dyn Fn(&Reading<'_>, usize) -> Result<Vec<DueOperation>, StoreError> + Send + Sync;

/// Carries out one operation.
pub(crate) type RunEffect =
    dyn Fn(Bus, Place, DueOperation) -> ReplyFuture<Result<(), Failure>> + Send + Sync;

/// A partition of a service, both by their indexes in the bus.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) service: usize,
    pub(crate) partition: usize,
}
