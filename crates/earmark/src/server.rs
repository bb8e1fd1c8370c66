//! A running server: listens, fires timers, polls subscriptions, and stops cleanly.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use earmark_gateway::{BindError, Bound, Gateway, InvalidSecret, Secret, Settings as Edge};
use earmark_kernel::clock::sleep;
use earmark_kernel::{Bus, Subscription};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;
use crate::fd_limit;
use crate::node::Node;

/// Interval between two checks for due timers.
const TIMER_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Delay before a failed poll is retried; also the longest wait for new events.
const POLL_RETRY_WAIT: Duration = Duration::from_secs(1);
/// Time for responses in flight after a writer has halted.
const DRAIN_DURATION: Duration = Duration::from_millis(500);
/// Exit code after a second signal: 128 + SIGINT, as shells report it.
const CUT_OFF: i32 = 130;

/// Why a server ended.
pub enum Ended {
    /// A signal stopped it.
    Stopped,
    /// A writer halted, with the reason.
    Halted(String),
}

/// Resolves an address such as `localhost:5005`.
pub fn address(listen: &str) -> Result<SocketAddr, CliError> {
    let found = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        CliError::usage(format!("{listen:?} is not an address to listen on"))
            .advise("Write it as 127.0.0.1:5005; port 0 takes any free port.")
    })
}

/// The settings of the gateway within the limits of the system, with the API keys of a file: one
/// per line, `#` begins a comment.
pub fn edge(api_key_file: Option<&Path>) -> Result<Edge, CliError> {
    let mut edge = Edge::default();
    fd_limit::fit(&mut edge);
    let Some(path) = api_key_file else {
        return Ok(edge);
    };
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::new(format!("cannot read the API keys in {name}: {error}")))?;
    edge.security.keys = keys(&text).map_err(|why| CliError::new(format!("in {name}: {why}")))?;
    if edge.security.keys.is_empty() {
        let error = CliError::new(format!("{name} contains no API key"));
        return Err(
            error.advise("Write one per line, such as the output of `openssl rand -hex 24`.")
        );
    }
    Ok(edge)
}

/// The API keys in the text of such a file.
pub fn keys(text: &str) -> Result<Vec<Secret>, InvalidSecret> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Secret::new).collect()
}

/// Starts listening.
pub async fn bind(bus: &Bus, edge: Edge, listen: &str) -> Result<Bound, CliError> {
    let bound = Gateway::builder(bus.clone(), edge).bind(address(listen)?).await;
    bound.map_err(|error| match &error {
        BindError::Address { .. } => CliError::new(&error).advise(
            "If another program listens there, stop it or name another address with --listen: \
             127.0.0.1:0 takes any free port.",
        ),
        BindError::NoKeys(_) => {
            CliError::new(&error).advise("Name a file of API keys with --api-key-file.")
        }
        BindError::Metrics(_) => CliError::new(&error),
    })
}

/// The signals that stop a server.
pub struct Signals {
    first: [Signal; 2],
    second: [Signal; 2],
}

impl Signals {
    /// Starts to handle the signals; before that they end the process at once.
    pub fn listen() -> Result<Self, CliError> {
        Ok(Self { first: both()?, second: both()? })
    }
}

fn both() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

/// Serves until a signal or until a writer halts. A second signal ends the process at once.
pub async fn serve(node: &Node, bound: Bound, signals: Signals) -> Result<Ended, CliError> {
    let Signals { mut first, mut second } = signals;
    let mut ended = Ended::Stopped;
    let stop = async {
        tokio::select! {
            () = one_of(&mut first) => {}
            why = node.runtime.halted() => ended = Ended::Halted(why),
        }
        tracing::info!("stopping after the requests in flight");
    };
    // A slow client must not keep a process alive whose disk has failed.
    let broken = async {
        node.runtime.halted().await;
        sleep(DRAIN_DURATION).await;
    };
    let cut_off = async {
        one_of(&mut second).await;
        one_of(&mut second).await;
    };
    tokio::select! {
        _ = bound.serve(stop) => {}
        () = sweep(&node.bus) => {}
        () = work(&node.bus) => {}
        () = poll_all(&node.bus) => {}
        () = broken => {}
        () = cut_off => std::process::exit(CUT_OFF),
    }
    Ok(ended)
}

async fn one_of(signals: &mut [Signal; 2]) {
    let [terminate, interrupt] = signals;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Fires due timers. Never ends.
async fn sweep(bus: &Bus) {
    loop {
        match bus.sweep().await {
            Ok(0) => sleep(TIMER_SWEEP_INTERVAL).await,
            // There may be more due timers than one sweep handles.
            Ok(_) => {}
            Err(failure) => {
                tracing::warn!(%failure, "timers could not be checked");
                sleep(TIMER_SWEEP_INTERVAL).await;
            }
        }
    }
}

/// Carries on operations that are due, such as holds that end. Never ends.
async fn work(bus: &Bus) {
    let mut workers = bus.effect_workers();
    let mut running: Vec<_> = workers.iter_mut().map(|it| Box::pin(it.run())).collect();
    std::future::poll_fn(|context| {
        for worker in &mut running {
            let _: Poll<()> = worker.as_mut().poll(context);
        }
        Poll::<()>::Pending
    })
    .await;
}

/// Polls every subscription. Never ends.
async fn poll_all(bus: &Bus) {
    let subscriptions = bus.subscriptions();
    let polls = subscriptions.iter().map(|subscription| Box::pin(follow(bus, subscription)));
    let mut polls: Vec<Pin<Box<_>>> = polls.collect();
    std::future::poll_fn(|context| {
        for poll in &mut polls {
            let _: Poll<()> = poll.as_mut().poll(context);
        }
        Poll::<()>::Pending
    })
    .await;
}

async fn follow(bus: &Bus, subscription: &Subscription) {
    loop {
        let head =
            bus.watch_head(subscription.source, subscription.partition).map(|head| *head.borrow());
        let polled = bus.poll(subscription).await;
        match (head, polled) {
            (Ok(head), Ok(0)) => {
                let new = bus.wait_after(
                    subscription.source,
                    subscription.partition,
                    head,
                    POLL_RETRY_WAIT,
                );
                // The partition exists: its head was just read.
                let _ = new.await;
            }
            (Ok(_), Ok(_)) => {}
            (Err(failure), _) | (_, Err(failure)) => {
                let (service, source) = (subscription.service, subscription.source);
                tracing::warn!(service, source, %failure, "a subscription could not be polled; retrying");
                sleep(POLL_RETRY_WAIT).await;
            }
        }
    }
}
