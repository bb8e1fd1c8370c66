//! The steps of clients: send a command, repeat it, reuse its key, disconnect.

use std::task::{Context, Poll, Waker};

use earmark_kernel::clock::Clock;
use earmark_kernel::ids::Ids;
use earmark_kernel::{Bus, Idempotency, Meta};

use crate::answer::{Ending, send};
use crate::client::Call;
use crate::faults::FaultKind;
use crate::history::{AttemptState, Entry};
use crate::workload::Request;
use crate::world::{Checked, World};

impl World {
    /// A randomly chosen client continues its command or starts one.
    pub(crate) fn let_client_act(&mut self, bus: &Bus) -> Checked {
        let client = self.rng.index(self.clients.len());
        if self.clients[client].call.is_some() {
            if self.has(FaultKind::Disconnects) && self.rng.chance(6) {
                self.disconnect(client);
                return Ok(());
            }
            return self.poll_client(client);
        }
        let retry = self.clients[client].retry.take();
        let repeated = match self.rng.below(100) {
            _ if retry.is_some() => retry,
            0..=11 => self.pick_entry(Entry::is_unresolved),
            12..=17 => self.pick_entry(|it| it.decided.is_some()),
            18 | 19 => match self.pick_entry(|it| it.decided.is_some()) {
                Some(entry) => return self.reuse_key(bus, client, entry),
                None => None,
            },
            _ => None,
        };
        let entry = repeated.unwrap_or_else(|| {
            let request = self.workload.request(self.clock.now(), &self.auditor.stock);
            let about = self.about_order(&request);
            self.history.open(request, about)
        });
        let call = self.call(bus, entry);
        self.clients[client].call = Some(call);
        self.poll_client(client)
    }

    /// A random entry of the history that matches and has no attempt in flight.
    fn pick_entry(&mut self, matches: impl Fn(&Entry) -> bool) -> Option<usize> {
        let entries = self.history.entries.iter().enumerate().filter(|(_, it)| matches(it));
        let is_idle = |it: &Entry| it.attempts.iter().all(|it| it.state != AttemptState::InFlight);
        let idle = entries.filter(|(_, it)| is_idle(it));
        let indexes: Vec<usize> = idle.map(|(index, _)| index).collect();
        (!indexes.is_empty()).then(|| *self.rng.pick(&indexes))
    }

    /// Sends the request of an entry, for the first time or again.
    pub(crate) fn call(&mut self, bus: &Bus, index: usize) -> Call {
        let entry = &self.history.entries[index];
        let Request { name, body, dry_run, .. } = entry.request.clone();
        let meta = self.meta(&entry.key, &body, dry_run);
        let id = meta.command_id.to_string();
        self.trace.line(format_args!("send {} {name} {body}", entry.key));
        let answer = send(bus, name, &body, meta);
        let attempt = self.history.attempt(index, id, self.groups, &mut self.coverage);
        Call { entry: index, attempt, is_reuse: false, answer }
    }

    /// Uses the key of a decided request for another request.
    fn reuse_key(&mut self, bus: &Bus, client: usize, index: usize) -> Checked {
        let request = self.workload.request(self.clock.now(), &self.auditor.stock);
        let entry = &self.history.entries[index];
        if request.body == entry.request.body || request.dry_run || request.hostile {
            return Ok(());
        }
        let meta = self.meta(&entry.key, &request.body, false);
        self.trace.line(format_args!("reuse {} {} {}", entry.key, request.name, request.body));
        let answer = send(bus, request.name, &request.body, meta);
        let call = Call { entry: index, attempt: 0, is_reuse: true, answer };
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

    pub(crate) fn poll_client(&mut self, client: usize) -> Checked {
        let Some(call) = &mut self.clients[client].call else {
            return Ok(());
        };
        let mut task = Context::from_waker(Waker::noop());
        let Poll::Ready(answer) = call.answer.as_mut().poll(&mut task) else {
            return Ok(());
        };
        let (index, attempt, is_reuse) = (call.entry, call.attempt, call.is_reuse);
        self.clients[client].call = None;
        // A step of a procedure may have been committed since the logs were last read.
        self.read_logs()?;
        let key = self.history.entries[index].key.clone();
        let replayed = answer.replayed;
        self.trace.line(format_args!("answer {key} {:?} {replayed}", answer.ending));
        let (history, mut context) = self.check_context();
        if is_reuse {
            return history.key_was_reused(index, &answer, context.coverage);
        }
        history.answered(index, attempt, &answer, &mut context)?;
        let is_repeated = match answer.ending {
            Ending::Decided(..) => false,
            Ending::Unknown(_) => true,
            Ending::Failed(_) => self.rng.chance(70),
        };
        let entry = &self.history.entries[index];
        if is_repeated && entry.decided.is_none() && !entry.is_final {
            self.clients[client].retry = Some(index);
        }
        Ok(())
    }

    /// A client disconnects: its command continues without it, or is dropped at its current step.
    fn disconnect(&mut self, client: usize) {
        let Some(call) = self.clients[client].call.take() else {
            return;
        };
        if !call.is_reuse {
            self.history.entries[call.entry].attempts[call.attempt].state = AttemptState::Lost;
            if self.rng.chance(60) {
                self.clients[client].retry = Some(call.entry);
            }
        }
        let continues = self.rng.chance(60);
        let key = &self.history.entries[call.entry].key;
        self.trace.line(format_args!("disconnect {key} {continues}"));
        if continues {
            self.detached.push(call);
        }
    }

    pub(crate) fn poll_detached(&mut self) -> Checked {
        let index = self.rng.index(self.detached.len());
        let mut task = Context::from_waker(Waker::noop());
        if self.detached[index].answer.as_mut().poll(&mut task).is_ready() {
            drop(self.detached.swap_remove(index));
        }
        Ok(())
    }
}
