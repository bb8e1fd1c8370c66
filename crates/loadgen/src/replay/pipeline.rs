//! Commands in flight: sent to the bus in order, a bounded number of them, answered in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use earmark_contracts::allocation::{Allocate, ChangeBatch, CloseBatch, CreateBatch};
use earmark_kernel::{Bus, Command, Meta, Reply};

use crate::concurrent;

/// Maximum commands in flight: well below the length of the bus's queue, so that none is rejected
/// and the order is kept.
const UNANSWERED_MAX: usize = 8_192;

/// The answers to one chunk of commands.
pub enum Answers {
    Lines(Vec<Reply<Allocate>>),
    Changed(Vec<Reply<ChangeBatch>>),
    Closed(Vec<Reply<CloseBatch>>),
    Created(Vec<Reply<CreateBatch>>),
}

/// Chunks in flight, oldest first.
pub struct Pipeline {
    bus: Bus,
    waiting: VecDeque<InFlight>,
    unanswered: usize,
}

struct InFlight {
    commands: usize,
    state: State,
}

enum State {
    Pending(Pin<Box<dyn Future<Output = Answers>>>),
    Answered(Answers),
}

impl Pipeline {
    pub fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone(), waiting: VecDeque::new(), unanswered: 0 }
    }

    /// Whether this many more commands can be sent now.
    pub fn has_room_for(&self, commands: usize) -> bool {
        self.unanswered == 0 || self.unanswered + commands <= UNANSWERED_MAX
    }

    /// Sends a chunk to the bus; it is in the queue when this returns.
    pub async fn send<C: Command>(
        &mut self,
        commands: Vec<(C, Meta)>,
        answers: fn(Vec<Reply<C>>) -> Answers,
    ) {
        let (bus, count) = (self.bus.clone(), commands.len());
        let waiting = async move { answers(bus.send_many(commands).await) };
        self.begin(count, waiting).await;
    }

    /// Creates batches, all at once: creating one takes two steps, so two commits are enough for
    /// all of them. Nothing that needs one of them may be sent before they are answered.
    pub async fn create(&mut self, commands: Vec<(CreateBatch, Meta)>) {
        let (bus, count) = (self.bus.clone(), commands.len());
        let waiting = async move { Answers::Created(concurrent::send(&bus, commands).await) };
        self.begin(count, waiting).await;
    }

    async fn begin(&mut self, commands: usize, waiting: impl Future<Output = Answers> + 'static) {
        let mut waiting: Pin<Box<dyn Future<Output = Answers>>> = Box::pin(waiting);
        // The bus queues the commands when the future is polled for the first time.
        let polled = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
        let state = match polled.await {
            Poll::Ready(answers) => State::Answered(answers),
            Poll::Pending => State::Pending(waiting),
        };
        self.unanswered += commands;
        self.waiting.push_back(InFlight { commands, state });
    }

    /// The answers to the oldest chunk; none if nothing is in flight.
    pub async fn next(&mut self) -> Option<Answers> {
        let InFlight { commands, state } = self.waiting.pop_front()?;
        let answers = match state {
            State::Answered(answers) => answers,
            State::Pending(waiting) => waiting.await,
        };
        self.unanswered -= commands;
        Some(answers)
    }
}
