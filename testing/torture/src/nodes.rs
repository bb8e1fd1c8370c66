//! Two nodes on one PostgreSQL under load: nodes are killed, the database is stopped, connections
//! to it are cut.

use std::net::SocketAddr;
use std::time::Duration;

use earmark_servers::postgres::{Postgres, Stop};
use earmark_servers::proxy::{Cut, Proxy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock::{Moment, rest};
use crate::report::Figures;
use crate::server::Server;
use crate::violation::Checked;
use crate::world::World;

/// Clients of each node.
const CLIENTS: usize = 8;
/// So many faults see the same SKUs.
const ERA: u64 = 4;
/// So many connections are cut under one load.
const CUTS_AT_ONCE: u64 = 10;
/// A node that lives answers within this, whatever happened to the other.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// A cut that was ordered has come by then.
const CUT_TIMEOUT: Duration = Duration::from_secs(30);

/// A node, and how it is reached.
struct Node {
    server: Server,
    address: SocketAddr,
}

/// Starts the database of a world; from then on its log is there.
fn database(world: &mut World) -> Checked<Postgres> {
    let postgres = Postgres::start(&["max_connections=200"]).map_err(|it| it.to_string())?;
    let url = postgres.database("shop").map_err(|it| it.to_string())?;
    world.ground.store = Some(url);
    Ok(postgres)
}

async fn node(world: &mut World, name: &str) -> Checked<Node> {
    let folder = world.folder.path().join(name);
    let mut server = Server::start(&world.ground, &folder)?;
    let (address, took) = server.ready().await?;
    world.starts.push(took);
    Ok(Node { server, address })
}

fn load(world: &mut World, nodes: &[Node], era: u64) -> (watch::Sender<bool>, JoinSet<()>) {
    let (stop, stopped) = watch::channel(false);
    let mut all = JoinSet::new();
    for node in nodes {
        let mut asking = world.load(node.address, CLIENTS, era, &stopped);
        all.spawn(async move { while asking.join_next().await.is_some() {} });
    }
    (stop, all)
}

async fn calm_down(stop: watch::Sender<bool>, mut asking: JoinSet<()>) {
    stop.send_replace(true);
    while asking.join_next().await.is_some() {}
}

/// Asks a node something until it answers well; says how long that took.
async fn answers(address: SocketAddr) -> Checked<Duration> {
    let begun = Moment::now();
    loop {
        let mut client = Client::of(address);
        if client.get("/v1/stock?limit=1").await.is_ok_and(|it| it.status == 200) {
            return Ok(begun.passed());
        }
        if begun.passed() > RESPONSE_TIMEOUT {
            return Err(format!("a node did not answer within {RESPONSE_TIMEOUT:?}").into());
        }
        rest(Duration::from_millis(20)).await;
    }
}

/// SIGKILL of one of two nodes, again and again.
pub(crate) async fn kills(world: &mut World, kills: u64) -> Checked<Figures> {
    let _postgres = database(world)?;
    let mut nodes = [node(world, "a").await?, node(world, "b").await?];
    let mut longest = Duration::ZERO;
    world.ground.bar.set_length(kills);
    for kill in 0..kills {
        let (stop, asking) = load(world, &nodes, kill / ERA);
        rest(Duration::from_micros(world.rng.u64(1_000..700_000))).await;
        let victim = world.rng.usize(0..2);
        nodes[victim].server.kill().await?;
        longest = longest.max(answers(nodes[1 - victim].address).await?);
        rest(Duration::from_millis(100)).await;
        calm_down(stop, asking).await;
        world.history.holds()?;
        world.resolve(nodes[1 - victim].address).await?;
        nodes[victim] = node(world, ["a", "b"][victim]).await?;
        world.ground.bar.inc(1);
    }
    let mut figures = Figures::default();
    figures.add("kills of one of two nodes", kills);
    figures.add("the other answers, longest ms", longest.as_millis());
    ended(world, nodes, figures).await
}

/// Stops of the database as in a crash.
pub(crate) async fn stops(world: &mut World, stops: u64) -> Checked<Figures> {
    let mut postgres = database(world)?;
    let nodes = [node(world, "a").await?, node(world, "b").await?];
    let mut longest = Duration::ZERO;
    world.ground.bar.set_length(stops);
    for stop in 0..stops {
        let (told, asking) = load(world, &nodes, stop / ERA);
        rest(Duration::from_micros(world.rng.u64(1_000..700_000))).await;
        postgres.stop(Stop::Immediate).map_err(|it| it.to_string())?;
        rest(Duration::from_micros(world.rng.u64(0..300_000))).await;
        postgres.start_again().map_err(|it| it.to_string())?;
        for node in &nodes {
            longest = longest.max(answers(node.address).await?);
        }
        rest(Duration::from_millis(200)).await;
        calm_down(told, asking).await;
        world.history.holds()?;
        world.resolve(nodes[0].address).await?;
        world.ground.bar.inc(1);
    }
    let mut figures = Figures::default();
    figures.add("immediate stops of PostgreSQL", stops);
    figures.add("a node answers again, longest ms", longest.as_millis());
    ended(world, nodes, figures).await
}

/// Connections of one of two nodes are cut, half of them between COMMIT and its answer.
pub(crate) async fn cuts(world: &mut World, cuts: u64) -> Checked<Figures> {
    let postgres = database(world)?;
    let proxy = Proxy::start(postgres.port()).map_err(|it| it.to_string())?;
    let other = node(world, "b").await?;
    let direct = world.ground.store.clone();
    let through = format!("postgres://postgres@127.0.0.1:{}/shop", proxy.port());
    world.ground.store = Some(through);
    let nodes = [node(world, "a").await?, other];
    world.ground.store = direct;
    world.ground.bar.set_length(cuts);
    let mut done = 0;
    while done < cuts {
        let (stop, asking) = load(world, &nodes, done / CUTS_AT_ONCE);
        for _ in 0..CUTS_AT_ONCE.min(cuts - done) {
            let cut = match done % 4 {
                0 | 2 => Cut::BeforeAnswerTo(b"COMMIT".to_vec()),
                1 => Cut::AfterBytesSent(world.rng.u64(0..20_000)),
                _ => Cut::AfterBytesReceived(world.rng.u64(0..10_000)),
            };
            proxy.cut(cut);
            let ordered = Moment::now();
            while proxy.cuts() <= done {
                if ordered.passed() > CUT_TIMEOUT {
                    return Err("nothing went through the proxy".to_owned().into());
                }
                rest(Duration::from_millis(2)).await;
            }
            done += 1;
            world.ground.bar.inc(1);
        }
        rest(Duration::from_millis(100)).await;
        calm_down(stop, asking).await;
        world.history.holds()?;
        world.resolve(nodes[0].address).await?;
    }
    let mut figures = Figures::default();
    figures.add("connections cut", cuts);
    figures.add("of them between COMMIT and its answer", cuts.div_ceil(2));
    ended(world, nodes, figures).await
}

/// Both nodes end well, and the last word is with the log.
async fn ended(world: &mut World, nodes: [Node; 2], figures: Figures) -> Checked<Figures> {
    for mut node in nodes {
        node.server.stop().await?;
    }
    world.audit(2_000).await?;
    Ok(figures.with(world.figures()))
}
