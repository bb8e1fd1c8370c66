//! The same request from many clients at the same time: one effect, the same bytes for all.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::client::{Client, Cut, Reply};
use crate::history::told;
use crate::report::Figures;
use crate::request::Request;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// So many ask at the same time.
const COPIES: usize = 50;
/// Batches that there are from the beginning.
const BATCHES: usize = 60;
/// So many keys see the same SKUs.
const ERA: u64 = 100;

pub(crate) async fn torture(world: &mut World, keys: u64) -> Checked<Figures> {
    world.ground.bar.set_length(keys);
    let (mut server, address) = world.start().await?;
    let mut clients: Vec<Client> = (0..COPIES).map(|_| Client::of(address)).collect();
    let mut workload = world.workload();
    for at in 0..BATCHES {
        let batch = Arc::new(workload.batch(&format!("first-{at}")));
        let page = world.history.open(Arc::clone(&batch));
        let ended = clients[0].ask(&batch).await;
        world.history.note(page, &ended);
    }
    let mut fresh = 0;
    for key in 0..keys {
        workload = workload.era(key / ERA);
        let request = Arc::new(workload.next());
        let page = world.history.open(Arc::clone(&request));
        for ended in all_at_once(&mut clients, &request).await {
            let answered = ended.as_ref().is_ok_and(|it| it.status < 500);
            if !answered {
                return Err(Violation::of_key(&request.key, format!("ended as {ended:?}")));
            }
            note(world, page, &ended, &mut fresh);
        }
        world.history.holds()?;
        let learnt = world.history.lock().pages[page].answer.clone();
        workload.learn(&request, &learnt.ok_or_else(|| "no answer".to_owned())?);
        is_refused_to_others(&mut clients[0], &request).await?;
        world.ground.bar.inc(1);
    }
    drop(clients);
    server.stop().await?;
    world.audit(1_000).await?;
    let mut figures = Figures::default();
    figures.add("keys", keys);
    figures.add("asked at the same time", COPIES);
    figures.add("answers not marked as replayed", fresh);
    figures.add("other bodies refused with 422", keys);
    Ok(figures.with(world.figures()))
}

/// Two that were decided at the same moment may both not know that they were not the only one;
/// their bytes are the same all the same.
fn note(world: &World, page: usize, ended: &Result<Reply, Cut>, fresh: &mut u64) {
    let mut ended = ended.clone();
    if let Ok(reply) = &mut ended {
        *fresh += u64::from(!reply.is_replayed);
        reply.is_replayed = true;
    }
    world.history.note(page, &ended);
}

/// All send all but the last byte, then the last one.
async fn all_at_once(clients: &mut Vec<Client>, request: &Request) -> Vec<Result<Reply, Cut>> {
    let bytes: Arc<[u8]> = request.bytes().into();
    let last = bytes.len() - 1;
    let gate = Arc::new(tokio::sync::Barrier::new(COPIES));
    let mut asking = JoinSet::new();
    for mut client in clients.drain(..) {
        let (bytes, gate) = (Arc::clone(&bytes), Arc::clone(&gate));
        asking.spawn(async move {
            let begun = client.send(&bytes[..last]).await;
            gate.wait().await;
            let ended = match begun {
                Ok(()) => client.send(&bytes[last..]).await,
                Err(cut) => Err(cut),
            };
            let ended = match ended {
                Ok(()) => client.reply(None).await,
                Err(cut) => Err(cut),
            };
            (client, ended)
        });
    }
    let (back, ended): (Vec<_>, Vec<_>) = asking.join_all().await.into_iter().unzip();
    clients.extend(back);
    ended
}

/// The same key with another body is somebody else's mistake.
async fn is_refused_to_others(client: &mut Client, request: &Request) -> Checked<()> {
    // A blank more is another body that still can be read; without a body, another address.
    let bytes = if request.body.is_empty() {
        let mut other = request.clone();
        other.path.push_str("?dry_run=false");
        other.bytes()
    } else {
        request.bytes_with(&format!("{} ", request.body))
    };
    let ended = match client.send(&bytes).await {
        Ok(()) => client.reply(None).await,
        Err(cut) => Err(cut),
    };
    match ended {
        Ok(reply) if reply.status == 422 => Ok(()),
        Ok(reply) => {
            let what = format!("another body under the same key: {}", told(&reply));
            Err(Violation::of_key(&request.key, what))
        }
        Err(cut) => Err(Violation::of_key(&request.key, format!("{cut:?}"))),
    }
}
