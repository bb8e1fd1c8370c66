//! Moves the partitions of a bus with threads: writers, projectors, flushers, timers, reactions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::sending::Bus;
use crate::ports::clock::Stopwatch;
use crate::write::partition::Partition;

/// A writer looks up from an empty queue at least this often.
const WRITER_IDLE_WAIT: Duration = Duration::from_millis(500);
/// Views look up from a log in which nothing happens at least this often.
const PROJECT_INTERVAL: Duration = Duration::from_millis(250);
/// A log that others write to is asked at least so often what is new, for feeds, timers and
/// reactions: who reads asks by itself.
const SHARED_LOG_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Views are flushed at least this often while anything changes.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// The threads of a process. Dropping it without [`Runtime::stop`] leaves them to the process' end.
pub struct Runtime {
    bus: Bus,
    writers: Vec<JoinHandle<()>>,
    projectors: Vec<JoinHandle<()>>,
    stopping: watch::Sender<bool>,
}

impl Runtime {
    /// Starts the threads of every partition.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(bus: &Bus) -> std::io::Result<Self> {
        let stopping = watch::Sender::new(false);
        let (mut writers, mut projectors) = (Vec::new(), Vec::new());
        for partition in bus.services().iter().flat_map(|running| &running.partitions) {
            let name = format!("{}-{}", partition.schema.service, partition.index);
            let (writer, projector) = (Arc::clone(partition), Arc::clone(partition));
            let flusher = Arc::clone(partition);
            writers.push(spawn(&format!("write-{name}"), move || write(&writer))?);
            let stop = stopping.subscribe();
            projectors.push(spawn(&format!("project-{name}"), move || follow(&projector, &stop))?);
            let stop = stopping.subscribe();
            projectors.push(spawn(&format!("flush-{name}"), move || flush(&flusher, &stop))?);
        }
        Ok(Self { bus: bus.clone(), writers, projectors, stopping })
    }

    /// Why a writer stopped by itself, once one has: the process should end and start again.
    pub async fn halted(&self) -> String {
        let partitions = self.bus.services().iter().flat_map(|running| &running.partitions);
        let mut halted: Vec<_> = partitions.map(|partition| partition.watch_halted()).collect();
        let waits = halted.iter_mut().map(|it| Box::pin(it.wait_for(Option::is_some)));
        let mut waits: Vec<_> = waits.collect();
        std::future::poll_fn(|context| {
            for wait in &mut waits {
                if let std::task::Poll::Ready(Ok(why)) = wait.as_mut().poll(context) {
                    return std::task::Poll::Ready(why.clone().unwrap_or_default());
                }
            }
            std::task::Poll::Pending
        })
        .await
    }

    /// Takes nothing more, serves what waits, flushes the views, and ends the threads.
    pub fn stop(self) {
        for partition in self.bus.services().iter().flat_map(|running| &running.partitions) {
            partition.queue.close();
        }
        for writer in self.writers {
            let _ = writer.join();
        }
        self.stopping.send_replace(true);
        for projector in self.projectors {
            let _ = projector.join();
        }
        for partition in self.bus.services().iter().flat_map(|running| &running.partitions) {
            if let Err(error) = partition.projector.flush() {
                tracing::warn!(%error, "the views were not flushed; the next start derives them");
            }
        }
    }
}

fn write(partition: &Partition) {
    let moved = catch_unwind(AssertUnwindSafe(|| {
        while partition.write() || !partition.queue.is_closed() {
            partition.queue.wait(WRITER_IDLE_WAIT);
        }
    }));
    if moved.is_err() {
        partition.halt("the writer broke; its last group may or may not be committed");
    }
}

fn follow(partition: &Partition, stop: &watch::Receiver<bool>) {
    let every = if partition.log.is_shared() { SHARED_LOG_POLL_INTERVAL } else { PROJECT_INTERVAL };
    let mut asked = Stopwatch::start();
    while !*stop.borrow() {
        partition.projector.wait(every);
        // Not with every group of our own: the writer sees in its turns what others wrote.
        if asked.seconds() >= every.as_secs_f64() {
            asked = Stopwatch::start();
            if let Err(error) = partition.projector.follow() {
                tracing::warn!(%error, "what others have written is not seen");
            }
        }
        if let Some(why) = partition.log.broken() {
            partition.halt(&why);
        }
        if let Err(error) = partition.projector.catch_up() {
            tracing::warn!(%error, "the views cannot follow the log");
        }
    }
}

fn flush(partition: &Partition, stop: &watch::Receiver<bool>) {
    let projector = &partition.projector;
    let mut tried = Stopwatch::start();
    let mut well = true;
    while !*stop.borrow() {
        // What failed is tried again, but not with every commit.
        let is_due = projector.wait_to_flush(PROJECT_INTERVAL, well);
        let long = tried.seconds() > FLUSH_INTERVAL.as_secs_f64() && projector.unflushed() > 0;
        if !long && !is_due {
            continue;
        }
        tried = Stopwatch::start();
        let flushed = projector.flush();
        well = flushed.is_ok();
        if let Err(error) = flushed {
            tracing::warn!(%error, "the views cannot be flushed");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the seam through which threads come in")]
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Runs a future to its end in this thread, moving the partitions whenever it waits: for tests and
/// simulators, which have no other threads.
///
/// # Panics
/// When the future waits for something that no partition will ever bring.
pub fn drive<T>(bus: &Bus, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(bus.step(), "the future waits for something that no partition brings");
    }
}
