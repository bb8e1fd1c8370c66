//! SIGKILL at random moments under load, and what must be left after each.

use std::time::Duration;

use tokio::sync::watch;

use crate::client::Client;
use crate::clock::rest;
use crate::report::Figures;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// Clients that ask for something new.
const CLIENTS: usize = 24;
/// One server in so many is killed before it is ready.
const KILLED_EARLY: u8 = 10;
/// After so many kills the log is read, by a process that is no server.
const READ_EVERY: u64 = 20;
/// So many kills see the same SKUs; then others come, so that no SKU grows without end.
const ERA: u64 = 4;

pub(crate) async fn torture(world: &mut World, kills: u64) -> Checked<Figures> {
    let (mut early, mut under_load) = (0_u64, 0_u64);
    world.ground.bar.set_length(kills);
    for kill in 0..kills {
        if world.rng.u8(0..KILLED_EARLY) == 0 {
            early += 1;
            let mut server = world.spawn()?;
            rest(Duration::from_millis(world.rng.u64(0..80))).await;
            server.kill().await?;
        } else {
            under_load += 1;
            one(world, kill / ERA).await?;
        }
        world.history.holds()?;
        world.ground.bar.inc(1);
        if (kill + 1) % READ_EVERY == 0 {
            world.read_log().await?;
        }
    }
    world.audit(8_000).await?;
    let mut figures = Figures::default();
    figures.add("kills", kills);
    figures.add("kills under load", under_load);
    figures.add("kills before the server was ready", early);
    Ok(figures.with(world.figures()))
}

/// A server, its clients, and its end.
async fn one(world: &mut World, era: u64) -> Checked<()> {
    let (mut server, address) = world.start().await?;
    let (_stop, stopped) = watch::channel(false);
    let mut known = world.history.lock().open_ends();
    known.extend(world.sample(100, 100));
    let mut asking = world.load(address, CLIENTS, era, &stopped);
    let mut again = world.ask_again(address, known);
    let back = world.rng.usize(0..500);
    let mut feed = std::mem::take(&mut world.feed);
    let following = async {
        let mut client = Client::of(address);
        let mut followed = feed.follow(&mut client, back).await;
        while let Ok(true) = followed {
            rest(Duration::from_millis(20)).await;
            followed = feed.follow(&mut client, 3).await;
        }
        followed.map(drop)
    };
    let time = Duration::from_micros(world.rng.u64(1_000..700_000));
    let killing = async {
        rest(time).await;
        server.kill().await
    };
    let (followed, killed) = tokio::join!(following, killing);
    world.feed = feed;
    while asking.join_next().await.is_some() {}
    while again.join_next().await.is_some() {}
    killed?;
    followed.map_err(|it| Violation { what: format!("the feed: {it}"), key: None })
}
