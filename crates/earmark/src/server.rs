//! The running server: listens, runs due timers, polls subscriptions, and shuts down cleanly.

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

/// So often it is looked whether a timer rang.
const TIMER_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Delay before a failed poll is retried.
const POLL_RETRY_WAIT: Duration = Duration::from_secs(1);
/// Time for responses in progress after a writer halted.
const DRAIN_DURATION: Duration = Duration::from_millis(500);
/// What a shell reports of a program that a second Ctrl-C ended: 128 + SIGINT.
const CUT_OFF: i32 = 130;

/// How a server ended.
pub enum Ended {
    /// It was told to stop, and did.
    Told,
    /// A writer stopped by itself.
    Halted(String),
}

/// The one address behind a name like `localhost:5005`.
pub fn address(listen: &str) -> Result<SocketAddr, CliError> {
    let found = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        CliError::usage(format!("{listen:?} is not an address to listen on"))
            .advise("Write it as 127.0.0.1:5005; port 0 takes any free port.")
    })
}

/// The limits of the edge, as far as the system has room for them, with the keys of a file: one a
/// line, `#` begins a comment.
pub fn edge(api_key_file: Option<&Path>) -> Result<Edge, CliError> {
    let mut edge = Edge::default();
    fd_limit::fit(&mut edge);
    let Some(path) = api_key_file else {
        return Ok(edge);
    };
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::new(format!("cannot read the keys in {name}: {error}")))?;
    edge.security.keys = keys(&text).map_err(|why| CliError::new(format!("in {name}: {why}")))?;
    if edge.security.keys.is_empty() {
        let problem = CliError::new(format!("{name} contains no key"));
        return Err(problem
            .advise("Write one key per line, for example the output of `openssl rand -hex 24`."));
    }
    Ok(edge)
}

/// The keys in the text of such a file.
pub fn keys(text: &str) -> Result<Vec<Secret>, InvalidSecret> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Secret::new).collect()
}

/// Begins to listen.
pub async fn bind(bus: &Bus, edge: Edge, listen: &str) -> Result<Bound, CliError> {
    let bound = Gateway::builder(bus.clone(), edge).bind(address(listen)?).await;
    bound.map_err(|error| match &error {
        BindError::Address { .. } => CliError::new(&error).advise(
            "If another program listens there, stop it or name another address with --listen, say \
             --listen 127.0.0.1:0 for any free port.",
        ),
        BindError::NoKeys(_) => {
            CliError::new(&error).advise("Name a file of keys with --api-key-file.")
        }
        BindError::Metrics(_) => CliError::new(&error),
    })
}

/// The signals that end a server, heard from now on.
pub struct Signals {
    told: [Signal; 2],
    twice: [Signal; 2],
}

impl Signals {
    /// Begins to hear them; until then they end the process without a word.
    pub fn heard() -> Result<Self, CliError> {
        Ok(Self { told: both()?, twice: both()? })
    }
}

fn both() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

/// Serves until a signal stops it or a writer halts. A second signal ends the process at once.
pub async fn serve(node: &Node, bound: Bound, signals: Signals) -> Result<Ended, CliError> {
    let Signals { mut told, mut twice } = signals;
    let mut ended = Ended::Told;
    let stop = async {
        tokio::select! {
            () = one_of(&mut told) => {}
            why = node.runtime.halted() => ended = Ended::Halted(why),
        }
        tracing::info!("stopping: requests in progress are answered first");
    };
    // A slow reader must not keep a process alive whose disk has failed.
    let broken = async {
        node.runtime.halted().await;
        sleep(DRAIN_DURATION).await;
    };
    let cut_off = async {
        one_of(&mut twice).await;
        one_of(&mut twice).await;
    };
    tokio::select! {
        _ = bound.serve(stop) => {}
        () = sweep(&node.bus) => {}
        () = hear_all(&node.bus) => {}
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

/// Wakes what a timer is set for. Never ends.
async fn sweep(bus: &Bus) {
    loop {
        match bus.sweep().await {
            Ok(0) => sleep(TIMER_SWEEP_INTERVAL).await,
            // There may be more than one sweep looks at.
            Ok(_) => {}
            Err(failure) => {
                tracing::warn!(%failure, "due timers could not be run");
                sleep(TIMER_SWEEP_INTERVAL).await;
            }
        }
    }
}

/// Lets every service hear what it reacts to. Never ends.
async fn hear_all(bus: &Bus) {
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
        let heard = bus.poll(subscription).await;
        match (head, heard) {
            (Ok(head), Ok(0)) => {
                let new = bus.wait_after(
                    subscription.source,
                    subscription.partition,
                    head,
                    POLL_RETRY_WAIT,
                );
                // There is such a partition: its head was just read.
                let _ = new.await;
            }
            (Ok(_), Ok(_)) => {}
            (Err(failure), _) | (_, Err(failure)) => {
                let (service, source) = (subscription.service, subscription.source);
                tracing::warn!(service, source, %failure, "a poll failed; it is retried");
                sleep(POLL_RETRY_WAIT).await;
            }
        }
    }
}
