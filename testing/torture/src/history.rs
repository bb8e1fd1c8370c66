//! What was asked for under which key, how each attempt ended, and what may be answered next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::client::{Cut, Reply};
use crate::clock::Moment;
use crate::request::Request;
use crate::violation::{Checked, Violation};

/// A request and what came of it.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) request: Arc<Request>,
    /// Attempts that were promised to have had no effect.
    pub(crate) failed: u32,
    /// Attempts of which nobody knows.
    pub(crate) unknown: u32,
    /// The answer, the same for ever.
    pub(crate) answer: Option<Reply>,
}

/// Everything that was ever asked for.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) pages: Vec<Page>,
    /// Answers that were given again, with the same bytes.
    pub(crate) replays: u64,
    /// Requests whose outcome was unknown and which were answered when asked again.
    pub(crate) resolved: u64,
    /// Requests that were handed over whole at this moment and never answered.
    pub(crate) cuts: Vec<(usize, Moment)>,
    /// The first promise that was broken.
    pub(crate) violation: Option<Violation>,
}

/// The history as clients share it.
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

    /// Opens a page for a request.
    pub(crate) fn open(&self, request: Arc<Request>) -> usize {
        let mut history = self.lock();
        history.pages.push(Page { request, failed: 0, unknown: 0, answer: None });
        history.pages.len() - 1
    }

    /// Notes how an attempt ended. Says whether clients may go on.
    pub(crate) fn note(&self, page: usize, ended: &Result<Reply, Cut>) -> bool {
        let mut history = self.lock();
        if let Err(violation) = history.note(page, ended) {
            history.violation.get_or_insert(violation);
        }
        history.violation.is_none()
    }

    /// Notes a promise that was broken.
    pub(crate) fn broken(&self, violation: Violation) {
        self.lock().violation.get_or_insert(violation);
    }

    /// The first promise that was broken, if one was.
    pub(crate) fn holds(&self) -> Checked<()> {
        self.lock().violation.clone().map_or(Ok(()), Err)
    }
}

impl History {
    /// Pages whose outcome nobody knows.
    pub(crate) fn open_ends(&self) -> Vec<usize> {
        let pages = self.pages.iter().enumerate();
        let open = pages.filter(|(_, page)| page.answer.is_none() && page.unknown > 0);
        open.map(|(at, _)| at).collect()
    }

    /// Pages that were answered.
    pub(crate) fn answered(&self) -> Vec<usize> {
        let pages = self.pages.iter().enumerate();
        pages.filter(|(_, page)| page.answer.is_some()).map(|(at, _)| at).collect()
    }

    pub(crate) fn note(&mut self, at: usize, ended: &Result<Reply, Cut>) -> Checked<()> {
        let page = &mut self.pages[at];
        let key = page.request.key.clone();
        let reply = match ended {
            Ok(reply) => reply,
            Err(Cut::Unsent) => return Ok(()),
            Err(Cut::Broken(sent)) => {
                self.cuts.extend(sent.map(|sent| (at, sent)));
                page.unknown += 1;
                return Ok(());
            }
        };
        let is_problem = reply.status >= 500;
        if is_problem && !reply.has_retry_after {
            return Err(Violation::of_key(&key, format!("broke: {}", told(reply))));
        }
        if is_problem {
            let problem: Option<Problem<'_>> = serde_json::from_slice(&reply.body).ok();
            match problem.map(|it| it.outcome) {
                Some("none") => page.failed += 1,
                Some("unknown") => page.unknown += 1,
                _ => return Err(Violation::of_key(&key, format!("says {}", told(reply)))),
            }
            return Ok(());
        }
        if reply.status == 422 {
            return Err(Violation::of_key(&key, format!("was not reused: {}", told(reply))));
        }
        if page.request.is_bulk() && has_failed_line(reply) {
            // Those lines were not done: asking again does them.
            page.unknown += 1;
            return Ok(());
        }
        match &page.answer {
            None => {
                self.resolved += u64::from(page.unknown > 0);
                page.answer = Some(reply.clone());
            }
            Some(first) if same(first, reply) && reply.is_replayed => self.replays += 1,
            Some(first) => {
                let (first, now) = (told(first), told(reply));
                let replayed = reply.is_replayed;
                let what = format!("was answered {first}, now {now} (replayed: {replayed})");
                return Err(Violation::of_key(&key, what));
            }
        }
        Ok(())
    }
}

/// Whether two answers are the same to the byte.
pub(crate) fn same(one: &Reply, other: &Reply) -> bool {
    (one.status, &one.body, &one.etag, &one.location)
        == (other.status, &other.body, &other.etag, &other.location)
}

/// An answer in words.
pub(crate) fn told(reply: &Reply) -> String {
    format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body))
}

fn has_failed_line(reply: &Reply) -> bool {
    let body = String::from_utf8_lossy(&reply.body);
    body.contains("\"status\":503")
}
