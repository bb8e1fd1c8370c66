//! A whole node for a test: allocation on a store in memory, behind a gateway on a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use earmark_gateway::{Gateway, Settings};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::ids::SeededIds;
use earmark_kernel::runtime::Runtime;
use earmark_kernel::{Bus, Limits, Opening, Stores, UnixMillis};
use earmark_services::allocation;
use earmark_stores::memory::{MemoryLog, MemoryRows};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Client, Reply};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: UnixMillis = UnixMillis(1_767_225_600_000);

/// A running node.
pub struct Node {
    pub addr: SocketAddr,
    pub bus: Bus,
    pub clock: Arc<VirtualClock>,
    pub log: MemoryLog,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<bool>,
}

impl Node {
    /// With the default settings.
    pub async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    /// With the settings of a test.
    pub async fn with(settings: Settings) -> Self {
        Self::with_limits(settings, Limits::default()).await
    }

    pub async fn with_limits(settings: Settings, limits: Limits) -> Self {
        let mut node = Self::paused(settings, limits).await;
        node.resume();
        node
    }

    /// A node whose writers have not started.
    pub async fn paused(settings: Settings, limits: Limits) -> Self {
        let log = MemoryLog::new("0198c0de-0000-7000-8000-000000000001");
        let stores = Stores { log: Arc::new(log.clone()), rows: Arc::new(MemoryRows::new()) };
        let clock = Arc::new(VirtualClock::at(NEW_YEAR));
        let opening = Opening { service: allocation::service(), stores: vec![stores] };
        let shared: Arc<dyn earmark_kernel::clock::Clock> = Arc::<VirtualClock>::clone(&clock);
        let ids = Arc::new(SeededIds::new(1));
        let bus = Bus::open(vec![opening], shared, ids, limits).unwrap();
        let gateway = Gateway::builder(bus.clone(), settings);
        let bound = gateway.bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = bound.local_addr;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = start(bound.serve(async {
            let _ = stopped.await;
        }));
        Self { addr, bus, clock, log, runtime: None, stop: Some(stop), serving }
    }

    /// Starts the writers.
    pub fn resume(&mut self) {
        self.runtime = Some(Runtime::start(&self.bus).unwrap());
    }

    /// Waits until this many commands are queued for the writer.
    pub async fn queued(&self, commands: usize) {
        while self.bus.status()[0].queued < commands {
            tokio::task::yield_now().await;
        }
    }

    /// Advances the clock.
    pub fn advance_s(&self, seconds: i64) {
        self.clock.set(self.bus.now().plus_ms(seconds * 1_000));
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.addr).await
    }

    /// Sends one request on a connection of its own.
    pub async fn request(&self, head: &str, body: &str) -> Reply {
        self.client().await.request(head, body).await
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.request(&format!("GET {target}"), "").await
    }

    pub async fn post(&self, target: &str, body: &str) -> Reply {
        self.request(&format!("POST {target}"), body).await
    }

    /// Creates a batch in the warehouse.
    pub async fn batch(&self, reference: &str, sku: &str, quantity: u32) {
        let body = format!(r#"{{"reference":"{reference}","sku":"{sku}","quantity":{quantity}}}"#);
        assert_eq!(self.post("/v1/batches", &body).await.status, 201);
    }

    /// Asks the server to stop.
    pub fn stop(&mut self) {
        self.stop.take().expect("stopped once").send(()).unwrap();
    }

    /// Waits until it has stopped; returns whether every request in flight completed.
    pub async fn stopped(self) -> bool {
        let drained = self.serving.await.unwrap();
        if let Some(runtime) = self.runtime {
            runtime.stop();
        }
        drained
    }
}

/// Starts a task beside the test.
#[expect(clippy::disallowed_methods, reason = "tests run requests concurrently")]
pub fn start<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
