//! Dispatch of JSON messages to the handlers of their commands.

use serde_json::value::RawValue;

use crate::bus::routes::Dispatch;
use crate::model::json_reply::{JsonReply, RefusedJson};
use crate::model::message::{Command, Wire};
use crate::model::outcome::{Failure, NotDone};

/// Decodes a command from JSON and sends it.
pub(crate) fn dispatch<C: Command>() -> Dispatch {
    dispatch_as::<C, C>(C::NAME, |command| command)
}

/// Decodes a message in another format, translates it into a command, and sends that.
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
