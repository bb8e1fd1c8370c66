//! How the relays of a process are doing, for health checks, metrics and operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::bus::Bus;
use crate::message::{Key, Meta};
use crate::problem::Failure;

/// Where a relay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayPhase {
    /// It has reached nobody yet.
    Starting,
    /// It publishes what happens.
    Carrying,
    /// The carrier is away: it is tried again and again.
    Away,
    /// The carrier takes nothing until somebody has looked at it.
    Barred,
    /// Another process does this work.
    Elsewhere,
    /// It was told to stop.
    Stopped,
}

/// How a relay is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    /// The carrier.
    pub carrier: &'static str,
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
    /// Why it is away or barred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A relay: carrier, service, partition.
pub(crate) type OnBoard = (&'static str, &'static str, usize);

/// How the relays of a process are doing.
#[derive(Default)]
pub(crate) struct Board(Mutex<BTreeMap<OnBoard, RelayStatus>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<OnBoard, RelayStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn go_to(&self, relay: &OnBoard, through: u64) {
        if let Some(status) = self.lock().get_mut(relay) {
            status.through = through;
        }
    }

    /// Puts down how a relay is; what changes is told in the log of the program too.
    pub(crate) fn say(&self, status: RelayStatus) {
        let RelayStatus { carrier, service, partition, phase, .. } = status;
        let why = status.why.clone();
        let before = self.lock().insert((carrier, service, partition), status);
        if before.is_some_and(|it| it.phase == phase) {
            return;
        }
        match (phase, why) {
            (RelayPhase::Away | RelayPhase::Barred, Some(why)) => {
                tracing::warn!(carrier, service, partition, why, "{phase:?}: events wait");
            }
            _ => tracing::info!(carrier, service, partition, "{phase:?}"),
        }
    }
}

impl Bus {
    /// How every relay of this process is doing, in the order of carriers and sources.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayStatus> {
        let board = self.board().lock();
        let behind = |it: &RelayStatus| {
            let head = self.partition(it.service, it.partition).map_or(0, |it| it.projector.head());
            RelayStatus { lag: head.saturating_sub(it.through), ..it.clone() }
        };
        board.values().map(behind).collect()
    }

    /// How far a reader of a partition (a relay's carrier, by its name) has come, as the log keeps
    /// it; 0 when it never came anywhere.
    ///
    /// # Errors
    /// When there is no such partition, or the storage cannot be read.
    pub fn relayed(&self, carrier: &str, service: &str, partition: usize) -> Result<u64, Failure> {
        let partition = self.partition(service, partition)?;
        Ok(partition.projector.read()?.cursors.get(&cursor(carrier))?.unwrap_or(0))
    }

    /// Puts down how far a reader has come, though it has not: what lies before is left out.
    ///
    /// # Errors
    /// When there is no such partition, or nothing was kept.
    pub async fn skip_relayed(
        &self,
        carrier: &str,
        service: &str,
        partition: usize,
    ) -> Result<u64, Failure> {
        let partition = self.partition(service, partition)?;
        let through = partition.projector.head();
        let mut meta = Meta::default();
        self.identify(&mut meta);
        partition.keep_cursor(&cursor(carrier), through, meta).await?;
        Ok(through)
    }
}

/// The name of the cursor that a carrier has in the log of each source.
pub(crate) fn cursor(carrier: &str) -> Key {
    Key::from(format!("relay/{carrier}"))
}
