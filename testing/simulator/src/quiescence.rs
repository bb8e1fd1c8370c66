//! The end of a run: the world heals, and everything accepted must get done, and stay so.

use std::task::{Context, Poll, Waker};

use earmark_contracts::allocation::LineAllocated;
use earmark_kernel::clock::Clock;
use earmark_kernel::{Bus, Failure, NotDone, PublicEvent, RefusedJson};

use crate::coverage::CoverageMark;
use crate::disk::Disk;
use crate::mirror::MIRROR;
use crate::workload::Workload;
use crate::world::{Checked, Errand, World};

/// Within so many groups whatever was begun must be done.
const GROUPS_MAX: usize = 1_000;
/// So often timers, events and parked messages are looked for before there must be none left.
const ERRANDS_MAX: usize = 10_000;
/// So often at most a client must ask again in a world where nothing goes wrong.
const ASKS_MAX: usize = 3;

impl World {
    /// Heals the world and demands what was promised.
    pub(crate) fn heal(&mut self) -> Checked {
        self.healed = true;
        self.trace.line(format_args!("heal"));
        self.disks.iter().for_each(Disk::heal);
        self.fuse.set_bad(false);
        self.clock.correct();
        let halted = |bus: &Bus| bus.status().iter().any(|it| it.halted.is_some());
        if self.bus.as_ref().is_some_and(halted) {
            self.crash(true)?;
        }
        let bus = self.running()?;
        self.finish_calls(&bus)?;
        self.resolve(&bus)?;
        self.finish_errands(&bus)?;
        self.auditor.stock.check_holds(None, self.clock.now().0)?;
        self.check(&bus)?;
        self.flush(&bus)?;
        if self.disks.iter().any(|disk| disk.has_rows("snapshot_stock")) {
            self.saw.saw(CoverageMark::Snapshot);
        }
        self.check(&bus)?;
        for delete in [false, true] {
            self.crash(false)?;
            if delete {
                self.delete_rows();
            }
            let bus = self.running()?;
            self.check(&bus)?;
            self.ask_all_again(&bus)?;
        }
        let bus = self.running()?;
        self.check_told(&bus)?;
        Ok(())
    }

    fn running(&mut self) -> Checked<Bus> {
        if self.bus.is_none() {
            self.start()?;
        }
        self.bus.clone().ok_or_else(|| "the process does not start".into())
    }

    /// Everything that is on its way arrives.
    fn finish_calls(&mut self, bus: &Bus) -> Checked {
        for _ in 0..GROUPS_MAX {
            for place in 0..self.clients.len() {
                self.poll_client(place)?;
            }
            let mut context = Context::from_waker(Waker::noop());
            self.detached.retain_mut(|call| call.sending.as_mut().poll(&mut context).is_pending());
            self.errands.retain_mut(|(_, it)| it.as_mut().poll(&mut context).is_pending());
            self.write(bus)?;
            let waits = self.clients.iter().any(|client| client.call.is_some());
            if !waits && self.detached.is_empty() && self.errands.is_empty() {
                return Ok(());
            }
        }
        Err(format!("something is not done after {GROUPS_MAX} groups"))
    }

    /// Everybody who does not know how something ended asks again, until it is known.
    fn resolve(&mut self, bus: &Bus) -> Checked {
        for asked in 0..self.history.asked.len() {
            // Of those who know that it failed, some give up.
            let tries_again = self.rng.chance(50);
            let page = &self.history.asked[asked];
            let failed = page.decided.is_none() && !page.is_over;
            if page.is_unresolved() || (failed && tries_again) {
                self.ask_until_decided(bus, asked)?;
            }
        }
        self.history.check_failed(&self.auditor)
    }

    fn ask_until_decided(&mut self, bus: &Bus, asked: usize) -> Checked {
        let mut last = None;
        for _ in 0..ASKS_MAX {
            let call = self.call(bus, asked);
            self.clients[0].call = Some(call);
            last = Some(self.finish_first(bus)?);
            let page = &self.history.asked[asked];
            if page.decided.is_some() || page.is_over {
                return Ok(());
            }
        }
        let page = &self.history.asked[asked];
        Err(format!("{} {} is never decided: {last:?}", page.key, page.request.name))
    }

