//! The integrations of a running node, on their own thread: nothing there delays a request or a
//! writer.

use std::thread::JoinHandle;

use earmark_kernel::Bus;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{mail, redis};
use crate::error::CliError;
use crate::settings::Settings;

/// The running integrations.
pub struct Integrations {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Integrations {
    /// Starts what the settings name; none if they name nothing.
    pub fn start(bus: &Bus, settings: &Settings) -> Result<Option<Self>, CliError> {
        let stop = watch::Sender::new(false);
        let mut works = redis::works(bus, settings, &stop)?;
        works.extend(mail::works(bus, settings, &stop)?);
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

    /// Publishes the events that exist now, unless that takes too long, and stops.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of brokers and mail panicked");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "brokers and mail have their own thread")]
fn thread(run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("outside".into()).spawn(run)
}
