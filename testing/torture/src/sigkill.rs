//! SIGKILL at random moments under load, with checks after each.

use std::time::Duration;

use tokio::sync::watch;

use crate::client::Client;
use crate::clock::sleep;
use crate::report::Figures;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// Number of clients that send new requests.
const CLIENTS: usize = 24;
/// One in this number of servers is killed before it is ready.
const EARLY_KILL_EVERY: u8 = 10;
/// The log is read after this number of kills, while no server is running.
const READ_EVERY: u64 = 20;
/// Number of kills with the same SKUs; new SKUs keep the stock of each small.
const FAULTS_PER_SKU_SET: u64 = 4;

pub(crate) async fn run(world: &mut World, kills: u64) -> Checked<Figures> {
    let (mut early, mut under_load) = (0_u64, 0_u64);
    world.setup.bar.set_length(kills);
    for kill in 0..kills {
        if world.rng.u8(0..EARLY_KILL_EVERY) == 0 {
            early += 1;
            let mut server = world.spawn()?;
            sleep(Duration::from_millis(world.rng.u64(0..80))).await;
            server.kill().await?;
        } else {
            under_load += 1;
            kill_under_load(world, kill / FAULTS_PER_SKU_SET).await?;
        }
        world.history.check()?;
        world.setup.bar.inc(1);
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

/// Starts a server and clients, and kills the server after a random time.
async fn kill_under_load(world: &mut World, sku_set: u64) -> Checked<()> {
    let (mut server, address) = world.start().await?;
    let (_stop, stopped) = watch::channel(false);
    let mut known = world.history.lock().unresolved();
    known.extend(world.sample(100, 100));
    let mut load = world.load(address, CLIENTS, sku_set, &stopped);
    let mut repeating = world.repeat(address, known);
    let rewind = world.rng.usize(0..500);
    let mut feed = std::mem::take(&mut world.feed);
    let reading = async {
        let mut client = Client::of(address);
        let mut read = feed.read(&mut client, rewind).await;
        while let Ok(true) = read {
            sleep(Duration::from_millis(20)).await;
            read = feed.read(&mut client, 3).await;
        }
        read.map(drop)
    };
    let time = Duration::from_micros(world.rng.u64(1_000..700_000));
    let killing = async {
        sleep(time).await;
        server.kill().await
    };
    let (read, killed) = tokio::join!(reading, killing);
    world.feed = feed;
    while load.join_next().await.is_some() {}
    while repeating.join_next().await.is_some() {}
    killed?;
    read.map_err(|it| Violation { what: format!("the feed: {it}"), key: None })
}
