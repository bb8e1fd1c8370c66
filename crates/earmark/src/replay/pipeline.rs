//! Commands on their way: given to the bus in order, few enough unanswered, answered in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use earmark_contracts::allocation::{Allocate, ChangeBatch, CloseBatch, CreateBatch};
use earmark_kernel::{Bus, Command, Meta, Reply};

use crate::side_by_side;

/// So many commands may be unanswered: well below what the bus's queue takes, so that none is ever
/// sent back and the order is kept.
const UNANSWERED_MAX: usize = 8_192;

/// The answers to one chunk of commands.
pub enum Answers {
    Lines(Vec<Reply<Allocate>>),
    Changed(Vec<Reply<ChangeBatch>>),
    Closed(Vec<Reply<CloseBatch>>),
    Made(Vec<Reply<CreateBatch>>),
}

/// Chunks that were given to the bus and not yet answered, oldest first.
pub struct Pipeline {
    bus: Bus,
    waiting: VecDeque<Given>,
    unanswered: usize,
}

struct Given {
    commands: usize,
    state: State,
}

enum State {
    Waits(Pin<Box<dyn Future<Output = Answers>>>),
    Answered(Answers),
}

impl Pipeline {
    pub fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone(), waiting: VecDeque::new(), unanswered: 0 }
    }

    /// Whether so many more commands may be given now.
    pub fn has_room_for(&self, commands: usize) -> bool {
        self.unanswered == 0 || self.unanswered + commands <= UNANSWERED_MAX
    }

    /// Gives a chunk to the bus; it stands in the queue when this returns.
    pub async fn give<C: Command>(
        &mut self,
        commands: Vec<(C, Meta)>,
        answers: fn(Vec<Reply<C>>) -> Answers,
    ) {
        let (bus, count) = (self.bus.clone(), commands.len());
        let waiting = async move { answers(bus.send_many(commands).await) };
        self.begin(count, waiting).await;
    }

    /// Makes batches, all at once: making one takes two steps, and so two commits serve all
    /// of them. Nothing that needs one of them may be given before they are answered.
    pub async fn make(&mut self, commands: Vec<(CreateBatch, Meta)>) {
        let (bus, count) = (self.bus.clone(), commands.len());
        let waiting = async move { Answers::Made(side_by_side::send(&bus, commands).await) };
        self.begin(count, waiting).await;
    }

    async fn begin(&mut self, commands: usize, waiting: impl Future<Output = Answers> + 'static) {
        let mut waiting: Pin<Box<dyn Future<Output = Answers>>> = Box::pin(waiting);
        // The bus queues the commands when it is asked for the first time.
        let asked = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
        let state = match asked.await {
            Poll::Ready(answers) => State::Answered(answers),
            Poll::Pending => State::Waits(waiting),
        };
        self.unanswered += commands;
        self.waiting.push_back(Given { commands, state });
    }

    /// The answers to the oldest chunk; none if nothing waits.
    pub async fn next(&mut self) -> Option<Answers> {
        let Given { commands, state } = self.waiting.pop_front()?;
        let answers = match state {
            State::Answered(answers) => answers,
            State::Waits(waiting) => waiting.await,
        };
        self.unanswered -= commands;
        Some(answers)
    }
}
