//! A handler as the writer and the bus know it, and how a message in JSON finds its way to one.

use serde_json::value::RawValue;

use crate::aggregate::AnyRecorder;
use crate::bus::{Bus, BusFuture};
use crate::clock::UnixMillis;
use crate::kinds::KindIndex;
use crate::log::StoreError;
use crate::message::{Command, Key, Meta, Wire};
use crate::problem::{Failure, NotDone};
use crate::reading::Reading;

/// How one type of command is decided.
pub(crate) struct Handling<C: Command> {
    pub(crate) kind: KindIndex,
    pub(crate) of: &'static str,
    pub(crate) run: Box<Run<C>>,
    pub(crate) locate: Option<Box<Locate<C>>>,
}

/// Runs what comes first, the handler, and what follows.
pub(crate) type Run<C> = dyn Fn(&mut dyn AnyRecorder, C, UnixMillis) -> Decided<C> + Send + Sync;

/// What a handler returns.
type Decided<C> = Result<<C as Command>::Answer, <C as Command>::Refusal>;

/// Finds the key of the aggregate of a command that does not name it.
pub(crate) type Locate<C> =
    dyn Fn(&Reading, &C) -> Result<Result<Key, <C as Command>::Refusal>, StoreError> + Send + Sync;

/// A refusal without its type.
#[derive(Clone, Debug)]
pub struct RefusedJson {
    /// The refusal as JSON.
    pub refusal: Box<RawValue>,
    /// The refusal as a sentence.
    pub text: String,
}

/// How a command in JSON ended.
#[derive(Clone, Debug)]
pub struct JsonReply {
    /// The answer as JSON, or how it ended otherwise.
    pub ending: Result<Box<RawValue>, NotDone<RefusedJson>>,
    /// The answer was given before under the same idempotency key.
    pub replayed: bool,
    /// For a dry run: the events that would have been recorded.
    pub events: Vec<Box<RawValue>>,
}

/// Reads a command from JSON and sends it.
pub(crate) type Dispatch =
    Box<dyn Fn(Bus, &str, Meta) -> BusFuture<Result<JsonReply, Failure>> + Send + Sync>;

pub(crate) fn dispatch<C: Command>() -> Dispatch {
    dispatch_as::<C, C>(C::NAME, |command| command)
}

/// The same for what is written in other words and made a command of.
pub(crate) fn dispatch_as<C: Command, M: Wire>(
    name: &'static str,
    into: impl Fn(M) -> C + Send + Sync + 'static,
) -> Dispatch {
    Box::new(move |bus, json, meta| {
        let command = serde_json::from_str::<M>(json).map(&into);
        Box::pin(async move {
            let command = command.map_err(|e| unreadable(name, &e))?;
            let reply = bus.send_as(command, meta).await;
            let ending = match reply.ending {
                Ok(answer) => Ok(to_raw(&answer)?),
                Err(NotDone::Refused(refusal)) => {
                    let text = refusal.to_string();
                    Err(NotDone::Refused(RefusedJson { refusal: to_raw(&refusal)?, text }))
                }
                Err(NotDone::Failed(failure)) => Err(NotDone::Failed(failure)),
                Err(NotDone::Unknown(why)) => Err(NotDone::Unknown(why)),
            };
            Ok(JsonReply { ending, replayed: reply.replayed, events: reply.events })
        })
    })
}

pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> Failure {
    Failure::Unreadable { what: what.to_owned(), why: error.to_string() }
}

fn to_raw<T: serde::Serialize>(value: &T) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(value).map_err(|e| unreadable("answer", &e))
}
