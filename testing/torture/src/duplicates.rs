//! The same request from many clients at the same time: one effect, and the same bytes for all.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::client::{Client, RequestError, Response};
use crate::history::describe;
use crate::report::Figures;
use crate::request::Request;
use crate::violation::{Checked, Violation};
use crate::world::World;

/// Number of clients per key.
const COPIES: usize = 50;
/// Number of batches created at the start.
const BATCHES: usize = 60;
/// Number of keys with the same SKUs.
const REQUESTS_PER_SKU_SET: u64 = 100;

pub(crate) async fn run(world: &mut World, keys: u64) -> Checked<Figures> {
    world.setup.bar.set_length(keys);
    let (mut server, address) = world.start().await?;
    let mut clients: Vec<Client> = (0..COPIES).map(|_| Client::of(address)).collect();
    let mut workload = world.workload();
    for at in 0..BATCHES {
        let batch = Arc::new(workload.batch(&format!("first-{at}")));
        let entry = world.history.open(Arc::clone(&batch));
        let ended = clients[0].request(&batch).await;
        world.history.note(entry, &ended);
    }
    let mut unmarked = 0;
    for key in 0..keys {
        workload = workload.sku_set(key / REQUESTS_PER_SKU_SET);
        let request = Arc::new(workload.next());
        let entry = world.history.open(Arc::clone(&request));
        for ended in send_simultaneously(&mut clients, &request).await {
            let answered = ended.as_ref().is_ok_and(|it| it.status < 500);
            if !answered {
                return Err(Violation::of_key(&request.key, format!("ended with {ended:?}")));
            }
            note(world, entry, &ended, &mut unmarked);
        }
        world.history.check()?;
        let answer = world.history.lock().entries[entry].answer.clone();
        workload.learn(&request, &answer.ok_or_else(|| "no answer".to_owned())?);
        check_other_body_is_refused(&mut clients[0], &request).await?;
        world.setup.bar.inc(1);
    }
    drop(clients);
    server.stop().await?;
    world.audit(1_000).await?;
    let mut figures = Figures::default();
    figures.add("keys", keys);
    figures.add("concurrent requests per key", COPIES);
    figures.add("responses not marked as replayed", unmarked);
    figures.add("other bodies refused with 422", keys);
    Ok(figures.with(world.figures()))
}

/// Two responses to simultaneous requests may both lack the mark that they are replayed; their
/// bytes are the same.
fn note(world: &World, entry: usize, ended: &Result<Response, RequestError>, unmarked: &mut u64) {
    let mut ended = ended.clone();
    if let Ok(response) = &mut ended {
        *unmarked += u64::from(!response.is_replayed);
        response.is_replayed = true;
    }
    world.history.note(entry, &ended);
}

/// All clients send the request except for its last byte, and then all send that byte.
async fn send_simultaneously(
    clients: &mut Vec<Client>,
    request: &Request,
) -> Vec<Result<Response, RequestError>> {
    let bytes: Arc<[u8]> = request.bytes().into();
    let last = bytes.len() - 1;
    let gate = Arc::new(tokio::sync::Barrier::new(COPIES));
    let mut load = JoinSet::new();
    for mut client in clients.drain(..) {
        let (bytes, gate) = (Arc::clone(&bytes), Arc::clone(&gate));
        load.spawn(async move {
            let sent = client.send(&bytes[..last]).await;
            gate.wait().await;
            let ended = match sent {
                Ok(()) => client.send(&bytes[last..]).await,
                Err(error) => Err(error),
            };
            let ended = match ended {
                Ok(()) => client.response(None).await,
                Err(error) => Err(error),
            };
            (client, ended)
        });
    }
    let (back, ended): (Vec<_>, Vec<_>) = load.join_all().await.into_iter().unzip();
    clients.extend(back);
    ended
}

/// The same key with another body must be refused.
async fn check_other_body_is_refused(client: &mut Client, request: &Request) -> Checked<()> {
    // An additional blank makes another body that is still valid; without a body, the path differs.
    let bytes = if request.body.is_empty() {
        let mut other = request.clone();
        other.path.push_str("?dry_run=false");
        other.bytes()
    } else {
        request.bytes_with(&format!("{} ", request.body))
    };
    let ended = match client.send(&bytes).await {
        Ok(()) => client.response(None).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(response) if response.status == 422 => Ok(()),
        Ok(response) => {
            let what = format!(
                "another body under the same key was answered with {}",
                describe(&response)
            );
            Err(Violation::of_key(&request.key, what))
        }
        Err(error) => Err(Violation::of_key(&request.key, format!("{error:?}"))),
    }
}
