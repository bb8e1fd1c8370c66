//! Two nodes on one PostgreSQL under load: nodes are killed, the database is stopped, connections
//! are cut.

use std::net::SocketAddr;
use std::time::Duration;

use earmark_servers::postgres::{Postgres, Stop};
use earmark_servers::proxy::{Cut, Proxy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock::{Moment, sleep};
use crate::report::Figures;
use crate::server::Server;
use crate::violation::Checked;
use crate::world::World;

/// Number of clients per node.
const CLIENTS: usize = 8;
/// Number of faults with the same SKUs.
const FAULTS_PER_SKU_SET: u64 = 4;
/// Number of connections cut before the clients are stopped.
const CUTS_PER_LOAD: u64 = 10;
/// Longest time until a running node answers after a fault.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time until a scheduled cut happens.
const CUT_TIMEOUT: Duration = Duration::from_secs(30);

/// A node and its address.
struct Node {
    server: Server,
    address: SocketAddr,
}

/// Starts the database of a run; the log is in it from now on.
fn start_database(world: &mut World) -> Checked<Postgres> {
    let postgres = Postgres::start(&["max_connections=200"]).map_err(|it| it.to_string())?;
    let url = postgres.database("shop").map_err(|it| it.to_string())?;
    world.setup.store = Some(url);
    Ok(postgres)
}

async fn start_node(world: &mut World, name: &str) -> Checked<Node> {
    let folder = world.folder.path().join(name);
    let mut server = Server::start(&world.setup, &folder)?;
    let (address, took) = server.ready().await?;
    world.starts.push(took);
    Ok(Node { server, address })
}

fn load(world: &mut World, nodes: &[Node], sku_set: u64) -> (watch::Sender<bool>, JoinSet<()>) {
    let (stop, stopped) = watch::channel(false);
    let mut all = JoinSet::new();
    for node in nodes {
        let mut load = world.load(node.address, CLIENTS, sku_set, &stopped);
        all.spawn(async move { while load.join_next().await.is_some() {} });
    }
    (stop, all)
}

async fn stop_load(stop: watch::Sender<bool>, mut load: JoinSet<()>) {
    stop.send_replace(true);
    while load.join_next().await.is_some() {}
}

/// Sends queries until a node answers one; returns the time it took.
async fn wait_for_answer(address: SocketAddr) -> Checked<Duration> {
    let begun = Moment::now();
    loop {
        let mut client = Client::of(address);
        if client.get("/v1/stock?limit=1").await.is_ok_and(|it| it.status == 200) {
            return Ok(begun.passed());
        }
        if begun.passed() > RESPONSE_TIMEOUT {
            return Err(format!("a node did not answer within {RESPONSE_TIMEOUT:?}").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Repeated SIGKILL of one of two nodes.
pub(crate) async fn kills(world: &mut World, kills: u64) -> Checked<Figures> {
    let _postgres = start_database(world)?;
    let mut nodes = [start_node(world, "a").await?, start_node(world, "b").await?];
    let mut longest = Duration::ZERO;
    world.setup.bar.set_length(kills);
    for kill in 0..kills {
        let (stop, load) = load(world, &nodes, kill / FAULTS_PER_SKU_SET);
        sleep(Duration::from_micros(world.rng.u64(1_000..700_000))).await;
        let victim = world.rng.usize(0..2);
        nodes[victim].server.kill().await?;
        longest = longest.max(wait_for_answer(nodes[1 - victim].address).await?);
        sleep(Duration::from_millis(100)).await;
        stop_load(stop, load).await;
        world.history.check()?;
        world.resolve(nodes[1 - victim].address).await?;
        nodes[victim] = start_node(world, ["a", "b"][victim]).await?;
        world.setup.bar.inc(1);
    }
    let mut figures = Figures::default();
    figures.add("kills of one of two nodes", kills);
    figures.add("longest time until the other node answers, ms", longest.as_millis());
    finish(world, nodes, figures).await
}

/// Repeated immediate stops of the database, as in a crash.
pub(crate) async fn stops(world: &mut World, stops: u64) -> Checked<Figures> {
    let mut postgres = start_database(world)?;
    let nodes = [start_node(world, "a").await?, start_node(world, "b").await?];
    let mut longest = Duration::ZERO;
    world.setup.bar.set_length(stops);
    for stop in 0..stops {
        let (stop_clients, load) = load(world, &nodes, stop / FAULTS_PER_SKU_SET);
        sleep(Duration::from_micros(world.rng.u64(1_000..700_000))).await;
        postgres.stop(Stop::Immediate).map_err(|it| it.to_string())?;
        sleep(Duration::from_micros(world.rng.u64(0..300_000))).await;
        postgres.start_again().map_err(|it| it.to_string())?;
        for node in &nodes {
            longest = longest.max(wait_for_answer(node.address).await?);
        }
        sleep(Duration::from_millis(200)).await;
        stop_load(stop_clients, load).await;
        world.history.check()?;
        world.resolve(nodes[0].address).await?;
        world.setup.bar.inc(1);
    }
    let mut figures = Figures::default();
    figures.add("immediate stops of PostgreSQL", stops);
    figures.add("longest time until a node answers again, ms", longest.as_millis());
    finish(world, nodes, figures).await
}

/// Connections of one of two nodes are cut, half of them between COMMIT and its response.
pub(crate) async fn cuts(world: &mut World, cuts: u64) -> Checked<Figures> {
    let postgres = start_database(world)?;
    let proxy = Proxy::start(postgres.port()).map_err(|it| it.to_string())?;
    let other = start_node(world, "b").await?;
    let direct = world.setup.store.clone();
    let through = format!("postgres://postgres@127.0.0.1:{}/shop", proxy.port());
    world.setup.store = Some(through);
    let nodes = [start_node(world, "a").await?, other];
    world.setup.store = direct;
    world.setup.bar.set_length(cuts);
    let mut done = 0;
    while done < cuts {
        let (stop, load) = load(world, &nodes, done / CUTS_PER_LOAD);
        for _ in 0..CUTS_PER_LOAD.min(cuts - done) {
            let cut = match done % 4 {
                0 | 2 => Cut::BeforeAnswerTo(b"COMMIT".to_vec()),
                1 => Cut::AfterBytesSent(world.rng.u64(0..20_000)),
                _ => Cut::AfterBytesReceived(world.rng.u64(0..10_000)),
            };
            proxy.cut(cut);
            let scheduled = Moment::now();
            while proxy.cuts() <= done {
                if scheduled.passed() > CUT_TIMEOUT {
                    return Err("no data went through the proxy".to_owned().into());
                }
                sleep(Duration::from_millis(2)).await;
            }
            done += 1;
            world.setup.bar.inc(1);
        }
        sleep(Duration::from_millis(100)).await;
        stop_load(stop, load).await;
        world.history.check()?;
        world.resolve(nodes[0].address).await?;
    }
    let mut figures = Figures::default();
    figures.add("connections cut", cuts);
    figures.add("of them between COMMIT and its response", cuts.div_ceil(2));
    finish(world, nodes, figures).await
}

/// Stops both nodes and runs the final audit.
async fn finish(world: &mut World, nodes: [Node; 2], figures: Figures) -> Checked<Figures> {
    for mut node in nodes {
        node.server.stop().await?;
    }
    world.audit(2_000).await?;
    Ok(figures.with(world.figures()))
}