    fn finish_first(&mut self, bus: &Bus) -> Checked<usize> {
        for groups in 0..GROUPS_MAX {
            self.poll_client(0)?;
            if self.clients[0].call.is_none() {
                return Ok(groups);
            }
            self.write(bus)?;
        }
        Err("an answer never comes".into())
    }

    /// Timers ring, parked messages are served, events are heard, until there is nothing left.
    fn finish_errands(&mut self, bus: &Bus) -> Checked {
        self.clock.pass(1);
        self.until_none(bus, "timer", |bus| Box::pin(async move { bus.sweep().await }))?;
        for subscription in bus.subscriptions() {
            let poll = |bus: Bus| -> Errand {
                let subscription = subscription.clone();
                Box::pin(async move { bus.poll(&subscription).await })
            };
            self.until_none(bus, "event", poll)?;
        }
        self.until_none(bus, "parked message", |bus| Box::pin(serve_first_parked(bus)))
    }

    /// Does an errand over and over, until it finds nothing more to do.
    fn until_none(&mut self, bus: &Bus, what: &str, errand: impl Fn(Bus) -> Errand) -> Checked {
        for _ in 0..ERRANDS_MAX {
            if self.finish(bus, errand(bus.clone()))? == 0 {
                return Ok(());
            }
        }
        Err(format!("there is one {what} more, {ERRANDS_MAX} times"))
    }

    fn finish(&mut self, bus: &Bus, mut errand: Errand) -> Checked<usize> {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..GROUPS_MAX {
            if let Poll::Ready(ended) = errand.as_mut().poll(&mut context) {
                return ended.map_err(|failure| format!("healed, and yet: {failure}"));
            }
            self.write(bus)?;
        }
        Err("an errand is never done".into())
    }

    fn check(&mut self, bus: &Bus) -> Checked {
        self.verify(bus)?;
        let orders: Vec<String> = self.workload.order_ids().collect();
        let skus = Workload::skus().into_iter().cycle();
        for (order, sku) in orders.iter().chain(&orders).zip(skus) {
            self.look_at(bus, sku, order)?;
        }
        Ok(())
    }

    /// Whatever was answered is answered once more, byte for byte.
    fn ask_all_again(&mut self, bus: &Bus) -> Checked {
        let before = self.auditor.events();
        for asked in 0..self.history.asked.len() {
            if self.history.asked[asked].decided.is_some() {
                self.ask_until_decided(bus, asked)?;
            }
        }
        if self.auditor.events() == before {
            return Ok(());
        }
        Err("asking again what was answered did something".into())
    }

    /// Every public event was told once, and the mirror has noted what it heard once.
    fn check_told(&mut self, bus: &Bus) -> Checked {
        let mut heard = Vec::new();
        for (place, subscriber) in self.subscribers.iter_mut().enumerate() {
            while subscriber.read(bus, 50)?.map_err(|failure| failure.to_string())? > 0 {}
            subscriber.check(&self.auditor.told[place])?;
            heard.extend(subscriber.heard(LineAllocated::NAME));
        }
        let mut noted = self.auditor.noted.clone();
        heard.sort_unstable();
        noted.sort_unstable();
        if heard == noted {
            return Ok(());
        }
        let (told, kept) = (heard.len(), noted.len());
        let differs = heard.iter().zip(&noted).find(|(a, b)| a != b);
        Err(format!("{told} placements were told, {kept} noted; the first difference: {differs:?}"))
    }
}

/// Serves the first parked message; says how many there were.
async fn serve_first_parked(bus: Bus) -> Result<usize, Failure> {
    let Some((id, _)) = bus.parked(MIRROR, None, 1)?.into_iter().next() else {
        return Ok(0);
    };
    let Some(reply) = bus.replay_parked(MIRROR, &id, false).await? else {
        return Ok(1);
    };
    let why = |not_done: NotDone<RefusedJson>| not_done.map_refused(|it| it.text);
    reply.ending.map(|_| 1).map_err(|it| Failure::Storage(why(it).to_string()))
}

impl World {
    /// The answers of all clients so far, for a look at how much was done.
    pub(crate) fn decided(&self) -> u64 {
        self.history.asked.iter().filter(|it| it.decided.is_some()).count() as u64
    }
}
