//! Clients: each has at most one command under way, asks again when it does not know how one
//! ended, and sometimes hangs up.

use std::task::{Context, Poll, Waker};

use earmark_kernel::clock::Clock;
use earmark_kernel::ids::Ids;
use earmark_kernel::{Bus, Idempotency, Meta};

use crate::answer::{Ending, Sending, send};
use crate::faults::FaultKind;
use crate::history::{Asked, Fate};
use crate::workload::Request;
use crate::world::{Checked, World};

/// A command on its way, and what it was sent for.
pub(crate) struct Call {
    pub(crate) asked: usize,
    pub(crate) attempt: usize,
    /// The key is used for something else on purpose.
    pub(crate) is_reuse: bool,
    pub(crate) sending: Sending,
}

/// A client.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) call: Option<Call>,
    /// What it means to ask again.
    pub(crate) again: Option<usize>,
}

impl World {
    /// Some client goes on with what it does, or begins something.
    pub(crate) fn let_client_act(&mut self, bus: &Bus) -> Checked {
        let place = self.rng.place(self.clients.len());
        if self.clients[place].call.is_some() {
            if self.has(FaultKind::Disconnects) && self.rng.chance(6) {
                self.disconnect(place);
                return Ok(());
            }
            return self.poll_client(place);
        }
        let again = self.clients[place].again.take();
        let asked = match self.rng.below(100) {
            _ if again.is_some() => again,
            0..=11 => self.some_page(Asked::is_unresolved),
            12..=17 => self.some_page(|it| it.decided.is_some()),
            18 | 19 => match self.some_page(|it| it.decided.is_some()) {
                Some(asked) => return self.reuse(bus, place, asked),
                None => None,
            },
            _ => None,
        };
        let asked = asked.unwrap_or_else(|| {
            let request = self.workload.request(self.clock.now(), &self.auditor.stock);
            self.history.open(request)
        });
        self.ask(bus, place, asked);
        self.poll_client(place)
    }

    /// Some page of the history that nobody else asks for now.
    fn some_page(&mut self, wanted: impl Fn(&Asked) -> bool) -> Option<usize> {
        let pages = self.history.asked.iter().enumerate().filter(|(_, it)| wanted(it));
        let free = pages.filter(|(_, it)| it.attempts.iter().all(|it| it.fate != Fate::Open));
        let places: Vec<usize> = free.map(|(place, _)| place).collect();
        (!places.is_empty()).then(|| *self.rng.pick(&places))
    }

    pub(crate) fn ask(&mut self, bus: &Bus, client: usize, asked: usize) {
        let call = self.call(bus, asked);
        self.clients[client].call = Some(call);
    }

    /// Sends what stands on a page, once more or for the first time.
    pub(crate) fn call(&mut self, bus: &Bus, asked: usize) -> Call {
        let page = &self.history.asked[asked];
        let Request { name, body, dry_run, .. } = page.request.clone();
        let meta = self.meta(&page.key, &body, dry_run);
        let id = meta.command_id.to_string();
        self.trace.line(format_args!("ask {} {name} {body}", page.key));
        let sending = send(bus, name, &body, meta);
        let attempt = self.history.attempt(asked, id, self.groups, &mut self.saw);
        Call { asked, attempt, is_reuse: false, sending }
    }

    /// Uses the key of something decided for something else.
    fn reuse(&mut self, bus: &Bus, client: usize, asked: usize) -> Checked {
        let request = self.workload.request(self.clock.now(), &self.auditor.stock);
        let page = &self.history.asked[asked];
        if request.body == page.request.body || request.dry_run || request.hostile {
            return Ok(());
        }
        let meta = self.meta(&page.key, &request.body, false);
        self.trace.line(format_args!("reuse {} {} {}", page.key, request.name, request.body));
        let sending = send(bus, request.name, &request.body, meta);
        let call = Call { asked, attempt: 0, is_reuse: true, sending };
        self.clients[client].call = Some(call);
        Ok(())
    }

    fn meta(&self, key: &str, body: &str, dry_run: bool) -> Meta {
        Meta {
            command_id: self.ids.next(),
            correlation: Some(key.into()),
            idempotency: Some(Idempotency::of(key, body.as_bytes())),
            dry_run,
            at: None,
        }
    }

    pub(crate) fn poll_client(&mut self, place: usize) -> Checked {
        let Some(call) = &mut self.clients[place].call else {
            return Ok(());
        };
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(answer) = call.sending.as_mut().poll(&mut context) else {
            return Ok(());
        };
        let (asked, attempt, is_reuse) = (call.asked, call.attempt, call.is_reuse);
        self.clients[place].call = None;
        // A step of a procedure may have been committed since the last look.
        self.read_logs()?;
        let key = self.history.asked[asked].key.clone();
        let replayed = answer.replayed;
        self.trace.line(format_args!("answer {key} {:?} {replayed}", answer.ending));
        let (history, mut by) = self.witness();
        if is_reuse {
            return history.reused(asked, &answer, by.saw);
        }
        history.answered(asked, attempt, &answer, &mut by)?;
        let again = match answer.ending {
            Ending::Decided(..) => false,
            Ending::Unknown(_) => true,
            Ending::Failed(_) => self.rng.chance(70),
        };
        let page = &self.history.asked[asked];
        if again && page.decided.is_none() && !page.is_over {
            self.clients[place].again = Some(asked);
        }
        Ok(())
    }

    /// A client hangs up: its command goes on without it, or is dropped where it is.
    fn disconnect(&mut self, place: usize) {
        let Some(call) = self.clients[place].call.take() else {
            return;
        };
        if !call.is_reuse {
            self.history.asked[call.asked].attempts[call.attempt].fate = Fate::Lost;
            if self.rng.chance(60) {
                self.clients[place].again = Some(call.asked);
            }
        }
        let goes_on = self.rng.chance(60);
        let key = &self.history.asked[call.asked].key;
        self.trace.line(format_args!("disconnect {key} {goes_on}"));
        if goes_on {
            self.detached.push(call);
        }
    }

    pub(crate) fn poll_detached(&mut self) -> Checked {
        let place = self.rng.place(self.detached.len());
        let mut context = Context::from_waker(Waker::noop());
        if self.detached[place].sending.as_mut().poll(&mut context).is_ready() {
            drop(self.detached.swap_remove(place));
        }
        Ok(())
    }
}
