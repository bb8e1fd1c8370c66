//! The positions of relays, as saved in the log, and their status.

use crate::bus::relay_registry::RelayStatus;
use crate::bus::sending::Bus;
use crate::model::message::{Key, Meta};
use crate::model::outcome::Failure;

impl Bus {
    /// The status of all relays of this process, ordered by publisher and source.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayStatus> {
        let registry = self.relay_registry().lock();
        let with_lag = |it: &RelayStatus| {
            let head = self.partition(it.service, it.partition).map_or(0, |it| it.projector.head());
            RelayStatus { lag: head.saturating_sub(it.through), ..it.clone() }
        };
        registry.values().map(with_lag).collect()
    }

    /// The position of a publisher in a partition, as saved in the log: the sequence number through
    /// which events were relayed; 0 if no position was saved yet.
    ///
    /// # Errors
    /// When there is no such partition, or the storage cannot be read.
    pub fn relayed(
        &self,
        publisher: &str,
        service: &str,
        partition: usize,
    ) -> Result<u64, Failure> {
        let partition = self.partition(service, partition)?;
        Ok(partition.projector.read()?.cursors.get(&cursor(publisher))?.unwrap_or(0))
    }

    /// Sets a publisher's position to the head of the log and returns it. Events up to there that
    /// were not relayed yet are skipped.
    ///
    /// # Errors
    /// When there is no such partition, or the position was not saved.
    pub async fn skip_relayed(
        &self,
        publisher: &str,
        service: &str,
        partition: usize,
    ) -> Result<u64, Failure> {
        let partition = self.partition(service, partition)?;
        let through = partition.projector.head();
        let mut meta = Meta::default();
        self.identify(&mut meta);
        partition.save_cursor(&cursor(publisher), through, meta).await?;
        Ok(through)
    }
}

/// The key of a publisher's position in the log of each source.
pub(crate) fn cursor(publisher: &str) -> Key {
    Key::from(format!("relay/{publisher}"))
}
