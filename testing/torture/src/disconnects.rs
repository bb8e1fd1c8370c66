//! Clients that disconnect at random points of a request: its whole effect is recorded, or none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::audit::accepted;
use crate::client::{Client, RequestError};
use crate::clock::sleep;
use crate::history::Entry;
use crate::report::Figures;
use crate::request::Request;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// Number of concurrent clients.
const CLIENTS: usize = 16;
/// Number of requests about the same SKUs.
const REQUESTS_PER_SKU_SET: u64 = 500;
/// Number of batches created for each set of SKUs.
const BATCHES: usize = 20;

/// How a client disconnects.
#[derive(Clone, Copy)]
struct Disconnect {
    /// The part of the request that is sent, in thousandths; from 1,000 on it is the whole request.
    part: usize,
    /// Time between sending and disconnecting.
    delay: Duration,
    /// The connection is reset instead of closed.
    reset: bool,
}

/// A request whose client has disconnected.
struct Abandoned {
    entry: usize,
    /// The whole request had been sent.
    is_whole: bool,
}

pub(crate) async fn run(world: &mut World, count: u64) -> Checked<Figures> {
    world.setup.bar.set_length(count);
    let (mut server, address) = world.start().await?;
    let abandoned = Arc::new(Mutex::new(Vec::new()));
    let mut workload = world.workload();
    for from in (0..count).step_by(usize::try_from(REQUESTS_PER_SKU_SET).unwrap_or(1)) {
        workload = workload.sku_set(from / REQUESTS_PER_SKU_SET);
        for at in 0..BATCHES {
            let batch = Arc::new(workload.batch(&format!("first-{from}-{at}")));
            let entry = world.history.open(Arc::clone(&batch));
            let ended = Client::of(address).request(&batch).await;
            world.history.note(entry, &ended);
        }
        let mut clients = JoinSet::new();
        for _ in from..count.min(from + REQUESTS_PER_SKU_SET) {
            if clients.len() >= CLIENTS {
                let _ = clients.join_next().await;
            }
            let (request, how) = (Arc::new(workload.next()), random_disconnect(&mut world.rng));
            let entry = world.history.open(Arc::clone(&request));
            let (abandoned, bar) = (Arc::clone(&abandoned), world.setup.bar.clone());
            clients.spawn(async move {
                let is_whole = send_and_disconnect(Client::of(address), &request, how).await;
                let mut abandoned = abandoned.lock().unwrap_or_else(PoisonError::into_inner);
                abandoned.push(Abandoned { entry, is_whole });
                bar.inc(1);
            });
        }
        clients.join_all().await;
    }
    server.stop().await?;
    world.read_log().await?;
    let abandoned = std::mem::take(&mut *abandoned.lock().unwrap_or_else(PoisonError::into_inner));
    let done = check_whole_or_none(world, &abandoned)?;
    world.audit(1_000).await?;
    let whole = abandoned.iter().filter(|it| it.is_whole).count();
    let mut figures = Figures::default();
    figures.add("disconnects", count);
    figures.add("with the whole request sent", whole);
    figures.add("with their whole effect", done);
    figures.add("with a part of their effect", 0);
    Ok(figures.with(world.figures()))
}

fn random_disconnect(rng: &mut fastrand::Rng) -> Disconnect {
    Disconnect {
        part: rng.usize(0..2_000),
        delay: Duration::from_micros(rng.u64(0..3_000)),
        reset: rng.bool(),
    }
}

/// Returns whether the whole request was sent.
async fn send_and_disconnect(mut client: Client, request: &Request, how: Disconnect) -> bool {
    let bytes = request.bytes();
    let end = (bytes.len() * how.part / 1_000).min(bytes.len());
    let sent = client.send(&bytes[..end]).await;
    sleep(how.delay).await;
    client.disconnect(how.reset);
    sent.is_ok() && end == bytes.len()
}

/// Before any request is repeated: the log has the whole effect of each request or nothing.
fn check_whole_or_none(world: &World, abandoned: &[Abandoned]) -> Checked<usize> {
    let mut history = world.history.lock();
    let mut done = 0;
    for it in abandoned {
        let entry = &history.entries[it.entry];
        let is_stored = world.auditor.answers.contains_key(&entry.request.key);
        let wrong = |what: &str| Err(Violation::of_key(&entry.request.key, what));
        if is_stored && !it.is_whole {
            return wrong("a request that was not sent as a whole was done");
        }
        if !is_stored && is_half_done(entry, world) {
            return wrong("a part of its effect was recorded");
        }
        done += usize::from(is_stored);
        // From now on it is repeated like any request with an unknown outcome.
        history.note(it.entry, &Err(RequestError::ConnectionLost(None)))?;
    }
    Ok(done)
}

/// Whether lines were accepted although no answer is stored.
fn is_half_done(entry: &Entry, world: &World) -> bool {
    accepted(entry, &world.auditor).0 > 0
}
