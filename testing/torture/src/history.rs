//! The history of all clients: the requests by key, how each attempt ended, and the checks of each
//! response.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::client::{RequestError, Response};
use crate::clock::Moment;
use crate::request::Request;
use crate::violation::{Checked, Violation};

/// A request and its outcome.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request: Arc<Request>,
    /// Number of attempts that failed without an effect, according to the response.
    pub(crate) failed: u32,
    /// Number of attempts with an unknown outcome.
    pub(crate) unknown: u32,
    /// The response, which must never change.
    pub(crate) answer: Option<Response>,
}

/// All requests of a run.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
    /// Number of replayed responses, with the same bytes.
    pub(crate) replays: u64,
    /// Number of requests with an unknown outcome that a repeat resolved.
    pub(crate) resolved: u64,
    /// Requests that were passed to the kernel as a whole at this time and never answered.
    pub(crate) unanswered: Vec<(usize, Moment)>,
    /// The first violated guarantee.
    pub(crate) violation: Option<Violation>,
}

/// A history shared by clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<History>>);

#[derive(Deserialize)]
struct Problem<'a> {
    outcome: &'a str,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry for a request; returns its index.
    pub(crate) fn open(&self, request: Arc<Request>) -> usize {
        let mut history = self.lock();
        history.entries.push(Entry { request, failed: 0, unknown: 0, answer: None });
        history.entries.len() - 1
    }

    /// Records how an attempt ended. Returns whether clients may continue.
    pub(crate) fn note(&self, entry: usize, ended: &Result<Response, RequestError>) -> bool {
        let mut history = self.lock();
        if let Err(violation) = history.note(entry, ended) {
            history.violation.get_or_insert(violation);
        }
        history.violation.is_none()
    }

    /// Records a violation.
    pub(crate) fn add_violation(&self, violation: Violation) {
        self.lock().violation.get_or_insert(violation);
    }

    /// Returns the first violation, if there is one.
    pub(crate) fn check(&self) -> Checked<()> {
        self.lock().violation.clone().map_or(Ok(()), Err)
    }
}

impl History {
    /// Entries with an unknown outcome.
    pub(crate) fn unresolved(&self) -> Vec<usize> {
        let entries = self.entries.iter().enumerate();
        let open = entries.filter(|(_, entry)| entry.answer.is_none() && entry.unknown > 0);
        open.map(|(at, _)| at).collect()
    }

    /// Entries with a response.
    pub(crate) fn answered(&self) -> Vec<usize> {
        let entries = self.entries.iter().enumerate();
        entries.filter(|(_, entry)| entry.answer.is_some()).map(|(at, _)| at).collect()
    }

    pub(crate) fn note(
        &mut self,
        at: usize,
        ended: &Result<Response, RequestError>,
    ) -> Checked<()> {
        let entry = &mut self.entries[at];
        let key = entry.request.key.clone();
        let response = match ended {
            Ok(response) => response,
            Err(RequestError::NotSent) => return Ok(()),
            Err(RequestError::ConnectionLost(sent)) => {
                self.unanswered.extend(sent.map(|sent| (at, sent)));
                entry.unknown += 1;
                return Ok(());
            }
        };
        let is_problem = response.status >= 500;
        if is_problem && !response.has_retry_after {
            return Err(Violation::of_key(
                &key,
                format!("failed without Retry-After: {}", describe(response)),
            ));
        }
        if is_problem {
            let problem: Option<Problem<'_>> = serde_json::from_slice(&response.body).ok();
            match problem.map(|it| it.outcome) {
                Some("none") => entry.failed += 1,
                Some("unknown") => entry.unknown += 1,
                _ => {
                    return Err(Violation::of_key(
                        &key,
                        format!("has no outcome in its problem: {}", describe(response)),
                    ));
                }
            }
            return Ok(());
        }
        if response.status == 422 {
            return Err(Violation::of_key(
                &key,
                format!("was refused as reused: {}", describe(response)),
            ));
        }
        if entry.request.is_bulk() && has_failed_line(response) {
            // The failed lines were not done; a repeat does them.
            entry.unknown += 1;
            return Ok(());
        }
        match &entry.answer {
            None => {
                self.resolved += u64::from(entry.unknown > 0);
                entry.answer = Some(response.clone());
            }
            Some(first) if same(first, response) && response.is_replayed => self.replays += 1,
            Some(first) => {
                let (first, now) = (describe(first), describe(response));
                let replayed = response.is_replayed;
                let what = format!("was answered {first}, now {now} (replayed: {replayed})");
                return Err(Violation::of_key(&key, what));
            }
        }
        Ok(())
    }
}

/// Whether two responses are the same to the byte.
pub(crate) fn same(one: &Response, other: &Response) -> bool {
    (one.status, &one.body, &one.etag, &one.location)
        == (other.status, &other.body, &other.etag, &other.location)
}

/// Status and body of a response, for a message.
pub(crate) fn describe(response: &Response) -> String {
    format!("{} {}", response.status, String::from_utf8_lossy(&response.body))
}

fn has_failed_line(response: &Response) -> bool {
    let body = String::from_utf8_lossy(&response.body);
    body.contains("\"status\":503")
}
