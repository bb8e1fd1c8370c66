//! A provider outside of the house: it has its own memory, and carries out each operation once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use compact_str::CompactString;
use tokio::sync::{Semaphore, watch};

use super::charging::ChargeCall;
use crate::ports::adapter::{Adapter, CallFailed, Calling};

/// What the provider does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answers,
    /// Carries the call out, and its answer is lost.
    LosesAnswer,
    /// Does nothing, and the caller cannot know.
    TimesOut,
    Fails,
    Refuses,
    /// Carries the call out at once and answers when it is released.
    AnswersLate,
    /// Does nothing and says so when it is released.
    FailsLate,
}

/// The provider. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Shared>);

struct Shared {
    memory: Mutex<Memory>,
    released: Semaphore,
    /// The number of calls that have arrived.
    arrived: watch::Sender<usize>,
}

#[derive(Default)]
struct Memory {
    /// The receipts by idempotency key.
    receipts: BTreeMap<CompactString, String>,
    /// The idempotency key and the attempt of each call.
    calls: Vec<(String, u32)>,
    script: VecDeque<Behaviour>,
    running: usize,
    running_max: usize,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let (memory, released) = (Mutex::default(), Semaphore::new(0));
        Self(Arc::new(Shared { memory, released, arrived: watch::Sender::new(0) }))
    }

    /// Says what the next calls do; those after them are answered.
    pub(crate) fn will(&self, script: impl IntoIterator<Item = Behaviour>) {
        self.memory().script = script.into_iter().collect();
    }

    /// Lets `calls` late calls end.
    pub(crate) fn release(&self, calls: usize) {
        self.0.released.add_permits(calls);
    }

    /// The number of operations that were carried out.
    pub(crate) fn effects(&self) -> usize {
        self.memory().receipts.len()
    }

    pub(crate) fn calls(&self) -> Vec<(String, u32)> {
        self.memory().calls.clone()
    }

    pub(crate) fn running_max(&self) -> usize {
        self.memory().running_max
    }

    /// Waits until this many calls have arrived.
    pub(crate) async fn arrived(&self, calls: usize) {
        self.0.arrived.subscribe().wait_for(|count| *count >= calls).await.unwrap();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap()
    }

    fn receive(&self, id: &CompactString, attempt: u32, call: &ChargeCall) -> Behaviour {
        let mut memory = self.memory();
        memory.calls.push((id.to_string(), attempt));
        memory.running += 1;
        memory.running_max = memory.running_max.max(memory.running);
        let behaviour = memory.script.pop_front().unwrap_or(Behaviour::Answers);
        if matches!(behaviour, Behaviour::Answers | Behaviour::LosesAnswer | Behaviour::AnswersLate)
        {
            let receipt = format!("receipt {} for {}", memory.receipts.len() + 1, call.cents);
            memory.receipts.entry(id.clone()).or_insert(receipt);
        }
        let calls = memory.calls.len();
        drop(memory);
        self.0.arrived.send_replace(calls);
        behaviour
    }
}

impl Adapter<ChargeCall, String> for Provider {
    fn call(&self, id: &CompactString, attempt: u32, call: ChargeCall) -> Calling<'_, String> {
        let id = id.clone();
        Box::pin(async move {
            let behaviour = self.receive(&id, attempt, &call);
            if matches!(behaviour, Behaviour::AnswersLate | Behaviour::FailsLate) {
                self.0.released.acquire().await.unwrap().forget();
            }
            let mut memory = self.memory();
            memory.running -= 1;
            match behaviour {
                Behaviour::Answers | Behaviour::AnswersLate => Ok(memory.receipts[&id].clone()),
                Behaviour::LosesAnswer => Err(CallFailed::Unknown("the answer was lost".into())),
                Behaviour::TimesOut => Err(CallFailed::Unknown("no answer".into())),
                Behaviour::Fails | Behaviour::FailsLate => {
                    Err(CallFailed::Failed("no connection".into()))
                }
                Behaviour::Refuses => Err(CallFailed::Refused("no funds".into())),
            }
        })
    }
}
