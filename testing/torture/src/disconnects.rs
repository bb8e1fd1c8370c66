//! Clients that hang up at random points of a request: its whole effect comes about, or none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::audit::taken_in;
use crate::client::{Client, Cut};
use crate::clock::rest;
use crate::history::Page;
use crate::report::Figures;
use crate::request::Request;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// So many are connected at the same time.
const CLIENTS: usize = 16;
const ERA: u64 = 500;
/// Batches that every era begins with.
const BATCHES: usize = 20;

/// How a client goes away.
#[derive(Clone, Copy)]
struct Leaving {
    /// So much of the request is sent, in thousandths; beyond 1,000 it is all of it.
    part: usize,
    /// So long the client stays.
    stays: Duration,
    /// It goes without a word.
    hard: bool,
}

struct Left {
    page: usize,
    whole: bool,
}

pub(crate) async fn torture(world: &mut World, count: u64) -> Checked<Figures> {
    world.ground.bar.set_length(count);
    let (mut server, address) = world.start().await?;
    let left = Arc::new(Mutex::new(Vec::new()));
    let mut workload = world.workload();
    for from in (0..count).step_by(usize::try_from(ERA).unwrap_or(1)) {
        workload = workload.era(from / ERA);
        for at in 0..BATCHES {
            let batch = Arc::new(workload.batch(&format!("first-{from}-{at}")));
            let page = world.history.open(Arc::clone(&batch));
            let ended = Client::of(address).ask(&batch).await;
            world.history.note(page, &ended);
        }
        let mut leaving = JoinSet::new();
        for _ in from..count.min(from + ERA) {
            if leaving.len() >= CLIENTS {
                let _ = leaving.join_next().await;
            }
            let (request, how) = (Arc::new(workload.next()), how(&mut world.rng));
            let page = world.history.open(Arc::clone(&request));
            let (left, bar) = (Arc::clone(&left), world.ground.bar.clone());
            leaving.spawn(async move {
                let whole = leave(Client::of(address), &request, how).await;
                left.lock().unwrap_or_else(PoisonError::into_inner).push(Left { page, whole });
                bar.inc(1);
            });
        }
        leaving.join_all().await;
    }
    server.stop().await?;
    world.read_log().await?;
    let left = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
    let done = whole_or_none(world, &left)?;
    world.audit(1_000).await?;
    let whole = left.iter().filter(|it| it.whole).count();
    let mut figures = Figures::default();
    figures.add("disconnects", count);
    figures.add("with the whole request sent", whole);
    figures.add("with their whole effect", done);
    figures.add("with half an effect", 0);
    Ok(figures.with(world.figures()))
}

fn how(rng: &mut fastrand::Rng) -> Leaving {
    Leaving {
        part: rng.usize(0..2_000),
        stays: Duration::from_micros(rng.u64(0..3_000)),
        hard: rng.bool(),
    }
}

/// Says whether the whole request was sent.
async fn leave(mut client: Client, request: &Request, how: Leaving) -> bool {
    let bytes = request.bytes();
    let end = (bytes.len() * how.part / 1_000).min(bytes.len());
    let sent = client.send(&bytes[..end]).await;
    rest(how.stays).await;
    client.hang_up(how.hard);
    sent.is_ok() && end == bytes.len()
}

/// Before anybody asks again: what the log has of each request is all of it or nothing.
fn whole_or_none(world: &World, left: &[Left]) -> Checked<usize> {
    let mut history = world.history.lock();
    let mut done = 0;
    for it in left {
        let page = &history.pages[it.page];
        let is_kept = world.auditor.answers.contains_key(&page.request.key);
        let wrong = |what: &str| Err(Violation::of_key(&page.request.key, what));
        if is_kept && !it.whole {
            return wrong("half a request was done");
        }
        if !is_kept && is_half_done(page, world) {
            return wrong("half of its effect is there");
        }
        done += usize::from(is_kept);
        // From here on it is asked again like any other of which nobody knows.
        history.note(it.page, &Err(Cut::Broken(None)))?;
    }
    Ok(done)
}

/// Lines that were taken in without an answer that is kept.
fn is_half_done(page: &Page, world: &World) -> bool {
    taken_in(page, &world.auditor).0 > 0
}
