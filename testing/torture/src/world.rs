//! A data folder, the servers that come and go over it, and those who ask and watch.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auditor::Auditor;
use crate::client::Client;
use crate::clock::rest;
use crate::feed::Feed;
use crate::history::Shared;
use crate::server::{Server, program};
use crate::violation::{Checked, Violation};
use crate::workload::{Batches, Workload};

/// So many clients ask again at the same time.
const ASKERS: usize = 16;
/// So often it is asked again what nobody knows.
const ASK_AGAIN_MAX: u32 = 20;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The program.
    pub program: PathBuf,
    /// The PostgreSQL that holds its log, where one does.
    pub store: Option<String>,
    /// The Redis server that it speaks with, where it does with one.
    pub redis: Option<String>,
    /// Requests and moments are drawn from it; what the machine does with them is not.
    pub seed: u64,
    /// Shows how far the run is.
    pub bar: ProgressBar,
}

pub(crate) struct World {
    pub(crate) ground: Ground,
    pub(crate) folder: TempDir,
    pub(crate) history: Shared,
    pub(crate) batches: Batches,
    pub(crate) auditor: Auditor,
    pub(crate) feed: Feed,
    pub(crate) rng: fastrand::Rng,
    /// How long each server took to be ready.
    pub(crate) starts: Vec<Duration>,
    wishers: u64,
}

#[derive(Deserialize)]
pub(crate) struct StockPage {
    pub(crate) items: Vec<StockLevel>,
    pub(crate) next: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct StockLevel {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) incoming: i64,
    pub(crate) allocated: i64,
    pub(crate) held: i64,
    pub(crate) short: i64,
}

#[derive(Deserialize)]
struct Detail {
    allocated: i64,
    batches: Vec<BatchState>,
}

#[derive(Debug, Deserialize)]
struct BatchState {
    purchased_quantity: i64,
    allocated_quantity: i64,
    available_quantity: i64,
}

impl World {
    pub(crate) fn new(ground: &Ground) -> Checked<Self> {
        Ok(Self {
            ground: ground.clone(),
            folder: tempfile::tempdir()?,
            history: Shared::default(),
            batches: Batches::default(),
            auditor: Auditor::default(),
            feed: Feed::default(),
            rng: fastrand::Rng::with_seed(ground.seed),
            starts: Vec::new(),
            wishers: 0,
        })
    }

