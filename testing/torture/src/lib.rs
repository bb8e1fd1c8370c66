//! Runs the real program under faults and load: kills, shutdowns, repeated requests, disconnects,
//! overload. Its guarantees are checked from outside, through its responses, its feed and its log.

mod audit;
mod auditor;
mod client;
mod clock;
mod consumer;
mod disconnects;
mod duplicates;
mod feed;
mod history;
mod holds;
mod load;
mod nodes;
mod overload;
mod race;
mod redis;
mod report;
mod request;
mod server;
mod setup;
mod sigkill;
mod sigterm;
mod stock;
mod violation;
mod workload;
mod world;

use std::fmt::Write as _;

pub use overload::Overload;
pub use report::Figures;
pub use setup::Setup;
pub use violation::{Checked, Violation};

use crate::world::World;

/// A kind of fault or load.
#[derive(Clone, Copy, Debug)]
pub enum Torture {
    /// Number of SIGKILLs at random moments under load.
    Kills(u64),
    /// Number of SIGTERMs under load.
    Terms(u64),
    /// Number of idempotency keys, each used by 50 clients at the same time.
    Duplicates(u64),
    /// Number of clients that disconnect at a random point of a request.
    Disconnects(u64),
    /// Number of races of two requests on the hold of one order.
    Holds(u64),
    /// Five times the load that the program can handle.
    Overload(Overload),
    /// Number of kills of its Redis server, which restarts with older data or none.
    Redis(u64),
    /// Number of SIGKILLs of one of two nodes on one PostgreSQL.
    NodeKills(u64),
    /// Number of immediate stops of the PostgreSQL of two nodes.
    StoreStops(u64),
    /// Number of cut connections between a node and its PostgreSQL.
    StoreCuts(u64),
}

/// Starts the program on a new data folder and applies a torture to it.
///
/// # Errors
/// A violated guarantee, with what the log says about it. The data folder is then kept.
pub async fn run(setup: &Setup, torture: Torture) -> Result<Figures, String> {
    let mut world = World::new(setup).map_err(|violation| violation.to_string())?;
    let ended = match torture {
        Torture::Kills(count) => sigkill::run(&mut world, count).await,
        Torture::Terms(count) => sigterm::run(&mut world, count).await,
        Torture::Duplicates(keys) => duplicates::run(&mut world, keys).await,
        Torture::Disconnects(count) => disconnects::run(&mut world, count).await,
        Torture::Holds(count) => holds::run(&mut world, count).await,
        Torture::Overload(how) => overload::run(&mut world, how).await,
        Torture::Redis(kills) => redis::run(&mut world, kills).await,
        Torture::NodeKills(count) => nodes::kills(&mut world, count).await,
        Torture::StoreStops(count) => nodes::stops(&mut world, count).await,
        Torture::StoreCuts(count) => nodes::cuts(&mut world, count).await,
    };
    match ended {
        Ok(figures) => Ok(figures),
        Err(violation) => Err(describe(world, violation).await),
    }
}

/// Describes a violation: the request, the log about its key, and the data folder.
async fn describe(world: World, violation: Violation) -> String {
    let mut text = format!("seed {}: {violation}", world.setup.seed);
    if let Some(key) = &violation.key {
        let request = world.history.lock().entries.iter().find_map(|entry| {
            (entry.request.key == *key)
                .then(|| String::from_utf8_lossy(&entry.request.bytes()).trim_end().to_owned())
        });
        let _ = write!(text, "\n\nthe request:\n{}", request.unwrap_or_default());
        text.push_str("\n\nthe log about it:");
        for line in world.log_about(key).await {
            let _ = write!(text, "\n{line}");
        }
    }
    let _ = write!(text, "\n\nthe data: {}", world.folder.keep().display());
    text
}
