//! The threads that drive the partitions of a bus: a writer, a projector and a flusher each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::sending::Bus;
use crate::ports::clock::Stopwatch;
use crate::write::partition::Partition;

/// The longest wait of a writer for its empty queue.
const WRITER_IDLE_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of a projector or flusher if nothing happens.
const PROJECT_INTERVAL: Duration = Duration::from_millis(250);
/// How often a shared log is read for records of other processes, for the sake of feeds, timers and
/// reactions; queries read it themselves.
const SHARED_LOG_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often changed views are flushed, at least.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// The threads of a process. If it is dropped without [`Runtime::stop`], they run until the process
/// exits.
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
    /// When the system cannot create a thread.
    pub fn start(bus: &Bus) -> std::io::Result<Self> {
        let stopping = watch::Sender::new(false);
        let (mut writers, mut projectors) = (Vec::new(), Vec::new());
        for partition in bus.services().iter().flat_map(|running| &running.partitions) {
            let name = format!("{}-{}", partition.schema.service, partition.index);
            let (writer, projector) = (Arc::clone(partition), Arc::clone(partition));
            let flusher = Arc::clone(partition);
            writers.push(spawn(&format!("write-{name}"), move || run_writer(&writer))?);
            let stop = stopping.subscribe();
            projectors
                .push(spawn(&format!("project-{name}"), move || run_projector(&projector, &stop))?);
            let stop = stopping.subscribe();
            projectors.push(spawn(&format!("flush-{name}"), move || run_flusher(&flusher, &stop))?);
        }
        Ok(Self { bus: bus.clone(), writers, projectors, stopping })
    }

    /// Waits until a writer has stopped because of an error, and returns the reason. The process
    /// should exit and be restarted.
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

    /// Closes the queues, serves the queued commands, ends the threads, and flushes the views.
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
                tracing::warn!(%error, "the views were not flushed; the next start rebuilds them");
            }
        }
    }
}

fn run_writer(partition: &Partition) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        while partition.write() || !partition.queue.is_closed() {
            partition.queue.wait(WRITER_IDLE_WAIT);
        }
    }));
    if outcome.is_err() {
        partition.halt("the writer panicked; its last group may or may not be committed");
    }
}

fn run_projector(partition: &Partition, stop: &watch::Receiver<bool>) {
    let every = if partition.log.is_shared() { SHARED_LOG_POLL_INTERVAL } else { PROJECT_INTERVAL };
    let mut last_follow = Stopwatch::start();
    while !*stop.borrow() {
        partition.projector.wait_for_events(every);
        // Not after each group of this process: the writer reads other processes' records in its
        // turns.
        if last_follow.seconds() >= every.as_secs_f64() {
            last_follow = Stopwatch::start();
            if let Err(error) = partition.projector.follow() {
                tracing::warn!(%error, "records of other processes cannot be read");
            }
        }
        if let Some(why) = partition.log.broken() {
            partition.halt(&why);
        }
        if let Err(error) = partition.projector.catch_up() {
            tracing::warn!(%error, "the views cannot apply the log");
        }
    }
}

fn run_flusher(partition: &Partition, stop: &watch::Receiver<bool>) {
    let projector = &partition.projector;
    let mut last_flush = Stopwatch::start();
    let mut last_flush_succeeded = true;
    while !*stop.borrow() {
        // A failed flush is retried after FLUSH_INTERVAL, not after every commit.
        let is_due = projector.wait_for_flush_due(PROJECT_INTERVAL, last_flush_succeeded);
        let is_interval_over =
            last_flush.seconds() > FLUSH_INTERVAL.as_secs_f64() && projector.unflushed() > 0;
        if !is_interval_over && !is_due {
            continue;
        }
        last_flush = Stopwatch::start();
        let flushed = projector.flush();
        last_flush_succeeded = flushed.is_ok();
        if let Err(error) = flushed {
            tracing::warn!(%error, "the views cannot be flushed");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where threads are started")]
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Runs a future to completion in this thread, and drives the partitions whenever it waits. For
/// tests and simulators, which have no other threads.
///
/// # Panics
/// When the future waits and no partition has work.
pub fn drive<T>(bus: &Bus, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(bus.step(), "the future waits and no partition has work");
    }
}
