//! The real program under torture: killed, told to stop, asked twice, hung up on, overrun. What it
//! promises is checked from outside, by its answers, its feed and its log.

mod audit;
mod auditor;
mod client;
mod clock;
mod consumer;
mod disconnects;
mod duplicates;
mod feed;
mod history;
mod kills;
mod nodes;
mod overload;
mod redis;
mod report;
mod request;
mod server;
mod terms;
mod violation;
mod workload;
mod world;

use std::fmt::Write as _;

pub use overload::Overload;
pub use report::Figures;
pub use violation::{Checked, Violation};
pub use world::Ground;

use crate::world::World;

/// What is done to the program.
#[derive(Clone, Copy, Debug)]
pub enum Torture {
    /// So many SIGKILLs at random moments under load.
    Kills(u64),
    /// So many SIGTERMs under load.
    Terms(u64),
    /// So many keys, each used by 50 clients at the same time.
    Duplicates(u64),
    /// So many clients that hang up at a random point of a request.
    Disconnects(u64),
    /// Five times what it can do.
    Overload(Overload),
    /// So many ends of its Redis server, which comes back with less or nothing.
    Redis(u64),
    /// So many SIGKILLs of one of two nodes on one PostgreSQL.
    NodeKills(u64),
    /// So many immediate stops of the PostgreSQL under two nodes.
    StoreStops(u64),
    /// So many cut connections between a node and its PostgreSQL.
    StoreCuts(u64),
}

/// Tortures the program over a fresh folder.
///
/// # Errors
/// When a promise is broken: which, and what the log says about it. The folder is kept then.
pub async fn run(ground: &Ground, torture: Torture) -> Result<Figures, String> {
    let mut world = World::new(ground).map_err(|violation| violation.to_string())?;
    let ended = match torture {
        Torture::Kills(count) => kills::torture(&mut world, count).await,
        Torture::Terms(count) => terms::torture(&mut world, count).await,
        Torture::Duplicates(keys) => duplicates::torture(&mut world, keys).await,
        Torture::Disconnects(count) => disconnects::torture(&mut world, count).await,
        Torture::Overload(how) => overload::torture(&mut world, how).await,
        Torture::Redis(kills) => redis::torture(&mut world, kills).await,
        Torture::NodeKills(count) => nodes::kills(&mut world, count).await,
        Torture::StoreStops(count) => nodes::stops(&mut world, count).await,
        Torture::StoreCuts(count) => nodes::cuts(&mut world, count).await,
    };
    match ended {
        Ok(figures) => Ok(figures),
        Err(violation) => Err(told(world, violation).await),
    }
}

/// A broken promise with all that is known of it.
async fn told(world: World, violation: Violation) -> String {
    let mut text = format!("seed {}: {violation}", world.ground.seed);
    if let Some(key) = &violation.key {
        let request = world.history.lock().pages.iter().find_map(|page| {
            (page.request.key == *key)
                .then(|| String::from_utf8_lossy(&page.request.bytes()).trim_end().to_owned())
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
