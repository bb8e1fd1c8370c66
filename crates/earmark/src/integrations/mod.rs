//! What the program says to the outside world and hears from it, on a thread of its own: nothing
//! that happens there holds a request or a writer up.

mod mail;
mod redis;

use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use earmark_brokers::smtp::Mail;
use earmark_kernel::{Bus, Publisher, Relay, RelayLimits};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use mail::{Waiting, discard, waiting};

use crate::error::CliError;
use crate::settings::Settings;

/// Whoever has not come to an end by then is left where it is.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Something that goes on until it is told to stop.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything that goes out and comes in.
pub struct Outside {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Outside {
    /// Begins what the settings ask for, if they ask for anything.
    pub fn begin(bus: &Bus, settings: &Settings) -> Result<Option<Self>, CliError> {
        let stop = watch::Sender::new(false);
        let mut works = redis::works(bus, settings, &stop)?;
        if let Some(mail) = mail::publisher(settings)? {
            works.extend(mail_works(bus, mail, &stop)?);
        }
        if works.is_empty() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread(move || {
            runtime.block_on(async {
                let mut set = JoinSet::new();
                works.into_iter().for_each(|work| drop(set.spawn(work)));
                while set.join_next().await.is_some() {}
            });
        })?;
        Ok(Some(Self { stop, thread }))
    }

    /// Publishes what has happened by now, as far as that goes quickly, and ends.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("what goes out and comes in broke off");
        }
    }
}

/// What was found about a server outside.
pub struct Probe {
    pub what: &'static str,
    pub found: Result<String, String>,
}

/// Asks the servers that the settings name whether they are there and let us in.
pub fn probe(settings: &Settings) -> Result<Vec<Probe>, CliError> {
    let mut looks = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(redis) = redis::server(settings)? {
        let version = runtime.block_on(redis.version());
        let found = version.map(|version| format!("{version} at {redis}"));
        looks.push(Probe { what: "Redis", found: found.map_err(|why| why.to_string()) });
    }
    if let Some(mail) = mail::publisher(settings)? {
        let found = runtime.block_on(mail.check()).map(|()| "it takes letters".to_owned());
        looks.push(Probe { what: "mail server", found: found.map_err(|why| why.to_string()) });
    }
    Ok(looks)
}

/// A relay for every partition of every service.
fn relays(
    bus: &Bus,
    publisher: &Arc<dyn Publisher>,
    limits: RelayLimits,
    stop: &watch::Sender<bool>,
) -> Result<Vec<Work>, CliError> {
    let mut works: Vec<Work> = Vec::new();
    for it in bus.status() {
        let relay = Relay::new(bus, it.service, it.partition, Arc::clone(publisher), limits)?;
        works.push(bounded(relay.run(stop.subscribe()), stop));
    }
    Ok(works)
}

/// One letter at a time, and each is put down before the next: after a kill at most one goes again.
fn mail_works(bus: &Bus, mail: Mail, stop: &watch::Sender<bool>) -> Result<Vec<Work>, CliError> {
    let limits = RelayLimits { events: 1, keep_every: Duration::ZERO, keep_numbers: 100_000 };
    let publisher: Arc<dyn Publisher> = Arc::new(mail);
    relays(bus, &publisher, limits, stop)
}

/// A work that is left where it is when it does not end.
fn bounded(work: impl Future<Output = ()> + Send + 'static, stop: &watch::Sender<bool>) -> Work {
    let mut stopping = stop.subscribe();
    Box::pin(async move {
        let too_long = async {
            let _ = stopping.wait_for(|told| *told).await;
            let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, std::future::pending::<()>()).await;
        };
        tokio::select! {
            () = work => {}
            () = too_long => tracing::warn!("something outside did not answer before the end"),
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the outside world has a thread of its own")]
fn thread(run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("outside".into()).spawn(run)
}
