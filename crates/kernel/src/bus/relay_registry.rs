//! How the relays of a process are doing, for health checks, metrics and operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Where a relay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayPhase {
    /// It has reached nobody yet.
    Starting,
    /// It publishes what happens.
    Publishing,
    /// The publisher is unavailable: it is tried again and again.
    Unavailable,
    /// The publisher takes nothing until somebody has looked at it.
    Blocked,
    /// Another process does this work.
    Elsewhere,
    /// It was told to stop.
    Stopped,
}

/// How a relay is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    /// The publisher.
    pub publisher: &'static str,
    /// The service.
    pub service: &'static str,
    /// The partition.
    pub partition: usize,
    /// Where it is.
    pub phase: RelayPhase,
    /// Everything through this number is carried.
    pub through: u64,
    /// Numbers of the log that it has not looked at.
    pub lag: u64,
    /// Why it is unavailable or blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A relay: publisher, service, partition.
pub(crate) type RelayEntry = (&'static str, &'static str, usize);

/// How the relays of a process are doing.
#[derive(Default)]
pub(crate) struct RelayRegistry(Mutex<BTreeMap<RelayEntry, RelayStatus>>);

impl RelayRegistry {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<RelayEntry, RelayStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn go_to(&self, relay: &RelayEntry, through: u64) {
        if let Some(status) = self.lock().get_mut(relay) {
            status.through = through;
        }
    }

    /// Puts down how a relay is; what changes is told in the log of the program too.
    pub(crate) fn say(&self, status: RelayStatus) {
        let RelayStatus { publisher, service, partition, phase, .. } = status;
        let why = status.why.clone();
        let before = self.lock().insert((publisher, service, partition), status);
        if before.is_some_and(|it| it.phase == phase) {
            return;
        }
        match (phase, why) {
            (RelayPhase::Unavailable | RelayPhase::Blocked, Some(why)) => {
                tracing::warn!(publisher, service, partition, why, "{phase:?}: events wait");
            }
            _ => tracing::info!(publisher, service, partition, "{phase:?}"),
        }
    }
}
