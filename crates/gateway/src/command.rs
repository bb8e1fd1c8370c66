//! A request that is a command: sent once, answered as often as it is asked.

use axum::http::HeaderValue;
use axum::response::Response;
use earmark_kernel::{Command, Meta, NotDone, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer;
use crate::api_request::ApiRequest;
use crate::problem::{Problem, REPLAYED};

/// A command that was done.
pub(crate) struct Completed<A> {
    pub(crate) answer: A,
    replayed: bool,
    /// For a dry run: what would have been recorded.
    events: Option<Vec<Box<RawValue>>>,
}

/// What a dry run adds to an answer.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DryRun {
    /// Nothing was kept.
    dry_run: bool,
    /// The events that would have been recorded, each with `type` and `data`.
    #[schemars(with = "Vec<std::collections::BTreeMap<String, serde_json::Value>>")]
    events: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct Rehearsed<'a, T> {
    #[serde(flatten)]
    body: &'a T,
    #[serde(flatten)]
    dry_run: DryRun,
}

impl ApiRequest {
    /// Sends the command that this request is.
    pub(crate) async fn send<C>(&self, command: C) -> Result<Completed<C::Answer>, Problem>
    where
        C: Command,
        C::Refusal: Into<Problem>,
    {
        self.send_or(command, Into::into).await
    }

    /// Sends a command whose refusals this route tells in its own way.
    pub(crate) async fn send_or<C: Command>(
        &self,
        command: C,
        refused: impl FnOnce(C::Refusal) -> Problem,
    ) -> Result<Completed<C::Answer>, Problem> {
        let meta = self.meta()?;
        let is_dry_run = meta.dry_run;
        let reply = self.app.bus.send_as(command, meta).await;
        done(reply, is_dry_run, refused)
    }

    /// Sends many commands of one type; each ends by itself.
    pub(crate) async fn send_many<C: Command>(
        &self,
        commands: Vec<(C, Meta)>,
        refused: impl Fn(C::Refusal) -> Problem,
    ) -> Vec<Result<Completed<C::Answer>, Problem>> {
        let is_dry_run = commands.first().is_some_and(|(_, meta)| meta.dry_run);
        let replies = self.app.bus.send_many(commands).await;
        let replies = replies.into_iter();
        replies.map(|it| done(it, is_dry_run, &refused)).collect()
    }
}

fn done<C: Command>(
    reply: Reply<C>,
    is_dry_run: bool,
    refused: impl FnOnce(C::Refusal) -> Problem,
) -> Result<Completed<C::Answer>, Problem> {
    match reply.ending {
        Ok(answer) => Ok(Completed {
            answer,
            replayed: reply.replayed,
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
    /// The status of what was done; of a dry run it is always 200.
    pub(crate) fn status(&self, status: u16) -> u16 {
        if self.events.is_some() { 200 } else { status }
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.events.is_some()
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The answer in JSON, what is told of it.
    pub(crate) fn json<B: Serialize>(self, status: u16, told: impl FnOnce(A) -> B) -> Response {
        let (status, replayed) = (self.status(status), self.replayed);
        let body = told(self.answer);
        let answer = match self.events {
            None => answer::json(status, &body),
            Some(events) => {
                let dry_run = DryRun { dry_run: true, events };
                answer::json(status, &Rehearsed { body: &body, dry_run })
            }
        };
        mark(answer, replayed)
    }
}

/// Says on an answer that it was given before.
pub(crate) fn mark(mut answer: Response, is_replayed: bool) -> Response {
    if is_replayed {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    answer
}