    /// Starts a server, which may not be ready yet.
    pub(crate) fn spawn(&self) -> Checked<Server> {
        Server::start(&self.ground, self.folder.path())
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(&mut self) -> Checked<(Server, SocketAddr)> {
        let mut server = self.spawn()?;
        let (address, took) = server.ready().await?;
        self.starts.push(took);
        Ok((server, address))
    }

    pub(crate) fn workload(&mut self) -> Workload {
        self.wishers += 1;
        let name = format!("k{}", self.wishers);
        Workload::new(name, self.rng.u64(..), &self.batches)
    }

    /// Lets so many clients ask, until they are told to stop or the server is gone.
    pub(crate) fn load(
        &mut self,
        address: SocketAddr,
        clients: usize,
        era: u64,
        stop: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut set = JoinSet::new();
        for _ in 0..clients {
            let workload = self.workload().era(era);
            set.spawn(ask(Client::of(address), workload, self.history.clone(), stop.clone()));
        }
        let sku = format!("SKU-{era}-{}", self.rng.u8(0..8));
        set.spawn(look(Client::of(address), sku, self.history.clone(), stop.clone()));
        set
    }

    /// Asks again, with the keys that were used.
    pub(crate) fn ask_again(&self, address: SocketAddr, pages: Vec<usize>) -> JoinSet<()> {
        let pages = Arc::new(std::sync::Mutex::new(pages));
        let mut set = JoinSet::new();
        for _ in 0..ASKERS {
            let (pages, history) = (Arc::clone(&pages), self.history.clone());
            let mut client = Client::of(address);
            set.spawn(async move {
                loop {
                    let page = pages.lock().map_or(None, |mut it| it.pop());
                    let Some(page) = page else { return };
                    let request = Arc::clone(&history.lock().pages[page].request);
                    let ended = client.ask(&request).await;
                    if !history.note(page, &ended) || ended.is_err() {
                        return;
                    }
                }
            });
        }
        set
    }

    /// Asks until every outcome is known.
    pub(crate) async fn resolve(&self, address: SocketAddr) -> Checked<()> {
        for _ in 0..ASK_AGAIN_MAX {
            let open = self.history.lock().open_ends();
            if open.is_empty() {
                return self.history.holds();
            }
            self.ask_again(address, open).join_all().await;
            self.history.holds()?;
        }
        let open = self.history.lock().open_ends();
        Err(format!("{} requests get no answer, however often they ask", open.len()).into())
    }

    /// A sample of the answered pages, the latest among them.
    pub(crate) fn sample(&mut self, latest: usize, any: usize) -> Vec<usize> {
        let answered = self.history.lock().answered();
        let mut sample = answered[answered.len().saturating_sub(latest)..].to_vec();
        for _ in 0..any.min(answered.len()) {
            sample.push(answered[self.rng.usize(0..answered.len())]);
        }
        sample
    }

    /// Waits until nothing happens any more: holds are over, and what that sets free is placed.
    pub(crate) async fn calm(&self, address: SocketAddr) -> Checked<Vec<StockLevel>> {
        let mut client = Client::of(address);
        let mut before = Vec::new();
        for _ in 0..60 {
            rest(Duration::from_secs(2)).await;
            let now = stock(&mut client).await?;
            if now == before && now.iter().all(|it| it.held == 0) {
                return Ok(now);
            }
            before = now;
        }
        Err("holds that are over did not end within 2 minutes".to_owned().into())
    }

    /// Reads what is new in the log and has the program verify itself.
    pub(crate) async fn read_log(&mut self) -> Checked<()> {
        self.auditor.read(&self.ground, self.folder.path()).await
    }

    pub(crate) async fn verify(&self) -> Checked<()> {
        let folder = self.folder.path().to_string_lossy();
        let output = program(&self.ground, &["verify", "--data", &folder]).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        let holds = output.status.success();
        holds.then_some(()).ok_or_else(|| format!("earmark verify: {said}").into())
    }

    /// What the log says about a key.
    pub(crate) async fn log_about(&self, key: &str) -> Vec<String> {
        let folder = self.folder.path().to_string_lossy();
        let arguments = ["log", "--json", "--data", &folder];
        let output = program(&self.ground, &arguments).output().await;
        let text = output.map(|it| it.stdout).unwrap_or_default();
        let (word, order) = (format!("\"{key}\""), format!("o-{key}\""));
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|it| it.contains(&word) || it.contains(&order));
        lines.map(str::to_owned).collect()
    }
}

async fn ask(
    mut client: Client,
    mut workload: Workload,
    history: Shared,
    stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let request = Arc::new(workload.next());
        let page = history.open(Arc::clone(&request));
        let ended = client.ask(&request).await;
        if !history.note(page, &ended) {
            return;
        }
        match ended {
            Ok(reply) => workload.learn(&request, &reply),
            Err(_) => return,
        }
    }
}

/// Looks at a SKU again and again: what is shown is never impossible.
async fn look(mut client: Client, sku: String, history: Shared, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let Ok(reply) = client.get(&format!("/v1/stock/{sku}")).await else { return };
        if reply.status != 200 {
            rest(Duration::from_millis(5)).await;
            continue;
        }
        match serde_json::from_slice::<Detail>(&reply.body) {
            Ok(detail) if detail.is_possible() => rest(Duration::from_millis(2)).await,
            _ => {
                let what = String::from_utf8_lossy(&reply.body).into_owned();
                history.broken(Violation { what: format!("impossible: {what}"), key: None });
            }
        }
    }
}

impl Detail {
    fn is_possible(&self) -> bool {
        let sum: i64 = self.batches.iter().map(|it| it.allocated_quantity).sum();
        let holds = |it: &BatchState| {
            (0..=it.purchased_quantity).contains(&it.allocated_quantity)
                && it.available_quantity >= 0
                && it.available_quantity <= it.purchased_quantity - it.allocated_quantity
        };
        sum == self.allocated && self.batches.iter().all(holds)
    }
}

/// The stock of all SKUs.
pub(crate) async fn stock(client: &mut Client) -> Checked<Vec<StockLevel>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let reply = client.get(&format!("/v1/stock?limit=1000{after}")).await;
        let reply = reply.map_err(|_| "the stock cannot be read".to_owned())?;
        let page: StockPage =
            serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}
