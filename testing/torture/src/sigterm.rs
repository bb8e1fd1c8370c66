//! SIGTERM under load: requests in flight are answered, and the server exits in time.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Moment, sleep};
use crate::report::Figures;
use crate::violation::{Checked, Violation};
use crate::world::World;

const CLIENTS: usize = 32;
/// Longest time until a server exits.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
/// Number of shutdowns with the same SKUs; new SKUs keep the stock of each small.
const FAULTS_PER_SKU_SET: u64 = 4;

pub(crate) async fn run(world: &mut World, terms: u64) -> Checked<Figures> {
    let (mut longest, mut late) = (Duration::ZERO, 0);
    world.setup.bar.set_length(terms);
    for term in 0..terms {
        let (mut server, address) = world.start().await?;
        let (_stop, stopped) = watch::channel(false);
        let mut load = world.load(address, CLIENTS, term / FAULTS_PER_SKU_SET, &stopped);
        sleep(Duration::from_micros(world.rng.u64(1_000..500_000))).await;
        // Requests that were passed to the kernel before this moment are in flight.
        let signalled = Moment::now();
        server.send_sigterm()?;
        server.ended(SHUTDOWN_TIMEOUT).await?;
        longest = longest.max(signalled.passed());
        while load.join_next().await.is_some() {}
        world.history.check()?;
        late += check_in_flight(world, signalled)?;
        world.setup.bar.inc(1);
    }
    world.audit(2_000).await?;
    let mut figures = Figures::default();
    figures.add("SIGTERMs", terms);
    figures.add("requests in flight cut off", 0);
    figures.add("requests sent after the signal and not accepted", late);
    figures.add("longest shutdown, ms", longest.as_millis());
    Ok(figures.with(world.figures()))
}

/// Checks that requests in flight were answered; returns the number of requests sent too late.
fn check_in_flight(world: &World, signalled: Moment) -> Checked<u64> {
    let mut history = world.history.lock();
    let unanswered = std::mem::take(&mut history.unanswered);
    let early: Vec<_> = unanswered.iter().filter(|(_, sent)| *sent < signalled).collect();
    if let Some((entry, sent)) = early.first() {
        let (key, before) = (&history.entries[*entry].request.key, sent.until(signalled));
        let count = early.len();
        let what = format!("sent {before:?} before SIGTERM and never answered, one of {count}");
        return Err(Violation::of_key(key, what));
    }
    Ok(unanswered.len() as u64)
}
