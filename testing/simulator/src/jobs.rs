//! Background jobs of the process: timers, subscriptions and replays of parked messages.

use std::task::{Context, Poll, Waker};

use earmark_kernel::{Bus, Failure, Subscription};

use crate::tally::TALLY;
use crate::world::{Checked, Job, World};

/// The names of the jobs that poll a partition.
const POLLS: [&str; 4] = ["poll 0", "poll 1", "poll 2", "poll 3"];

impl World {
    pub(crate) fn begin_job(&mut self, name: &'static str, job: Job) -> Checked {
        // In a real process each job has a thread of its own, so it runs at most once at a time.
        if self.jobs.iter().all(|(other, _)| *other != name) {
            self.jobs.push((name, job));
        }
        Ok(())
    }

    pub(crate) fn poll_job(&mut self) -> Checked {
        let index = self.rng.index(self.jobs.len());
        let mut task = Context::from_waker(Waker::noop());
        let (name, job) = &mut self.jobs[index];
        if let Poll::Ready(ended) = job.as_mut().poll(&mut task) {
            self.trace.line(format_args!("{name} {ended:?}"));
            drop(self.jobs.swap_remove(index));
        }
        Ok(())
    }

    pub(crate) fn sweep(&mut self, bus: &Bus) -> Checked {
        let bus = bus.clone();
        self.begin_job("sweep", Box::pin(async move { bus.sweep().await }))
    }

    /// The effect workers carry on what is due. Each process has new ones.
    pub(crate) fn work(&mut self, bus: &Bus) -> Checked {
        let bus = bus.clone();
        self.begin_job("work", Box::pin(work_off(bus)))
    }

    pub(crate) fn poll_subscription(&mut self, bus: &Bus) -> Checked {
        let subscriptions = bus.subscriptions();
        let subscription: Subscription = self.rng.pick(&subscriptions).clone();
        let bus = bus.clone();
        let name = POLLS[subscription.partition];
        self.begin_job(name, Box::pin(async move { bus.poll(&subscription).await }))
    }

    pub(crate) fn replay_parked(&mut self, bus: &Bus) -> Checked {
        let parked = match bus.parked(TALLY, None, 8) {
            Ok(parked) => parked,
            Err(failure) => return self.may_fail::<()>(Err(failure)),
        };
        if parked.is_empty() {
            return Ok(());
        }
        let (id, _) = self.rng.pick(&parked).clone();
        let (bus, dry_run) = (bus.clone(), self.rng.chance(30));
        let replay = async move {
            let replayed = bus.replay_parked(TALLY, &id, dry_run).await;
            replayed.map(|_| 1)
        };
        self.begin_job("replay parked", Box::pin(replay))
    }
}

/// One pass of every effect worker.
pub(crate) async fn work_off(bus: Bus) -> Result<usize, Failure> {
    let mut done = 0;
    for mut worker in bus.effect_workers() {
        done += worker.run_due().await?;
    }
    Ok(done)
}
