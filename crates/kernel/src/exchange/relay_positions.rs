//! How far each relay has come, as the log keeps it.

use crate::bus::relay_registry::RelayStatus;
use crate::bus::sending::Bus;
use crate::model::message::{Key, Meta};
use crate::model::outcome::Failure;

impl Bus {
    /// How every relay of this process is doing, in the order of publishers and sources.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayStatus> {
        let registry = self.relay_registry().lock();
        let behind = |it: &RelayStatus| {
            let head = self.partition(it.service, it.partition).map_or(0, |it| it.projector.head());
            RelayStatus { lag: head.saturating_sub(it.through), ..it.clone() }
        };
        registry.values().map(behind).collect()
    }

    /// How far a reader of a partition (a relay's publisher, by its name) has come, as the log keeps
    /// it; 0 when it never came anywhere.
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

    /// Puts down how far a reader has come, though it has not: what lies before is left out.
    ///
    /// # Errors
    /// When there is no such partition, or nothing was kept.
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
        partition.keep_cursor(&cursor(publisher), through, meta).await?;
        Ok(through)
    }
}

/// The name of the cursor that a publisher has in the log of each source.
pub(crate) fn cursor(publisher: &str) -> Key {
    Key::from(format!("relay/{publisher}"))
}
