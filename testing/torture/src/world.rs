//! The state of a run: a data folder, the history of its clients, and what was read from the log
//! and the feed. Servers are started on the folder one after another.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auditor::Auditor;
use crate::client::Client;
use crate::clock::sleep;
use crate::feed::Feed;
use crate::history::Shared;
use crate::load::{send_requests, watch_stock};
use crate::server::{Server, program};
use crate::setup::Setup;
use crate::stock::{StockLevel, read_stock};
use crate::violation::Checked;
use crate::workload::{Batches, Workload};

/// Number of clients that repeat requests concurrently.
const REPEATING_CLIENTS: usize = 16;
/// A request with an unknown outcome is repeated at most this many times.
const REPEATS_MAX: u32 = 20;

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) folder: TempDir,
    pub(crate) history: Shared,
    pub(crate) batches: Batches,
    pub(crate) auditor: Auditor,
    pub(crate) feed: Feed,
    pub(crate) rng: fastrand::Rng,
    /// The time until each server was ready.
    pub(crate) starts: Vec<Duration>,
    workloads: u64,
}

impl World {
    pub(crate) fn new(setup: &Setup) -> Checked<Self> {
        Ok(Self {
            setup: setup.clone(),
            folder: tempfile::tempdir()?,
            history: Shared::default(),
            batches: Batches::default(),
            auditor: Auditor::default(),
            feed: Feed::default(),
            rng: fastrand::Rng::with_seed(setup.seed),
            starts: Vec::new(),
            workloads: 0,
        })
    }

    /// Starts a server without waiting until it is ready.
    pub(crate) fn spawn(&self) -> Checked<Server> {
        Server::start(&self.setup, self.folder.path())
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(&mut self) -> Checked<(Server, SocketAddr)> {
        let mut server = self.spawn()?;
        let (address, took) = server.ready().await?;
        self.starts.push(took);
        Ok((server, address))
    }

    pub(crate) fn workload(&mut self) -> Workload {
        self.workloads += 1;
        let name = format!("k{}", self.workloads);
        Workload::new(name, self.rng.u64(..), &self.batches)
    }

    /// Starts clients, which run until they are told to stop or the server is gone.
    pub(crate) fn load(
        &mut self,
        address: SocketAddr,
        clients: usize,
        sku_set: u64,
        stop: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut set = JoinSet::new();
        for _ in 0..clients {
            let workload = self.workload().sku_set(sku_set);
            let client = Client::of(address);
            set.spawn(send_requests(client, workload, self.history.clone(), stop.clone()));
        }
        let sku = format!("SKU-{sku_set}-{}", self.rng.u8(0..8));
        set.spawn(watch_stock(Client::of(address), sku, self.history.clone(), stop.clone()));
        set
    }

    /// Sends the requests of some entries again, with the same keys.
    pub(crate) fn repeat(&self, address: SocketAddr, entries: Vec<usize>) -> JoinSet<()> {
        let entries = Arc::new(Mutex::new(entries));
        let mut set = JoinSet::new();
        for _ in 0..REPEATING_CLIENTS {
            let (entries, history) = (Arc::clone(&entries), self.history.clone());
            let mut client = Client::of(address);
            set.spawn(async move {
                loop {
                    let entry = entries.lock().map_or(None, |mut it| it.pop());
                    let Some(entry) = entry else { return };
                    let request = Arc::clone(&history.lock().entries[entry].request);
                    let ended = client.request(&request).await;
                    if !history.note(entry, &ended) || ended.is_err() {
                        return;
                    }
                }
            });
        }
        set
    }

    /// Repeats requests until every outcome is known.
    pub(crate) async fn resolve(&self, address: SocketAddr) -> Checked<()> {
        for _ in 0..REPEATS_MAX {
            let unresolved = self.history.lock().unresolved();
            if unresolved.is_empty() {
                return self.history.check();
            }
            self.repeat(address, unresolved).join_all().await;
            self.history.check()?;
        }
        let count = self.history.lock().unresolved().len();
        Err(format!("{count} requests have no answer after {REPEATS_MAX} repeats").into())
    }

    /// A sample of the answered entries: the latest ones and random ones.
    pub(crate) fn sample(&mut self, latest: usize, random: usize) -> Vec<usize> {
        let answered = self.history.lock().answered();
        let mut sample = answered[answered.len().saturating_sub(latest)..].to_vec();
        for _ in 0..random.min(answered.len()) {
            sample.push(answered[self.rng.usize(0..answered.len())]);
        }
        sample
    }

    /// Waits until the stock no longer changes: all holds have expired, and the freed units have
    /// been allocated.
    pub(crate) async fn wait_until_quiet(&self, address: SocketAddr) -> Checked<Vec<StockLevel>> {
        let mut client = Client::of(address);
        let mut before = Vec::new();
        for _ in 0..60 {
            sleep(Duration::from_secs(2)).await;
            let now = read_stock(&mut client).await?;
            if now == before && now.iter().all(|it| it.held == 0) {
                return Ok(now);
            }
            before = now;
        }
        Err("expired holds were not ended within 2 minutes".to_owned().into())
    }

    /// Reads and checks the new events of the log.
    pub(crate) async fn read_log(&mut self) -> Checked<()> {
        self.auditor.read(&self.setup, self.folder.path()).await
    }

    /// Runs `earmark verify` on the data folder.
    pub(crate) async fn verify(&self) -> Checked<()> {
        self.verify_folder(self.folder.path()).await
    }

    /// Runs `earmark verify` on a data folder.
    pub(crate) async fn verify_folder(&self, folder: &Path) -> Checked<()> {
        let folder = folder.to_string_lossy();
        let output = program(&self.setup, &["verify", "--data", &folder]).output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let is_valid = output.status.success();
        is_valid.then_some(()).ok_or_else(|| format!("earmark verify: {errors}").into())
    }

    /// The events of the log that mention a key.
    pub(crate) async fn log_about(&self, key: &str) -> Vec<String> {
        let folder = self.folder.path().to_string_lossy();
        let arguments = ["log", "--json", "--data", &folder];
        let output = program(&self.setup, &arguments).output().await;
        let text = output.map(|it| it.stdout).unwrap_or_default();
        let (word, order) = (format!("\"{key}\""), format!("o-{key}\""));
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|it| it.contains(&word) || it.contains(&order));
        lines.map(str::to_owned).collect()
    }
}
