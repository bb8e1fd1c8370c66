//! The status of the relays of a process, for health checks, metrics and operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The phase of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayPhase {
    /// The publisher was not reached yet.
    Starting,
    /// The relay publishes events.
    Publishing,
    /// The publisher is unavailable and is retried.
    Unavailable,
    /// The publisher accepts no events until an operator intervenes.
    Blocked,
    /// Another process holds the relay's lease.
    Elsewhere,
    /// The relay was stopped.
    Stopped,
}

/// The status of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    /// The publisher's name.
    pub publisher: &'static str,
    /// The service's name.
    pub service: &'static str,
    /// The partition's index, from 0.
    pub partition: usize,
    /// The current phase.
    pub phase: RelayPhase,
    /// The publisher has all events through this sequence number.
    pub through: u64,
    /// The number of events of the log that are not processed yet.
    pub lag: u64,
    /// Why the publisher is unavailable or blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The key of a relay: publisher, service, partition.
pub(crate) type RelayEntry = (&'static str, &'static str, usize);

/// The status of all relays of a process.
#[derive(Default)]
pub(crate) struct RelayRegistry(Mutex<BTreeMap<RelayEntry, RelayStatus>>);

impl RelayRegistry {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<RelayEntry, RelayStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, relay: &RelayEntry, through: u64) {
        if let Some(status) = self.lock().get_mut(relay) {
            status.through = through;
        }
    }

    /// Stores the status of a relay. A change of phase is logged.
    pub(crate) fn report(&self, status: RelayStatus) {
        let RelayStatus { publisher, service, partition, phase, .. } = status;
        let why = status.why.clone();
        let before = self.lock().insert((publisher, service, partition), status);
        if before.is_some_and(|it| it.phase == phase) {
            return;
        }
        match (phase, why) {
            (RelayPhase::Unavailable | RelayPhase::Blocked, Some(why)) => {
                tracing::warn!(publisher, service, partition, why, "{phase:?}: events are waiting");
            }
            _ => tracing::info!(publisher, service, partition, "{phase:?}"),
        }
    }
}
