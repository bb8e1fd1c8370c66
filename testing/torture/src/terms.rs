//! SIGTERM under load: whoever has asked is answered, and the end comes soon.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Moment, rest};
use crate::report::Figures;
use crate::violation::{Checked, Violation};
use crate::world::World;

const CLIENTS: usize = 32;
/// So long a server may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
const ERA: u64 = 4;

pub(crate) async fn torture(world: &mut World, terms: u64) -> Checked<Figures> {
    let (mut longest, mut late) = (Duration::ZERO, 0);
    world.ground.bar.set_length(terms);
    for term in 0..terms {
        let (mut server, address) = world.start().await?;
        let (_stop, stopped) = watch::channel(false);
        let mut asking = world.load(address, CLIENTS, term / ERA, &stopped);
        rest(Duration::from_micros(world.rng.u64(1_000..500_000))).await;
        // Whatever a client handed to the system before this moment was in flight.
        let told = Moment::now();
        server.tell_to_stop()?;
        server.ended(SHUTDOWN_TIMEOUT).await?;
        longest = longest.max(told.passed());
        while asking.join_next().await.is_some() {}
        world.history.holds()?;
        late += in_flight_are_answered(world, told)?;
        world.ground.bar.inc(1);
    }
    world.audit(2_000).await?;
    let mut figures = Figures::default();
    figures.add("SIGTERMs", terms);
    figures.add("requests in flight cut off", 0);
    figures.add("requests sent after the signal and not taken", late);
    figures.add("longest end, ms", longest.as_millis());
    Ok(figures.with(world.figures()))
}

/// Says how many requests came too late.
fn in_flight_are_answered(world: &World, told: Moment) -> Checked<u64> {
    let mut history = world.history.lock();
    let cuts = std::mem::take(&mut history.cuts);
    let early: Vec<_> = cuts.iter().filter(|(_, sent)| *sent < told).collect();
    if let Some((page, sent)) = early.first() {
        let (key, before) = (&history.pages[*page].request.key, sent.until(told));
        let count = early.len();
        let what = format!("sent {before:?} before SIGTERM and never answered, as {count} in all");
        return Err(Violation::of_key(key, what));
    }
    Ok(cuts.len() as u64)
}
