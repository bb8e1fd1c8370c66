//! A request that is a command: sent once, with the same response however often it is repeated.

use axum::response::Response;
use earmark_kernel::{Command, Meta, NotDone, Reply};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api_request::ApiRequest;
use crate::dry_run;
use crate::http::response::{self, mark_replayed};
use crate::problem::Problem;

/// A command that was done.
pub(crate) struct Completed<A> {
    pub(crate) answer: A,
    is_replayed: bool,
    /// Of a dry run: the events that would have been recorded.
    events: Option<Vec<Box<RawValue>>>,
}

impl ApiRequest {
    /// Sends the command of this request.
    pub(crate) async fn send<C>(&self, command: C) -> Result<Completed<C::Answer>, Problem>
    where
        C: Command,
        C::Refusal: Into<Problem>,
    {
        self.send_or(command, Into::into).await
    }

    /// Sends a command whose refusals become problems of this route's own.
    pub(crate) async fn send_or<C: Command>(
        &self,
        command: C,
        refused: impl FnOnce(C::Refusal) -> Problem,
    ) -> Result<Completed<C::Answer>, Problem> {
        let meta = self.meta()?;
        let is_dry_run = meta.dry_run;
        let reply = self.app.bus.send_as(command, meta).await;
        completed(reply, is_dry_run, refused)
    }

    /// Sends many commands of one type; each has a result of its own.
    pub(crate) async fn send_many<C: Command>(
        &self,
        commands: Vec<(C, Meta)>,
        refused: impl Fn(C::Refusal) -> Problem,
    ) -> Vec<Result<Completed<C::Answer>, Problem>> {
        let is_dry_run = commands.first().is_some_and(|(_, meta)| meta.dry_run);
        let replies = self.app.bus.send_many(commands).await;
        let replies = replies.into_iter();
        replies.map(|it| completed(it, is_dry_run, &refused)).collect()
    }
}

fn completed<C: Command>(
    reply: Reply<C>,
    is_dry_run: bool,
    refused: impl FnOnce(C::Refusal) -> Problem,
) -> Result<Completed<C::Answer>, Problem> {
    match reply.ending {
        Ok(answer) => Ok(Completed {
            answer,
            is_replayed: reply.replayed,
            events: is_dry_run.then_some(reply.events),
        }),
        Err(NotDone::Refused(refusal)) => Err(refused(refusal).replayed(reply.replayed)),
        Err(NotDone::Failed(failure)) => Err(failure.into()),
        Err(NotDone::Unknown(why)) => {
            tracing::error!(why, "the outcome of a command is not known");
            Err(Problem::unknown_outcome())
        }
    }
}

impl<A> Completed<A> {
    /// The status of the response; of a dry run it is always 200.
    pub(crate) fn status(&self, status: u16) -> u16 {
        if self.events.is_some() { 200 } else { status }
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.events.is_some()
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    /// The response in JSON; `body` makes its body of the answer.
    pub(crate) fn json<B: Serialize>(self, status: u16, body: impl FnOnce(A) -> B) -> Response {
        let (status, is_replayed) = (self.status(status), self.is_replayed);
        let body = body(self.answer);
        let response = match self.events {
            None => response::json(status, &body),
            Some(events) => dry_run::json(status, &body, events),
        };
        mark_replayed(response, is_replayed)
    }
}
