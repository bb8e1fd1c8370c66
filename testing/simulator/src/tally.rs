//! A second service, which subscribes to the first: it counts every allocated line exactly once.
//!
//! It represents all services that react to others. A fault makes its handler panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use earmark_contracts::allocation::LineAllocated;
use earmark_kernel::{Aggregate, Command, Event, Recorder, Service, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The service's name.
pub(crate) const TALLY: &str = "tally";
/// The wire name of its one event.
pub(crate) const COUNTED: &str = "tally.counted";
/// The message of an injected panic, which is not printed.
pub(crate) const HANDLER_PANIC: &str = "an injected handler fault";

/// While it is on, the handler panics for some messages.
#[derive(Debug, Default)]
pub(crate) struct HandlerFault(AtomicBool);

impl HandlerFault {
    pub(crate) fn set(&self, is_on: bool) {
        self.0.store(is_on, Ordering::SeqCst);
    }

    fn check(&self, message: &LineAllocated) {
        let is_affected = message.qty % 3 == 1;
        assert!(!(is_affected && self.0.load(Ordering::SeqCst)), "{HANDLER_PANIC}");
    }
}

/// Number of counted allocations of a SKU.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum TallyEvent {
    #[serde(rename = "tally.counted")]
    Counted(LineAllocated),
}

impl Event for TallyEvent {
    fn name(&self) -> &'static str {
        COUNTED
    }
}

impl Aggregate for Tally {
    const NAME: &'static str = "tally";
    type Event = TallyEvent;
    fn evolve(&mut self, _: &TallyEvent) {
        self.count += 1;
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Count(LineAllocated);

/// The command is never refused.
#[derive(Clone, Debug, Serialize, Deserialize, Error)]
enum NeverRefused {}

impl Command for Count {
    const NAME: &'static str = "tally.count";
    type Answer = u64;
    type Refusal = NeverRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.sku.0)
    }
}

/// The service; `fault` makes its handler panic.
pub(crate) fn service(fault: &Arc<HandlerFault>) -> Service {
    let fault = Arc::clone(fault);
    let count = move |tally: &mut Recorder<Tally>, Count(message): Count, _: UnixMillis| {
        fault.check(&message);
        tally.record(TallyEvent::Counted(message));
        Ok(tally.count)
    };
    Service::of::<Tally>(TALLY)
        .handles(count, &[COUNTED])
        .reacts::<LineAllocated, Count, _, _>(|message| [Count(message.clone())])
}
